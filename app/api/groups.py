"""Sharing groups: make one, see yours, join and leave.

The rule here: a group is known to its steward and its members; for anybody else there is none.
"""

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Header, Query, Request, Response
from pydantic import Field

from app.api import examples
from app.api.documents import moment
from app.api.operations import refusals, takes
from app.api.shapes import In, Moment, Out
from app.domain.errors import Invalid
from app.services import groups
from app.services.groups import Change, Charter, Group
from app.web.bodies import json_answer, parse_model, read_mapping
from app.web.deps import actor_of, hall_of, repeat_of, signed_in_router
from app.web.paging import DEFAULT_LIMIT, MAX_LIMIT, page, read_cursor

router = signed_in_router("groups")
_ETAG = re.compile(r'"(\d{1,9})"')
NodeId = Annotated[str, Field(pattern=r"^wf[a-z2-7]{32}$")]


class GroupIn(In):
    """A new group, of which your organization is the steward and a member."""

    name: str = Field(min_length=1, max_length=200)
    members: list[UUID] = Field(description="Organizations; your own is always one, unless the group is of nodes.")
    nodes: list[NodeId] = Field(
        default=[], description="Whole nodes. Without members it is a community: TLP:GREEN at most, passed on by all."
    )
    history: Literal["full", "from_join"] = Field("full", description="What a node that joins gets of the past.")
    on_leave: Literal["purge", "keep"] = Field("purge", description="What a node that leaves does with what it has.")


class MembersIn(In):
    """Who joins and who leaves."""

    add: list[UUID] = Field(default=[])
    remove: list[UUID] = Field(default=[])
    add_nodes: list[NodeId] = Field(default=[])
    remove_nodes: list[NodeId] = Field(default=[])


class GroupOut(Out):
    """A group; who joins reads it from its beginning."""

    id: UUID
    name: str
    steward: UUID
    version: int
    created_at: Moment
    members: list[UUID]
    nodes: list[str]
    history: str
    on_leave: str


class GroupsOut(Out):
    """A page of groups."""

    groups: list[GroupOut]
    next: str | None


class MembersOut(Out):
    """The members of a group."""

    members: list[UUID]


def _group(group: Group) -> dict[str, Any]:
    return {
        "id": str(group.id),
        "name": group.name,
        "steward": str(group.steward),
        "version": group.version,
        "created_at": moment(group.created_at),
        "members": [str(member) for member in group.members],
        "nodes": list(group.nodes),
        "history": group.history,
        "on_leave": group.on_leave,
    }


@router.get("/groups", response_model=GroupsOut, responses=refusals(400))
async def list_groups(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query()] = None,
) -> Response:
    """List the groups that your organization belongs to or leads."""
    hall = hall_of(request)
    after = read_cursor(request, ("groups",), cursor)
    found = await groups.list_groups(hall.node, actor_of(request), None if after is None else UUID(after), limit + 1)
    last = str(found[limit - 1].id) if len(found) > limit else None
    return page(request, [_group(item) for item in found[:limit]], ("groups",), last)


@router.post(
    "/groups",
    status_code=201,
    response_model=GroupOut,
    responses=refusals(409, 413, 415),
    openapi_extra=takes(GroupIn, examples.GROUP),
)
async def add_group(request: Request) -> Response:
    """Make a sharing group."""
    hall, actor = hall_of(request), actor_of(request)
    raw, document = await read_mapping(request)
    said = parse_model(GroupIn, document)
    members = said.members if said.nodes and not said.members else [*said.members, actor.organization]
    charter = Charter(said.name, members, said.nodes, said.history, said.on_leave)
    made = await groups.add_group(hall.node, actor, charter, hall.clock(), repeat=repeat_of(request, raw))
    return json_answer(_group(made), 201, f"/v1/groups/{made.id}")


@router.get("/groups/{group_id}", response_model=GroupOut, responses=refusals(404))
async def read_group(request: Request, group_id: UUID) -> Response:
    """Read a group."""
    return _answer(await groups.get_group(hall_of(request).node, actor_of(request), group_id))


def _answer(group: Group) -> Response:
    response = json_answer(_group(group))
    response.headers["etag"] = f'"{group.version}"'
    return response


@router.get("/groups/{group_id}/members", response_model=MembersOut, responses=refusals(404))
async def list_members(request: Request, group_id: UUID) -> Response:
    """List the members of a group."""
    group = await groups.get_group(hall_of(request).node, actor_of(request), group_id)
    return json_answer({"members": [str(member) for member in group.members]})


@router.post(
    "/groups/{group_id}/members",
    response_model=GroupOut,
    responses=refusals(404, 409, 412, 413, 415),
    openapi_extra=takes(MembersIn, examples.MEMBERS),
)
async def change_members(
    request: Request,
    group_id: UUID,
    if_match: Annotated[str | None, Header(description="The ETag of the group as you read it.")] = None,
) -> Response:
    """Let organizations join or leave (the steward), or leave yourself."""
    hall = hall_of(request)
    _, document = await read_mapping(request)
    said = parse_model(MembersIn, document)
    group = await groups.change_members(
        hall.node,
        actor_of(request),
        group_id,
        Change(tuple(said.add), tuple(said.remove), tuple(said.add_nodes), tuple(said.remove_nodes)),
        hall.clock(),
        expected=_version(if_match),
        remote=hall.remote,
    )
    return _answer(group)


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match == "*":
        return None
    found = _ETAG.fullmatch(if_match)
    if found is None:
        raise Invalid('If-Match must be the ETag of the group, such as "3".')
    return int(found.group(1))


BODIES = (GroupIn, MembersIn)
