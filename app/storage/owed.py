"""What organizations state in records that are owed to a log, and its withdrawal by a node that was restored.

The rule here: what is owed has been seen by nobody, so it may be withdrawn, and another statement take its place.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select, update

from app.domain.record import Organization
from app.domain.record import parse as parse_record
from app.storage import logs
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import log_pending, records


@dataclass(frozen=True, slots=True)
class OwedStatement:
    """What an organization states in a record that is owed to a log, and its place among what is owed."""

    place: int
    record_id: UUID
    body: Organization


async def statements(tx: ReadTx, audience_id: int, issuer: UUID, without: Collection[UUID]) -> list[OwedStatement]:
    """List what is owed of an organization's statements to an audience's log, but these records, oldest first."""
    query = (
        select(log_pending.c.id, records.c.id, records.c.payload)
        .join(log_pending, log_pending.c.record_id == records.c.id)
        .where(log_pending.c.audience_id == audience_id, records.c.issuer == issuer, records.c.kind == "organization")
        .where(records.c.id.not_in(without))
        .order_by(log_pending.c.id)
    )
    said = [(row[0], row[1], parse_record(row[2]).body) for row in await tx.execute(query)]
    return [OwedStatement(place, record, body) for place, record, body in said if isinstance(body, Organization)]


async def withdraw(tx: WriteTx, record_ids: Sequence[UUID]) -> None:
    """Take back records that are owed to a log and nobody has seen."""
    await logs.strike(tx, record_ids)
    await tx.execute(delete(records).where(records.c.id.in_(record_ids)))


async def put_in_place(tx: WriteTx, record_id: UUID, place: int) -> None:
    """Put what is owed in the place of something that was withdrawn."""
    await tx.execute(update(log_pending).where(log_pending.c.record_id == record_id).values(id=place))
