"""The bodies that nodes send each other, as they are read and written.

The rule here: a field that this version does not know is passed over, because the other node may be newer; what it
knows is bounded, in number and in size, before anything is looked up.
"""

import base64
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from app.domain import canonical, checkpoint, merkle
from app.services.read_log import Proof
from app.services.remote import MAX_HELD, MAX_NOTES, Heads, Held, PeeringAnswer, Refusals
from app.web.bodies import parse_json, parse_model

MAX_COUNT = 2**31 - 1  # what every database keeps as an integer
LogId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Size = Annotated[int, Field(strict=True, ge=0, le=merkle.MAX_SIZE)]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]
Root = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Note = Annotated[str, Field(max_length=checkpoint.MAX_NOTE_BYTES)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class HeadsIn(_Said):
    """What a peer holds: log, size, root, and how many entries it refused; and checkpoints of third nodes' logs."""

    logs: list[tuple[LogId, Size, Root, Count]] = Field(max_length=MAX_HELD)
    gossip: list[Note] = Field(default=[], max_length=MAX_NOTES)

    def held(self) -> list[Held]:
        """Give what the peer holds."""
        return [Held(*row) for row in self.logs]


class NotesIn(_Said):
    """Checkpoints that a peer holds of this node's logs."""

    notes: list[Note] = Field(max_length=MAX_NOTES)


class PeeringIn(_Said):
    """The record of the node that speaks, and whether it accepts this one."""

    node: dict[str, Any]
    accepted: Annotated[bool, Field(strict=True)]

    def record(self) -> bytes:
        """Give the document of the record. Raises InvalidRecord."""
        return canonical.encode(self.node)


class LeaveIn(_Said):
    """An organization at home at the peer, which leaves a group."""

    organization: UUID


In = TypeVar("In", bound=_Said)


def read(model: type[In], body: bytes) -> In:
    """Read a body. Raises Invalid."""
    return parse_model(model, parse_json(body))


def peering_document(answer: PeeringAnswer) -> dict[str, Any]:
    """Write this node's record, and whether it accepts the other."""
    return {"node": msgspec.Raw(answer.record), "accepted": answer.accepted}


def heads_document(heads: Heads) -> dict[str, Any]:
    """Write what differs from what a peer holds."""
    return {
        "state": heads.state,
        "heads": [
            {
                "id": head.log_id,
                "origin": head.origin,
                "audience": head.audience.to_document(),
                "red": head.red,
                "epoch": head.epoch,
                "note": head.note,
                "from": head.start,
                "ended": head.ended,
            }
            for head in heads.heads
        ],
        "nodes": [msgspec.Raw(document) for document in heads.nodes],
        "gossip": list(heads.gossip),
        "show": list(heads.show),
        "more": heads.more,
    }


def refusals_document(refusals: Refusals) -> dict[str, Any]:
    """Write what was refused of a peer's logs."""
    return {
        "refusals": [
            {
                "log": row.log_id,
                "index": row.index,
                "leaf": row.leaf_hash.hex(),
                "code": row.code,
                "detail": row.detail,
            }
            for row in refusals.rows
        ],
        "next": refusals.next,
    }


def proof_document(proof: Proof) -> dict[str, Any]:
    """Write a proof; hashes are base64."""
    return {
        "size": proof.size,
        "root": _base64(proof.root),
        "hashes": [_base64(item) for item in proof.hashes],
    }


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
