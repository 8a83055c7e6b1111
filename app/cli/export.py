"""`watchfire export`: everything that one may read, into a file or a pipe.

The rule here: a file appears under its name only when it is complete; and whoever has only an API key is told what is
needed, because an API key gives no bulk export.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from app.cli.connection import LONG, Connection, connect, connection_options, load_signer
from app.cli.output import print_document, say
from app.cli.progress import progress
from app.cli.sources import STDIN
from app.domain import vocabulary

if TYPE_CHECKING:
    from app.client import Client

F = TypeVar("F", bound=Callable[..., Any])
FORMS = ("csv", "ndjson", "tagpack", "stix", "misp")
STATES = ("live", "superseded", "revoked", "erased")
FILTERS = ("category", "chain", "issuer", "since", "state", "strict")
NEEDS_KEY = (
    "A bulk export needs more than an API key: give the file of your organization's signing key with --sign-with, or "
    "in WATCHFIRE_SIGNING_KEY. One without such a key makes it with `watchfire key new`, and has the operator of its "
    "node enrol it with `watchfire key add`."
)
_TAIL = 4_096  # bytes of the end of a pack, in which it says what it leaves out
_DESCRIPTION = b"\ndescription: "


def filter_options(command: F) -> F:
    """Add which reports are wanted, as parameters named like the filters of /v1/exports."""
    options = (
        click.option("--category", type=click.Choice(tuple(vocabulary.CATEGORIES)), help="Of this category."),
        click.option("--chain", help="With an address on this chain (slug or CAIP-2 id)."),
        click.option("--issuer", help="Of this organization (id)."),
        click.option("--since", help="Arrived or changed at or after this time (RFC 3339)."),
        click.option("--state", type=click.Choice(STATES), help="In this state."),
        click.option("--strict", is_flag=True, help="With TLP:AMBER+STRICT, for members of your organization alone."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def signing_option(command: F) -> F:
    """Add the signing key by which one signs in, as the parameter `sign_with`."""
    return click.option(
        "--sign-with",
        envvar="WATCHFIRE_SIGNING_KEY",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Your organization's signing key (WATCHFIRE_SIGNING_KEY): it signs you in.",
    )(command)


@click.command()
@click.option("--format", "form", type=click.Choice(FORMS), default="csv", show_default=True, help="What to write.")
@click.option("-o", "--output", "out", default=STDIN, metavar="FILE", help="Where to [stdout].")
@click.option("--json", "as_json", is_flag=True, help="Print what it came to as JSON; the export goes to FILE.")
@filter_options
@signing_option
@connection_options
def export(
    *,
    form: str,
    out: str,
    as_json: bool,
    sign_with: Path | None,
    url: str | None,
    key: str | None,
    profile_name: str | None,
    **wanted: Any,
) -> None:
    """Write the reports that you may read, never TLP:RED. What was taken back is in it by its state.

    A TagPack cannot say that something was taken back, is only mentioned, or that somebody is protected: such addresses
    are left out, and the pack says how many. A report that changes meanwhile stands in it again, further down.
    """
    if as_json and out == STDIN:
        raise click.UsageError("With --json the export needs a place of its own: give -o FILE.")
    size, tail = 0, b""
    with (
        signed_in(connect(url, key, profile_name), sign_with) as client,
        exported(client, form, wanted) as pieces,
        opened(out) as sink,
        progress("Exporting") as told,
    ):
        for piece in pieces:
            sink.write(piece)
            size += len(piece)
            tail = (tail + piece)[-_TAIL:]
            told(size)
    summary = _summary(tail) if form == "tagpack" else ""
    if as_json:
        print_document({"format": form, "bytes": size, "output": out, **({"summary": summary} if summary else {})})
    say(f"{size:,} bytes written. {summary}".strip())


@contextmanager
def signed_in(node: Connection, sign_with: Path | None) -> Iterator["Client"]:
    """Give a client that has signed in with the signing key. Raises click.UsageError without one."""
    if sign_with is None:
        raise click.UsageError(NEEDS_KEY)
    with node.client(LONG) as client:
        client.sign_in(load_signer(client, sign_with), "query")
        yield client


@contextmanager
def exported(client: "Client", form: str, wanted: Mapping[str, Any], accept: str = "*/*") -> Iterator[Iterator[bytes]]:
    """Ask for an export and give it in pieces."""
    from app.client.calls import Request  # noqa: PLC0415 - the client only when a command runs

    query = {name: str(value).lower() if value is True else str(value) for name, value in wanted.items() if value}
    with client.stream(Request("GET", "/v1/exports", {"format": form, **query}, accept=accept)) as pieces:
        yield pieces


@contextmanager
def opened(out: str) -> Iterator[BinaryIO]:
    """Open the output. A file appears under its name only when it is complete."""
    path = Path(out)
    if out == STDIN:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif path.exists() and not path.is_file():
        with path.open("wb") as stream:
            yield stream
    else:
        unfinished = path.with_name(f"{path.name}.part")
        with unfinished.open("wb") as stream:
            yield stream
        unfinished.replace(path)


def _summary(tail: bytes) -> str:
    """Give what a pack says at its end of what it leaves out."""
    from json import loads  # noqa: PLC0415

    place = tail.rfind(_DESCRIPTION)
    return str(loads(tail[place + len(_DESCRIPTION) :])) if place >= 0 else ""
