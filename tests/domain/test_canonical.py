import json
from enum import StrEnum

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.canonical import MAX_BYTES, MAX_DEPTH, MAX_INTEGER, decode, encode
from app.domain.errors import InvalidRecord
from tests import make, strategies
from tests.strategies import quick

RECORD = make.envelope().payload


def nested(levels):
    return b"[" * levels + b"]" * levels


def accepts(data):
    """Tell whether the bytes are read; anything but InvalidRecord is a fault."""
    try:
        decode(data)
    except InvalidRecord:
        return False
    return True


@quick
@given(strategies.documents)
@example({'\x7f\x00\n\t"\\/': "\x00\x1f\x7f\u2028\U0001f56f", "": None})
def test_the_bytes_are_those_of_rfc_8785(document):
    assert encode(document) == rfc8785.dumps(document)


@quick
@given(strategies.documents)
def test_what_is_encoded_is_decoded(document):
    assert decode(encode(document)) == document


@quick
@given(strategies.documents, st.integers(1, 3), st.booleans())
def test_any_other_spelling_of_a_document_is_refused(document, indent, ascii_only):
    canonical = encode(document)
    other = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    assert accepts(other) == (other == canonical)
    reverse = (
        json.dumps(dict(reversed(document.items())), separators=(",", ":")) if isinstance(document, dict) else "[ ]"
    )
    assert accepts(reverse.encode()) == (reverse.encode() == canonical)


@quick
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_read_or_refused(data):
    if accepts(data):
        assert encode(decode(data)) == data


@quick
@given(st.integers(0, len(RECORD) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_a_record_changed_anywhere_is_read_as_it_stands_or_refused(place, inserted, removed):
    data = RECORD[:place] + inserted + RECORD[place + removed :]
    if accepts(data):
        assert encode(decode(data)) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" {}",
        b"{} ",
        b"{}\n",
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1.0",
        b"1e3",
        b"1E3",
        b"-0",
        b"01",
        b"+1",
        b"9007199254740992",
        b"-9007199254740992",
        b"9" * 5_000,
        b'"\\u0061"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\ud83d\\udd6f"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\x80"',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        '{"ä":1}'.encode(),
        b'{"a":1}{"a":1}',
        b'{"a":1,}',
        b"[1,]",
        b"{'a':1}",
        b"True",
        b'"\n"',
        nested(MAX_DEPTH + 1),
        nested(200_000),
        b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
        b"[" * 200_000,
    ],
    ids=lambda data: repr(data[:24]),
)
def test_what_is_not_canonical_is_refused(data):
    with pytest.raises(InvalidRecord):
        decode(data)


@pytest.mark.parametrize(
    "document",
    [
        1.0,
        float("nan"),
        [0.5],
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        10**6_000,
        {"ä": 1},
        {1: 2},
        {None: 2},
        "\ud800",
        {"\ud800": 1},
        {"a": "\udfff"},
        b"bytes",
        {1, 2},
        object(),
    ],
    ids=lambda document: repr(type(document)),
)
def test_what_has_no_canonical_form_is_not_written(document):
    with pytest.raises(InvalidRecord):
        encode(document)


def test_the_limits_are_within():
    assert decode(nested(MAX_DEPTH)) is not None
    assert decode(encode([MAX_INTEGER, -MAX_INTEGER])) == [MAX_INTEGER, -MAX_INTEGER]
    assert decode(b'"' + b"a" * (MAX_BYTES - 2) + b'"')
    with pytest.raises(InvalidRecord, match="at most"):
        decode(b'"' + b"a" * (MAX_BYTES - 1) + b'"')


def test_a_document_nested_without_end_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(InvalidRecord, match="deeper"):
        encode(loop)


def test_words_of_an_enumeration_and_tuples_are_texts_and_lists():
    class Word(StrEnum):
        ONE = "one"

    assert encode({"a": (Word.ONE, True)}) == b'{"a":["one",true]}'
