"""Bodies: strict JSON, lines that are refused one by one, and models that name each place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from app.domain.errors import Invalid, Refused
from app.web.bodies import json_answer, lines_answer, parse_json, parse_lines, parse_model
from app.web.limits import read_body

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(document=DOCUMENTS)
def test_what_is_written_is_read_again(document):
    assert parse_json(json.dumps(document, ensure_ascii=False).encode()) == document
    escaped = json.dumps(document).encode()
    assert parse_json(escaped) == document


@given(raw=st.binary(max_size=60) | st.text(alphabet='{}[]":,\\ud8NaIfinty-0.e1 \ufeff', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(raw):
    try:
        document = parse_json(raw)
    except Invalid:
        return
    assert json_answer(document).body


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a":1,"a":1}', "an object has a key twice"),
        (b'{"a":{"b":1,"\\u0062":2}}', "an object has a key twice"),
        (b"[NaN]", "NaN is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not a JSON number"),
        (b'["\\ud800"]', "half a surrogate pair"),
        (b'{"\\uDC00": 1}', "half a surrogate pair"),
        (b"\xff", "it is not UTF-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"[" * 100_000, "nested too deep"),
        (b"9" * 5_000, "a number too long"),
        (b"{", "line 1"),
    ],
)
def test_what_two_readers_may_read_as_two_things_is_refused(raw, reason):
    with pytest.raises(Invalid, match=reason):
        parse_json(raw)


async def test_a_body_that_is_cut_off_is_a_refusal_and_no_fault_of_the_node():
    said = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive():
        return next(said)

    request = Request({"type": "http", "headers": [(b"content-type", b"application/json")]}, receive)
    with pytest.raises(Invalid, match="cut off"):
        await read_body(request, 100, ("application/json",))


def test_a_whole_surrogate_pair_is_a_character():
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"
    assert parse_json(b'"\\\\ud800"') == "\\ud800"


def test_a_line_is_refused_alone():
    rows = parse_lines(b'{"a":1}\r\n\n  \n{\n\xff\n2')
    assert [isinstance(row, Refused) for row in rows] == [False, True, True, False]
    assert [row.pointer for row in rows if isinstance(row, Refused)] == ["/4", "/5"]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    rows: list[int] = []


def test_a_model_names_each_place():
    with pytest.raises(Invalid) as caught:
        parse_model(Shape, {"rows": [1, "x"], "more": 1})
    assert [(row.pointer, row.code) for row in caught.value.errors] == [
        ("/name", "missing_field"),
        ("/rows/1", "invalid_field"),
        ("/more", "unknown_field"),
    ]
    with pytest.raises(Invalid, match="The body"):
        parse_model(Shape, [])


def test_answers_are_lines_or_a_document():
    assert lines_answer([{"a": 1}, {"b": 2}]).body == b'{"a":1}\n{"b":2}\n'
    answer = json_answer({"a": 1}, 201, "/x")
    assert (answer.status_code, answer.headers["location"]) == (201, "/x")
