"""Exports: everything that one may read, as one stream in the form that the other side knows.

The rule here: bounded memory, whatever is exported: one page of reports is read while the one before leaves. An API key
gives no export: a token by private_key_jwt does.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import Query, Request, Response
from starlette.responses import StreamingResponse

from app.api.operations import refusals
from app.domain import reading, vocabulary
from app.domain.actor import Actor
from app.domain.timestamps import read_time
from app.formats import misp_events, stix
from app.formats.exporting import csv_pieces, ndjson_pieces
from app.formats.published import Published
from app.formats.tagpack_writing import TagPackWriter
from app.services import export, look_up
from app.services.export import Wish
from app.web.bodies import JSON, NDJSON, asks_for_lines
from app.web.deps import Hall, actor_of, hall_of, signed_in_router

router = signed_in_router("exports")
Form = Literal["csv", "ndjson", "tagpack", "stix", "misp"]
MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {"csv": "text/csv", "ndjson": NDJSON, "tagpack": "application/yaml", "stix": stix.MEDIA_TYPE, "misp": JSON}
)
SUFFIXES: Mapping[str, str] = MappingProxyType(
    {"csv": "csv", "ndjson": "ndjson", "tagpack": "yaml", "stix": "json", "misp": "json"}
)
MAX_SEEN = 200_000  # ids of objects that a STIX export remembers, so that it gives each once: about 30 MB
_STATES = Literal["live", "superseded", "revoked", "erased"]


@router.get(
    "/exports",
    responses={
        200: {
            "description": "The export, streamed.",
            "content": {media_type.partition(";")[0]: {"schema": {}} for media_type in MEDIA_TYPES.values()},
        },
        **refusals(),
    },
    response_class=Response,
)
async def export_reports(
    request: Request,
    form: Annotated[Form, Query(alias="format", description="csv, ndjson, tagpack, stix or misp.")],
    category: Annotated[str | None, Query(description="A category of the vocabulary.")] = None,
    chain: Annotated[str | None, Query(description="CAIP-2 id or slug.")] = None,
    state: Annotated[_STATES | None, Query()] = None,
    issuer: Annotated[UUID | None, Query()] = None,
    since: Annotated[str | None, Query(description="Arrived or changed at or after this RFC 3339 time.")] = None,
    strict: Annotated[bool, Query(description="With TLP:AMBER+STRICT, for your own members only.")] = False,
) -> Response:
    """Export what you may read, never TLP:RED. Needs a token got with private_key_jwt.

    With Accept: application/x-ndjson, STIX comes as lines, one object each.
    """
    hall, actor = hall_of(request), actor_of(request)
    if category is not None:
        reading.word(category, vocabulary.CATEGORIES, "/query/category")
    found_chain = look_up.find_chain(chain)
    wish = Wish(
        category,
        None if found_chain is None else found_chain.caip2,
        state,
        issuer,
        None if since is None else read_time(since, "since"),
        strict,
    )
    await export.begin(hall.node, actor, form, hall.clock())
    as_lines = form == "stix" and asks_for_lines(request)
    media_type = NDJSON if as_lines else MEDIA_TYPES[form]
    headers = {
        "content-disposition": f'attachment; filename="watchfire.{"ndjson" if as_lines else SUFFIXES[form]}"',
        "cache-control": "no-store",
    }
    pieces = _counted(hall, actor, _pieces(hall, actor, wish, form, as_lines=as_lines))
    first = await anext(pieces, b"")  # what is refused is refused before the first byte
    return StreamingResponse(_from(first, pieces), 200, headers, media_type)


async def _counted(hall: Hall, actor: Actor, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Count the export among those under way until its last piece has left."""
    with hall.exporting.one(str(actor.organization)):
        async for piece in pieces:
            if piece:
                yield piece


async def _from(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


def _pieces(hall: Hall, actor: Actor, wish: Wish, form: Form, *, as_lines: bool) -> AsyncIterator[bytes]:
    node = hall.node
    if form == "misp":
        return _misp(hall, actor, wish)
    found = export.pages(node, actor, wish)
    match form:
        case "csv":
            return _table(found)
        case "ndjson":
            return _lines(found)
        case "tagpack":
            return _tagpack(found, TagPackWriter(f"Export of {node.name}", node.name))
    return _stix_lines(found) if as_lines else _stix(found)


async def _table(found: AsyncIterator[list[Published]]) -> AsyncIterator[bytes]:
    for piece in csv_pieces(()):
        yield piece
    async for page in found:
        for piece in csv_pieces(page, header=False):
            yield piece


async def _lines(found: AsyncIterator[list[Published]]) -> AsyncIterator[bytes]:
    async for page in found:
        for piece in ndjson_pieces(page):
            yield piece


async def _tagpack(found: AsyncIterator[list[Published]], writer: TagPackWriter) -> AsyncIterator[bytes]:
    yield writer.head()
    async for page in found:
        for piece in writer.pieces(page):
            yield piece
    yield writer.tail()


async def _stix(found: AsyncIterator[list[Published]]) -> AsyncIterator[bytes]:
    encode = msgspec.json.Encoder().encode
    head = {key: value for key, value in stix.bundle([], "export").items() if key != "objects"}
    yield encode(head)[:-1] + b',"objects":['
    start, seen = b"", set[str]()
    async for page in found:
        for part in _objects(page, seen):
            yield start + b",".join(encode(item) for item in part)
            start = b","
    yield b"]}"


async def _stix_lines(found: AsyncIterator[list[Published]]) -> AsyncIterator[bytes]:
    encoder, seen = msgspec.json.Encoder(), set[str]()
    async for page in found:
        for part in _objects(page, seen):
            yield encoder.encode_lines(part)


def _objects(page: Iterable[Published], seen: set[str]) -> Iterator[list[dict[str, Any]]]:
    """Give the objects of each report that were not given before, as far as that is remembered."""
    for report in page:
        new = []
        for item in stix.whole(report):
            version = f"{item['id']} {item.get('modified', '')}"
            if version not in seen:
                new.append(item)
            if len(seen) < MAX_SEEN:
                seen.add(version)
        if new:
            yield new


async def _misp(hall: Hall, actor: Actor, wish: Wish) -> AsyncIterator[bytes]:
    start = b'{"response":['
    async for heading, pieces in export.events(hall.node, actor, wish):
        yield start + msgspec.json.encode(misp_events.event(heading, pieces))
        start = b","
    yield b'{"response":[]}' if start != b"," else b"]}"
