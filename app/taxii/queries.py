"""Queries: what a request asks of a collection, and the cursor to the next page.

The rule here: a cursor holds everything that the next page needs - whose it is, the collection, the filters, the place
- signed, and never expires. It is good alone, or with the filters it was given for; with `added_after` too, of which
the later place counts. With another collection it is refused: to go on there would lose data in silence.
"""

import base64
import binascii
import hmac
from dataclasses import astuple
from typing import Any

import msgspec
from starlette.requests import Request

from app.domain.errors import Invalid, InvalidCursor
from app.domain.timestamps import read_time
from app.services.taxii_pages import MOST_IDS, Filters, Position, since
from app.web.deps import actor_of, hall_of

DEFAULT_LIMIT = 100  # objects
MAX_LIMIT = 1_000  # objects: about 2 MB of JSON
_MAC_BYTES = 12
_MATCH = {"types": "type", "ids": "id", "versions": "version", "spec_versions": "spec_version"}


def read_limit(request: Request) -> int:
    """Read how many objects are asked for; more than MAX_LIMIT is MAX_LIMIT. Raises Invalid: not a number above 0."""
    given = request.query_params.get("limit")
    if not given:
        return DEFAULT_LIMIT
    if not (given.isascii() and given.isdigit() and int(given[:20]) > 0):
        raise Invalid("limit must be a whole number above 0.")
    return min(int(given[:20]), MAX_LIMIT)


def read_filters(request: Request) -> Filters:
    """Read what `match[...]` asks for. Raises Invalid: more values than one question may have."""
    found: dict[str, tuple[str, ...] | None] = {}
    for name, word in _MATCH.items():
        given = request.query_params.getlist(f"match[{word}]")
        values = tuple(part.strip() for text in given for part in text.split(",") if part.strip())
        if len(values) > MOST_IDS:
            raise Invalid(f"match[{word}] takes at most {MOST_IDS} values.")
        found[name] = values or None
    return Filters(**found)


def read_position(request: Request, collection: str, filters: Filters) -> tuple[Filters, Position]:
    """Read where the page begins, and by which filters. Raises InvalidCursor, Invalid."""
    given = request.query_params.get("added_after")
    after = since(read_time(given, "added_after")) if given else Position()
    cursor = request.query_params.get("next")
    if not cursor:
        return filters, after
    own, place = _read(request, collection, cursor)
    if filters not in (Filters(), own):
        raise InvalidCursor("This next belongs to other filters; send those, or none, or start again without it.")
    return own, max(place, after, key=lambda item: item.after)


def write_cursor(request: Request, collection: str, filters: Filters, following: Position) -> str:
    """Write the cursor to a place in a collection."""
    body = msgspec.json.encode([collection, astuple(filters), following.after, following.inside])
    return base64.urlsafe_b64encode(_mac(request, body) + body).rstrip(b"=").decode()


def _read(request: Request, collection: str, cursor: str) -> tuple[Filters, Position]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("This next was not given out here; start again without it.") from error
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(_mac(request, body), mac):
        raise InvalidCursor("This next was not given out here to you; start again without it.")
    held: Any = msgspec.json.decode(body)
    if held[0] != collection:
        raise InvalidCursor("This next belongs to another collection; start this one without it.")
    filters = Filters(*(None if part is None else tuple(part) for part in held[1]))
    return filters, Position(int(held[2]), bool(held[3]))


def _mac(request: Request, body: bytes) -> bytes:
    said = actor_of(request).organization.bytes + body
    return hall_of(request).node.identity.digest("taxii-next", said)[:_MAC_BYTES]
