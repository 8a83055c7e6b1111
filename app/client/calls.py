"""Every call of the API as a request, and how an answer is read: no input or output happens here.

The rule here: whether a call may be repeated is decided with the request (`repeatable`), never by whoever sends it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from app.client.problems import ProblemError, ProtocolError

NDJSON = "application/x-ndjson"
MAX_SCREENING_ROWS = 10_000  # addresses of one call: the node's limit
MAX_SCREENING_BYTES = 1_500_000  # bytes of one call: the node refuses bodies above 2 MiB
MAX_DETAIL = 2_000  # characters of a foreign error body that are kept


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to a node; `path` begins with `/`. `content` is not shown: it may hold a secret."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    content: bytes = field(default=b"", repr=False)
    content_type: str = "application/json"
    accept: str = "application/json"
    idempotency_key: str = ""
    repeatable: bool = True
    signed_in: bool = True


def get(path: str, **query: object) -> Request:
    """Make a GET; a query value of None is left out."""
    return Request("GET", path, {name: str(value) for name, value in query.items() if value is not None})


def post(path: str, document: object, idempotency_key: str, **query: object) -> Request:
    """Make a POST of a JSON document that may be repeated, because its key makes the node do it once."""
    return Request(
        "POST",
        path,
        {name: str(value) for name, value in query.items() if value is not None},
        document if isinstance(document, bytes) else msgspec.json.encode(document),
        idempotency_key=idempotency_key,
    )


def part(text: object) -> str:
    """Write a text as one part of a path."""
    return quote(str(text), safe=":")


def screening(lines: bytes) -> Request:
    """Make a screening of rows that are already lines of JSON: it changes nothing, so it may be repeated."""
    return Request("POST", "/v1/screenings", content=lines, content_type=NDJSON, accept=NDJSON)


def screening_bodies(rows: Iterable[Mapping[str, Any] | str], chain: str | None = None) -> Iterable[bytes]:
    """Cut rows into bodies of at most MAX_SCREENING_ROWS lines and MAX_SCREENING_BYTES, reading no further ahead.

    A row is an address, or has `address` and perhaps `chain` and `ref`. `chain` is for rows that state none.
    """
    encode = msgspec.json.Encoder().encode
    lines: list[bytes] = []
    size = 0
    for row in rows:
        question = {"address": row} if isinstance(row, str) else dict(row)
        if chain and not question.get("chain"):
            question["chain"] = chain
        line = encode(question)
        if lines and (len(lines) >= MAX_SCREENING_ROWS or size + len(line) + 1 > MAX_SCREENING_BYTES):
            yield b"\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield b"\n".join(lines)


def read_lines(content: bytes) -> list[dict[str, Any]]:
    """Read an answer of JSON lines. Raises ProtocolError."""
    decode = msgspec.json.Decoder().decode
    try:
        rows = [decode(line) for line in content.splitlines() if line]
    except msgspec.DecodeError as error:
        raise ProtocolError("The node's answer is not lines of JSON.") from error
    return rows


def read_document(content: bytes) -> dict[str, Any]:
    """Read an answer that is one JSON object. Raises ProtocolError."""
    try:
        document = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise ProtocolError("The node's answer is not JSON; is the URL that of a Watchfire node?") from error
    if not isinstance(document, dict):
        raise ProtocolError("The node's answer is not a JSON object.")
    return document


def problem(status: int, content: bytes, retry_after: str | None = None) -> ProblemError:
    """Read a refusal: a problem document, or whatever a proxy in between has answered."""
    try:
        document = json.loads(content)
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    errors = document.get("errors")
    return ProblemError(
        str(document.get("code") or f"http_{status}"),
        status,
        str(document.get("detail") or document.get("title") or f"The node answered {status}.")[:MAX_DETAIL],
        [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else (),
        _seconds(retry_after),
    )


def _seconds(text: str | None) -> float | None:
    """Read Retry-After: seconds; a date is not read, and then the client's own pace holds."""
    return float(text) if text and text.isascii() and text.isdigit() else None
