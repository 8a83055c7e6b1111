"""Sharing groups and who is a member now.

The rule here: a group is known to its steward and its members, and to nobody else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, or_, select, update

from app.domain.errors import NotFound
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import group_members, groups


@dataclass(frozen=True, slots=True)
class Group:
    """A group as its steward last stated it."""

    id: UUID
    name: str
    steward: UUID
    version: int
    created_at: datetime
    members: tuple[UUID, ...]


async def add(tx: WriteTx, group: Group) -> None:
    """Add a group with its members."""
    await tx.execute(
        groups.insert().values(
            id=group.id, name=group.name, steward=group.steward, version=group.version, created_at=group.created_at
        )
    )
    await _add_members(tx, group.id, group.members, group.created_at)


async def replace_members(tx: WriteTx, group: Group, now: datetime) -> None:
    """Set the members and version of a group; who stays keeps the time of joining."""
    held = {row[0] for row in await tx.execute(_members_of(group.id))}
    gone = held - set(group.members)
    if gone:
        await tx.execute(
            delete(group_members).where(
                group_members.c.group_id == group.id, group_members.c.organization_id.in_(sorted(gone))
            )
        )
    await _add_members(tx, group.id, sorted(set(group.members) - held), now)
    await tx.execute(update(groups).where(groups.c.id == group.id).values(version=group.version, name=group.name))
    tx.audiences_changed = True


async def get_known(tx: ReadTx, group_id: UUID, *, for_change: bool = False) -> Group:
    """Give a group that the actor's organization belongs to or leads.

    Raises NotFound for a hidden and an absent one alike. `for_change` holds it until the commit.
    """
    query = select(groups).where(groups.c.id == group_id, _known(tx))
    row = (await tx.execute(query.with_for_update() if for_change else query)).first()
    if row is None:
        raise NotFound("There is no such group, or you do not belong to it.")
    return await _group(tx, row)


async def get_made(tx: ReadTx, group_id: UUID) -> Group:
    """Give a group that the actor's organization itself made, for another steward too: the answer it had before."""
    return await _group(tx, (await tx.execute(select(groups).where(groups.c.id == group_id))).one())


async def search_known(tx: ReadTx, after: UUID | None, limit: int) -> list[Group]:
    """List the groups that the actor's organization belongs to or leads, by id."""
    query = select(groups).where(_known(tx)).order_by(groups.c.id).limit(limit)
    if after is not None:
        query = query.where(groups.c.id > after)
    return [await _group(tx, row) for row in (await tx.execute(query)).all()]


async def is_member(tx: ReadTx, group_id: UUID, organization_id: UUID) -> bool:
    """Tell whether the organization is a member of the group now."""
    query = _members_of(group_id).where(group_members.c.organization_id == organization_id)
    return (await tx.execute(query)).first() is not None


def _known(tx: ReadTx) -> ColumnElement[bool]:
    mine = select(group_members.c.group_id).where(group_members.c.organization_id == tx.actor.organization)
    return or_(groups.c.steward == tx.actor.organization, groups.c.id.in_(mine))


def _members_of(group_id: UUID) -> Select[Any]:
    return select(group_members.c.organization_id).where(group_members.c.group_id == group_id)


async def _group(tx: ReadTx, row: Sequence[Any]) -> Group:
    members = tuple(sorted(item[0] for item in await tx.execute(_members_of(row[0]))))
    fields: list[Any] = [*row, members]
    return Group(*fields)


async def _add_members(tx: WriteTx, group_id: UUID, members: Iterable[UUID], now: datetime) -> None:
    rows = [{"group_id": group_id, "organization_id": member, "joined_at": now} for member in members]
    if rows:
        await tx.execute(group_members.insert(), rows)
    tx.audiences_changed = True
