"""Rows gathered into reports: nothing lost, nothing doubled, bounds kept, the same every time."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.indicator import MAX_INDICATORS
from app.formats import batches
from app.formats.batches import MAX_BYTES, MAX_OPEN, gather, has_few_sources
from app.formats.rows import Row, Source

rows_of = st.builds(
    lambda claims, sources, extra: [
        Row(number, "1" * (1 + number % 50), "bitcoin", claims=(("case", claim),), sources=(Source("other", source),))
        for number, (claim, source) in enumerate(zip(claims, sources + extra, strict=False), 1)
    ],
    st.lists(st.sampled_from("abc"), max_size=300),
    st.lists(st.integers(0, 300).map(str), max_size=150),
    st.lists(st.sampled_from(["x", "y"]), max_size=150),
)


@given(rows_of, st.booleans())
def test_every_row_is_in_one_batch_with_its_source(rows, by_source):
    made = list(gather(rows, by_source=by_source))
    assert sorted(row.number for batch in made for row in batch.rows) == [row.number for row in rows]
    assert [batch.number for batch in made] == list(range(1, len(made) + 1))
    for batch in made:
        assert len(batch.sources) <= 100
        assert {source for row in batch.rows for source in row.sources} == set(batch.sources)
        assert {row.claims for row in batch.rows} == {batch.claims}
        assert not by_source or len(batch.sources) <= 1


@given(rows_of)
def test_the_same_rows_give_the_same_batches(rows):
    first, second = (list(gather(iter(rows), by_source=True)) for _ in range(2))
    assert [[row.number for row in batch.rows] for batch in first] == [
        [row.number for row in batch.rows] for batch in second
    ]


def test_a_report_has_at_most_ten_thousand_rows():
    rows = [Row(number, "1abc", "bitcoin") for number in range(1, 25_001)]
    assert [len(batch.rows) for batch in gather(rows, by_source=True)] == [MAX_INDICATORS, MAX_INDICATORS, 5_000]


def test_a_report_is_bounded_in_bytes():
    rows = [Row(number, "1abc", "bitcoin", fields={"transactions": ["f" * 64] * 50}) for number in range(1, 2_000)]
    made = list(gather(rows, by_source=True))
    assert len(made) > 1
    assert all(batch.size <= MAX_BYTES for batch in made)


def test_reports_that_are_open_at_once_are_bounded():
    rows = [Row(number, "1abc", "bitcoin", claims=(("case", str(number)),)) for number in range(1, 200)]
    generator = gather(iter(rows), by_source=False)
    assert next(generator).rows == [rows[0]]
    assert len([*generator]) == 198
    assert MAX_OPEN < 199


def test_a_rows_confidence_is_the_reports_where_the_caller_states_none():
    rows = [Row(number, "1abc", "bitcoin", fields={"confidence": number % 2}) for number in range(1, 5)]
    assert len(list(gather(rows, by_source=False))) == 1
    assert [dict(batch.claims) for batch in gather(rows, by_source=False, confidence=True)] == [
        {"confidence": 1},
        {"confidence": 0},
    ]


def test_the_document_of_a_batch():
    rows = [Row(7, " 1abc ", "bitcoin", "mine", {"role": "unknown"}, (("case", "X"),), (Source("other", "s", "t"),))]
    (batch,) = gather(rows, by_source=True)
    assert batch.to_document({"case": "Y", "tlp": "TLP:RED", "evidence": [{"kind": "other", "reference": "r"}]}) == {
        "case": "X",
        "tlp": "TLP:RED",
        "evidence": [
            {"kind": "other", "reference": "r"},
            {"kind": "other", "reference": "s", "observed_at": "t"},
        ],
        "indicators": [{"chain": "bitcoin", "address": "1abc", "ref": "7", "role": "unknown"}],
    }


def test_few_sources_are_counted_no_further_than_needed():
    def rows():
        for number in range(1, 1_000_000):
            assert number <= batches.FEW_SOURCES + 1
            yield Row(number, "1abc", sources=(Source("other", str(number)),))

    assert not has_few_sources(rows())
    assert has_few_sources([Row(1, "1abc")])
