"""The routes that other nodes call: the node's record, peering, what is held, pages of logs, and what was refused.

The rule here: every route but the record and the proposal of a peering is a peer's alone, and a log that is hidden from
it is answered as one that does not exist.
"""

import asyncio
from typing import Annotated
from uuid import UUID

from backports.zstd import compress
from fastapi import APIRouter, Path, Query, Request, Response

from app.domain import merkle
from app.domain.actor import Actor
from app.domain.errors import Invalid, InvalidProof
from app.federation import shapes
from app.federation.sign_in import PREFIX, address_of, body_of, from_peer_router, target_of, token_of
from app.services import groups, offer, peering, recover
from app.web.bodies import JSON, NDJSON, json_answer
from app.web.deps import Hall, hall_of

WAIT_SECONDS = 25.0  # under the 30 s after which proxies give up on a silent request
ZSTD_LEVEL = 3  # a page of 4 MiB in about 15 ms, at a sixth of its size
NODE_AGE = 300  # seconds for which others may keep the node's record
LogId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Index = Annotated[int, Query(ge=0, le=merkle.MAX_SIZE)]

public_router = APIRouter(include_in_schema=False)
router = from_peer_router()


def _caller(request: Request) -> tuple[Hall, Actor]:
    actor: Actor = request.state.actor
    return hall_of(request), actor


def _body(request: Request) -> bytes:
    body: bytes = request.state.body
    return body


@public_router.get("/.well-known/watchfire.json")
async def read_node(request: Request) -> Response:
    """Read the node's signed record: who it is, its keys, and the organizations that wish to be found."""
    hall = hall_of(request)
    hall.budgets.spend("requests", address_of(request))
    document = await peering.own_record(hall.node, hall.clock())
    return Response(document, 200, {"cache-control": f"public, max-age={NODE_AGE}"}, JSON)


@public_router.post(f"{PREFIX}/peering")
async def propose_peering(request: Request) -> Response:
    """Hear from a node, known or not, whether it accepts this one, and answer the same.

    Whoever it is proves the key of the record that it encloses. Strangers share the budget of failed sign-ins.
    """
    hall = hall_of(request)
    token = token_of(request)
    hall.budgets.spend("failures", address_of(request))
    body = await body_of(request)
    said = shapes.read(shapes.PeeringIn, body)
    answer = await peering.receive(
        hall.node, said.record(), token, target_of(request), body, accepted=said.accepted, now=hall.clock()
    )
    return json_answer(shapes.peering_document(answer))


@router.post("/heads")
async def answer_heads(request: Request) -> Response:
    """Answer the checkpoints of logs that differ from what the peer holds and that it may read."""
    hall, peer = _caller(request)
    said = shapes.read(shapes.HeadsIn, _body(request))
    found = await offer.heads(hall.node, peer, said.held(), said.gossip, hall.clock())
    return json_answer(shapes.heads_document(found))


@router.get("/wait")
async def wait(
    request: Request,
    state: Annotated[str, Query(max_length=64)],
    timeout: Annotated[float, Query(ge=0, le=WAIT_SECONDS)] = WAIT_SECONDS,  # noqa: ASYNC109 - the caller's wish
) -> Response:
    """Answer as soon as something that the peer may read has moved, without saying what."""
    hall, peer = _caller(request)
    with hall.waiting.one(peer.principal):
        return json_answer({"state": await offer.wait(hall.node, peer, state, timeout, hall.clock)})


@router.get("/logs/{log_id}/entries")
async def list_entries(
    request: Request,
    log_id: LogId,
    start: Annotated[Index, Query(alias="from")],
    stop: Annotated[Index | None, Query(alias="to")] = None,
) -> Response:
    """Read a page of a log from an index, with the checkpoint that covers it."""
    hall, peer = _caller(request)
    page = await offer.entries(hall.node, peer, log_id, start, stop, hall.clock())
    headers = {"vary": "accept-encoding"}
    if "zstd" in request.headers.get("accept-encoding", ""):
        page = await asyncio.to_thread(compress, page, ZSTD_LEVEL)
        headers["content-encoding"] = "zstd"
    return Response(page, 200, headers, NDJSON)


@router.get("/logs/{log_id}/tile/{path:path}")
async def read_tile(request: Request, log_id: LogId, path: str) -> Response:
    """Read a tile of a log, full or partial."""
    hall, peer = _caller(request)
    try:
        level, index, width = merkle.parse_tile_path(f"tile/{path}")
    except InvalidProof as error:
        raise Invalid(error.detail) from error
    hashes = await offer.tile(hall.node, peer, log_id, level, index, width, hall.clock())
    return Response(hashes, media_type="application/octet-stream")


@router.get("/logs/{log_id}/proof")
async def prove_growth(
    request: Request,
    log_id: LogId,
    start: Annotated[int, Query(alias="from", ge=1, le=merkle.MAX_SIZE)],
    size: Annotated[int | None, Query(ge=1, le=merkle.MAX_SIZE)] = None,
) -> Response:
    """Prove that a log only grew."""
    hall, peer = _caller(request)
    proof = await offer.prove_growth(hall.node, peer, log_id, start, size, hall.clock())
    return json_answer(shapes.proof_document(proof))


@router.post("/checkpoints")
async def take_checkpoints(request: Request) -> Response:
    """Take in what the peer holds of this node's own logs."""
    hall, peer = _caller(request)
    said = shapes.read(shapes.NotesIn, _body(request))
    return json_answer({"taken": await recover.take_shown(hall.node, peer, said.notes, hall.clock())})


@router.get("/refusals")
async def list_refusals(request: Request, after: Annotated[str | None, Query(max_length=64)] = None) -> Response:
    """Read which entries of the peer's own logs this node refused, and why."""
    hall, peer = _caller(request)
    return json_answer(shapes.refusals_document(await offer.refusals(hall.node, peer, after)))


@router.post("/groups/{group_id}/leave")
async def leave_group(request: Request, group_id: UUID) -> Response:
    """Let an organization at home at the peer out of a group that is led here."""
    hall, peer = _caller(request)
    said = shapes.read(shapes.LeaveIn, _body(request))
    await groups.let_go(hall.node, peer, group_id, said.organization, hall.clock())
    return json_answer({})
