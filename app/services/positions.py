"""Positions: how far this node is in a log, what counts there, and what it still takes of an origin today.

The rule here: which keys count at an index follows from the accepted statements before it, read anew from the rows
whenever a page was not written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

from app.domain import record, signing
from app.domain.entry_rules import Entry, LogName
from app.domain.keys import LogKeys
from app.domain.node_record import NodeRecord
from app.domain.page import Accepted, Held, RefusedEntry, Verdict
from app.domain.peer import Policy
from app.domain.report import Report
from app.storage import arriving, groups, log_facts, logs
from app.storage.store import ReadTx

OVER_QUOTA = "over_quota"


@dataclass(slots=True)
class Position:
    """How far this node is in a log: the right edge it holds, and what the entries up to there have stated.

    `keys` advance while a page is judged; a position whose page was not written is read anew.
    """

    log: LogName
    node: NodeRecord
    held: Held
    keys: LogKeys
    group: record.Group | None

    @property
    def size(self) -> int:
        """The number of entries held."""
        return self.held.frontier.size


@dataclass(slots=True)
class Spending:
    """How many indicators of each issuer of one origin were taken in on one day (UTC), against the peer's quotas.

    What has no indicators counts as one; what is stated, and what undoes a report, costs nothing and is always taken.
    """

    day: datetime
    by_issuer: dict[UUID, int] = field(default_factory=dict)
    total: int = 0

    @classmethod
    async def load(cls, tx: ReadTx, origin: str, now: datetime) -> Self:
        """Count what was taken in today."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        spent = await arriving.indicators_since(tx, origin, day)
        return cls(day, spent, sum(spent.values()))

    def judge(self, verdicts: Sequence[Verdict], policy: Policy) -> list[Verdict]:
        """Refuse what goes beyond a quota; the rest is spent."""
        return [self._judge(item, policy) for item in verdicts]

    def _judge(self, item: Verdict, policy: Policy) -> Verdict:
        if not isinstance(item, Accepted) or item.record.kind in arriving.FREE_KINDS:
            return item
        body = item.record.body
        issuer, more = item.record.issuer, len(body.indicators) if isinstance(body, Report) else 1
        own = self.by_issuer.get(issuer, 0) + more
        everybodys = self.total + more
        if own > policy.indicators_per_organization_per_day or everybodys > policy.indicators_per_day:
            return RefusedEntry(item.index, item.leaf_hash, OVER_QUOTA, "It goes beyond the quota of today.")
        self.by_issuer[issuer], self.total = own, everybodys
        return item


async def read_position(tx: ReadTx, log: LogName, node: NodeRecord) -> Position:
    """Read how far this node is in a log, which may be new to it."""
    head = await logs.head(tx, log.id)
    known = await find_group(tx, log)
    keys = await read_keys(tx, log, node, head.size)
    return Position(log, node, Held(head.frontier, head.note), keys, known)


async def find_group(tx: ReadTx, log: LogName) -> record.Group | None:
    """Find the group of a log as it is known here."""
    found = None if log.audience.group is None else await groups.find(tx, log.audience.group)
    if found is None:
        return None
    return record.Group(
        group=found.id,
        name=found.name,
        steward=found.steward,
        members=found.members,
        version=found.version,
        history=found.history,
        on_leave=found.on_leave,
        nodes=found.nodes,
    )


async def read_keys(tx: ReadTx, log: LogName, node: NodeRecord, before: int) -> LogKeys:
    """Read which keys count in a log at an index, from what the accepted entries before it state."""
    keys = LogKeys(node.keys)
    numbers = {signing.key_id(key): number for number, key in enumerate(node.keys)}
    for envelope in await log_facts.statements(tx, log.id, before):
        keys.generation = max(keys.generation, numbers.get(envelope.keyid, 0))
        keys.learn(record.parse(envelope.payload, kept=True))
    return keys


def issuers_of(entries: Iterable[Entry]) -> set[UUID]:
    """Name the issuers of entries: their homes are needed to judge them."""
    return {entry.said.issuer for entry in entries if isinstance(entry.said, record.Record)}
