"""Logs: checkpoints, entries, tiles and proofs, for whoever may read the log.

The rule here: what is served can be proved against the checkpoint; C2SP forms where there is one.
"""

import base64
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response

from app.api.operations import also_lines, refusals
from app.api.shapes import AudienceModel, EnvelopeModel, Out
from app.domain import merkle
from app.domain.errors import Invalid, InvalidProof
from app.domain.signing import Envelope
from app.services import read_log
from app.services.read_log import Entry, Proof
from app.web.bodies import asks_for_lines, json_answer, lines_answer
from app.web.deps import actor_of, hall_of, signed_in_router
from app.web.paging import DEFAULT_LIMIT, MAX_LIMIT, page, read_cursor

router = signed_in_router("logs")
MAX_INDEX = 2**62  # entries: far beyond any log, within every database's integer
PAGE_BYTES = 8 * 1024 * 1024  # bytes of records in one page of entries
LogId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class LogOut(Out):
    """A log: one origin node's records for one audience."""

    id: str
    origin: str
    audience_key: str
    audience: AudienceModel
    epoch: int
    size: int
    root: str


class LogsOut(Out):
    """A page of logs."""

    logs: list[LogOut]
    next: str | None


class EntryOut(Out):
    """One entry; `envelope` is null after erasure, or where another node's record did not come: the leaf hash stays."""

    index: int
    leaf_hash: str
    record: str | None
    kind: str | None
    envelope: EnvelopeModel | None


class EntriesOut(Out):
    """Entries in their order; `next` is the index of the one after them, or null at the end."""

    entries: list[EntryOut]
    next: int | None


class ProofOut(Out):
    """A proof (RFC 9162) against the tree of `size` entries; hashes are base64."""

    size: int
    root: str
    hashes: list[str]
    index: int | None
    leaf_hash: str | None


@router.get("/logs", response_model=LogsOut, responses=refusals(400))
async def list_logs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query()] = None,
) -> Response:
    """List the logs that you may read."""
    hall = hall_of(request)
    after = read_cursor(request, ("logs",), cursor)
    found = await read_log.list_logs(hall.node, actor_of(request), after or "", limit + 1)
    rows = [
        {
            "id": log.id,
            "origin": log.origin,
            "audience_key": log.audience_key,
            "audience": {
                "kind": log.audience["kind"],
                "group": log.audience.get("group"),
                "organizations": log.audience.get("organizations"),
            },
            "epoch": log.epoch,
            "size": head.size,
            "root": _base64(head.root),
        }
        for log, head in found[:limit]
    ]
    last = found[limit - 1][0].id if len(found) > limit else None
    return page(request, rows, ("logs",), last)


@router.get(
    "/logs/{log_id}/checkpoint",
    response_class=Response,
    responses={
        **refusals(404),
        200: {"description": "A C2SP signed note.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
)
async def read_checkpoint(request: Request, log_id: LogId) -> Response:
    """Read the newest signed checkpoint of a log (C2SP tlog-checkpoint)."""
    note = await read_log.get_checkpoint(hall_of(request).node, actor_of(request), log_id)
    return Response(note, media_type="text/plain")


@router.get(
    "/logs/{log_id}/entries",
    response_model=EntriesOut,
    responses={**refusals(404), **also_lines(EntriesOut, "Entries in their order.")},
)
async def list_entries(
    request: Request,
    log_id: LogId,
    start: Annotated[int, Query(alias="from", ge=0, le=MAX_INDEX)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> Response:
    """Read entries of a log from an index."""
    found, following = await read_log.list_entries(
        hall_of(request).node, actor_of(request), log_id, start, limit, PAGE_BYTES
    )
    rows = [_entry(item) for item in found]
    if asks_for_lines(request):
        return lines_answer(rows)
    return json_answer({"entries": rows, "next": following})


def _entry(entry: Entry) -> dict[str, Any]:
    envelope = None
    if entry.payload is not None and entry.keyid is not None and entry.signature is not None:
        envelope = Envelope(entry.payload, entry.keyid, entry.signature).to_document()
    return {
        "index": entry.index,
        "leaf_hash": entry.leaf_hash.hex(),
        "record": None if entry.record_id is None else str(entry.record_id),
        "kind": entry.kind,
        "envelope": envelope,
    }


@router.get(
    "/logs/{log_id}/tile/{path:path}",
    response_class=Response,
    responses={
        **refusals(404),
        200: {
            "description": "Hashes end to end (C2SP tlog-tiles).",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
async def read_tile(request: Request, log_id: LogId, path: str) -> Response:
    """Read a tile of a log, full or partial: `tile/<level>/<index>[.p/<width>]`."""
    try:
        level, index, width = merkle.parse_tile_path(f"tile/{path}")
    except InvalidProof as error:
        raise Invalid(error.detail) from error
    hashes = await read_log.get_tile(hall_of(request).node, actor_of(request), log_id, level, index, width)
    return Response(hashes, media_type="application/octet-stream")


@router.get("/logs/{log_id}/proof", response_model=ProofOut, responses=refusals(404))
async def prove(
    request: Request,
    log_id: LogId,
    index: Annotated[int | None, Query(ge=0, le=MAX_INDEX, description="Prove that this entry is in.")] = None,
    start: Annotated[
        int | None, Query(alias="from", ge=1, le=MAX_INDEX, description="Prove growth from this size.")
    ] = None,
    size: Annotated[
        int | None, Query(ge=1, le=MAX_INDEX, description="The tree's size; the newest without it.")
    ] = None,
) -> Response:
    """Prove that an entry is in the log (`index`), or that the log only grew (`from`)."""
    node, actor = hall_of(request).node, actor_of(request)
    if (index is None) == (start is None):
        raise Invalid("Give either index (is the entry in?) or from (did the log only grow?).")
    if index is not None:
        return json_answer(_proof(await read_log.prove_entry(node, actor, log_id, index, size)))
    return json_answer(_proof(await read_log.prove_growth(node, actor, log_id, start or 1, size)))


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "size": proof.size,
        "root": _base64(proof.root),
        "hashes": [_base64(item) for item in proof.hashes],
        "index": proof.index,
        "leaf_hash": None if proof.leaf_hash is None else proof.leaf_hash.hex(),
    }


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
