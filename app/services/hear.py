"""Hear: what a peer's answer about heads changes here, before any page is fetched.

The rule here: a log is pulled only if its name, its node and its checkpoint fit together, and if the peer may pass it
on. Only the origin itself can end this node's access: what a relay says takes nothing away.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from app.domain import node_record, page, peer
from app.domain.actor import peer as peer_actor
from app.domain.entry_rules import LogName
from app.domain.errors import InvalidProof, Meaning, NotNext
from app.domain.node_record import NodeRecord
from app.domain.peer import Policy
from app.domain.record import Group
from app.domain.record import parse as parse_record
from app.services import peering
from app.services.node import Node
from app.services.remote import MAX_HELD, Heads, RemoteHead
from app.storage import arriving, deliveries, evidence, groups, holes, log_facts, logs, organizations, peers
from app.storage.deliveries import PeerLog
from app.storage.store import WriteTx

MAX_LOGS = MAX_HELD  # logs of one peer: as many as one question tells of
MAX_HEADS = 1_000  # logs of one answer; the rest is asked for in the next round


@dataclass(slots=True)
class Wanted:
    """A log that is ahead at the peer: `start` entries are held, `size` are signed; and by what it is judged."""

    log: LogName
    node: NodeRecord
    policy: Policy
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Doubted:
    """A log that the peer shows differently, and not ahead: its checkpoint."""

    log: LogName
    node: NodeRecord
    note: str


@dataclass(slots=True)
class Heard:
    """What is to be done after an answer.

    `wanted` logs are pulled; `doubted` ones are compared; `own` notes of this node's logs are shown to it; `stale`: the
    peer signs with a key that its known record does not have; `crowded`: it shows more logs than are taken.
    """

    wanted: list[Wanted] = field(default_factory=list)
    doubted: list[Doubted] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    stale: bool = False
    crowded: bool = False
    purged: bool = False


async def hear(
    node: Node, peer_id: str, policy: Policy, held: Mapping[str, int], answer: Heads, now: datetime
) -> Heard:
    """Take in an answer in one transaction: node records, heads, and access that ended or opened.

    `held` are the sizes of logs as they were told to the peer.
    """
    said = await asyncio.to_thread(_read_records, answer.nodes)
    async with node.store.write(peer_actor(peer_id)) as tx:
        ear = _Ear(node, tx, peer_id, policy, held, now)
        await ear.prepare(said, answer.heads[:MAX_HEADS])
        for head in answer.heads[:MAX_HEADS]:
            await ear.hear(head)
        await peers.change(tx, peer_id, heard_at=now)
    # Stopped before the commit, the next answer says all of it again.
    if ear.heard.purged:
        await node.store.scrub()
    return ear.heard


def own_record(node: Node, now: datetime) -> NodeRecord:
    """Give what verifies this node's own logs."""
    identity = node.identity
    return NodeRecord(identity.node_id, node.name, node.url, identity.keys, identity.handovers, (), now, ())


def _read_records(documents: Sequence[bytes]) -> list[tuple[NodeRecord, bytes]]:
    found = []
    for raw in documents[:MAX_HEADS]:
        try:
            found.append((node_record.parse(raw), raw))
        except Meaning:
            continue  # its logs are left alone: there is nothing to verify them with
    return found


def _name(head: RemoteHead) -> LogName | None:
    """Give the name of a log that is shown under its id; None for anything else."""
    with suppress(InvalidProof):
        log = LogName.of(head.origin, head.audience, head.red, head.epoch)
        return log if log.id == head.log_id else None
    return None


