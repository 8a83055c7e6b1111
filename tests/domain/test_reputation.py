import re
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import reputation, vocabulary
from app.domain.reputation import NOTICE, CategoryReputation, Reputation, combine, weight
from tests import make, strategies
from tests.strategies import quick

NOW = make.NOW
lists_of_claims = st.lists(strategies.claims, max_size=6)


def of(*claims):
    return reputation.of(claims, NOW)


def by_hand(because):
    """Recompute the figure from its reasons, as a reader would with a pocket calculator."""
    counts = [int(found) for line in because for found in re.findall(r": counts (\d+)\.$", line)]
    doubt = 1.0
    for count in sorted(counts):
        doubt *= 1 - count / 100
    return round(100 * (1 - doubt)), len(counts)


@pytest.mark.parametrize(
    ("claims", "confidence", "organizations"),
    [
        # one organization, today, by a method that supports it: the figure itself
        ([("ngo", 60, 0)], 60, 1),
        ([("ngo", 95, 0)], 95, 1),
        # capped by the ceiling of its method
        ([("ngo", 100, 0)], 95, 1),
        # half after one half-life (365 days), a quarter after two
        ([("ngo", 60, 365)], 30, 1),
        ([("ngo", 60, 730)], 15, 1),
        # 60 x 0.5^(100/365) = 49.6
        ([("ngo", 60, 100)], 50, 1),
        # the best live claim of an organization counts, once
        ([("ngo", 60, 0), ("ngo", 60, 0), ("ngo", 30, 0)], 60, 1),
        # 80 a year old counts 40, less than 50 of today
        ([("ngo", 80, 365), ("ngo", 50, 0)], 50, 1),
        # 1 - (1 - 0.6)(1 - 0.5) = 0.8
        ([("ngo", 60, 0), ("bank", 50, 0)], 80, 2),
        # 1 - 0.4 x 0.5 x 0.9 = 0.82
        ([("ngo", 60, 0), ("bank", 50, 0), ("firm", 10, 0)], 82, 3),
        # 1 - 0.9^3 = 0.271
        ([("ngo", 10, 0), ("bank", 10, 0), ("firm", 10, 0)], 27, 3),
    ],
)
def test_figures_computed_by_hand(claims, confidence, organizations):
    found = of(*(make.claim(*claim) for claim in claims))
    assert (found.status, found.confidence, found.organizations) == ("listed", confidence, organizations)
    assert found.corroborated == (organizations > 1)
    assert by_hand(found.because) == (confidence, organizations)


def counted(issuer, confidence, days, figure):
    return (
        f"{issuer} claims sex_trafficking with confidence {confidence} by court_record (ceiling 95), "
        f"{days} days ago (half-life 365 days): counts {figure}."
    )


def test_the_reasons_in_words():
    ngo, bank = (
        make.claim("ngo", 60, 365),
        make.claim("bank", 50, 0, elsewhere="on Polygon, not on Ethereum", disputed=True),
    )
    gone = [make.claim("firm", state=state) for state in ("revoked", "revoked", "superseded", "erased", "quarantined")]
    beside = [make.claim("firm", category="ngo_donation"), make.claim("firm", relation="paid_to")]
    old = make.claim("firm", valid_until=NOW)
    assert of(ngo, bank, *gone, *beside, old) == Reputation(
        status="disputed",
        confidence=65,
        organizations=2,
        categories=(CategoryReputation("sex_trafficking", 2, 65),),
        because=(
            counted("bank", 50, 0, 50),
            "bank reported it on Polygon, not on Ethereum.",
            counted("ngo", 60, 365, 30),
            "2 independent organizations: 1 - (1 - 0.50) x (1 - 0.30) = 65 %.",
            "Another organization disagrees with 1 of 2 live claims.",
            "Not counted: 1 erased.",
            "Not counted: 1 past the end of validity.",
            "Not counted: 1 indirect, never counted as a listing.",
            "Not counted: 1 protective, never counted as risk.",
            "Not counted: 1 waiting for review.",
            "Not counted: 2 revoked by the issuer.",
            "Not counted: 1 superseded by a newer report.",
        ),
        first_reported=NOW - timedelta(days=365),
        last_confirmed=NOW,
    )


@quick
@given(lists_of_claims)
def test_the_figure_is_what_its_reasons_amount_to(claims):
    found = of(*claims)
    assert by_hand(found.because) == (found.confidence, found.organizations)
    line = next((line for line in found.because if " independent organizations: " in line), None)
    if line is not None:
        shown = re.findall(r"\(1 - (0\.\d\d)\)", line)
        doubt = 1.0
        for value in sorted(shown):
            doubt *= 1 - float(value)
        assert line.endswith(f" = {round(100 * (1 - doubt))} %.")
        assert len(shown) == found.organizations > 1


