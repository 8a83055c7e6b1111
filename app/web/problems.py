"""Problems: every refusal over HTTP, as RFC 9457 says.

The rule here: one table from meaning to status, and no status number below this floor. A detail never says whether a
hidden thing exists.
"""

from typing import Any

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.domain import errors
from app.domain.errors import Meaning, Refused
from app.services.remote import PeerRefused

TYPE = "https://watchfire.dev/problems/"
MEDIA_TYPE = "application/problem+json"

STATUS: dict[type[Meaning], int] = {
    errors.Invalid: 422,
    errors.InvalidCursor: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.NotAcceptable: 406,
    errors.Conflict: 409,
    errors.IdempotencyMismatch: 422,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.TooMany: 429,
    errors.Unavailable: 503,
    PeerRefused: 502,
    Meaning: 400,
}
OF_FRAMEWORK = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}
RETRY_UNAVAILABLE = 2  # seconds after which a passing fault of the database is worth another try

log = structlog.get_logger()


def status_of(meaning: type[Meaning]) -> int:
    """Give the status of a meaning: that of its nearest ancestor in the table."""
    return next(STATUS[kind] for kind in meaning.__mro__ if kind in STATUS)


def problem(
    status: int, code: str, title: str, detail: str, instance: str, refused: tuple[Refused, ...] = ()
) -> Response:
    """Make a problem document."""
    document: dict[str, Any] = {
        "type": TYPE + code,
        "code": code,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    if refused:
        document["errors"] = [error_document(item) for item in refused]
    return Response(msgspec.json.encode(document), status, media_type=MEDIA_TYPE)


def error_document(refused: Refused) -> dict[str, Any]:
    """Give one refused place or row as it stands in an answer."""
    document = {"pointer": refused.pointer, "code": refused.code, "detail": refused.detail}
    if refused.ref is not None:
        document["ref"] = refused.ref
    if refused.suggestion is not None:
        document["suggestion"] = refused.suggestion
    return document


async def answer_meaning(request: Request, meaning: Exception) -> Response:
    """Answer a refusal of the house."""
    if not isinstance(meaning, Meaning):
        raise TypeError(type(meaning).__name__)
    status = status_of(type(meaning))
    response = problem(status, meaning.code, meaning.title(), meaning.detail, request.url.path, meaning.errors)
    spent = getattr(request.state, "spent", None)
    if spent is not None:
        response.headers.update(spent.headers())
    if isinstance(meaning, errors.Unauthenticated):
        response.headers["www-authenticate"] = 'Bearer realm="watchfire", Basic realm="watchfire"'
    if isinstance(meaning, errors.TooMany):
        response.headers["retry-after"] = str(meaning.retry_after)
    if isinstance(meaning, errors.Unavailable):
        response.headers["retry-after"] = str(RETRY_UNAVAILABLE)
    return response


async def answer_framework(request: Request, error: Exception) -> Response:
    """Answer a refusal of the framework (no such route or method) in the same form."""
    if not isinstance(error, HTTPException):
        raise TypeError(type(error).__name__)
    code = OF_FRAMEWORK.get(error.status_code, "refused")
    detail = "There is no such address here." if error.status_code == 404 else str(error.detail)  # noqa: PLR2004 - HTTP
    response = problem(error.status_code, code, code.replace("_", " ").capitalize(), detail, request.url.path)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


async def answer_validation(request: Request, error: Exception) -> Response:
    """Answer parameters that FastAPI refused, with one entry for each."""
    found: list[dict[str, Any]] = getattr(error, "errors", list)()
    refused = tuple(
        Refused(str(item["type"]), str(item["msg"]), "/" + "/".join(map(str, item["loc"]))) for item in found
    )
    return problem(
        422,
        "invalid",
        errors.Invalid.title(),
        "The request has parameters that are not valid.",
        request.url.path,
        refused,
    )


async def answer_unexpected(request: Request, error: Exception) -> Response:
    """Answer a fault of the house itself; what it was stands in the log only."""
    await log.aexception("unexpected fault", fault=type(error).__name__, route=route_of(request))
    return problem(500, "internal", "The node failed", "This is a fault of the node; it was noted.", request.url.path)


def route_of(request: Request) -> str:
    """Give the route's template, which holds no address and no id."""
    return str(getattr(request.scope.get("route"), "path_format", "-"))
