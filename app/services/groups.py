"""Sharing groups: made and led by a steward, joined and left by organizations and whole nodes.

The rule here: a group is what its steward's newest record says, and that record stands in the group's own log at the
steward's node. Only there is it changed; a member elsewhere asks that node to let it go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.domain import access, reading, record
from app.domain import audience as audiences
from app.domain.actor import Actor
from app.domain.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed
from app.domain.marking import Pap, Tlp
from app.services import admit, audit, pull, repeats, signers
from app.services.node import Node
from app.services.remote import Remote
from app.services.repeats import Repeat
from app.storage import groups, organizations, peers
from app.storage.groups import Group as Group  # noqa: PLC0414 - part of this floor's interface
from app.storage.store import ReadTx, WriteTx


@dataclass(frozen=True, slots=True)
class Change:
    """Who joins and who leaves a group: organizations by id, whole nodes by node id."""

    add: Sequence[UUID] = ()
    remove: Sequence[UUID] = ()
    add_nodes: Sequence[str] = ()
    remove_nodes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Charter:
    """A group as it is to be: its name, members and member nodes, and its rules (see `record.Group`)."""

    name: str
    members: Sequence[UUID] = ()
    nodes: Sequence[str] = ()
    history: str = "full"
    on_leave: str = "purge"


async def add_group(
    node: Node,
    actor: Actor,
    charter: Charter,
    now: datetime,
    *,
    steward: UUID | None = None,
    repeat: Repeat | None = None,
) -> Group:
    """Make a sharing group; the steward leads it, and reads it only as a member.

    A group of nodes without a member organization is a community: everybody at home on those nodes reads it, and it
    takes records up to TLP:GREEN. Raises Forbidden, Invalid.
    """
    access.check_act(actor, "change_group")
    steward = steward or actor.organization
    if steward != actor.organization:
        access.check_act(actor, "operate")

    async def add() -> Group:
        async with node.store.write(actor) as tx:
            known = await repeats.recall(tx, repeat)
            if known is not None:
                return await groups.get_made(tx, known.subject)
            made = Group(
                id=node.new_id(now),
                name=reading.text(charter.name, "/name", record.MAX_NAME),
                steward=steward,
                version=1,
                created_at=now,
                members=tuple(sorted(set(charter.members))),
                nodes=tuple(sorted(set(charter.nodes))),
                history=reading.word(charter.history, ("full", "from_join"), "/history"),
                on_leave=reading.word(charter.on_leave, ("purge", "keep"), "/on_leave"),
            )
            await _check_members(node, tx, made)
            await groups.add(tx, made)
            await _state_group(node, tx, made, now)
            await audit.note(tx, "add_group", now, subject=str(made.id), count=len(made.members) + len(made.nodes))
            await repeats.remember(tx, repeat, made.id, now)
        node.ring()
        return made

    return await repeats.once_more(add)


async def _check_members(node: Node, tx: WriteTx, group: Group) -> None:
    """Check that somebody is in the group, not too many, and everybody known here. Raises Invalid."""
    if not 1 <= len(group.members) + len(group.nodes) <= record.MAX_MEMBERS:
        raise Invalid(f"A group has 1 to {record.MAX_MEMBERS} members; an empty group is nobody.")
    if await organizations.count_missing(tx, group.members):
        raise Invalid("members names an organization that is not known here.")
    for node_id in group.nodes:
        if node_id != node.identity.node_id and await peers.find(tx, node_id) is None:
            raise Invalid("nodes names a node that is no peer of this one.")


async def change_members(
    node: Node,
    actor: Actor,
    group_id: UUID,
    change: Change,
    now: datetime,
    *,
    expected: int | None = None,
    remote: Remote | None = None,
) -> Group:
    """Let organizations and nodes join or leave a group: the steward any, a member itself out.

    Who joins reads the group from its beginning; who leaves reads nothing of it from the commit on. `expected` is the
    version that the caller saw. A member of a group that is led on another node leaves by `remote`, which asks there.
    Raises NotFound for a hidden and an absent group alike, Forbidden, Invalid, PreconditionFailed, Unavailable.
    """
    access.check_act(actor, "change_group")
    leaves = change == Change(remove=(actor.organization,))
    async with node.store.read(actor) as reading_tx:
        group = await groups.get_known(reading_tx, group_id)
        home = await _home(reading_tx, group)
        leader = await peers.find(reading_tx, home)
        to = None if leader is None else await pull.destination(reading_tx, leader)
    if home == node.identity.node_id:
        return await _change(node, actor, group_id, change, now, expected=expected, leaves=leaves)
    if not leaves or actor.organization not in group.members:
        raise Forbidden("The group is led on another node: only its steward changes it there; a member may leave.")
    if remote is None or to is None:
        raise Forbidden("The group is led on another node, which cannot be asked from here: leave it by the API.")
    await remote.leave_group(to, group_id, actor.organization)
    return await _depart(node, actor, group_id, now)


async def _home(tx: ReadTx, group: Group) -> str:
    steward = await organizations.find(tx, group.steward)
    assert steward is not None, "a group's steward is known wherever the group is"
    return steward.home


async def _change(
    node: Node, actor: Actor, group_id: UUID, change: Change, now: datetime, *, expected: int | None, leaves: bool
) -> Group:
    async with node.store.write(actor) as tx:
        group = await groups.get_known(tx, group_id, for_change=True)
        if expected is not None and expected != group.version:
            raise PreconditionFailed(
                f"The group is at version {group.version} now; read it again before you change it."
            )
        if group.steward != actor.organization and not leaves:
            raise Forbidden("Only the group's steward may change its members; a member may leave.")
        changed = await _changed(node, tx, group, change, now)
        await audit.note(
            tx, "change_group", now, subject=str(group_id), count=len(changed.members) + len(changed.nodes)
        )
    node.ring()
    return changed


async def _changed(node: Node, tx: WriteTx, group: Group, change: Change, now: datetime) -> Group:
    members = tuple(sorted((set(group.members) - set(change.remove)) | set(change.add)))
    nodes = tuple(sorted((set(group.nodes) - set(change.remove_nodes)) | set(change.add_nodes)))
    if (members, nodes) == (group.members, group.nodes):
        return group
    changed = replace(group, members=members, nodes=nodes, version=group.version + 1)
    await _check_members(node, tx, changed)
    if (not members) != (not group.members):
        raise Invalid("A community stays a community, and a group of organizations one: make another group instead.")
    await groups.replace_members(tx, changed, now)
    await _state_group(node, tx, changed, now)
    return changed


async def _depart(node: Node, actor: Actor, group_id: UUID, now: datetime) -> Group:
    """Let the actor's organization out here at once; the steward's newer record follows by the pull."""
    async with node.store.write(actor) as tx:
        group = await groups.get_known(tx, group_id, for_change=True)
        left = replace(group, members=tuple(item for item in group.members if item != actor.organization))
        await groups.replace_members(tx, left, now)
        await audit.note(tx, "change_group", now, subject=str(group_id), count=len(left.members))
    node.ring()
    return left


async def let_go(node: Node, peer: Actor, group_id: UUID, organization: UUID, now: datetime) -> None:
    """Let an organization that is at home at a peer out of a group that is led here, as that peer asks.

    Asked again, it is done already. Raises NotFound alike for a hidden group, an absent one, and somebody else's
    organization.
    """
    async with node.store.write(peer) as tx:
        asked = await organizations.find(tx, organization)
        group = await groups.find(tx, group_id)
        if (
            asked is None
            or group is None
            or asked.home != peer.node
            or not await groups.was_member(tx, group_id, organization)
            or await _home(tx, group) != node.identity.node_id
        ):
            raise NotFound("There is no such group, or the organization does not belong to it.")
        await _changed(node, tx, group, Change(remove=(organization,)), now)
        await audit.note(tx, "change_group", now, subject=str(group_id))
    node.ring()


async def _state_group(node: Node, tx: WriteTx, group: Group, now: datetime) -> None:
    """Owe the group's new version to the group's own log, signed for its steward.

    A steward that keeps its own key has the node vouch for the membership that it asked for.
    """
    await organizations.hold(tx, group.steward, alone=False)
    steward = await organizations.get(tx, group.steward)
    body = record.Group(
        group.id,
        group.name,
        group.steward,
        group.members,
        group.version,
        history=group.history,
        on_leave=group.on_leave,
        nodes=group.nodes,
    )
    audience = audiences.group(group.id)
    handling = (Tlp.GREEN, Pap.GREEN) if body.is_community else (Tlp.AMBER, Pap.AMBER)
    stated = admit.frame(node, "group", steward.id, audience, *handling, body, now)
    try:
        envelope = await signers.sign(node, tx, steward, stated)
    except Conflict:
        envelope = stated.sign(node.identity.seed)
    await admit.admit(node, tx, steward, stated, envelope, "node", now)


async def list_groups(node: Node, actor: Actor, after: UUID | None, limit: int) -> list[Group]:
    """List the groups that the actor's organization belongs to or leads."""
    access.check_act(actor, "read_groups")
    async with node.store.read(actor) as tx:
        return await groups.search_known(tx, after, limit)


async def get_group(node: Node, actor: Actor, group_id: UUID) -> Group:
    """Give a group that the actor's organization belongs to or leads. Raises NotFound."""
    access.check_act(actor, "read_groups")
    async with node.store.read(actor) as tx:
        return await groups.get_known(tx, group_id)
