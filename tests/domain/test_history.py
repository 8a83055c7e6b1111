from datetime import timedelta
from itertools import pairwise, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import audience as audiences
from app.domain.errors import NotNext
from app.domain.history import ERASED, LIVE, REVOKED, SUPERSEDED, History, Subject, check_next, fold
from app.domain.marking import Tlp
from app.domain.record import Erasure, Opinion, Revocation, Sighting, Withdrawn
from tests import make
from tests.strategies import quick

ID, ISSUER = make.ident("report"), make.organization_id("ngo")
OTHER = make.ident("another report")
PLACE = make.address(0)
WHOLE, PART = Revocation(ID, "mistaken"), Revocation(ID, "mistaken", (Withdrawn(*PLACE),))
ERASURE = Erasure(ID, "personal_data")
SUCCESSOR = make.report(supersedes=ID)
DISAGREE, AGREE = Opinion(ID, "disagree", "own_evidence"), Opinion(ID, "agree", "own_evidence")
SIGHTING = Sighting(ID, *PLACE)
FOREIGN = (
    Revocation(OTHER, "mistaken"),
    Erasure(OTHER, "other"),
    make.report(supersedes=OTHER),
    Opinion(OTHER, "agree", "other"),
)
RANK = {LIVE: 0, SUPERSEDED: 1, REVOKED: 2, ERASED: 3}

followers = st.lists(
    st.builds(
        make.follower,
        st.integers(0, 3),
        st.sampled_from([WHOLE, PART, ERASURE, SUCCESSOR, DISAGREE, AGREE, SIGHTING, *FOREIGN]),
        st.sampled_from(["ngo", "bank", "firm"]),
        st.integers(0, 3).map(lambda days: timedelta(days=days)),
    ),
    max_size=8,
)


def become(*records):
    return fold(ID, ISSUER, records)


@quick
@given(followers, st.randoms(use_true_random=False))
def test_order_repetition_and_delay_change_nothing(records, random):
    at_once = become(*records)
    shuffled = records + random.choices(records, k=4) if records else []
    random.shuffle(shuffled)
    assert become(*shuffled) == at_once
    assert become(*iter(records)) == at_once


@quick
@given(followers)
def test_a_state_is_never_left_for_a_milder_one(records):
    states = [become(*records[:count]) for count in range(len(records) + 1)]
    ranks = [RANK[state.state] for state in states]
    assert ranks == sorted(ranks)
    for before, after in pairwise(states):
        assert before.revoked <= after.revoked
        assert set(before.superseded_by) <= set(after.superseded_by)
        assert set(before.sightings) <= set(after.sightings)


@quick
@given(followers)
def test_others_change_nothing_but_what_is_said_beside(records):
    own = [record for record in records if record.issuer == ISSUER]
    with_others, alone = become(*records), become(*own)
    assert (with_others.state, with_others.revoked) == (alone.state, alone.revoked)
    assert with_others.superseded_by == alone.superseded_by
    assert (with_others.revocations, with_others.erasures) == (alone.revocations, alone.erasures)


@quick
@given(followers)
def test_what_is_about_another_report_is_left_out(records):
    about = [record for record in records if record.subject == ID]
    assert become(*records) == become(*about)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_strongest_word_wins_in_any_order(order):
    words = [make.follower(0, body) for body in (SUCCESSOR, WHOLE, ERASURE)]
    assert become(*(words[place] for place in order)).state == ERASED
    assert become(*(words[place] for place in order if place < 2)).state == REVOKED
    assert become(words[0]).state == SUPERSEDED
    assert become() == History()


def test_a_part_of_a_report_is_revoked():
    history = become(make.follower(0, PART))
    assert history.state == LIVE
    assert (history.state_of(*PLACE), history.state_of(*make.address(1))) == (REVOKED, LIVE)
    assert become(make.follower(0, PART), make.follower(1, WHOLE)).state_of(*make.address(1)) == REVOKED
    assert become(make.follower(0, PART), make.follower(1, ERASURE)).state_of(*PLACE) == ERASED


def test_successors_that_the_caller_did_not_read_whole():
    assert fold(ID, ISSUER, (), [OTHER, OTHER]).superseded_by == (OTHER,)
    assert fold(ID, ISSUER, (), [OTHER]).state == SUPERSEDED
    assert fold(ID, ISSUER, [make.follower(0, WHOLE)], [OTHER]).state == REVOKED


