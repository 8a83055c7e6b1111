import pytest

from app.domain import vocabulary
from app.domain.errors import AboveCeiling
from app.domain.vocabulary import CATEGORIES, HALF_LIFE_DAYS, METHOD_CEILINGS, PROTECTIVE, check_ceiling


@pytest.mark.parametrize("method", METHOD_CEILINGS)
def test_a_method_supports_its_ceiling_and_no_more(method):
    ceiling = METHOD_CEILINGS[method]
    check_ceiling(method, ceiling)
    check_ceiling(method, 0)
    with pytest.raises(AboveCeiling, match=f"at most {ceiling}; the report says {ceiling + 1}") as refused:
        check_ceiling(method, ceiling + 1)
    assert [(row.code, row.pointer) for row in refused.value.errors] == [("confidence_above_ceiling", "/confidence")]


def test_nothing_is_certain():
    assert max(METHOD_CEILINGS.values()) == METHOD_CEILINGS["court_record"] == 95
    assert min(METHOD_CEILINGS.values()) == METHOD_CEILINGS["unspecified"] == 10


def test_each_category_is_risk_with_a_half_life_or_protective():
    assert set(CATEGORIES) == set(HALF_LIFE_DAYS) | PROTECTIVE
    assert not set(HALF_LIFE_DAYS) & PROTECTIVE


def test_a_word_is_a_word():
    lists = (
        *CATEGORIES.values(),
        tuple(CATEGORIES),
        vocabulary.ROLES,
        vocabulary.RELATIONS,
        vocabulary.LEGAL_BASES,
        vocabulary.EVIDENCE_KINDS,
        vocabulary.OPINIONS,
        vocabulary.OPINION_REASONS,
        vocabulary.REVOCATION_REASONS,
        vocabulary.ERASURE_REASONS,
        vocabulary.ORGANIZATION_KINDS,
    )
    for words in lists:
        assert len(set(words)) == len(words)
        assert all(word == word.strip().lower() and word.isascii() for word in words)


def test_what_follows_from_a_word_names_a_word():
    assert set(vocabulary.ROLES) >= vocabulary.PROTECTED_ROLES
    assert set(vocabulary.RELATIONS) >= vocabulary.DIRECT_RELATIONS
    assert set(vocabulary.OPINIONS) >= vocabulary.DISAGREEING


@pytest.mark.parametrize(
    ("confidence", "label"),
    [(0, "none"), (1, "low"), (29, "low"), (30, "medium"), (69, "medium"), (70, "high"), (100, "high")],
)
def test_confidence_in_words_of_stix(confidence, label):
    assert vocabulary.confidence_label(confidence) == label
