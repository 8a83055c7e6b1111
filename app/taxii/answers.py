"""Answers: everything that leaves this surface, refusals too, in the one media type and the forms of TAXII 2.1.

The rule here: the content type is written exactly as clients compare it; an error resource (section 3.6.1) tells the
same code and sentence as the problems of `/v1`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import Meaning, NotAcceptable
from app.web import problems

MEDIA_TYPE = "application/taxii+json;version=2.1"
_TYPES = frozenset({"*/*", "application/*", "application/json", "application/taxii+json"})
_VERSIONS = frozenset({"", "2.1"})
_UNPROCESSABLE, _BAD_REQUEST, _FAILED = 422, 400, 500

log = structlog.get_logger()


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a document."""
    return _answer(msgspec.json.encode(document), status, headers)


def empty(status: int = 200) -> Response:
    """Answer without a body, in the media type all the same."""
    return _answer(b"", status, None)


def _answer(content: bytes, status: int, headers: Mapping[str, str] | None) -> Response:
    response = Response(content, status, headers)
    response.headers["content-type"] = MEDIA_TYPE
    return response


def check_accept(request: Request) -> None:
    """Check that the caller takes this media type, as leniently as clients write it. Raises NotAcceptable."""
    given = ",".join(request.headers.getlist("accept"))
    if given.strip() and not any(_takes(part) for part in given.split(",")):
        raise NotAcceptable(f"This surface answers in {MEDIA_TYPE} only: send that, or */*, as Accept.")


def _takes(part: str) -> bool:
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    said = dict(piece.partition("=")[::2] for piece in parameters)
    version = said.get("version", "").strip().strip('"')
    refused = said.get("q", "1").strip() in {"0", "0.0", "0.00", "0.000"}
    return kind in _TYPES and version in _VERSIONS and not refused


async def refuse(request: Request, error: Exception) -> Response:
    """Answer a refusal, or a fault of the house, as an error resource."""
    if isinstance(error, Meaning):
        made = await problems.answer_meaning(request, error)
        # A parameter that cannot be read is a bad request in TAXII; a body that cannot be processed is the other.
        bad_parameter = made.status_code == _UNPROCESSABLE and request.method != "POST"
        status = _BAD_REQUEST if bad_parameter else made.status_code
        document = _error(error.title(), error.detail, error.code, status)
        if error.errors:
            document["details"] = {
                "errors": [{"pointer": item.pointer, "code": item.code} for item in error.errors][:100]
            }
    elif isinstance(error, HTTPException):
        made = await problems.answer_framework(request, error)
        code = problems.OF_FRAMEWORK.get(error.status_code, "refused")
        document = _error(code.replace("_", " ").capitalize(), str(error.detail), code, error.status_code)
    else:
        await log.aexception("unexpected fault", fault=type(error).__name__, route=problems.route_of(request))
        made = Response(status_code=_FAILED)
        document = _error("The node failed", "This is a fault of the node; it was noted.", "internal", _FAILED)
    kept = {name: value for name, value in made.headers.items() if name not in {"content-type", "content-length"}}
    return answer(document, int(document["http_status"]), kept)


def _error(title: str, description: str, code: str, status: int) -> dict[str, Any]:
    return {"title": title, "description": description, "error_code": code, "http_status": str(status)}