@pytest.mark.parametrize("body", [WHOLE, PART, ERASURE, SUCCESSOR])
def test_a_forged_follower_changes_nothing(body):
    assert become(make.follower(0, body, issuer="bank")) == History()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("mask", [DISAGREE, WHOLE, make.report()])
def test_whoever_reuses_the_id_of_a_revocation_does_not_hide_it(order, mask):
    genuine = make.follower(0, WHOLE)
    forged = make.record("opinion", mask, id=genuine.id, issuer=make.organization_id("bank"))
    assert become(*((genuine, forged)[place] for place in order)).state == REVOKED


def test_two_records_under_one_id_stand_in_one_order():
    twins = [make.follower(0, Revocation(ID, reason)) for reason in ("mistaken", "outdated", "duplicate")]
    assert len({record.id for record in twins}) == 1
    assert len({become(*order) for order in permutations(twins)}) == 1
    assert len(become(*twins).revocations) == 3


def test_the_latest_opinion_of_each_organization_counts_and_never_the_issuers_own():
    early = make.follower(1, AGREE, "bank")
    late = make.follower(2, DISAGREE, "bank", timedelta(days=1))
    own = make.follower(3, DISAGREE, "ngo")
    firm = make.follower(4, AGREE, "firm")
    for order in permutations([early, late, own, firm]):
        assert become(*order).opinions == (firm, late)


def test_sightings_of_everybody_are_kept_in_the_order_of_their_time():
    sightings = [
        make.follower(number, SIGHTING, who, timedelta(days=5 - number))
        for number, who in enumerate(["ngo", "bank", "firm"])
    ]
    assert become(*sightings).sightings == tuple(reversed(sightings))


# may this follow that?

SUBJECT = Subject(ID, ISSUER, audiences.PUBLIC, Tlp.CLEAR, LIVE)
OWN, FOREIGNER = "ngo", "bank"
BODIES = {"revocation": WHOLE, "erasure": ERASURE, "report": SUCCESSOR, "opinion": DISAGREE, "sighting": SIGHTING}
# (kind, by whom): the states of a report that it may follow
MAY_FOLLOW = {
    ("revocation", OWN): {LIVE, SUPERSEDED, REVOKED},
    ("revocation", FOREIGNER): set(),
    ("erasure", OWN): {LIVE, SUPERSEDED, REVOKED, ERASED},
    ("erasure", FOREIGNER): set(),
    ("report", OWN): {LIVE},
    ("report", FOREIGNER): set(),
    ("opinion", OWN): set(),
    ("opinion", FOREIGNER): {LIVE, SUPERSEDED, REVOKED},
    ("sighting", OWN): {LIVE, SUPERSEDED, REVOKED},
    ("sighting", FOREIGNER): {LIVE, SUPERSEDED, REVOKED},
}


def may_follow(record, subject):
    try:
        check_next(record, subject)
    except NotNext:
        return False
    return True


@pytest.mark.parametrize(("kind", "by"), MAY_FOLLOW)
@pytest.mark.parametrize("state", RANK)
def test_the_table_of_what_may_follow(kind, by, state):
    subject = Subject(ID, ISSUER, audiences.PUBLIC, Tlp.CLEAR, state)
    assert may_follow(make.follower(0, BODIES[kind], by), subject) == (state in MAY_FOLLOW[kind, by])


@pytest.mark.parametrize("kind", BODIES)
def test_a_follower_stands_where_its_report_stands_and_a_successor_where_it_likes(kind):
    by = FOREIGNER if kind == "opinion" else OWN
    wheres = list(product([audiences.PUBLIC, make.named("ngo"), make.named("ngo", "bank")], [Tlp.CLEAR, Tlp.AMBER]))
    for (audience, tlp), (other, other_tlp) in product(wheres, wheres):
        record = make.record(kind, BODIES[kind], issuer=make.organization_id(by), audience=audience, tlp=tlp)
        subject = Subject(ID, ISSUER, other, other_tlp, LIVE)
        assert may_follow(record, subject) == (kind == "report" or (audience, tlp) == (other, other_tlp))


@pytest.mark.parametrize("kind", BODIES)
def test_nothing_follows_what_is_not_there(kind):
    with pytest.raises(NotNext, match="no report with this id that you may follow"):
        check_next(make.follower(0, BODIES[kind]), None)


@pytest.mark.parametrize("kind", ["report", "organization", "group", "node"])
def test_what_follows_nothing_may_always_stand(kind):
    check_next(make.record(kind), None)
    check_next(make.record(kind), SUBJECT)
