"""Identifiers: UUIDv7 for whatever is kept, and their one textual form.

The rule here: no clock and no generator of randomness is read; both are parameters, so that tests own them.
"""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from app.domain.errors import InvalidRecord

_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ID_VERSION = 7  # of the UUIDs that records state

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uuid7(now: datetime, random: bytes) -> UUID:
    """Make a UUIDv7 (RFC 9562, 5.7) of the time in milliseconds and 10 random bytes.

    `now` is aware. Two ids of one millisecond are ordered by their random bits, not by their making.
    """
    milliseconds = (now - _EPOCH) // timedelta(milliseconds=1)
    noise = int.from_bytes(random[:10], "big")
    value = (milliseconds & ((1 << 48) - 1)) << 80 | noise
    value = value & ~(0xF << 76) | 7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def parse_id(text: object, pointer: str = "") -> UUID:
    """Read a UUIDv7 in its one canonical form (lower case, hyphens).

    Raises InvalidRecord: any other version, case or form, because one id must have one spelling.
    """
    if not isinstance(text, str) or not _UUID7.fullmatch(text):
        message = f"{pointer or 'The id'} must be a UUIDv7 in lower case with hyphens."
        raise InvalidRecord(message)
    return UUID(text)


def derived_id(origin: str, record_id: UUID) -> UUID:
    """Give the id under which a record is kept here whose own id another origin's record has taken.

    A UUIDv8 (RFC 9562, 5.8) of the SHA-256 of the origin, a zero byte and the id: no record can state one, because
    `parse_id` reads version 7 alone.
    """
    value = int.from_bytes(sha256(origin.encode() + b"\x00" + record_id.bytes).digest()[:16], "big")
    value = value & ~(0xF << 76) | 8 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)
