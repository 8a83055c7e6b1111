"""Explain: why a peer has a record, or does not, in sentences that an operator can act on.

The rule here: nothing is guessed. Each sentence says one fact that the rules were applied to, and the record itself is
as hidden from who asks as it is everywhere else.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain import access
from app.domain import actor as actors
from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.peer import State, may_have
from app.services import peer_access
from app.services.node import Node
from app.services.peer_access import Shown
from app.storage import deliveries, peers, records
from app.storage.deliveries import Refused
from app.storage.peers import Peer
from app.storage.records import Stored

VERDICTS = ("has", "refused", "served", "may_have", "may_not")


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a peer has a record or does not.

    `has`: it has acknowledged the entry. `refused`: it has, and refused it. `served`: it was sent, and not acknowledged
    yet. `may_have`: it may fetch it. `may_not`: it does not get its body.
    """

    verdict: str
    sentences: tuple[str, ...]


async def explain(node: Node, actor: Actor, record_id: UUID, peer_id: str, now: datetime) -> Explanation:
    """Explain why a peer has a record, or does not.

    Raises Forbidden; NotFound for a peer that there is none of, and for a record that is hidden from the actor or
    absent alike.
    """
    access.check_act(actor, "read_peers")
    async with node.store.read(actor) as tx:
        stored = await records.get(tx, record_id)
        peer = await peers.get(tx, peer_id)
        refused = None
        if stored.log_id is not None and stored.log_index is not None:
            refused = await deliveries.find_refusal(tx, peer_id, stored.log_id, stored.log_index)
    shown = None if stored.log_id is None else await _shown(node, peer_id, stored.log_id, now)
    verdict, reason = _judge(stored, peer, shown, refused)
    return Explanation(verdict, (_place(stored), _peering(peer), *_access(shown), reason))


async def _shown(node: Node, peer_id: str, log_id: str, now: datetime) -> Shown | None:
    """Give the log as the peer sees it; None where it is hidden from it."""
    async with node.store.read(actors.peer(peer_id)) as tx:
        rights = await peer_access.rights_of(node, tx, now)
        try:
            return await rights.get(tx, log_id)
        except NotFound:
            return None


def _judge(stored: Stored, peer: Peer, shown: Shown | None, refused: Refused | None) -> tuple[str, str]:
    if stored.log_id is None or stored.log_index is None:
        return "may_not", "It stands in no log yet: it waits for its place, or for review."
    if stored.origin == peer.node_id:
        return "has", "It comes from this peer."
    if shown is None:
        return "may_not", "The log is not for this peer: its audience names nobody there, or it may not be passed on."
    if refused is not None:
        return "refused", f"The peer refused it ({refused.code}): {refused.detail}"
    if stored.log_index < shown.told.held:
        return "has", f"The peer acknowledged {shown.told.held} entries of this log."
    return _judge_open(stored, stored.log_index, shown)


def _judge_open(stored: Stored, index: int, shown: Shown) -> tuple[str, str]:
    """Judge what the peer has not acknowledged."""
    if stored.erased:
        return "may_not", "It was erased; its leaf hash is all that is served."
    if not may_have(stored.kind, index, shown.access, had_subject=False, knew_issuer=False):
        return "may_not", "The peer gets its bare leaf hash: it stands where the peer does not read."
    if index < shown.access.served:
        return "served", "It was sent to the peer, which has not acknowledged it yet."
    return "may_have", "The peer may fetch it, and has not done so yet."


def _place(stored: Stored) -> str:
    if stored.log_id is None:
        return f"The record is a {stored.kind} of {stored.origin}."
    return f"The record is a {stored.kind} of {stored.origin}, entry {stored.log_index} of log {stored.log_id}."


def _peering(peer: Peer) -> str:
    if peer.state == State.ACTIVE:
        return "The peering is active."
    here = "accepts" if peer.accepted_here else "does not accept"
    there = "accepts" if peer.accepted_there else "does not accept"
    return f"The peering is {peer.state}: this node {here} the peer, the peer {there} this node."


def _access(shown: Shown | None) -> tuple[str, ...]:
    if shown is None:
        return ()
    if shown.lapsed:
        return ("The node of the group's steward has not been heard for a day: until it is, nothing new is served.",)
    if not shown.access.visible:
        return (f"The peer has left the log; it was served {shown.access.served} entries before.",)
    if shown.access.from_index:
        return (f"The peer reads the log from entry {shown.access.from_index}, where it joined the group.",)
    return ("The peer may read the log.",)
