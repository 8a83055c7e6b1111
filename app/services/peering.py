"""Peering: which nodes this one exchanges logs with, decided by both operators.

The rule here: a node is who its first key says, and its signed record only ever goes forward. Both sides must accept.
What one side decides holds there at once; the other is told, and asked again until it has answered. A stranger can make
a bounded number of rows and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain import access, node_record
from app.domain import actor as actors
from app.domain.actor import Actor, system
from app.domain.errors import Forbidden, Invalid, NotFound, NotNext, TooMany, Unauthenticated
from app.domain.node_record import Listed, NodeRecord
from app.domain.peer import Peering, Policy, State
from app.domain.record import KINDS
from app.services import audit, peer_tokens, tokens
from app.services.node import Node
from app.services.remote import Destination, PeeringAnswer, PeerRefused, Remote, Unreachable
from app.storage import deliveries, holes, logs, organizations, peers
from app.storage.organizations import Organization
from app.storage.peers import KnownNode as KnownNode  # noqa: PLC0414 - part of this floor's interface
from app.storage.peers import Peer as Peer  # noqa: PLC0414 - same
from app.storage.store import ReadTx, WriteTx

MAX_STRANGERS = 100  # proposals that nobody here has accepted: what an operator can look through
STRANGERS_RETRY = 3_600  # seconds until a stranger may try again: an operator has to make room first


@dataclass(frozen=True, slots=True)
class Caller:
    """The peer that made a request, and the digest that its body must have."""

    actor: Actor
    body_digest: str


async def own_record(node: Node, now: datetime) -> bytes:
    """Make this node's signed record as it is now."""
    async with node.store.read(system(node.operator)) as tx:
        return node_record.sign(await _own(node, tx, now), node.identity.seed)


async def keep_own_record(node: Node, tx: WriteTx, now: datetime) -> None:
    """Keep this node's record beside those of the others: what the database knows its keys by."""
    said = await _own(node, tx, now)
    await _keep(tx, said, node_record.sign(said, node.identity.seed), now)


async def _own(node: Node, tx: ReadTx, now: datetime) -> NodeRecord:
    identity = node.identity
    listed = await organizations.listed_at(tx, identity.node_id, node_record.MAX_LISTED)
    return NodeRecord(
        id=identity.node_id,
        name=node.name,
        url=node.url,
        keys=identity.keys,
        handovers=identity.handovers,
        organizations=tuple(Listed(item.id, item.name, item.kind) for item in listed),
        issued_at=now,
        kinds=KINDS,
    )


async def _keep(tx: WriteTx, said: NodeRecord, raw: bytes, now: datetime) -> None:
    known = KnownNode(said.id, said.name, said.url, said.generation, raw, said.issued_at, now)
    await peers.save_node(tx, known)


async def learn(tx: WriteTx, raw: bytes, now: datetime) -> NodeRecord:
    """Verify a node's record and keep it, unless a newer one is known; give it.

    Raises Invalid; NotNext: it does not follow from the record that is known, so somebody else speaks for the node.
    """
    said = node_record.parse(raw)
    known = await peers.find_node(tx, said.id)
    if known is not None and known.document != raw:
        node_record.check_next(node_record.parse(known.document), said)
    await _keep(tx, said, raw, now)
    return said


async def _learn_asked(tx: WriteTx, raw: bytes, now: datetime) -> NodeRecord:
    """Take in a record that was asked for, unless a newer one came by itself meanwhile; give the newest, as `learn`."""
    said = node_record.parse(raw)
    known = await peers.find_node(tx, said.id)
    if known is not None and known.generation == said.generation and known.issued_at > said.issued_at:
        return node_record.parse(known.document)
    return await learn(tx, raw, now)


async def _learn_organizations(tx: WriteTx, peer: Peer, said: NodeRecord, now: datetime) -> None:
    """Let people here find the organizations that an accepted peer lists, and no others of it by its word alone."""
    if not peer.accepted_here:
        return
    before = {item.id: item for item in await organizations.listed_at(tx, said.id, node_record.MAX_LISTED)}
    for item in said.organizations:
        known = before.pop(item.id, None)
        if known is not None and (known.name, known.kind) == (item.name, item.kind):
            continue
        known = known or await organizations.find(tx, item.id)
        stated = Organization(
            id=item.id,
            name=item.name,
            kind=item.kind,
            home=said.id,
            trusted=True,
            version=0 if known is None else known.version,
            created_at=now,
            listed=True,
        )
        await organizations.upsert_foreign(tx, stated)
    for gone in before.values():
        await organizations.set_listed(tx, gone.id, listed=False)


