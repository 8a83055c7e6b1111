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
_MEMBERS = click.option("--member", "members", type=click.UUID, multiple=True, required=True, help="An id; repeat it.")


def _document(found: Any) -> dict[str, Any]:
    return {
        "id": str(found.id),
        "name": found.name,
        "steward": str(found.steward),
        "version": found.version,
        "members": [str(member) for member in found.members],
    }


@click.group()
def group() -> None:
    """Add and list sharing groups, and change their members."""


@group.command()
@click.argument("name")
@_MEMBERS
@_STEWARD
@data_option
@json_option
def add(data: Path, name: str, members: Sequence[UUID], steward: UUID | None, as_json: bool) -> None:
    """Make a sharing group; its steward reads it only as a member."""

    async def make(node: "Node", actor: "Actor", now: datetime) -> dict[str, Any]:
        from app.services import membership  # noqa: PLC0415 - SQLAlchemy only when a database is opened

        return _document(await membership.add_group(node, actor, name, members, now, steward=steward))

    show(run_deed(data, make), as_json=as_json)


@group.command(name="list")
@click.option("--organization", "owner", type=click.UUID, help="Whose groups [the operator's organization].")
@data_option
@form_options
def list_groups(data: Path, owner: UUID | None, form: str | None, as_json: bool) -> None:
    """List the groups that an organization belongs to or leads."""

    async def read(node: "Node", _: "Actor", __: datetime) -> list[dict[str, Any]]:
        from app.domain.actor import operator  # noqa: PLC0415
        from app.services import membership  # noqa: PLC0415

        rows: list[dict[str, Any]] = []
        after: UUID | None = None
        while page := await membership.list_groups(node, operator(owner or node.operator), after, PAGE):
            after = page[-1].id
            rows += [_document(found) for found in page]
        return rows

    columns = ("id", "name", "steward", "version", "members")
    print_rows(run_deed(data, read), choose_form(form, as_json=as_json), columns, "groups")


@group.command()
@click.argument("group_id", metavar="GROUP", type=click.UUID)
@_MEMBERS
@_STEWARD
@data_option
@json_option
def join(data: Path, group_id: UUID, members: Sequence[UUID], steward: UUID | None, as_json: bool) -> None:
    """Let organizations join: they read the group from its beginning."""
    show(_change(data, group_id, members, (), steward), as_json=as_json)


@group.command()
@click.argument("group_id", metavar="GROUP", type=click.UUID)
@_MEMBERS
@_STEWARD
@data_option
@json_option
def leave(data: Path, group_id: UUID, members: Sequence[UUID], steward: UUID | None, as_json: bool) -> None:
    """Let organizations leave: they read nothing of the group from now on."""
    show(_change(data, group_id, (), members, steward), as_json=as_json)


def _change(
    data: Path, group_id: UUID, joining: Sequence[UUID], leaving: Sequence[UUID], steward: UUID | None
) -> dict[str, Any]:
    async def change(node: "Node", _: "Actor", now: datetime) -> dict[str, Any]:
        from app.domain.actor import operator  # noqa: PLC0415
        from app.services import membership  # noqa: PLC0415

        actor = operator(steward or node.operator)
        return _document(await membership.change_members(node, actor, group_id, joining, leaving, now))

    return run_deed(data, change)
