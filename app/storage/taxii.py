"""What TAXII keeps and asks beside the stream: the audiences that are collections, and statuses of what was posted.

The rule here: a status is its organization's alone, and is forgotten after its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, false, select

from app.storage.feed_tables import taxii_statuses
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import audiences, group_members, groups
from app.storage.visibility import visible


@dataclass(frozen=True, slots=True)
class Stream:
    """An audience that the actor may read, and whether its organization may speak to it as a member of the group."""

    audience_id: int
    key: str
    kind: str
    document: Mapping[str, Any]
    group_name: str | None
    member: bool


async def streams(tx: ReadTx) -> list[Stream]:
    """List the audiences that the actor may read, but those of TLP:RED."""
    member = select(group_members.c.group_id).where(
        group_members.c.group_id == audiences.c.group_id, group_members.c.organization_id == tx.actor.organization
    )
    query = (
        select(
            audiences.c.id,
            audiences.c.key,
            audiences.c.kind,
            audiences.c.document,
            groups.c.name,
            member.exists(),
        )
        .outerjoin(groups, groups.c.id == audiences.c.group_id)
        .where(visible(audiences.c.id, tx.audiences), audiences.c.red == false())
    )
    return [Stream(*row) for row in await tx.execute(query)]


async def add_status(tx: WriteTx, status_id: UUID, document: Mapping[str, Any], now: datetime) -> None:
    """Keep what became of a request of the actor's organization."""
    values = {"id": status_id, "organization_id": tx.actor.organization, "made_at": now, "document": document}
    await tx.execute(taxii_statuses.insert().values(**values))


async def find_status(tx: ReadTx, status_id: UUID) -> dict[str, Any] | None:
    """Find what became of a request of the actor's organization."""
    query = select(taxii_statuses.c.document).where(
        taxii_statuses.c.id == status_id, taxii_statuses.c.organization_id == tx.actor.organization
    )
    found: dict[str, Any] | None = (await tx.execute(query)).scalar()
    return found


async def expire_statuses(tx: WriteTx, before: datetime) -> None:
    """Forget what was asked before a time."""
    await tx.execute(delete(taxii_statuses).where(taxii_statuses.c.made_at < before))
