"""Sharing groups and who is a member now.

The rule here: a group is known to its steward and its members, and to nobody else. Whoever is at home on a member node
is a member.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, exists, or_, select, union, update

from app.domain import record
from app.domain.errors import NotFound
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import audiences, group_members, group_nodes, groups, organizations, records


@dataclass(frozen=True, slots=True)
class Group:
    """A group as its steward last stated it: organizations and whole nodes as members, and its rules."""

    id: UUID
    name: str
    steward: UUID
    version: int
    created_at: datetime
    members: tuple[UUID, ...]
    nodes: tuple[str, ...] = ()
    history: str = "full"
    on_leave: str = "purge"


_FRAME = (groups.c.id, groups.c.name, groups.c.steward, groups.c.version, groups.c.created_at)
_RULES = (groups.c.history, groups.c.on_leave)


async def add(tx: WriteTx, group: Group) -> None:
    """Add a group with its members."""
    names = ("id", "name", "steward", "version", "created_at", "history", "on_leave")
    await tx.execute(groups.insert().values(**{name: getattr(group, name) for name in names}))
    await _add_members(tx, group.id, group.members, group.created_at)
    await _set_nodes(tx, group)


async def replace_members(tx: WriteTx, group: Group, now: datetime) -> None:
    """Set the members, member nodes, name, rules and version of a group; who stays keeps the time of joining."""
    held = {row[0] for row in await tx.execute(_members_of(group.id))}
    gone = held - set(group.members)
    if gone:
        await tx.execute(
            delete(group_members).where(
                group_members.c.group_id == group.id, group_members.c.organization_id.in_(sorted(gone))
            )
        )
    await _add_members(tx, group.id, sorted(set(group.members) - held), now)
    await _set_nodes(tx, group)
    names = ("name", "version", "history", "on_leave")
    values = {name: getattr(group, name) for name in names}
    await tx.execute(update(groups).where(groups.c.id == group.id).values(**values))
    tx.audiences_changed = True


async def put(tx: WriteTx, group: Group, now: datetime) -> None:
    """Take in a group as its steward states it at another node. Not checked: that the version is newer."""
    if await find(tx, group.id) is None:
        await add(tx, group)
    else:
        await replace_members(tx, group, now)


async def find(tx: ReadTx, group_id: UUID) -> Group | None:
    """Find a group, whether the actor may know of it or not."""
    row = (await tx.execute(select(*_FRAME, *_RULES).where(groups.c.id == group_id))).first()
    return None if row is None else await _group(tx, row)


async def get_known(tx: ReadTx, group_id: UUID, *, for_change: bool = False) -> Group:
    """Give a group that the actor's organization belongs to or leads.

    Raises NotFound for a hidden and an absent one alike. `for_change` holds it until the commit.
    """
    query = select(*_FRAME, *_RULES).where(groups.c.id == group_id, _known(tx))
    row = (await tx.execute(query.with_for_update() if for_change else query)).first()
    if row is None:
        raise NotFound("There is no such group, or you do not belong to it.")
    return await _group(tx, row)


async def get_made(tx: ReadTx, group_id: UUID) -> Group:
    """Give a group that the actor's organization itself made, for another steward too: the answer it had before."""
    return await _group(tx, (await tx.execute(select(*_FRAME, *_RULES).where(groups.c.id == group_id))).one())


async def search_known(tx: ReadTx, after: UUID | None, limit: int) -> list[Group]:
    """List the groups that the actor's organization belongs to or leads, by id."""
    query = select(*_FRAME, *_RULES).where(_known(tx)).order_by(groups.c.id).limit(limit)
    if after is not None:
        query = query.where(groups.c.id > after)
    return [await _group(tx, row) for row in (await tx.execute(query)).all()]


async def is_member(tx: ReadTx, group_id: UUID, organization_id: UUID) -> bool:
    """Tell whether the organization is a member of the group now, itself or by its home."""
    return (await tx.execute(_of_member(organization_id, group_id))).first() is not None


async def was_member(tx: ReadTx, group_id: UUID, organization_id: UUID) -> bool:
    """Tell whether the group's records ever named the organization as a member."""
    query = (
        select(records.c.payload)
        .join(audiences, audiences.c.id == records.c.audience_id)
        .where(audiences.c.group_id == group_id, records.c.kind == "group")
        .order_by(records.c.id.desc())
    )
    for row in await tx.execute(query):
        body = record.parse(row[0], kept=True).body
        if isinstance(body, record.Group) and body.group == group_id and organization_id in body.members:
            return True
    return False


async def is_community(tx: ReadTx, group_id: UUID) -> bool:
    """Tell whether the group has member nodes and no member organization."""
    member = exists().where(group_members.c.group_id == group_id)
    query = select(group_nodes.c.node_id).where(group_nodes.c.group_id == group_id, ~member)
    return (await tx.execute(query.limit(1))).first() is not None


def _known(tx: ReadTx) -> ColumnElement[bool]:
    return or_(groups.c.steward == tx.actor.organization, groups.c.id.in_(_of_member(tx.actor.organization)))


def _of_member(organization_id: UUID, group_id: UUID | None = None) -> Select[Any]:
    """Select the ids of the groups of which an organization is a member, or this one of them."""
    home = select(organizations.c.home).where(organizations.c.id == organization_id)
    mine = union(
        select(group_members.c.group_id).where(group_members.c.organization_id == organization_id),
        select(group_nodes.c.group_id).where(group_nodes.c.node_id.in_(home)),
    ).subquery()
    query = select(mine.c.group_id)
    return query if group_id is None else query.where(mine.c.group_id == group_id)


def _members_of(group_id: UUID) -> Select[Any]:
    return select(group_members.c.organization_id).where(group_members.c.group_id == group_id)


async def _group(tx: ReadTx, row: Sequence[Any]) -> Group:
    *frame, history, on_leave = row
    members = tuple(sorted(item[0] for item in await tx.execute(_members_of(row[0]))))
    housed = select(group_nodes.c.node_id).where(group_nodes.c.group_id == row[0])
    nodes = tuple(sorted(item[0] for item in await tx.execute(housed)))
    fields: list[Any] = [*frame, members, nodes, history, on_leave]
    return Group(*fields)


async def _set_nodes(tx: WriteTx, group: Group) -> None:
    await tx.execute(delete(group_nodes).where(group_nodes.c.group_id == group.id))
    rows = [{"group_id": group.id, "node_id": node} for node in group.nodes]
    if rows:
        await tx.execute(group_nodes.insert(), rows)


async def _add_members(tx: WriteTx, group_id: UUID, members: Iterable[UUID], now: datetime) -> None:
    rows = [{"group_id": group_id, "organization_id": member, "joined_at": now} for member in members]
    if rows:
        await tx.execute(group_members.insert(), rows)
    tx.audiences_changed = True
