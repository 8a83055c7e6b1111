"""Problems: one form for every refusal."""

import json

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.domain import errors
from app.domain.errors import Meaning, Refused
from app.web import problems


def request(path="/v1/x"):
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", "server": ("node", 80)}
    return Request(scope)


@pytest.mark.parametrize(
    ("meaning", "status"),
    [
        (errors.Invalid("x"), 422),
        (errors.InvalidAddress("checksum", "x"), 422),
        (errors.AboveCeiling("x"), 422),
        (errors.InvalidCursor("x"), 400),
        (errors.Unauthenticated("x"), 401),
        (errors.Forbidden("x"), 403),
        (errors.NotFound("x"), 404),
        (errors.Conflict("x"), 409),
        (errors.NotNext("x"), 409),
        (errors.IdempotencyMismatch("x"), 422),
        (errors.PreconditionFailed("x"), 412),
        (errors.TooLarge("x"), 413),
        (errors.UnsupportedMediaType("x"), 415),
        (errors.TooMany("x", retry_after=7), 429),
        (errors.Unavailable("x"), 503),
        (Meaning("x"), 400),
    ],
)
async def test_each_meaning_has_its_status(meaning, status):
    answer = await problems.answer_meaning(request(), meaning)
    said = json.loads(answer.body)
    assert (answer.status_code, said["status"], said["code"]) == (status, status, meaning.code)
    assert answer.media_type == "application/problem+json"
    assert said["type"] == f"https://watchfire.dev/problems/{meaning.code}"
    assert (said["title"], said["detail"], said["instance"]) == (meaning.title(), "x", "/v1/x")
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert answer.headers.get("retry-after") == {429: "7", 503: "2"}.get(status)


async def test_a_new_leaf_gets_the_status_of_its_ancestor():
    class TooColdError(errors.Conflict):
        """It is too cold."""

    assert problems.status_of(TooColdError) == 409


async def test_each_refused_place_is_named():
    rows = (Refused("bad", "No.", "/indicators/0/address", "row-1"), Refused("worse", "Never.", "/tlp"))
    answer = await problems.answer_meaning(request(), errors.InvalidRecord("Two rows.", errors=rows))
    assert json.loads(answer.body)["errors"] == [
        {"pointer": "/indicators/0/address", "code": "bad", "detail": "No.", "ref": "row-1"},
        {"pointer": "/tlp", "code": "worse", "detail": "Never."},
    ]


async def test_the_framework_speaks_in_the_same_form():
    answer = await problems.answer_framework(request(), HTTPException(405, headers={"allow": "GET"}))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert json.loads(answer.body)["code"] == "method_not_allowed"
    answer = await problems.answer_framework(request(), HTTPException(418, "teapot"))
    assert (answer.status_code, json.loads(answer.body)["code"]) == (418, "refused")


@pytest.mark.parametrize("handler", [problems.answer_meaning, problems.answer_framework])
async def test_a_handler_takes_its_own_kind_only(handler):
    with pytest.raises(TypeError):
        await handler(request(), ValueError("x"))
