"""How operations are documented: bodies that are read from raw bytes, and the refusals that every operation can give.

The rule here: what is documented is what is sent; schemathesis holds the service to this document.
"""

from typing import Any

from pydantic import BaseModel

from app.web.bodies import JSON, NDJSON
from app.web.problems import MEDIA_TYPE

_TITLES = {
    400: "The cursor was not given out here.",
    401: "The caller did not prove who it is.",
    403: "The credential may not do this.",
    404: "There is nothing here that the caller may see.",
    409: "The request contradicts what is there.",
    412: "The thing has changed since it was read.",
    413: "The body is too large.",
    415: "The body is not in a form that is read here.",
    422: "The request does not say something acceptable.",
    429: "The budget is used up; see Retry-After.",
    502: "The other node refused, or answered what is no answer.",
    503: "The node, or the other node, cannot do this now; see Retry-After.",
}
_PROBLEM: dict[str, Any] = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}}


def refusals(*statuses: int, signed_in: bool = True) -> dict[int | str, dict[str, Any]]:
    """Document the refusals of an operation: its own, and those of every signed-in one."""
    every = (401, 403, 422, 429, 503) if signed_in else (422, 429, 503)
    return {status: {"description": _TITLES[status], **_PROBLEM} for status in sorted({*every, *statuses})}


def takes(model: type[BaseModel], example: Any, *, lines: bool = False) -> dict[str, Any]:
    """Document a JSON body (and with `lines` an NDJSON one) that the operation reads from raw bytes."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    content: dict[str, Any] = {JSON: {"schema": schema, "example": example}}
    if lines:
        content[NDJSON] = {"schema": {"type": "string"}}
    return {"requestBody": {"required": True, "content": content}}


def also_lines(model: type[BaseModel], description: str) -> dict[int | str, dict[str, Any]]:
    """Document an answer that is JSON, or NDJSON where Accept asks for it."""
    return {
        200: {
            "model": model,
            "description": description,
            "content": {NDJSON: {"schema": {"type": "string"}}},
        }
    }
