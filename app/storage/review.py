"""Review: the records of organizations that are not trusted yet, and their release.

The rule here: a record that waits is readable by its issuer alone, through the audience that its row has meanwhile.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update

from app.domain.record import Record
from app.domain.record import parse as parse_record
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import indicators, records


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that waits, with the key that signed it."""

    id: UUID
    leaf_hash: bytes
    keyid: str
    record: Record


async def waiting(tx: ReadTx, issuer: UUID) -> list[Waiting]:
    """List an issuer's records that wait for review, oldest first."""
    query = (
        select(records.c.id, records.c.leaf_hash, records.c.keyid, records.c.payload)
        .where(records.c.issuer == issuer, records.c.quarantined.is_(True), records.c.payload.is_not(None))
        .order_by(records.c.received_at, records.c.id)
    )
    return [Waiting(row[0], row[1], row[2], parse_record(row[3])) for row in await tx.execute(query)]


async def publish(tx: WriteTx, record_id: UUID, audience_id: int) -> None:
    """Show a record that waited for review to its own audience."""
    await tx.execute(
        update(records).where(records.c.id == record_id).values(audience_id=audience_id, quarantined=False)
    )
    await tx.execute(update(indicators).where(indicators.c.record_id == record_id).values(audience_id=audience_id))
