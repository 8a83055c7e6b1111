"""Bodies: what a request says, read strictly from its bytes, and answers made into bytes once.

The rule here: a framework's JSON body accepts NaN and duplicate keys and keeps the last; here they are refused, because
two readers of one document must not read two things.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import Invalid, InvalidRecord, Refused
from app.web.limits import SMALL_BODY, read_body

JSON = "application/json"
NDJSON = "application/x-ndjson"
In = TypeVar("In", bound=BaseModel)


def parse_json(raw: bytes) -> Any:
    """Read a JSON document: UTF-8, no duplicate keys, no NaN, no deeper than Python recurses. Raises Invalid."""
    try:
        document = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
        if b"\\ud" in raw or b"\\uD" in raw:
            msgspec.json.encode(document)  # half a surrogate pair is no character: it could not be answered
    except (ValueError, RecursionError) as error:
        raise Invalid(f"The body is not JSON that this node reads: {_reason(error)}.") from error
    return document


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return "it holds half a surrogate pair"
    return str(error) if isinstance(error, _NotStrictError) else "it is nested too deep or holds a number too long"


class _NotStrictError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise _NotStrictError("an object has a key twice")
    return document


def _refuse(text: str) -> NoReturn:
    raise _NotStrictError(f"{text} is not a JSON number")


def parse_model(model: type[In], document: Any) -> In:
    """Read a document as a model. Raises Invalid with one entry for each field refused."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        refused = [
            Refused(_CODES.get(item["type"], "invalid_field"), item["msg"], "".join(f"/{part}" for part in item["loc"]))
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        first = refused[0]
        raise Invalid(f"{first.pointer or 'The body'}: {first.detail}.", errors=refused) from error


_CODES = {"missing": "missing_field", "extra_forbidden": "unknown_field"}


def parse_lines(raw: bytes) -> Sequence[Any | Refused]:
    """Read NDJSON: for each line that is not blank its document, or why it is refused."""
    rows: list[Any | Refused] = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(parse_json(line))
        except (Invalid, InvalidRecord) as error:
            rows.append(Refused("invalid_line", error.detail, f"/{number}"))
    return rows


async def read_mapping(request: Request, most: int = SMALL_BODY) -> tuple[bytes, dict[str, Any]]:
    """Read a JSON object: its bytes, and what they say."""
    raw = await read_body(request, most, (JSON,))
    document = parse_json(raw)
    if not isinstance(document, dict):
        raise Invalid("The body must be a JSON object.")
    return raw, document


def json_answer(document: Any, status: int = 200, location: str | None = None) -> Response:
    """Answer a document, made into bytes once."""
    headers = None if location is None else {"location": location}
    return Response(msgspec.json.encode(document), status, headers, JSON)


def asks_for_lines(request: Request) -> bool:
    """Tell whether the caller asks for NDJSON by Accept."""
    return NDJSON in request.headers.get("accept", "") or "application/jsonl" in request.headers.get("accept", "")


def lines_answer(rows: Iterable[Any]) -> Response:
    """Answer rows as NDJSON."""
    return Response(msgspec.json.Encoder().encode_lines(rows), 200, media_type=NDJSON)
