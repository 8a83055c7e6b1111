"""Canonical JSON: the one byte form of a document, in and out.

The rule here: bytes are accepted only if they are exactly what `encode` gives for what they say. That one comparison
refuses duplicate keys, white space, unsorted keys, escapes that need not be, floats that look like integers and lone
surrogates. Under the restrictions below (ASCII keys, no floats, integers below 2**53) sorted compact JSON *is*
RFC 8785.
"""

import json
from typing import Any, NoReturn

from app.domain.errors import InvalidRecord

MAX_BYTES = 2 * 1024 * 1024  # bytes: a report of 10,000 addresses is about 1.2 MB
MAX_DEPTH = 16  # levels: a report needs 5
MAX_INTEGER = 2**53 - 1  # the largest integer that every JSON reader keeps (RFC 8785, 3.2.2.3)


def encode(document: Any) -> bytes:
    """Give the canonical bytes of a JSON document.

    Raises InvalidRecord where the document has no canonical form: floats, integers beyond 2**53, keys that are not
    ASCII, lone surrogates, or more than MAX_DEPTH levels.
    """
    _check(document, 0)
    return _dump(document)


def decode(data: bytes) -> Any:
    """Read canonical bytes.

    Raises InvalidRecord for anything else: larger than MAX_BYTES, not JSON, or not in canonical form.
    """
    if len(data) > MAX_BYTES:
        raise InvalidRecord(f"The document has {len(data)} bytes; at most {MAX_BYTES} are read.")
    try:
        document = _DECODER.decode(data.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidRecord("The document is not JSON that this node reads: UTF-8, without floats.") from error
    _check(document, 0)
    if _dump(document) != data:
        raise InvalidRecord("The document is not in canonical form (RFC 8785): keys sorted and unique, no white space.")
    return document


def _dump(document: Any) -> bytes:
    try:
        return _ENCODER.encode(document).encode()
    except UnicodeEncodeError as error:
        raise InvalidRecord("The document has a text with a lone surrogate.") from error


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(text)


# Made once: for a small document the making costs as much as the reading.
_DECODER = json.JSONDecoder(parse_float=_refuse_number, parse_constant=_refuse_number)
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str) or value is None or value is True or value is False:
        return
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise InvalidRecord("An integer of the document is beyond 2**53.")
    elif depth >= MAX_DEPTH:
        raise InvalidRecord(f"The document is nested deeper than {MAX_DEPTH} levels.")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise InvalidRecord("A key of the document is not ASCII text.")
            if not isinstance(item, str):
                _check(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth + 1)
    else:
        raise InvalidRecord(f"A {type(value).__name__} has no canonical form.")
