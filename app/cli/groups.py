"""`watchfire group`: sharing groups, and who joins and leaves them.

The rule here: a group is led by its steward; the operator's command line acts for the steward it names, and the audit
says that it was the operator.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from app.cli.operating import data_option, json_option, run_deed, show
from app.cli.output import choose_form, form_options, print_rows

if TYPE_CHECKING:
    from app.domain.actor import Actor
    from app.services.node import Node

PAGE = 500  # groups of one question
_STEWARD = click.option("--steward", type=click.UUID, help="The organization that leads it [the operator's].")
_MEMBERS = click.option("--member", "members", type=click.UUID, multiple=True, help="An organization's id; repeat it.")
_NODES = click.option("--node", "nodes", multiple=True, help="A node's id: everybody at home there; repeat it.")


def _document(found: Any) -> dict[str, Any]:
    return {
        "id": str(found.id),
        "name": found.name,
        "steward": str(found.steward),
        "version": found.version,
        "members": [str(member) for member in found.members],
        "nodes": list(found.nodes),
    }


def _check_somebody(members: Sequence[UUID], nodes: Sequence[str]) -> None:
    if not members and not nodes:
        raise click.UsageError("Name an organization with --member, or a node with --node.")


@click.group()
def group() -> None:
    """Add and list sharing groups, and change their members."""


@group.command()
@click.argument("name")
@_MEMBERS
@_NODES
@_STEWARD
@click.option("--history", type=click.Choice(["full", "from_join"]), default="full", help="What joining nodes get.")
@click.option("--on-leave", type=click.Choice(["purge", "keep"]), default="purge", help="What leaving nodes do.")
@data_option
@json_option
def add(
    data: Path,
    name: str,
    members: Sequence[UUID],
    nodes: Sequence[str],
    steward: UUID | None,
    history: str,
    on_leave: str,
    as_json: bool,
) -> None:
    """Make a sharing group; its steward reads it only as a member. Of nodes alone it is a community."""
    _check_somebody(members, nodes)

    async def make(node: "Node", actor: "Actor", now: datetime) -> dict[str, Any]:
        from app.services import groups  # noqa: PLC0415 - SQLAlchemy only when a database is opened

        charter = groups.Charter(name, members, nodes, history, on_leave)
        return _document(await groups.add_group(node, actor, charter, now, steward=steward))

    show(run_deed(data, make), as_json=as_json)


@group.command(name="list")
@click.option("--organization", "owner", type=click.UUID, help="Whose groups [the operator's organization].")
@data_option
@form_options
def list_groups(data: Path, owner: UUID | None, form: str | None, as_json: bool) -> None:
    """List the groups that an organization belongs to or leads."""

    async def read(node: "Node", _: "Actor", __: datetime) -> list[dict[str, Any]]:
        from app.domain.actor import operator  # noqa: PLC0415
        from app.services import groups  # noqa: PLC0415

        rows: list[dict[str, Any]] = []
        after: UUID | None = None
        while page := await groups.list_groups(node, operator(owner or node.operator), after, PAGE):
            after = page[-1].id
            rows += [_document(found) for found in page]
        return rows

    columns = ("id", "name", "steward", "version", "members", "nodes")
    print_rows(run_deed(data, read), choose_form(form, as_json=as_json), columns, "groups")


@group.command()
@click.argument("group_id", metavar="GROUP", type=click.UUID)
@_MEMBERS
@_NODES
@_STEWARD
@data_option
@json_option
def join(
    data: Path, group_id: UUID, members: Sequence[UUID], nodes: Sequence[str], steward: UUID | None, as_json: bool
) -> None:
    """Let organizations or nodes join: they read the group from its beginning, unless it has another rule."""
    _check_somebody(members, nodes)
    show(_change(data, group_id, {"add": tuple(members), "add_nodes": tuple(nodes)}, steward), as_json=as_json)


@group.command()
@click.argument("group_id", metavar="GROUP", type=click.UUID)
@_MEMBERS
@_NODES
@_STEWARD
@data_option
@json_option
def leave(
    data: Path, group_id: UUID, members: Sequence[UUID], nodes: Sequence[str], steward: UUID | None, as_json: bool
) -> None:
    """Let organizations or nodes leave: they read nothing of the group from now on."""
    _check_somebody(members, nodes)
    show(_change(data, group_id, {"remove": tuple(members), "remove_nodes": tuple(nodes)}, steward), as_json=as_json)


def _change(data: Path, group_id: UUID, who: dict[str, Any], steward: UUID | None) -> dict[str, Any]:
    async def change(node: "Node", _: "Actor", now: datetime) -> dict[str, Any]:
        from app.domain.actor import operator  # noqa: PLC0415
        from app.services import groups  # noqa: PLC0415

        actor = operator(steward or node.operator)
        return _document(await groups.change_members(node, actor, group_id, groups.Change(**who), now))

    return run_deed(data, change)
