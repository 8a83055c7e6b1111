"""What every operator's command shares: the data folder, the settings, and a deed done on an opened node.

The rule here: an operator's command works on the database itself, with or without a running server; what its deed owes
to the logs and the audit is sequenced before it ends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app.cli.output import plain, print_document

if TYPE_CHECKING:
    from app.domain.actor import Actor
    from app.services.node import Node
    from app.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
Deed = Callable[["Node", "Actor", datetime], Awaitable[T]]


def data_option(command: F) -> F:
    """Add --data to a command, as the parameter `data`."""
    return click.option(
        "--data",
        envvar="WATCHFIRE_DATA",
        default=Path("data"),
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="The node's folder (WATCHFIRE_DATA).",
    )(command)


def json_option(command: F) -> F:
    """Add --json to a command, as the parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def organization_option(command: F) -> F:
    """Add --organization to a command, as the parameter `owner`."""
    option = click.option("--organization", "owner", type=click.UUID, help="Its id [the operator's organization].")
    return option(command)


def show(document: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what a deed gave: JSON, or a line for each name."""
    if as_json:
        print_document(document)
        return
    for name, value in document.items():
        click.echo(f"{name.replace('_', ' '):<14}{plain(value)}")


def time_text(moment: datetime | None) -> str | None:
    """Write a time for a row, nothing for none."""
    return None if moment is None else moment.isoformat()


def read_settings(data: Path, **chosen: object) -> "Settings":
    """Read the settings: flags that were given, else the environment, else the defaults. Raises click.UsageError."""
    from pydantic import ValidationError  # noqa: PLC0415 - only when a command runs

    from app.settings import Settings  # noqa: PLC0415

    given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    try:
        return Settings(data=data, **given)
    except ValidationError as error:
        places = (f"WATCHFIRE_{str(place['loc'][0]).upper()}: {place['msg']}" for place in error.errors())
        raise click.UsageError("; ".join(places)) from error


def now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


def run_deed(data: Path, deed: "Deed[T]") -> T:
    """Open the node, check its database, do the deed as the operator, sequence what it owes, and close."""
    return asyncio.run(_run(read_settings(data), deed))


async def _run(settings: "Settings", deed: "Deed[T]") -> T:
    from app import bootstrap  # noqa: PLC0415 - SQLAlchemy only when a database is opened
    from app.domain.actor import operator  # noqa: PLC0415

    node = bootstrap.open_node(settings)
    try:
        await bootstrap.check_database(node, production=settings.production)
        answer = await deed(node, operator(node.operator), now())
        await sequence_all(node)
    finally:
        await node.close()
    return answer


async def sequence_all(node: "Node") -> None:
    """Sequence whatever is owed, so that the logs are whole without a server."""
    from app.services import sequence  # noqa: PLC0415

    while await sequence.run_once(node, now()):
        pass