async def recognize(node: Node, token: str, method: str, target: str, now: datetime) -> Caller:
    """Find out which peer made a request.

    A peering that this node has suspended or ended still lets the peer hear what undoes what it has. Raises
    Unauthenticated for a stranger and for a token that does not verify; Forbidden for a peer that is not active.
    Not checked: the body; the caller reads it and owes it to `peer_tokens.check_body`.
    """
    sender = peer_tokens.claimed_node(token)
    async with node.store.read(system(node.operator)) as tx:
        peer, known = await peers.find(tx, sender), await peers.find_node(tx, sender)
        if peer is None or known is None:
            raise Unauthenticated(tokens.NOT_ACCEPTED)
        newest = peer_tokens.newest_key(known.document)
        digest = peer_tokens.verify(token, newest, node.identity.node_id, method, target, now)
        if peer.state != State.ACTIVE and not await _is_leaving(tx, peer):
            raise Forbidden("The peering is not active: both operators must accept it.")
    if peer.next_try_at is not None:
        # It is there again: what was put off after failures need not wait any longer.
        async with node.store.write(system(node.operator)) as writing:
            await peers.change(writing, sender, next_try_at=None)
    return Caller(actors.peer(sender), digest)


async def _is_leaving(tx: ReadTx, peer: Peer) -> bool:
    """Tell whether this node has turned the peer away after it served it something."""
    if peer.state == State.PROPOSED:
        return False
    return any(log.served for log in (await deliveries.of_peer(tx, peer.node_id)).values())


async def receive(
    node: Node, raw: bytes, token: str, target: str, body: bytes, *, accepted: bool, now: datetime
) -> PeeringAnswer:
    """Hear from a node whether it accepts this one, and answer the same.

    1. The record verifies by itself.
    2. The token is signed by the newest key of the record, for this request and its body.
    3. The record follows from the one that is known: a key that was replaced speaks for nobody.

    A node that is not known becomes a proposal, while there is room. Raises Invalid, Unauthenticated, TooMany.
    """
    # 1
    said = node_record.parse(raw)
    # 2
    own_id = node.identity.node_id
    peer_tokens.check_body(peer_tokens.verify(token, said.newest, own_id, "POST", target, now), body)
    if peer_tokens.claimed_node(token) != said.id or said.id == own_id:
        raise Unauthenticated(tokens.NOT_ACCEPTED)
    async with node.store.write(system(node.operator)) as tx:
        peer = await peers.find(tx, said.id)
        if peer is None and accepted and await peers.count_strangers(tx) >= MAX_STRANGERS:
            raise TooMany(
                "Too many nodes have proposed themselves here; ask the operator.", retry_after=STRANGERS_RETRY
            )
        if peer is not None or accepted:
            # 3
            try:
                await learn(tx, raw, now)
            except NotNext as error:
                raise Unauthenticated(tokens.NOT_ACCEPTED) from error
            peer = await _change(tx, said.id, "other_accepts" if accepted else "other_refuses", now)
            await _learn_organizations(tx, peer, said, now)
    return PeeringAnswer(await own_record(node, now), peer is not None and peer.accepted_here)


async def _change(tx: WriteTx, node_id: str, deed: str, now: datetime, **values: Any) -> Peer:
    """Let a deed change a peering, which it may begin; give the peer as it is then. Raises NotNext."""
    peer = await peers.find(tx, node_id)
    before = Peering() if peer is None else Peering(peer.accepted_here, peer.accepted_there, State(peer.state))
    after = before.after(deed)
    assert after.state is not None
    if peer is None:
        policy = Policy().to_document()
        await peers.add(
            tx, Peer(node_id, None, after.accepted_here, after.accepted_there, after.state, policy, now, now)
        )
    elif after != before:
        values |= {
            "accepted_here": after.accepted_here,
            "accepted_there": after.accepted_there,
            "state": str(after.state),
            "changed_at": now,
            "next_try_at": None,
        }
    if values:
        await peers.change(tx, node_id, **values)
    return await peers.get(tx, node_id)


async def propose(
    node: Node, actor: Actor, remote: Remote, url: str, now: datetime, *, fingerprint: str | None = None
) -> Peer:
    """Add the node that answers at a URL as a peer, or accept one that has proposed itself; pin its keys.

    `fingerprint` is what the other operator has told: another one is refused. Raises Forbidden; Invalid; Unreachable
    and PeerRefused while nothing is kept; NotNext: the node at this URL is not the one that was pinned.
    """
    access.check_act(actor, "operate")
    raw = await remote.node_record(url)
    said = node_record.parse(raw)
    if said.id == node.identity.node_id:
        raise Invalid("This is the URL of this node itself.")
    if fingerprint is not None and fingerprint.strip().lower() != said.fingerprint:
        raise Invalid(f"The node at this URL has another fingerprint: {said.fingerprint}.")
    async with node.store.write(actor) as tx:
        said = await _learn_asked(tx, raw, now)
        peer = await _change(tx, said.id, "propose", now, url=url, next_try_at=None, failures=0, error=None)
        await _learn_organizations(tx, peer, said, now)
        await audit.note(tx, "add_peer", now, subject=said.id)
    node.ring()
    # Accepted here; if this ends here, the next `tell` says so to the other side.
    return await tell(node, remote, said.id, now)


