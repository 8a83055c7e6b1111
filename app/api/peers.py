"""Peers: the nodes that this one exchanges logs with, for its operator.

The rule here: who operates the node decides with whom it peers, and sees why a peer has a record or does not; what a
record says is shown only to who may read it.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query, Request, Response
from pydantic import Field

from app.api.documents import moment
from app.api.operations import refusals, takes
from app.api.shapes import In, Moment, Out
from app.domain.peer import MAX_PER_DAY, RELAYS, Policy, State
from app.services import explain as explaining
from app.services import lag, peering
from app.services.peering import KnownNode, Peer
from app.web.bodies import json_answer, parse_model, read_mapping
from app.web.deps import actor_of, hall_of, signed_in_router

router = signed_in_router("peers")
NodeId = Annotated[str, Path(pattern=r"^wf[a-z2-7]{32}$")]
MAX_URL = 500  # characters
_DEFAULT = Policy()
ADDITION: dict[str, Any] = {"url": "https://node.example", "fingerprint": None}
POLICY: dict[str, Any] = {"review": True, "relay": "none"}


class PeerIn(In):
    """The node that answers at this URL becomes a peer, or one that has proposed itself is accepted."""

    url: str = Field(min_length=1, max_length=MAX_URL, pattern=r"^https?://[!-~]+$")
    fingerprint: str | None = Field(None, max_length=100, description="As the other operator tells it, for comparison.")


class PolicyIn(In):
    """What this node takes from the peer; what is left out stays as it is, and null means everything."""

    categories: list[str] | None = None
    chains: list[str] | None = Field(None, description="CAIP-2 chains.")
    indicators_per_day: int = Field(_DEFAULT.indicators_per_day, ge=0, le=MAX_PER_DAY)
    indicators_per_organization_per_day: int = Field(_DEFAULT.indicators_per_organization_per_day, ge=0, le=MAX_PER_DAY)
    review: bool = Field(default=_DEFAULT.review, description="Its reports wait for review.")
    relay: Literal[RELAYS] = Field(_DEFAULT.relay, description="Whose logs may come by way of it.")  # type: ignore[valid-type]


class PolicyOut(Out):
    """What this node takes from a peer."""

    categories: list[str] | None
    chains: list[str] | None
    indicators_per_day: int
    indicators_per_organization_per_day: int
    review: bool
    relay: Literal[RELAYS]  # type: ignore[valid-type]


class PeerOut(Out):
    """A peer: who accepts whom, how far it is, and when it was last heard."""

    id: str
    name: str
    url: str | None
    fingerprint: str = Field(description="Of the root key, for people to compare.")
    generation: int = Field(description="How often its key was changed.")
    state: State
    accepted_here: bool
    accepted_there: bool
    policy: PolicyOut
    added_at: Moment
    changed_at: Moment
    heard_at: Moment | None
    tried_at: Moment | None
    failures: int
    error: str | None


class PeersOut(Out):
    """All peers, by id."""

    peers: list[PeerOut]


class PeerLogOut(Out):
    """A log between this node and a peer.

    From the peer: it shows `head` entries, `pulled` are here, `behind` are missing since `lag_seconds`; `refused` were
    not taken, `bare` came without a body. To it: `served` were sent, it holds `held` and refused `refused_there`.
    """

    peer: str
    log: str
    origin: str | None
    audience: str | None
    head: int
    pulled: int
    behind: int
    lag_seconds: int
    level_at: Moment | None
    refused: int
    bare: int
    served: int
    held: int
    refused_there: int
    ended: bool
    error: str | None


class PeerLogsOut(Out):
    """All logs between this node and a peer, by id."""

    logs: list[PeerLogOut]


class ExplanationOut(Out):
    """Why a peer has a record or does not: in a word, and in sentences."""

    peer: str
    record: UUID
    verdict: Literal[explaining.VERDICTS]  # type: ignore[valid-type]
    because: list[str]


def _peer(found: tuple[Peer, KnownNode]) -> dict[str, Any]:
    peer, known = found
    return {
        "id": peer.node_id,
        "name": known.name,
        "url": peer.url or known.url,
        "fingerprint": peering.fingerprint_of(known),
        "generation": known.generation,
        "state": peer.state,
        "accepted_here": peer.accepted_here,
        "accepted_there": peer.accepted_there,
        "policy": dict(peer.policy),
        "added_at": moment(peer.added_at),
        "changed_at": moment(peer.changed_at),
        "heard_at": moment(peer.heard_at),
        "tried_at": moment(peer.tried_at),
        "failures": peer.failures,
        "error": peer.error,
    }


async def _answer(request: Request, node_id: str, status: int = 200) -> Response:
    found = await peering.get_peer(hall_of(request).node, actor_of(request), node_id)
    return json_answer(_peer(found), status, f"/v1/peers/{node_id}" if status == 201 else None)  # noqa: PLR2004 - HTTP


@router.get("/peers", response_model=PeersOut, responses=refusals())
async def list_peers(request: Request) -> Response:
    """List the peers, and the nodes that have proposed themselves."""
    found = await peering.list_peers(hall_of(request).node, actor_of(request))
    return json_answer({"peers": [_peer(item) for item in found]})


@router.post(
    "/peers",
    status_code=201,
    response_model=PeerOut,
    responses=refusals(409, 413, 415, 502),
    openapi_extra=takes(PeerIn, ADDITION),
)
async def add_peer(request: Request) -> Response:
    """Add the node at a URL as a peer, or accept one that has proposed itself."""
    hall = hall_of(request)
    _, document = await read_mapping(request)
    said = parse_model(PeerIn, document)
    made = await peering.propose(
        hall.node, actor_of(request), hall.remote, said.url, hall.clock(), fingerprint=said.fingerprint
    )
    return await _answer(request, made.node_id, 201)


@router.get("/peers/{node_id}", response_model=PeerOut, responses=refusals(404))
async def read_peer(request: Request, node_id: NodeId) -> Response:
    """Read a peer."""
    return await _answer(request, node_id)


@router.get("/peers/{node_id}/logs", response_model=PeerLogsOut, responses=refusals(404))
async def list_peer_logs(request: Request, node_id: NodeId) -> Response:
    """List the logs between this node and a peer: how far each is, both ways, and what was refused."""
    hall, actor = hall_of(request), actor_of(request)
    await peering.get_peer(hall.node, actor, node_id)
    rows = await lag.of_peer(hall.node, actor, node_id, hall.clock())
    return json_answer({"logs": [row.to_document() for row in rows]})


@router.patch(
    "/peers/{node_id}",
    response_model=PeerOut,
    responses=refusals(404, 413, 415),
    openapi_extra=takes(PolicyIn, POLICY),
)
async def change_policy(request: Request, node_id: NodeId) -> Response:
    """Change what this node takes from a peer."""
    hall = hall_of(request)
    _, document = await read_mapping(request)
    said = parse_model(PolicyIn, document).model_dump(exclude_unset=True)
    await peering.set_policy(hall.node, actor_of(request), node_id, said, hall.clock())
    return await _answer(request, node_id)


@router.post("/peers/{node_id}/{deed}", response_model=PeerOut, responses=refusals(404, 409))
async def decide_peering(
    request: Request, node_id: NodeId, deed: Literal["accept", "suspend", "resume", "end"]
) -> Response:
    """Accept, suspend, resume or end a peering."""
    hall = hall_of(request)
    await peering.decide(hall.node, actor_of(request), hall.remote, node_id, deed, hall.clock())
    return await _answer(request, node_id)


@router.get("/peers/{node_id}/explain", response_model=ExplanationOut, responses=refusals(404))
async def explain(request: Request, node_id: NodeId, record: Annotated[UUID, Query()]) -> Response:
    """Explain why a peer has a record, or does not."""
    hall = hall_of(request)
    found = await explaining.explain(hall.node, actor_of(request), record, node_id, hall.clock())
    return json_answer(
        {"peer": node_id, "record": str(record), "verdict": found.verdict, "because": list(found.sentences)}
    )


BODIES = (PeerIn, PolicyIn)