@dataclass(slots=True)
class _Ear:
    node: Node
    tx: WriteTx
    peer_id: str
    policy: Policy
    held: Mapping[str, int]
    now: datetime
    heard: Heard = field(default_factory=Heard)
    nodes: dict[str, NodeRecord] = field(default_factory=dict)
    before: dict[str, PeerLog] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)

    async def prepare(self, said: Sequence[tuple[NodeRecord, bytes]], heads: Sequence[RemoteHead]) -> None:
        """Read what the heads are judged by; keep the records of the nodes whose logs the peer may pass on."""
        origins = {head.origin for head in heads}
        if self.policy.relay == "known":
            accepted = {item.node_id for item in await peers.search(self.tx) if item.accepted_here}
            origins &= accepted | {self.peer_id, self.node.identity.node_id}
        elif self.policy.relay == "none":
            origins &= {self.peer_id, self.node.identity.node_id}
        known = {item.id: item.document for item in await peers.search_nodes(self.tx, origins)}
        for record, raw in said:
            third = record.id in origins - {self.peer_id, self.node.identity.node_id}
            if third and known.get(record.id) != raw:
                with suppress(NotNext):  # a relay may be behind
                    await peering.learn(self.tx, raw, self.now)
                    known[record.id] = raw
        self.nodes = {node: node_record.parse(document) for node, document in known.items()}
        if self.node.identity.node_id in origins:
            self.nodes[self.node.identity.node_id] = own_record(self.node, self.now)
        self.before = await deliveries.of_peer(self.tx, self.peer_id)
        self.seen = set(self.before)
        self.frozen = await evidence.frozen(self.tx)

    async def hear(self, head: RemoteHead) -> None:
        """Judge one head: 1 its name, 2 who passes it on, 3 its checkpoint, 4 access, 5 whether it is ahead."""
        record = self.nodes.get(head.origin)
        log = _name(head)
        if record is None or log is None or not self._has_room(log) or not await self._may_come(log, head):  # 1, 2
            return
        try:
            signed, _ = page.read_checkpoint(head.note, log, record)  # 3
        except InvalidProof as error:
            self.heard.stale |= head.origin == self.peer_id
            await deliveries.note_error(self.tx, self.peer_id, log.id, error.detail, self.now)
            return
        if log.origin == self.node.identity.node_id:
            self.heard.own.append(head.note)
        await self._note_access(log, head, signed.size)  # 4
        start = self.held.get(log.id)
        if start is None:
            start = (await logs.head(self.tx, log.id)).size
        if signed.size <= start:  # 5
            self.heard.doubted.append(Doubted(log, record, head.note))
            if signed.size < start and log.origin == self.peer_id:
                words = f"The log has {signed.size} entries; its node signed {start} before."
                await deliveries.note_error(self.tx, self.peer_id, log.id, words, self.now)
        elif log.id not in self.frozen:
            own = log.origin == self.node.identity.node_id
            self.heard.wanted.append(Wanted(log, record, Policy() if own else self.policy, start, signed.size))

    def _has_room(self, log: LogName) -> bool:
        if log.id not in self.seen and len(self.seen) >= MAX_LOGS:
            self.heard.crowded = True
            return False
        self.seen.add(log.id)
        return True

    async def _may_come(self, log: LogName, head: RemoteHead) -> bool:
        if log.audience.group is not None and not head.ended and await self._has_left(log, log.audience.group):
            return False
        if log.origin in {self.peer_id, self.node.identity.node_id}:
            return True
        group = log.audience.group
        community = group is not None and await groups.is_community(self.tx, group)
        return peer.may_relay(log.audience.kind, community=community)

    async def _has_left(self, log: LogName, group_id: UUID) -> bool:
        """Tell whether this node knows that it has left a group, better than the log's origin does.

        The steward's node always knows better; and what is kept on leaving may come.
        """
        group = await groups.find(self.tx, group_id)
        if group is None or group.on_leave == "keep":
            return False
        own = self.node.identity.node_id
        homes = await organizations.homes(self.tx, (*group.members, group.steward))
        return own not in {*group.nodes, *homes.values(), log.origin} and homes.get(group.steward) != log.origin

    async def _note_access(self, log: LogName, head: RemoteHead, size: int) -> None:
        before = self.before.get(log.id, PeerLog(self.peer_id, log.id))
        await deliveries.note_head(
            self.tx, self.peer_id, log.id, size, self.now, access_from=head.start, ended=head.ended
        )
        if log.origin != self.peer_id:
            return
        if head.ended and not before.ended and log.audience.group is not None:
            await self._leave(log, log.audience.group)
        if not head.ended and (before.ended or head.start < before.access_from):
            await holes.open_access(self.tx, log.id, self.now, start=head.start)
            if before.ended and log.audience.group is not None:
                await self._come_back(log, log.audience.group)

    async def _come_back(self, log: LogName, group_id: UUID) -> None:
        """Take in again who belongs to a group that this node was out of, as its steward's newest record has it."""
        group = await groups.find(self.tx, group_id)
        for envelope in reversed(await log_facts.statements(self.tx, log.id, self.held.get(log.id, 0))):
            body = parse_record(envelope.payload, kept=True).body
            if isinstance(body, Group) and group is not None and body.version == group.version:
                whole = replace(group, members=body.members, nodes=body.nodes)
                await groups.replace_members(self.tx, whole, self.now)
                return

    async def _leave(self, log: LogName, group_id: UUID) -> None:
        """Purge a log that this node may not read any more; from the steward's node, all logs of the group."""
        group = await groups.find(self.tx, group_id)
        if group is not None and group.on_leave == "keep":
            return
        gone = [log.id]
        steward = None if group is None else await organizations.find(self.tx, group.steward)
        if group is not None and steward is not None and steward.home == log.origin:
            own = self.node.identity.node_id
            homes = await organizations.homes(self.tx, group.members)
            members = tuple(item for item in group.members if homes.get(item) != own)
            nodes = tuple(item for item in group.nodes if item != own)
            await groups.replace_members(self.tx, replace(group, members=members, nodes=nodes), self.now)
            gone = await log_facts.of_group(self.tx, group_id, without=own)
        for log_id in gone:
            await arriving.purge_log(self.tx, log_id, self.now)
        self.heard.purged = True
