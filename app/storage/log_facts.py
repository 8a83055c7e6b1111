"""Facts of logs that whoever pulls them needs: what was stated before an index, and which logs belong to a group.

The rule here: what was erased, refused or never came states nothing.
"""

from uuid import UUID

from sqlalchemy import select

from app.domain.peer import STATEMENTS
from app.domain.signing import Envelope
from app.storage.store import ReadTx
from app.storage.tables import audiences, log_entries, logs, records


async def statements(tx: ReadTx, log_id: str, before: int) -> list[Envelope]:
    """List the statements of organizations, groups and nodes in a log before an index, in their order."""
    query = (
        select(records.c.payload, records.c.keyid, records.c.signature)
        .join(log_entries, log_entries.c.record_id == records.c.id)
        .join(logs, (logs.c.id == log_entries.c.log_id) & (logs.c.audience_id == records.c.audience_id))
        .where(
            logs.c.id == log_id,
            log_entries.c.index < before,
            records.c.kind.in_(sorted(STATEMENTS)),
            records.c.payload.is_not(None),
        )
        .order_by(log_entries.c.index)
    )
    return [Envelope(*row) for row in await tx.execute(query)]


async def of_group(tx: ReadTx, group_id: UUID, *, without: str) -> list[str]:
    """List the ids of a group's logs, but those of the origin `without`."""
    query = (
        select(logs.c.id)
        .join(audiences, audiences.c.id == logs.c.audience_id)
        .where(audiences.c.group_id == group_id, logs.c.origin != without)
        .order_by(logs.c.id)
    )
    return [row[0] for row in await tx.execute(query)]
