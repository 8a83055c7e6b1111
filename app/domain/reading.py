"""Reading the fields of a document: each reader checks one shape and names the place when it refuses.

The rule here: a reader never guesses. It gives the value in its canonical form, or raises InvalidRecord with the
pointer of the field (RFC 6901) and what would be accepted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.errors import InvalidRecord, Refused
from app.domain.ids import parse_id
from app.domain.privacy import check_text
from app.domain.timestamps import parse_time, read_time

# controls (C0 but tab and line feed, DEL, C1: some terminals obey them), line separators, controls of the direction of
# writing (they make one text show as another: CVE-2021-42574), surrogates
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_NAME = 64  # characters of a field's name as it is shown in a pointer
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Refusal(InvalidRecord):
    """A field of the document is not acceptable."""

    def __init__(self, pointer: str, detail: str, code: str = "invalid_field") -> None:
        """Name the field by its pointer."""
        super().__init__(f"{pointer or 'The document'}: {detail}", errors=(Refused(code, detail, pointer),))


def check_keys(document: Mapping[str, Any], known: Iterable[str], pointer: str = "") -> None:
    """Check that a submitted document has no field but the known ones: a misspelt field must not be lost."""
    unknown = sorted(map(str, set(document) - set(known)))
    if unknown:
        raise Refusal(f"{pointer}/{_token(unknown[0])}", "there is no such field; check its spelling.", "unknown_field")


def _token(name: str) -> str:
    """Give a field's name as part of a pointer (RFC 6901, 3), short, and without what cannot be shown."""
    shown = _FORBIDDEN.sub("?", name[:_LONGEST_NAME])
    return shown.replace("~", "~0").replace("/", "~1")


def need(document: Mapping[str, Any], name: str, pointer: str = "") -> Any:
    """Give a field that must be there and not be null."""
    value = document.get(name)
    if value is None:
        raise Refusal(f"{pointer}/{name}", "this field is needed.", "missing_field")
    return value


def word(value: object, known: Sequence[str] | Mapping[str, Any], pointer: str) -> str:
    """Read a word of a closed vocabulary."""
    if isinstance(value, str) and value in known:
        return value
    raise Refusal(pointer, f"must be one of: {', '.join(known)}.", "unknown_word")


def text(value: object, pointer: str, longest: int, *, free: bool = False) -> str:
    """Read a text of 1 to `longest` characters without control characters; `free` text is checked for personal data."""
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise Refusal(pointer, f"must be a text of 1 to {longest} characters.")
    if _FORBIDDEN.search(value):
        raise Refusal(pointer, "must not hold control characters.")
    if free:
        try:
            check_text(value, "the text")
        except InvalidRecord as error:
            raise Refusal(pointer, error.detail, "personal_data") from error
    return value


def integer(value: object, pointer: str, lowest: int, highest: int) -> int:
    """Read an integer within bounds; a boolean is not one."""
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
        return value
    raise Refusal(pointer, f"must be a whole number from {lowest} to {highest}.")


def moment(value: object, pointer: str, *, strict: bool = False) -> datetime:
    """Read an RFC 3339 time or date; with `strict`, for signed bytes, only the canonical form of a time."""
    if strict:
        try:
            return parse_time(value)
        except InvalidRecord as error:
            detail = "must be a UTC time like 2026-05-01T00:00:00.000000Z in a signed record."
            raise Refusal(pointer, detail, "not_canonical") from error
    try:
        return read_time(value if isinstance(value, str) else "", "the time")
    except InvalidRecord as error:
        raise Refusal(pointer, "must be an RFC 3339 time like 2026-05-01T00:00:00Z, or a date.") from error


def maybe_moment(document: Mapping[str, Any], name: str, *, strict: bool) -> datetime | None:
    """Read the time of a field that may be absent or null."""
    value = document.get(name)
    return None if value is None else moment(value, f"/{name}", strict=strict)


def maybe_word(document: Mapping[str, Any], name: str, known: Sequence[str] | Mapping[str, Any]) -> str | None:
    """Read the word of a field that may be absent or null."""
    value = document.get(name)
    return None if value is None else word(value, known, f"/{name}")


def maybe_integer(document: Mapping[str, Any], name: str, lowest: int, highest: int) -> int | None:
    """Read the integer of a field that may be absent or null."""
    value = document.get(name)
    return None if value is None else integer(value, f"/{name}", lowest, highest)


def maybe_text(document: Mapping[str, Any], name: str, longest: int, *, free: bool = False) -> str | None:
    """Read the text of a field that may be absent or null."""
    value = document.get(name)
    return None if value is None else text(value, f"/{name}", longest, free=free)


def maybe_identifier(document: Mapping[str, Any], name: str) -> UUID | None:
    """Read the id of a field that may be absent or null."""
    value = document.get(name)
    return None if value is None else identifier(value, f"/{name}")


def span(document: Mapping[str, Any], *, strict: bool) -> tuple[datetime | None, datetime | None]:
    """Read `first_seen` and `last_seen`, each of which may be absent, in their order."""
    first, last = (maybe_moment(document, name, strict=strict) for name in ("first_seen", "last_seen"))
    if first and last and last < first:
        raise Refusal("/last_seen", "must not be before first_seen.")
    return first, last


def identifier(value: object, pointer: str) -> UUID:
    """Read a UUIDv7 in its one canonical form."""
    try:
        return parse_id(value)
    except InvalidRecord as error:
        raise Refusal(pointer, "must be a UUIDv7 in lower case with hyphens.") from error


def sha256_hex(value: object, pointer: str) -> str:
    """Read a SHA-256 in lower-case hexadecimal."""
    if isinstance(value, str) and _SHA256.fullmatch(value):
        return value
    raise Refusal(pointer, "must be a SHA-256: 64 hexadecimal characters in lower case.")


def rows(value: object, pointer: str, lowest: int, highest: int) -> list[Any]:
    """Read a list of a bounded number of rows."""
    if isinstance(value, list | tuple) and lowest <= len(value) <= highest:
        return list(value)
    raise Refusal(pointer, f"must be a list of {lowest} to {highest} entries.")


def mapping(value: object, pointer: str) -> dict[str, Any]:
    """Read a JSON object."""
    if isinstance(value, dict):
        return value
    raise Refusal(pointer, "must be an object.")
