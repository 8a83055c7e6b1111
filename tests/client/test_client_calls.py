"""Requests, their bounds, and how refusals are read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.client.calls import (
    MAX_SCREENING_BYTES,
    MAX_SCREENING_ROWS,
    get,
    part,
    problem,
    read_document,
    read_lines,
    screening_bodies,
)
from app.client.exchange import check_url
from app.client.pacing import Pacing
from app.client.problems import NetworkError, ProblemError, ProtocolError


def test_bodies_are_bounded_in_rows_and_bytes():
    rows = [{"address": "1abc", "ref": str(number)} for number in range(25_000)]
    assert [body.count(b"\n") + 1 for body in screening_bodies(rows)] == [MAX_SCREENING_ROWS, MAX_SCREENING_ROWS, 5_000]
    long = [{"address": "x" * 1_000, "ref": "1"}] * 5_000
    bodies = list(screening_bodies(long))
    assert len(bodies) > 1
    assert all(len(body) <= MAX_SCREENING_BYTES for body in bodies)


@given(st.lists(st.fixed_dictionaries({"address": st.text(), "ref": st.text()})))
def test_bodies_hold_every_row_in_order(rows):
    lines = [json.loads(line) for body in screening_bodies(rows) for line in body.split(b"\n")]
    assert lines == rows


def test_a_chain_is_for_rows_without_one():
    (body,) = screening_bodies(["1abc", {"address": "1def", "chain": "litecoin"}], "bitcoin")
    assert [json.loads(line)["chain"] for line in body.split(b"\n")] == ["bitcoin", "litecoin"]


def test_bodies_are_made_as_they_are_needed():
    def endless():
        while True:
            yield "1abc"

    assert next(iter(screening_bodies(endless()))).count(b"\n") == MAX_SCREENING_ROWS - 1


@pytest.mark.parametrize(("text", "written"), [("a/b?c#d", "a%2Fb%3Fc%23d"), ("bip122:x", "bip122:x"), ("é", "%C3%A9")])
def test_a_text_is_one_part_of_a_path(text, written):
    assert part(text) == written


def test_absent_filters_are_left_out():
    assert get("/x", a=None, b=1).query == {"b": "1"}


def test_a_problem_keeps_its_parts():
    content = json.dumps(
        {"code": "invalid_record", "detail": "Bad.", "errors": [{"ref": "1", "code": "x", "detail": "y"}, 5]}
    )
    error = problem(422, content.encode(), "7")
    assert (error.code, error.status, error.detail, error.retry_after) == ("invalid_record", 422, "Bad.", 7.0)
    assert error.errors == ({"ref": "1", "code": "x", "detail": "y"},)


@pytest.mark.parametrize("content", [b"<html>", b"", b"[]", b'{"errors": 5}', b"\xff"])
def test_what_a_proxy_answers_is_a_problem_too(content):
    error = problem(502, content, "Wed, 21 Oct 2026 07:28:00 GMT")
    assert (error.code, error.status, error.retry_after) == ("http_502", 502, None)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[1]", b"5"])
def test_an_answer_that_is_no_object(content):
    with pytest.raises(ProtocolError):
        read_document(content)


def test_lines_that_are_none():
    assert read_lines(b'{"a": 1}\n\n{"a": 2}\n') == [{"a": 1}, {"a": 2}]
    with pytest.raises(ProtocolError):
        read_lines(b"nonsense")


BUSY = ProblemError("too_many", 429, "Later.")
POST_ONCE = get("/x").__class__("POST", "/x", repeatable=False)


@pytest.mark.parametrize(
    ("request_", "tried", "waited", "error"),
    [
        (POST_ONCE, 1, 0, BUSY),
        (get("/x"), 6, 0, BUSY),
        (get("/x"), 1, 120, BUSY),
        (get("/x"), 1, 0, ProblemError("too_many", 429, "Later.", retry_after=1000)),
        (get("/x"), 1, 0, ProblemError("not_found", 404, "No.")),
        (get("/x"), 1, 0, ProblemError("conflict", 409, "No.")),
    ],
)
def test_when_a_call_is_not_made_again(request_, tried, waited, error):
    assert Pacing().delay(request_, tried, waited, error) is None


def test_how_long_a_client_waits():
    pacing = Pacing()
    assert 7 <= pacing.delay(get("/x"), 1, 0, ProblemError("too_many", 429, "", retry_after=7)) < 8
    assert 0.125 <= pacing.delay(get("/x"), 1, 0, NetworkError("")) <= 0.25
    assert pacing.delay(get("/x"), 5, 0, NetworkError("")) <= pacing.longest_delay


@pytest.mark.parametrize(
    "url", ["", "node.example", "ftp://x", "https://", "https://u:p@x", "https://x/?a=1", "https://x/#f"]
)
def test_what_is_no_address_of_a_node(url):
    with pytest.raises(ValueError, match="must look like"):
        check_url(url)


def test_an_address_has_no_slash_at_its_end():
    assert check_url("https://node.example/") == "https://node.example"