@quick
@given(lists_of_claims, st.randoms(use_true_random=False))
def test_order_and_copies_change_nothing(claims, random):
    found = of(*claims)
    shuffled = list(claims)
    random.shuffle(shuffled)
    assert of(*shuffled) == found
    copies = of(*claims, *claims)
    assert (copies.confidence, copies.organizations, copies.categories) == (
        found.confidence,
        found.organizations,
        found.categories,
    )


@quick
@given(lists_of_claims, strategies.claims)
def test_an_added_claim_never_lowers_the_figure(claims, added):
    before, after = of(*claims), of(*claims, added)
    assert before.confidence <= after.confidence
    assert before.organizations <= after.organizations <= before.organizations + 1
    if added.issuer in {claim.issuer for claim in claims if of(claim).organizations}:
        assert after.organizations == before.organizations


@quick
@given(lists_of_claims)
def test_a_figure_is_a_percentage_and_its_status_says_what_it_is(claims):
    found = of(*claims)
    assert 0 <= found.confidence <= 100
    assert (found.organizations == 0) == (found.status in {"not_listed", "revoked"})
    assert found.organizations <= len({claim.issuer for claim in claims})
    assert found.label == vocabulary.confidence_label(found.confidence)
    assert [item.category for item in found.categories] == list(
        dict.fromkeys(item.category for item in found.categories)
    )
    assert all(item.confidence <= found.confidence for item in found.categories)
    if claims:
        assert found.first_reported == min(claim.issued_at for claim in claims)


NEVER = [
    {"state": "revoked"},
    {"state": "superseded"},
    {"state": "erased"},
    {"state": "quarantined"},
    {"valid_until": NOW},
    {"valid_until": NOW - timedelta(days=1)},
    {"role": "victim_or_mule"},
    *({"category": category} for category in sorted(vocabulary.PROTECTIVE)),
    *({"relation": relation} for relation in vocabulary.RELATIONS if relation not in vocabulary.DIRECT_RELATIONS),
]


@pytest.mark.parametrize("said", NEVER, ids=repr)
def test_what_never_counts(said):
    alone = of(*(make.claim(number, 95, **said) for number in range(5)))
    assert (alone.confidence, alone.organizations, alone.corroborated, alone.categories) == (0, 0, False, ())
    assert alone.status == ("revoked" if said.get("state") in {"revoked", "superseded"} else "not_listed")
    assert alone.because[0].startswith("Not counted: 5 ")
    assert alone.last_confirmed is None
    beside = of(make.claim("ngo", 60), make.claim("bank", 95, **said), make.claim("ngo", 95, **said))
    assert (beside.confidence, beside.organizations) == (60, 1)


@pytest.mark.parametrize("relation", [None, *sorted(vocabulary.DIRECT_RELATIONS)])
def test_what_is_direct_counts(relation):
    assert of(make.claim("ngo", 60, relation=relation)).confidence == 60


def test_ten_thousand_claims_of_one_organization_are_one():
    flood = [make.claim("liar", 1 + number % 95, 6 * number) for number in range(100)] * 100
    found = of(*flood)
    assert (found.organizations, found.corroborated) == (1, False)
    assert found.confidence <= 95
    assert found.because[1] == "One organization says so: not corroborated."


def test_nothing_known_is_not_a_clean_bill():
    found = of()
    assert (found.status, found.confidence, found.label) == ("not_listed", 0, "none")
    assert found.because == ("No claim about this address is known to you here.",)
    assert NOTICE == "Not listed is not the same as clean."


def test_a_claim_dated_ahead_counts_as_of_today():
    assert weight(make.claim(days=-400), NOW) == weight(make.claim(), NOW) == 0.6


def test_a_method_or_category_of_a_later_version_counts_as_little_as_any():
    assert weight(make.claim(confidence=90, method="revelation"), NOW) == 0.1
    assert weight(make.claim(confidence=60, days=365, category="a later word"), NOW) == 0.3


def test_categories_are_counted_each_for_itself():
    found = of(make.claim("ngo", 60), make.claim("bank", 50, category="csam"), make.claim("ngo", 40, category="csam"))
    assert found.categories == (CategoryReputation("csam", 2, 70), CategoryReputation("sex_trafficking", 1, 60))
    assert found.confidence == 80


def test_the_best_claim_is_the_same_whatever_came_first():
    """One report may hold the address on two chains; the one asked about is shown."""
    twins = [
        make.claim(elsewhere="on Polygon, not on Ethereum"),
        make.claim(elsewhere=""),
        make.claim(method="legal_process_return"),
    ]
    assert len({of(*order).because for order in permutations(twins)}) == 1
    assert "Polygon" not in " ".join(of(*twins).because)


def test_combining_is_exact_at_its_ends():
    assert combine([]) == 0
    assert combine([0.0, 0.0]) == 0
    assert combine([1.0, 0.3]) == 1
