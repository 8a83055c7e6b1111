from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import vocabulary
from app.domain.errors import InvalidRecord, NotNext
from app.domain.peer import Access, Peering, Policy, State, may_have, may_relay
from app.domain.record import KINDS
from tests import make
from tests.strategies import quick

DEEDS = ("propose", "accept", "suspend", "resume", "end", "other_accepts", "other_refuses")


def after(*deeds):
    peering = Peering()
    for deed in deeds:
        peering = peering.after(deed)
    return peering


@pytest.mark.parametrize(
    ("deeds", "state"),
    [
        ("propose", "proposed"),
        ("propose propose", "proposed"),
        ("other_accepts", "proposed"),
        ("other_accepts other_accepts", "proposed"),
        ("propose other_accepts", "active"),
        ("other_accepts propose", "active"),
        ("other_accepts accept", "active"),
        ("propose other_accepts propose accept resume other_accepts", "active"),
        ("propose other_accepts other_refuses", "proposed"),
        ("propose other_accepts other_refuses accept", "proposed"),
        ("propose other_accepts other_refuses other_accepts", "active"),
        ("propose other_accepts suspend", "suspended"),
        ("propose other_accepts suspend other_accepts", "suspended"),
        ("propose other_accepts suspend resume", "active"),
        ("propose other_accepts suspend other_refuses resume", "proposed"),
        ("propose other_accepts suspend other_refuses resume other_accepts", "active"),
        ("other_accepts end", "ended"),
        ("other_accepts end other_accepts", "ended"),
        ("propose other_accepts end end", "ended"),
        ("propose other_accepts end propose", "active"),
        ("propose other_accepts end other_refuses propose", "proposed"),
    ],
)
def test_how_a_peering_goes(deeds, state):
    assert after(*deeds.split()).state == State(state)


@pytest.mark.parametrize(
    "deeds",
    [
        *("accept", "suspend", "resume", "end", "other_refuses"),
        "propose end resume",
        "propose suspend propose",
        "propose suspend accept",
        "other_accepts end accept",
        "propose end suspend",
    ],
)
def test_a_deed_that_does_not_fit_is_refused_with_a_sentence(deeds):
    *before, last = deeds.split()
    peering = after(*before)
    with pytest.raises(NotNext, match=rf"^A peering that is .* cannot {last.replace('_', ' ')}\.$"):
        peering.after(last)


@quick
@given(st.lists(st.sampled_from(DEEDS), max_size=12))
def test_only_what_both_accept_is_active_and_no_word_of_the_other_decides_for_this_side(deeds):
    peering = Peering()
    for deed in deeds:
        try:
            following = peering.after(deed)
        except NotNext:
            continue
        assert (following.state is State.ACTIVE) <= (following.accepted_here and following.accepted_there)
        assert following.after(deed) == following, "every deed may be repeated"
        if deed.startswith("other"):
            assert following.accepted_here == peering.accepted_here
            assert (following.state is State.SUSPENDED) == (peering.state is State.SUSPENDED)
            assert (following.state is State.ENDED) == (peering.state is State.ENDED)
        else:
            assert following.accepted_there == peering.accepted_there
        peering = following


# what is taken


policies = st.builds(
    Policy,
    st.none() | st.frozensets(st.sampled_from(sorted(vocabulary.CATEGORIES))),
    st.none() | st.frozensets(st.sampled_from(sorted(make.CAIP2.values()))),
    st.integers(0, 1_000_000_000),
    st.integers(0, 1_000_000_000),
    st.booleans(),
    st.sampled_from(["known", "any", "none"]),
)


@quick
@given(policies)
def test_a_policy_is_printed_and_read_back(policy):
    assert Policy.parse(policy.to_document()) == policy


def test_what_a_policy_leaves_out_is_as_by_default():
    assert Policy.parse({}) == Policy()
    assert Policy.parse({"review": True}) == Policy(review=True)


@pytest.mark.parametrize(
    "document",
    [
        {"catgories": []},
        {"categories": ["weather"]},
        {"categories": "csam"},
        {"categories": ["csam"] * 15},
        {"chains": [7]},
        {"chains": ["x" * 42]},
        {"chains": [""]},
        {"chains": ["eip155:1"] * 1_001},
        {"indicators_per_day": -1},
        {"indicators_per_day": None},
        {"indicators_per_day": 1_000_000_001},
        {"indicators_per_organization_per_day": True},
        {"review": "yes"},
        {"review": 1},
        {"relay": "all"},
        {"relay": None},
    ],
    ids=repr,
)
def test_a_policy_that_says_nothing_clear_is_refused(document):
    with pytest.raises(InvalidRecord):
        Policy.parse(document)


def test_a_report_of_another_category_or_chain_is_refused():
    two = make.record(body_of=make.report(2))
    first, second = (item.chain for item in two.body.indicators)
    assert Policy().judge(two) is None
    for policy, code in (
        (Policy(categories=frozenset({"csam"})), "category_refused"),
        (Policy(categories=frozenset()), "category_refused"),
        (Policy(categories=frozenset({"sex_trafficking"})), None),
        (Policy(chains=frozenset({first})), "chain_refused" if second != first else None),
        (Policy(chains=frozenset({"eip155:1"})), "chain_refused"),
        (Policy(chains=frozenset()), "chain_refused"),
        (Policy(chains=frozenset({first, second})), None),
    ):
        refused = policy.judge(two)
        assert (refused and refused.code) == code
        assert refused is None or refused.detail.endswith(".")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "report"])
def test_a_policy_refuses_nothing_but_reports(kind):
    """A revocation that is not taken would leave a false accusation standing."""
    assert Policy(frozenset(), frozenset()).judge(make.record(kind)) is None


# what may be had


@pytest.mark.parametrize(
    ("kind", "had_subject", "knew_issuer"), list(product([*KINDS, "prophecy"], [False, True], [False, True]))
)
def test_who_may_have_the_body_of_an_entry(kind, had_subject, knew_issuer):
    def may(index, *access):
        return may_have(kind, index, Access(*access), had_subject, knew_issuer)

    statement = kind in {"organization", "group", "node"}
    assert may(0, True)
    assert may(9, True, 5)
    assert may(0, True, 9), "what was had before may be had again"
    assert may(4, True, 0, 5) is statement
    assert may(5, True, 0, 5)
    undone = (
        kind == "node"
        or (kind in {"revocation", "erasure"} and had_subject)
        or (kind == "organization" and knew_issuer)
    )
    assert may(5, False, 5) is undone
    assert may(9, False, 5) is undone
    assert may(4, False, 5) is undone, "the answer in which it was served may have been lost"
    replaced = undone or (kind == "report" and had_subject)
    assert may(5, False, 5, 0, True) is replaced, "what takes its place is no secret in a public log"
    assert not may(0, False, 0)
    assert not may(9, False, 0, 0, True), "who never had anything gets nothing"


def test_only_public_logs_and_those_of_communities_are_passed_on():
    allowed = {pair for pair in product(["public", "group", "organizations"], [False, True]) if may_relay(*pair)}
    assert allowed == {("public", False), ("public", True), ("group", True)}
