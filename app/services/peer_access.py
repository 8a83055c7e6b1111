"""Peer access: which logs a peer may know of, and how much of each it gets.

The rule here: what a peer may have follows from audiences, from the state of the peering, from how lately a group's
steward was heard, and from what the peer was served before; all of it read in the transaction that reads the content. A
log that is hidden from the peer is not there.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.errors import NotFound
from app.domain.peer import MEMBERSHIP_MAX_AGE, Access, State, may_relay
from app.services.node import Node
from app.storage import deliveries, logs, peers, replicas, standing
from app.storage.deliveries import PeerLog
from app.storage.logs import Log
from app.storage.replicas import LogHead
from app.storage.standing import GroupStanding
from app.storage.store import ReadTx

PAGE = 200  # logs read at once: 8 MB where each names 1,000 organizations
ABSENT = "There is no such log, or it is not for you."


@dataclass(frozen=True, slots=True)
class Shown:
    """A log that the peer may know of: its head here, what the peer may have of it, and what it had before.

    `lapsed`: nothing is served of it until the node of the group's steward is heard again; the peer is not put out.
    """

    head: LogHead
    access: Access
    told: PeerLog
    lapsed: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all that the newest checkpoint covers is here, so that it can be proved to others."""
        return self.head.size == self.head.cover_size


class Rights:
    """What decides about all logs of one peer, in one transaction."""

    def __init__(self, own_id: str, peer_id: str, active: bool, told: dict[str, PeerLog], now: datetime) -> None:
        """Keep what is the same for all logs; see `rights_of`."""
        self._own_id = own_id
        self._peer_id = peer_id
        self._active = active
        self._told = told
        self._now = now

    async def walk(self, tx: ReadTx, start: str = "", origin: str | None = None) -> AsyncIterator[Shown]:
        """Give the logs that the peer may read, from the one after `start` around to it; of one origin if named."""
        async for heads in around(tx, start, origin):
            for shown in await self.judge(tx, heads):
                yield shown

    async def left(self, tx: ReadTx, readable: set[str]) -> AsyncIterator[Shown]:
        """Give the logs that the peer was served and that are not among the readable ones any more."""
        for log_id, told in sorted(self._told.items()):
            if told.served and log_id not in readable:
                log = await logs.find(tx, log_id)
                head = None if log is None else await head_of(tx, log)
                if head is not None:
                    yield self._left(tx, head, told)

    async def judge(self, tx: ReadTx, heads: Sequence[LogHead]) -> list[Shown]:
        """Give those of the logs, which are the peer's by audience or origin, that it may read now."""
        found = []
        groups = await standing.of_groups(tx, {group for head in heads if (group := _group_of(head)) is not None})
        for head in heads:
            group = _group_of(head)
            rules = None if group is None else groups.get(group)
            if self._may_read(head, rules):
                told = self._told.get(head.log.id) or PeerLog(self._peer_id, head.log.id)
                start = await self._start(tx, head, group) if rules is not None and rules.from_join else 0
                access = Access(visible=True, served=told.served, from_index=start)
                found.append(Shown(head, access, told))
        return found

    async def get(self, tx: ReadTx, log_id: str) -> Shown:
        """Give a log that the peer may read, or has left. Raises NotFound for a hidden and an absent one alike."""
        log = await logs.find(tx, log_id)
        told = self._told.get(log_id)
        head = None if log is None else await head_of(tx, log)
        if head is not None and (head.log.audience_id in tx.audiences or head.log.origin == self._peer_id):
            for shown in await self.judge(tx, [head]):
                return shown
        if head is None or told is None or not told.served:
            raise NotFound(ABSENT)
        return self._left(tx, head, told)

    def _left(self, tx: ReadTx, head: LogHead, told: PeerLog) -> Shown:
        # Whoever is in the group, as far as is known here, can have lost an own log of it by the lapse alone.
        lapsed = self._active and _group_of(head) is not None and head.log.audience_id in tx.audiences
        public = head.log.audience["kind"] == "public"
        return Shown(head, Access(visible=False, served=told.served, public=public), told, lapsed)

    def _may_read(self, head: LogHead, group: GroupStanding | None) -> bool:
        """Tell whether the peer may read a log that is its own by audience or origin.

        1. The peering is active.
        2. The origin itself always reads its own logs.
        3. A group's members are trusted as long as its steward's node was heard.
        4. Another node's log is passed on only where that cannot reach anybody new.
        """
        log = head.log
        # 1
        if not self._active:
            return False
        # 2
        if log.origin == self._peer_id:
            return True
        # 3
        kind = str(log.audience["kind"])
        if kind == "group" and (group is None or self._is_lapsed(group)):
            return False
        # 4
        return log.origin == self._own_id or may_relay(kind, group is not None and group.community)

    def _is_lapsed(self, group: GroupStanding) -> bool:
        if group.home == self._own_id:
            return False
        return group.heard_at is None or self._now - group.heard_at > MEMBERSHIP_MAX_AGE

    async def _start(self, tx: ReadTx, head: LogHead, group: UUID | None) -> int:
        if group is None or head.log.origin == self._peer_id:
            return 0
        joined = await standing.joined_with(tx, group, self._peer_id)
        return head.size if joined is None else await standing.first_after(tx, head.log.id, joined)


async def around(tx: ReadTx, start: str = "", origin: str | None = None) -> AsyncIterator[list[LogHead]]:
    """Give the logs that are the actor's by audience or origin, in pages, from the one after `start` around to it."""
    for first, until in ((start, "~"), ("", start)) if start else (("", "~"),):
        after = first
        while after < until and (page := await replicas.heads_visible(tx, PAGE, after, origin=origin)):
            after = page[-1].log.id
            yield [head for head in page if head.log.id <= until]


async def rights_of(node: Node, tx: ReadTx, now: datetime) -> Rights:
    """Read what decides about the logs of the transaction's actor, a peer. Raises NotFound: it is none."""
    peer_id = tx.actor.node or ""
    peer = await peers.get(tx, peer_id)
    told = await deliveries.of_peer(tx, peer_id)
    return Rights(node.identity.node_id, peer_id, peer.state == State.ACTIVE, told, now)


def _group_of(head: LogHead) -> UUID | None:
    group = head.log.audience.get("group")
    return None if group is None else UUID(group)


async def head_of(tx: ReadTx, log: Log) -> LogHead | None:
    """Give the newest head of a log, whether the actor may read it or not; None while it is empty."""
    head = await logs.head(tx, log.id)
    if head.note is None:
        return None
    return LogHead(log, log.audience_key.endswith(".red"), head.size, head.root, head.note, head.cover_size)
