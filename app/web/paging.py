"""Paging: cursors that hold their own place, and the links to the next page.

The rule here: a cursor is stateless, never expires, is signed, and is good only for the list, the filters and the
organization that it was given for.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import InvalidCursor
from app.web.bodies import json_answer
from app.web.deps import actor_of, hall_of

DEFAULT_LIMIT = 100  # rows
MAX_LIMIT = 1_000  # rows: about 1 MB of JSON
_MAC_BYTES = 12


def write_cursor(request: Request, purpose: Sequence[Any], place: Any) -> str:
    """Write the place after which the next page starts; `purpose` names the list and gives its filters as asked."""
    body = msgspec.json.encode(place)
    return base64.urlsafe_b64encode(_mac(request, purpose, body) + body).rstrip(b"=").decode()


def read_cursor(request: Request, purpose: Sequence[Any], cursor: str | None) -> Any:
    """Read a cursor; None without one (absent or empty). Raises InvalidCursor."""
    if not cursor:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("This cursor was not given out here; start again without it.") from error
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(_mac(request, purpose, body), mac):
        raise InvalidCursor("This cursor belongs to another list or other filters; start again without it.")
    return msgspec.json.decode(body)


def _mac(request: Request, purpose: Sequence[Any], body: bytes) -> bytes:
    """Authenticate a place: for whom, in which list, by which filters, and where."""
    said = msgspec.json.encode([actor_of(request).organization, *purpose]) + b"\x00" + body
    return hall_of(request).node.identity.digest("cursor", said)[:_MAC_BYTES]


def page(
    request: Request, rows: list[dict[str, Any]], purpose: Sequence[Any], last: Any | None, **said: Any
) -> Response:
    """Answer a page of the list that `purpose` names: its rows, and where another follows, the cursor after `last`.

    `said` is what the answer says of the whole list.
    """
    cursor = None if last is None else write_cursor(request, purpose, last)
    response = json_answer({str(purpose[0]): rows, **said, "next": cursor})
    if cursor is not None:
        response.headers["link"] = next_link(request, cursor)
    return response


def next_link(request: Request, cursor: str) -> str:
    """Give the Link field to the next page (RFC 8288): the same path and filters, with the cursor."""
    parameters = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f'<{request.url.path}?{urlencode([*parameters, ("cursor", cursor)])}>; rel="next"'
