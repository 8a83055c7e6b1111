from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import audience as audiences
from app.domain.access import NEEDED_SCOPE, NEEDS_STRONG, can_see, check_act
from app.domain.actor import Actor, Scope, operator, system
from app.domain.audience import Audience
from app.domain.errors import Forbidden
from app.domain.marking import Tlp
from tests import make, strategies
from tests.strategies import quick

GROUP = make.ident("group")
AUDIENCES = {
    "public": audiences.PUBLIC,
    "group": audiences.group(GROUP),
    "organizations": make.named("ngo", "bank"),
}
# who is asked: is it a member of the group, is it named; and what each audience then shows
MEMBERSHIPS = {
    ("neither", "public"): True,
    ("neither", "group"): False,
    ("neither", "organizations"): False,
    ("member", "public"): True,
    ("member", "group"): True,
    ("member", "organizations"): False,
    ("named", "public"): True,
    ("named", "group"): False,
    ("named", "organizations"): True,
    ("both", "public"): True,
    ("both", "group"): True,
    ("both", "organizations"): True,
}
WHO = {"neither": ("firm", ()), "member": ("firm", (GROUP,)), "named": ("bank", ()), "both": ("bank", (GROUP,))}


@pytest.mark.parametrize(("who", "kind"), MEMBERSHIPS)
@pytest.mark.parametrize(("tlp", "strong"), list(product(Tlp, [False, True])))
def test_the_truth_table(who, kind, tlp, strong):
    what, groups = WHO[who]
    seen = can_see(make.actor(what, strong=strong), AUDIENCES[kind], tlp, frozenset(groups))
    assert seen == (MEMBERSHIPS[who, kind] and (strong or tlp is not Tlp.RED))


@quick
@given(strategies.actors, strategies.any_audience, strategies.tlps, st.frozensets(strategies.group_ids))
def test_scopes_do_not_matter_and_strength_matters_for_red_alone(actor, audience, tlp, groups):
    seen = can_see(actor, audience, tlp, groups)
    bare = Actor(actor.organization, "other", "person", frozenset(), actor.strong)
    assert can_see(bare, audience, tlp, groups) == seen
    strong = Actor(actor.organization, "key", "machine", actor.scopes, strong=True)
    assert can_see(strong, audience, tlp, groups) >= seen
    if tlp is not Tlp.RED:
        assert can_see(strong, audience, tlp, groups) == seen


@pytest.mark.parametrize(
    "audience", [Audience("everybody"), Audience("group"), Audience("organizations"), Audience("")]
)
def test_an_audience_that_names_nobody_is_nobody(audience):
    assert not can_see(make.actor(strong=True), audience, Tlp.CLEAR, frozenset({GROUP}))


@pytest.mark.parametrize("deed", NEEDED_SCOPE)
def test_a_deed_needs_its_scope(deed):
    scope = NEEDED_SCOPE[deed]
    check_act(make.actor("ngo", scope, strong=True), deed)
    others = [other for other in Scope if other is not scope]
    with pytest.raises(Forbidden, match=f"the scope '{scope}'"):
        check_act(make.actor("ngo", *others, strong=True), deed)
    with pytest.raises(Forbidden):
        check_act(system(make.organization_id()), deed)
    check_act(operator(make.organization_id()), deed)


@pytest.mark.parametrize("deed", NEEDED_SCOPE)
def test_some_deeds_need_a_strong_credential(deed):
    weak = make.actor("ngo", *Scope)
    if deed in NEEDS_STRONG:
        with pytest.raises(Forbidden, match="private_key_jwt"):
            check_act(weak, deed)
    else:
        check_act(weak, deed)


def test_each_scope_is_needed_by_a_deed_and_an_unknown_deed_is_never_allowed():
    assert set(NEEDED_SCOPE.values()) == set(Scope)
    assert set(NEEDED_SCOPE) >= NEEDS_STRONG
    with pytest.raises(KeyError):
        check_act(operator(make.organization_id()), "erase everything")
