"""The feed folder: manifest.json, one file for each event, and hashes.csv.

The rule here: the key decides whose feed it is, and a stranger learns nothing, not even which events there are. Beside
`/misp/feed/` there is `/misp/feed-strict/`, which holds TLP:AMBER+STRICT too: whoever enters that address has decided
it. Answers are streamed page by page; a manifest that is the same is 304.
"""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Request, Response
from starlette.responses import StreamingResponse

from app.formats import misp_events
from app.services import misp_feed
from app.web.bodies import JSON, json_answer
from app.web.deps import SignedIn, actor_of, hall_of

router = APIRouter(prefix="/misp", route_class=SignedIn, include_in_schema=False)
Folder = Annotated[str, Path(pattern=r"^feed(-strict)?$")]
_PRIVATE = "private, no-cache"  # kept by the asker alone, and asked for anew each time


@router.get("/{folder}/manifest.json")
async def read_manifest(request: Request, folder: Folder) -> Response:
    """Read the list of events; 304 where it is the one that the asker has."""
    hall, actor = hall_of(request), actor_of(request)
    await misp_feed.refresh(hall.node, actor)
    state = await misp_feed.state(hall.node, actor, strict=_is_strict(folder))
    headers = {"etag": f'"{state.tag}"', "cache-control": _PRIVATE, "vary": "Authorization, X-API-Key"}
    if state.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return StreamingResponse(_manifest(request, folder), 200, headers, JSON)


async def _manifest(request: Request, folder: str) -> AsyncIterator[bytes]:
    encode = msgspec.json.Encoder().encode
    start = b"{"
    async for page in misp_feed.headings(hall_of(request).node, actor_of(request), strict=_is_strict(folder)):
        entries = [encode(str(heading.id)) + b":" + encode(misp_events.manifest_entry(heading)) for heading in page]
        yield start + b",".join(entries)
        start = b","
    yield b"{}" if start == b"{" else b"}"


@router.get("/{folder}/hashes.csv")
async def read_hashes(request: Request, folder: Folder) -> Response:
    """Read the MD5 of each address that stands, with its event."""
    hall, actor = hall_of(request), actor_of(request)
    await misp_feed.refresh(hall.node, actor)
    return StreamingResponse(_hashes(request, folder), 200, {"cache-control": _PRIVATE}, "text/csv")


async def _hashes(request: Request, folder: str) -> AsyncIterator[str]:
    actor, empty = actor_of(request), True
    async for heading, pieces in misp_feed.events(hall_of(request).node, actor, strict=_is_strict(folder)):
        lines = "".join(misp_events.hashes(heading, pieces))
        if lines:
            empty = False
            yield lines
    if empty:
        yield misp_events.no_hashes(actor.organization)


@router.get("/{folder}/{event_id}.json")
async def read_event(request: Request, folder: Folder, event_id: UUID) -> Response:
    """Read one event."""
    hall, actor = hall_of(request), actor_of(request)
    heading, pieces = await misp_feed.event(hall.node, actor, event_id, strict=_is_strict(folder))
    response = json_answer(misp_events.event(heading, pieces))
    response.headers["cache-control"] = _PRIVATE
    return response


def _is_strict(folder: str) -> bool:
    return folder == "feed-strict"
