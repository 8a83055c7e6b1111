import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.audience import MAX_ORGANIZATIONS, PUBLIC, Audience, group, organizations, parse
from app.domain.errors import InvalidRecord
from app.domain.marking import Tlp
from tests import make, strategies
from tests.strategies import quick

ONE, TWO = sorted(str(make.organization_id(what)) for what in ("ngo", "bank"))


@quick
@given(strategies.any_audience)
def test_an_audience_is_written_and_read_back(audience):
    assert parse(audience.to_document()) == audience


@quick
@given(strategies.any_audience, strategies.any_audience, st.sampled_from(Tlp), st.sampled_from(Tlp))
def test_one_audience_has_one_key_and_red_has_its_own(one, other, tlp, also):
    same = one == other and (tlp is Tlp.RED) == (also is Tlp.RED)
    assert (one.key(tlp) == other.key(also)) == same
    assert re.fullmatch(r"[A-Za-z0-9:.-]{1,64}", one.key(tlp))


@quick
@given(st.lists(strategies.organization_ids, min_size=1, max_size=5))
def test_organizations_are_named_in_any_order_and_any_number_of_times(ids):
    made = organizations(*ids)
    assert made == organizations(*reversed(ids), *ids)
    assert all(one < other for one, other in pairwise(made.organizations))
    assert parse(made.to_document()) == made


def test_a_group_and_the_organization_of_its_id_are_two_audiences():
    assert group(make.ident()).key(Tlp.AMBER) != organizations(make.ident()).key(Tlp.AMBER)


def test_red_of_the_public_has_a_key_although_no_record_may_have_it():
    assert (PUBLIC.key(Tlp.CLEAR), PUBLIC.key(Tlp.RED)) == ("public", "public.red")


@pytest.mark.parametrize(
    "document",
    [
        None,
        "public",
        ["public"],
        {},
        {"kind": None},
        {"kind": "PUBLIC"},
        {"kind": "everybody"},
        {"kind": "public", "group": ONE},
        {"kind": "public", "organizations": []},
        {"kind": "public", "more": 1},
        {"kind": "group"},
        {"kind": "group", "group": None},
        {"kind": "group", "group": ONE.upper()},
        {"kind": "group", "group": [ONE]},
        {"kind": "group", "group": ONE, "organizations": [ONE]},
        {"kind": "organizations"},
        {"kind": "organizations", "organizations": []},
        {"kind": "organizations", "organizations": {ONE: TWO}},
        {"kind": "organizations", "organizations": ONE},
        {"kind": "organizations", "organizations": [ONE, ONE]},
        {"kind": "organizations", "organizations": [TWO, ONE]},
        {"kind": "organizations", "organizations": [ONE, None]},
        {"kind": "organizations", "organizations": [ONE, 7]},
        {"kind": "organizations", "organizations": [ONE], "group": TWO},
        {"organizations": [ONE]},
    ],
    ids=repr,
)
def test_an_audience_says_what_its_kind_says_and_nothing_else(document):
    with pytest.raises(InvalidRecord):
        parse(document)


def test_an_audience_names_a_bounded_number():
    ids = sorted(str(make.organization_id(number)) for number in range(MAX_ORGANIZATIONS + 1))
    assert len(parse({"kind": "organizations", "organizations": ids[1:]}).organizations) == MAX_ORGANIZATIONS
    with pytest.raises(InvalidRecord, match="1 to 1000"):
        parse({"kind": "organizations", "organizations": ids})


def test_an_audience_made_by_hand_for_nobody_has_no_other_key():
    assert Audience("organizations").key(Tlp.AMBER) != PUBLIC.key(Tlp.AMBER)