async def decide(node: Node, actor: Actor, remote: Remote, node_id: str, deed: str, now: datetime) -> Peer:
    """Accept, suspend, resume or end a peering. Raises Forbidden, NotFound, NotNext."""
    access.check_act(actor, "operate")
    if deed not in {"accept", "suspend", "resume", "end"}:
        raise Invalid("A peering is accepted, suspended, resumed or ended.")
    async with node.store.write(actor) as tx:
        await peers.get(tx, node_id, for_change=True)
        peer = await _change(tx, node_id, deed, now, next_try_at=None, failures=0, error=None)
        known = await peers.find_node(tx, node_id)
        assert known is not None
        await _learn_organizations(tx, peer, node_record.parse(known.document), now)
        await audit.note(tx, f"{deed}_peer", now, subject=node_id)
    node.ring()
    node.moved.set()  # whoever waits for this node's logs must look again
    # Decided here; if this ends here, the next `tell` says so to the other side.
    return await tell(node, remote, node_id, now)


async def tell(node: Node, remote: Remote, node_id: str, now: datetime) -> Peer:
    """Tell a peer whether this node accepts it, and take in whether it accepts this one; what goes wrong is noted.

    May be repeated at any time. Raises NotFound.
    """
    async with node.store.read(system(node.operator)) as tx:
        peer = await peers.get(tx, node_id)
        known = await peers.find_node(tx, node_id)
        record = node_record.sign(await _own(node, tx, now), node.identity.seed)
    url = peer.url or (None if known is None else known.url)
    if url is None:
        return peer
    try:
        answer = await remote.peering(Destination(node_id, url), record, accepted=peer.accepted_here)
    except (Unreachable, PeerRefused) as error:
        return await _note_failure(node, node_id, error.detail, now)
    # The other side knows; if this ends here, telling it again gives the same answer.
    return await _take_answer(node, peer, answer, now)


async def _take_answer(node: Node, asked: Peer, answer: PeeringAnswer, now: datetime) -> Peer:
    """Take in whether a peer accepts this node, unless it has said so anew while its answer was on its way."""
    node_id = asked.node_id
    try:
        said = node_record.parse(answer.record)
    except Invalid as error:
        return await _note_failure(node, node_id, f"Its record is not accepted. {error.detail}", now)
    if said.id != node_id:
        return await _note_failure(node, node_id, "Another node answers at its URL.", now)
    try:
        async with node.store.write(system(node.operator)) as tx:
            peer = await peers.get(tx, node_id, for_change=True)
            if (peer.accepted_there, peer.changed_at) != (asked.accepted_there, asked.changed_at):
                return peer
            said = await _learn_asked(tx, answer.record, now)
            deed = "other_accepts" if answer.accepted else "other_refuses"
            peer = await _change(tx, node_id, deed, now, tried_at=now, error=None)
            await _learn_organizations(tx, peer, said, now)
            return peer
    except NotNext as error:
        return await _note_failure(node, node_id, error.detail, now)


async def _note_failure(node: Node, node_id: str, detail: str, now: datetime) -> Peer:
    async with node.store.write(system(node.operator)) as tx:
        await peers.change(tx, node_id, tried_at=now, error=detail)
        return await peers.get(tx, node_id)


async def set_policy(node: Node, actor: Actor, node_id: str, document: Mapping[str, Any], now: datetime) -> Peer:
    """Change what this node takes from a peer; what is left out of the document stays as it is.

    What was refused of the peer's own logs before is asked for again, and judged anew.
    Raises Forbidden, NotFound, Invalid.
    """
    access.check_act(actor, "operate")
    async with node.store.write(actor) as tx:
        peer = await peers.get(tx, node_id, for_change=True)
        policy = Policy.parse({**peer.policy, **document})
        await peers.change(tx, node_id, policy=policy.to_document(), changed_at=now)
        await holes.retry_refused(tx, [log.id for log in await logs.of_origin(tx, node_id)], now)
        await audit.note(tx, "set_peer_policy", now, subject=node_id)
        changed = await peers.get(tx, node_id)
    node.ring()
    return changed


async def list_peers(node: Node, actor: Actor) -> list[tuple[Peer, KnownNode]]:
    """List the peers by node id, each with its newest record."""
    access.check_act(actor, "read_peers")
    async with node.store.read(actor) as tx:
        found = await peers.search(tx)
        known = {item.id: item for item in await peers.search_nodes(tx, {peer.node_id for peer in found})}
    return [(peer, known[peer.node_id]) for peer in found]


async def get_peer(node: Node, actor: Actor, node_id: str) -> tuple[Peer, KnownNode]:
    """Give a peer and its newest record. Raises NotFound."""
    access.check_act(actor, "read_peers")
    async with node.store.read(actor) as tx:
        peer, known = await peers.get(tx, node_id), await peers.find_node(tx, node_id)
    if known is None:
        raise NotFound("There is no such peer.")
    return peer, known


def fingerprint_of(known: KnownNode) -> str:
    """Give the fingerprint of a node's root key, for people to compare."""
    return node_record.parse(known.document).fingerprint
