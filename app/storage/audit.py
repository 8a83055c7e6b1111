"""Audit: who did what, one hash chain for each organization.

The rule here: a row is written in the transaction of its deed and never changed. The sequencer moves it into the
organization's chain, so that one deed never waits for another's place in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select

from app.storage.columns import to_microseconds
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import audit, audit_pending


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One deed: `subject` is a record id or the keyed digest of an address, `count` how many rows it spoke of."""

    organization_id: UUID
    at: datetime
    principal: str
    deed: str
    subject: str | None
    outcome: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class ChainedRow:
    """An audit row at its place in the organization's chain."""

    index: int
    row: AuditRow
    hash: bytes


_PENDING = ("organization_id", "at", "principal", "deed", "subject", "outcome", "count")


async def add(tx: WriteTx, rows: Sequence[AuditRow]) -> None:
    """Add rows that wait for their place in the chain."""
    await tx.insert_many(audit_pending, _PENDING, [_values(tx, row) for row in rows])


def _values(tx: ReadTx, row: AuditRow) -> tuple[object, ...]:
    owner = row.organization_id if tx.dialect == "postgresql" else row.organization_id.bytes
    return (owner, to_microseconds(row.at), row.principal, row.deed, row.subject, row.outcome, row.count)


async def pending(tx: ReadTx, limit: int) -> list[tuple[int, AuditRow]]:
    """List the rows that wait, oldest first."""
    rows = await tx.execute(select(audit_pending).order_by(audit_pending.c.id).limit(limit))
    return [(row[0], AuditRow(*row[1:])) for row in rows]


async def heads(tx: ReadTx, organizations: Sequence[UUID]) -> dict[UUID, tuple[int, bytes]]:
    """Give the last index and hash of each organization's chain."""
    newest = (
        select(audit.c.organization_id, func.max(audit.c.index).label("index"))
        .where(audit.c.organization_id.in_(organizations))
        .group_by(audit.c.organization_id)
        .subquery()
    )
    query = select(audit.c.organization_id, audit.c.index, audit.c.hash).join(
        newest, (newest.c.organization_id == audit.c.organization_id) & (newest.c.index == audit.c.index)
    )
    return {owner: (index, digest) for owner, index, digest in await tx.execute(query)}


async def chain(tx: WriteTx, taken: Sequence[int], rows: Sequence[ChainedRow]) -> None:
    """Move rows into their chains."""
    values = []
    for item in rows:
        owner, *rest = _values(tx, item.row)
        values.append((owner, item.index, *rest, item.hash))
    columns = ("organization_id", "index", "at", "principal", "deed", "subject", "outcome", "count", "hash")
    await tx.insert_many(audit, columns, values)
    for first in range(0, len(taken), 10_000):
        await tx.execute(delete(audit_pending).where(audit_pending.c.id.in_(taken[first : first + 10_000])))


async def search_own(
    tx: ReadTx, after: int, limit: int, *, deed: str | None = None, subjects: Sequence[str] = ()
) -> list[ChainedRow]:
    """List what the actor's own organization did, in the order of its chain."""
    query = select(audit).where(audit.c.organization_id == tx.actor.organization, audit.c.index > after)
    if deed is not None:
        query = query.where(audit.c.deed == deed)
    if subjects:
        query = query.where(audit.c.subject.in_(subjects))
    rows = await tx.execute(query.order_by(audit.c.index).limit(limit))
    return [ChainedRow(row[1], AuditRow(row[0], *row[2:8]), row[8]) for row in rows]
