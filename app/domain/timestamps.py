"""Times: RFC 3339, UTC, microseconds, in one spelling.

The rule here: a time in a record has exactly the form `2026-05-01T00:00:00.000000Z`; what people write is read more
generously by `read_time` and rewritten.
"""

import re
from datetime import UTC, datetime

from app.domain.errors import InvalidRecord

# hours to 23: a later Python reads 24:00 as the next day
_CANONICAL = re.compile(r"[12]\d{3}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{6}Z", re.ASCII)
_RFC3339 = re.compile(r"[12]\d{3}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d))?")


EARLIEST = datetime(1000, 1, 1, tzinfo=UTC)  # what the canonical form can say
LATEST = datetime(2999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def format_time(moment: datetime) -> str:
    """Write an aware time in the one canonical form."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: object, pointer: str = "") -> datetime:
    """Read a time in the canonical form only. Raises InvalidRecord."""
    if isinstance(text, str) and _CANONICAL.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise InvalidRecord(f"{pointer or 'The time'} must be a UTC time like 2026-05-01T00:00:00.000000Z.")


def read_time(text: str, pointer: str = "") -> datetime:
    """Read any RFC 3339 time, or a bare date (midnight UTC); digits beyond microseconds are cut.

    Raises InvalidRecord, for a time outside the years 1000 to 2999 in UTC too: it could not be written down.
    """
    if isinstance(text, str) and _RFC3339.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text.upper())
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        else:
            if EARLIEST <= moment <= LATEST:
                return moment
    raise InvalidRecord(f"{pointer or 'The time'} must be an RFC 3339 time like 2026-05-01T00:00:00Z, or a date.")
