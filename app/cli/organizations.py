"""`watchfire organization` and `watchfire credential`: who belongs to this node, and with which API keys.

The rule here: the operator's deeds are the services' deeds, with their checks; an API key is shown once.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from app.cli.keys import read_public_key
from app.cli.operating import data_option, json_option, organization_option, run_deed, show, time_text
from app.cli.output import choose_form, form_options, print_rows

if TYPE_CHECKING:
    from app.domain.actor import Actor
    from app.services.node import Node

PAGE = 500  # rows of one question


@click.group()
def organization() -> None:
    """Add, list and trust organizations at home on this node."""


@organization.command(name="add")
@click.argument("name")
@click.option("--kind", required=True, help="ngo, forensics, exchange, bank, law_enforcement, fiu or other.")
@click.option("--review", is_flag=True, help="Let its reports wait until `organization trust`.")
@click.option("--listed", is_flag=True, help="Let other nodes find it, for their groups and audiences.")
@click.option("--public-key", help="Its own public key, in base64 or a file; without one the node keeps its key.")
@data_option
@json_option
def add_organization(
    data: Path, name: str, kind: str, review: bool, listed: bool, public_key: str | None, as_json: bool
) -> None:
    """Add an organization; its reports count at once unless --review."""
    key = read_public_key(public_key)

    async def add(node: "Node", actor: "Actor", now: datetime) -> dict[str, Any]:
        from app.services import membership  # noqa: PLC0415 - SQLAlchemy only when a database is opened

        made = await membership.add_organization(
            node, actor, name, kind, now, trusted=not review, listed=listed, public_key=key
        )
        custody = "organization" if key else "node"
        return {"id": str(made.id), "name": made.name, "kind": made.kind, "trusted": made.trusted, "custody": custody}

    show(run_deed(data, add), as_json=as_json)


@organization.command(name="list")
@data_option
@form_options
def list_organizations(data: Path, form: str | None, as_json: bool) -> None:
    """List the organizations known here."""

    async def read(node: "Node", actor: "Actor", _: datetime) -> list[dict[str, Any]]:
        from app.services import membership  # noqa: PLC0415

        rows: list[dict[str, Any]] = []
        after: UUID | None = None
        while page := await membership.list_organizations(node, actor, after, PAGE):
            after = page[-1].id
            rows += [
                {"id": str(one.id), "name": one.name, "kind": one.kind, "trusted": one.trusted, "home": one.home}
                for one in page
            ]
        return rows

    print_rows(
        run_deed(data, read), choose_form(form, as_json=as_json), ("id", "name", "kind", "trusted"), "organizations"
    )


@organization.command()
@click.argument("owner", metavar="ID", type=click.UUID)
@data_option
@json_option
def trust(data: Path, owner: UUID, as_json: bool) -> None:
    """End the review of an organization: what waited goes to its audiences."""

    async def end(node: "Node", actor: "Actor", now: datetime) -> int:
        from app.services import membership  # noqa: PLC0415

        return await membership.trust_organization(node, actor, owner, now)

    show({"id": str(owner), "trusted": True, "published": run_deed(data, end)}, as_json=as_json)


@organization.command(name="find")
@click.argument("owner", metavar="ID", type=click.UUID)
@click.option("--hide", is_flag=True, help="Let other nodes find it no longer.")
@data_option
@json_option
def let_find(data: Path, owner: UUID, hide: bool, as_json: bool) -> None:
    """Let other nodes find an organization at home here, so that their groups and audiences can name it."""

    async def change(node: "Node", actor: "Actor", now: datetime) -> None:
        from app.services import membership  # noqa: PLC0415

        await membership.set_listed(node, actor, owner, now, listed=not hide)

    run_deed(data, change)
    show({"id": str(owner), "listed": not hide}, as_json=as_json)


@click.group()
def credential() -> None:
    """Add, list and revoke API keys."""


@credential.command(name="add")
@organization_option
@click.option("--scope", "scopes", multiple=True, required=True, help="query, submit, group or audit; repeat it.")
@click.option("--name", default="API key", show_default=True, help="What it is for.")
@click.option("--network", "networks", multiple=True, help="CIDR from which it may be used; repeat it. [anywhere]")
@click.option("--expires", help="Day or time (RFC 3339) from which it counts no more.")
@data_option
@json_option
def add_credential(
    data: Path,
    owner: UUID | None,
    scopes: Sequence[str],
    name: str,
    networks: Sequence[str],
    expires: str | None,
    as_json: bool,
) -> None:
    """Make an API key; it is shown this once."""
    from app.domain.timestamps import read_time  # noqa: PLC0415

    until = None if expires is None else read_time(expires, "--expires")

    async def add(node: "Node", actor: "Actor", now: datetime) -> dict[str, Any]:
        from app.services import membership  # noqa: PLC0415

        made = await membership.add_credential(
            node, actor, owner or node.operator, name, scopes, now, networks=networks, expires_at=until
        )
        return {"id": made.credential.id, "api_key": made.text, "scopes": made.credential.scopes}

    show(run_deed(data, add), as_json=as_json)


@credential.command(name="list")
@organization_option
@data_option
@form_options
def list_credentials(data: Path, owner: UUID | None, form: str | None, as_json: bool) -> None:
    """List the API keys of an organization, without their secrets."""

    async def read(node: "Node", actor: "Actor", _: datetime) -> list[dict[str, Any]]:
        from app.services import membership  # noqa: PLC0415

        return [
            {
                "id": one.id,
                "name": one.name,
                "scopes": one.scopes,
                "networks": one.networks,
                "created_at": time_text(one.created_at),
                "expires_at": time_text(one.expires_at),
                "revoked_at": time_text(one.revoked_at),
                "last_used_at": time_text(one.last_used_at),
            }
            for one in await membership.list_credentials(node, actor, owner or node.operator)
        ]

    columns = ("id", "name", "scopes", "expires_at", "revoked_at", "last_used_at")
    print_rows(run_deed(data, read), choose_form(form, as_json=as_json), columns, "credentials")


@credential.command(name="revoke")
@click.argument("credential_id", metavar="ID")
@organization_option
@data_option
@json_option
def revoke_credential(data: Path, credential_id: str, owner: UUID | None, as_json: bool) -> None:
    """Revoke an API key, and every token that was exchanged for it."""

    async def revoke(node: "Node", actor: "Actor", now: datetime) -> None:
        from app.services import membership  # noqa: PLC0415

        await membership.revoke_credential(node, actor, owner or node.operator, credential_id, now)

    run_deed(data, revoke)
    show({"id": credential_id, "state": "revoked"}, as_json=as_json)
