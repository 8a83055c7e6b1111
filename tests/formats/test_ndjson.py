"""Lines of JSON: strict, and each bad line a row with its number."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats.ndjson import Lines, load
from app.formats.rows import Row


def rows_of(text, chain=""):
    return list(Lines(io.BytesIO(text.encode()), chain))


def test_objects_and_bare_addresses():
    rows = rows_of('{"address": "1abc", "chain": "BTC", "ref": "a"}\n\n"1def"\n', "litecoin")
    assert rows == [Row(1, "1abc", "bitcoin", "a"), Row(3, "1def", "litecoin")]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"address": "1abc", "address": "1def"}', "invalid_json"),
        ('{"address": "1abc", "x": NaN}', "invalid_json"),
        ('{"address": "1abc"', "invalid_json"),
        ("[1, 2]", "invalid_json"),
        ("[" * 50_000, "invalid_json"),
        ('{"address": "' + "1" * 70_000 + '"}', "too_long"),
        ('{"address": 5}', "invalid_field"),
        ('{"address": "1abc", "chain": ["x"]}', "invalid_field"),
        ('{"address": "1abc", "confidence": 4.5}', "invalid_field"),
        ('{"address": "1abc", "confidence": true}', "invalid_field"),
        ('{"address": ""}', "empty"),
        ('{"chain": "bitcoin"}', "empty"),
    ],
)
def test_a_bad_line_is_one_refused_row(line, code):
    rows = rows_of(f'"1abc"\n{line}\n"1def"\n')
    assert [getattr(row, "code", "ok") for row in rows] == ["ok", code, "ok"]
    assert rows[1].number == 2


def test_names_without_a_meaning_are_told():
    read = Lines(io.BytesIO(b'{"address": "1abc", "adress": "x", "balance": 1}\n'))
    assert len(list(read)) == 1
    assert read.ignored == ("adress", "balance")


@given(st.lists(st.fixed_dictionaries({"address": st.text(min_size=1, max_size=90), "ref": st.text(max_size=90)})))
def test_what_is_written_is_read_again(documents):
    rows = rows_of("".join(json.dumps(document) + "\n" for document in documents))
    assert len(rows) == len(documents)
    for row, document in zip(rows, documents, strict=True):
        assert (row.address, row.ref) == (document["address"], document["ref"])


@given(st.binary())
def test_any_bytes_are_rows_or_refusals(content):
    list(Lines(io.BytesIO(content)))


def test_load_reads_what_json_is():
    assert load(b'{"a": [1, null]}') == {"a": [1, None]}
