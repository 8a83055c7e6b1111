"""What TAXII keeps and asks beside the stream: the audiences that are collections, and what became of what was posted.

The rule here: what became of a post is its organization's alone. A status is forgotten after its time.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, and_, bindparam, delete, false, select
from sqlalchemy.dialects import postgresql, sqlite

from app.storage.feed_tables import taxii_objects, taxii_statuses
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import audiences, group_members, groups
from app.storage.visibility import visible

NOWHERE = UUID(int=0)  # in place of a report, where an object was taken back
PART = 500  # ids of one statement


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


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of an object in one version: the indicators of a report, by their ordinals; none: taken back.

    `whole`: all that the object says was taken.
    """

    object_id: str
    version: datetime
    report: UUID = NOWHERE
    ordinals: tuple[int, ...] = ()
    whole: bool = True

    @property
    def rank(self) -> tuple[datetime, bool]:
        """What decides which of two is the newer one: of one version the taking back."""
        return self.version, not self.ordinals


_POSTED = select(*(taxii_objects.c[name] for name in ("object_id", "version", "report", "ordinals", "whole")))


async def posted(tx: ReadTx, collection: UUID, object_ids: Collection[str]) -> dict[str, list[Posted]]:
    """Give what the actor's organization has posted to a collection under these ids, the newest last."""
    found: dict[str, list[Posted]] = {}
    for row in await _posted(tx, collection, taxii_objects.c.object_id, object_ids):
        found.setdefault(row.object_id, []).append(row)
    return {object_id: sorted(rows, key=lambda row: row.rank) for object_id, rows in found.items()}


async def posted_in(tx: ReadTx, collection: UUID, reports: Collection[UUID]) -> list[Posted]:
    """Give what stands of what the actor's organization has posted to a collection, in these reports."""
    return await _posted(tx, collection, taxii_objects.c.report, reports)


async def _posted(tx: ReadTx, collection: UUID, column: Column[Any], values: Collection[Any]) -> list[Posted]:
    table, known, found = taxii_objects.c, sorted(values), list[Posted]()
    mine = and_(table.organization_id == tx.actor.organization, table.collection == collection)
    for first in range(0, len(known), PART):
        rows = await tx.execute(_POSTED.where(mine, column.in_(known[first : first + PART])))
        found += [Posted(row[0], row[1], row[2], tuple(row[3]), row[4]) for row in rows]
    return found


async def keep_posted(tx: WriteTx, collection: UUID, rows: Sequence[Posted]) -> None:
    """Note what became of objects, in place of what was noted of them in the same report and no later version."""
    if not rows:
        return
    insert = postgresql.insert if tx.dialect == "postgresql" else sqlite.insert
    made = insert(taxii_objects)
    newer = {name: made.excluded[name] for name in ("version", "ordinals", "whole")}
    keys = ("organization_id", "collection", "object_id", "report")
    whose = {"organization_id": tx.actor.organization, "collection": collection}
    await tx.execute(
        made.on_conflict_do_update(
            index_elements=keys, set_=newer, where=taxii_objects.c.version <= made.excluded.version
        ),
        [
            whose
            | {
                "object_id": row.object_id,
                "report": row.report,
                "version": row.version,
                "ordinals": list(row.ordinals),
                "whole": row.whole,
            }
            for row in sorted(rows, key=lambda row: (row.object_id, row.report))
        ],
    )


async def forget_posted(tx: WriteTx, collection: UUID, rows: Sequence[Posted]) -> None:
    """Forget what became of objects in these reports."""
    table = taxii_objects.c
    mine = and_(table.organization_id == tx.actor.organization, table.collection == collection)
    one = and_(mine, table.object_id == bindparam("of_object"), table.report == bindparam("of_report"))
    if rows:
        named = [{"of_object": row.object_id, "of_report": row.report} for row in rows]
        await tx.execute(delete(taxii_objects).where(one), named)


async def expire_taken_back(tx: WriteTx, before: datetime) -> None:
    """Forget of which objects nothing stands, and was taken back before a time."""
    await tx.execute(delete(taxii_objects).where(taxii_objects.c.report == NOWHERE, taxii_objects.c.version < before))


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
