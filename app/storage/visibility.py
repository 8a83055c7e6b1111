"""Who may see: the one predicate of every query, and the audiences it is made of.

The rule here: a query on content carries `visible(...)`, and there is no variant without it. It is the twin in SQL of
`domain.access.can_see`: the actor's audience ids are resolved once, and the record's audience must be among them. A
peer node may read what the organizations at home there may.
"""

import time
from collections import OrderedDict
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    any_,
    bindparam,
    false,
    func,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.actor import Actor
from app.storage.tables import audience_organizations, audiences, group_members, group_nodes, organizations

TTL_SECONDS = 2.0  # seconds: how long another process's change of a group may go unnoticed here
MAX_HELD = 10_000  # organizations whose audiences are held at once: about 1 KB each


def may_read(organization: UUID, *, strong: bool) -> Select[int]:
    """Select the ids of all audiences that an organization may read; those of RED only for a strong credential."""
    home = select(organizations.c.home).where(organizations.c.id == organization)
    return _may_read(
        audience_organizations.c.organization_id == organization,
        group_members.c.organization_id == organization,
        group_nodes.c.node_id.in_(home),
        true() if strong else audiences.c.red == false(),
    )


def may_read_as_node(node_id: str) -> Select[int]:
    """Select the ids of all audiences that a peer node may read for itself or who is at home there, RED included."""
    at_home = select(organizations.c.id).where(organizations.c.home == node_id)
    return _may_read(
        audience_organizations.c.organization_id.in_(at_home),
        group_members.c.organization_id.in_(at_home),
        group_nodes.c.node_id == node_id,
        true(),
    )


def _may_read(
    named: ColumnElement[bool], member: ColumnElement[bool], housed: ColumnElement[bool], handling: ColumnElement[bool]
) -> Select[int]:
    ids = select(audiences.c.id).where(handling)
    every = union_all(
        ids.where(audiences.c.kind == "public"),
        ids.join(audience_organizations, audience_organizations.c.audience_id == audiences.c.id).where(named),
        ids.join(group_members, group_members.c.group_id == audiences.c.group_id).where(member),
        ids.join(group_nodes, group_nodes.c.group_id == audiences.c.group_id).where(housed),
    )
    return select(every.subquery().c.id)


def visible(column: ColumnElement[int], ids: tuple[int, ...]) -> ColumnElement[bool]:
    """Say that a row's audience is among the ids that the actor may read; no ids means nobody."""
    return column.in_(ids) if ids else false()


def visible_bound(column: ColumnElement[int], dialect: str) -> tuple[ColumnElement[bool], BindParameter[Any]]:
    """Say the same with the ids as one parameter, for statements that are compiled once (see `bound_ids`)."""
    if dialect == "postgresql":
        parameter: BindParameter[Any] = bindparam("audiences", type_=ARRAY(Integer))
        return column == any_(parameter), parameter
    parameter = bindparam("audiences")
    return column.in_(select(func.json_each(parameter).table_valued("value").c.value)), parameter


def bound_ids(ids: tuple[int, ...], dialect: str) -> list[int] | str:
    """Give the driver value of the parameter of `visible_bound`."""
    return list(ids) if dialect == "postgresql" else f"[{','.join(map(str, ids))}]"


_Reader = tuple[UUID, bool, str | None]


def _reader(actor: Actor) -> _Reader:
    return actor.organization, actor.strong, actor.node


class Audiences:
    """The audience ids of organizations and peer nodes, held for seconds and forgotten at every change made here."""

    def __init__(self) -> None:
        """Start with nothing held."""
        self._held: OrderedDict[_Reader, tuple[float, tuple[int, ...]]] = OrderedDict()
        self._generation = 0

    async def of(self, connection: AsyncConnection, actor: Actor) -> tuple[int, ...]:
        """Give the sorted ids of all audiences that the actor may read."""
        held = self.held(actor)
        if held is not None:
            return held
        generation = self._generation
        if actor.node is None:
            query = may_read(actor.organization, strong=actor.strong)
        else:
            query = may_read_as_node(actor.node)
        found = await connection.scalars(query)
        ids = tuple(sorted(set(found)))
        if generation == self._generation:
            self._held[_reader(actor)] = (time.monotonic() + TTL_SECONDS, ids)
            while len(self._held) > MAX_HELD:
                self._held.popitem(last=False)
        return ids

    def held(self, actor: Actor) -> tuple[int, ...] | None:
        """Give the ids if they are held and fresh."""
        found = self._held.get(_reader(actor))
        return found[1] if found is not None and found[0] > time.monotonic() else None

    def forget(self) -> None:
        """Forget everything: an audience or a membership has changed."""
        self._generation += 1
        self._held.clear()
