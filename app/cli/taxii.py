"""`watchfire taxii`: objects from and to any TAXII 2.1 server.

The rule here: a pull moves on only after what came was submitted, to where the server says it was
(X-TAXII-Date-Added-Last), never to a clock; what comes in keeps server, collection and object as evidence.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from app.cli.claims import claim_options, stated
from app.cli.connection import LONG, connect, connection_options, load_signer
from app.cli.export import FILTERS, exported, filter_options, signed_in, signing_option
from app.cli.failures import Exit
from app.cli.importing import write_errors
from app.cli.output import choose_form, form_options, plain, print_document, print_rows, say
from app.cli.progress import progress
from app.cli.pull_state import PullState, state_path
from app.cli.pulled import pulled_result, show_pulled
from app.cli.sources import Sharing, destination, wish_of

if TYPE_CHECKING:
    from app.client.taxii import Taxii

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(dir_okay=False, path_type=Path)
_SHOWN = 20  # failures that are shown on a terminal; all are in the answer of --json


@click.group()
def taxii() -> None:
    """Exchange objects with TAXII 2.1 servers."""


def server_options(command: F) -> F:
    """Add how to sign in at the TAXII server, as the parameters `auth`, `user`, `secret` and `header`."""
    options = (
        click.option(
            "--auth",
            type=click.Choice(("auto", "none", "basic", "bearer", "token", "header")),
            default="auto",
            show_default=True,
            help="How to sign in there [basic with --user, bearer with a secret alone].",
        ),
        click.option("--user", default="", help="User name of --auth basic."),
        click.option(
            "--secret",
            envvar="WATCHFIRE_TAXII_SECRET",
            default="",
            help="Password, token or key (better in WATCHFIRE_TAXII_SECRET).",
        ),
        click.option("--header", default="X-API-Key", show_default=True, help="Name of the header of --auth header."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@contextmanager
def opened(url: str, auth: str, user: str, secret: str, header: str) -> Iterator["Taxii"]:
    """Open a TAXII server. Raises click.UsageError for an address or a sign-in that cannot be."""
    from app.client import Pacing  # noqa: PLC0415 - httpx only when somebody is asked
    from app.client.elsewhere import Elsewhere  # noqa: PLC0415
    from app.client.taxii import Taxii  # noqa: PLC0415

    headers = sign_in(auth, user, secret, header)
    if headers and urlsplit(url).scheme == "http" and urlsplit(url).hostname not in {"localhost", "127.0.0.1", "::1"}:
        say(f"Warning: the secret travels unencrypted to {url}; use https.")
    try:
        http = Elsewhere(url, headers, pacing=Pacing(attempts=LONG))
    except ValueError as error:
        raise click.UsageError("URL must look like https://taxii.example/taxii2/, without a password in it.") from error
    with http:
        yield Taxii(http, say)


def sign_in(auth: str, user: str, secret: str, header: str) -> dict[str, str]:
    """Give the header that signs in. Raises click.UsageError."""
    import base64  # noqa: PLC0415

    kind = auth if auth != "auto" else "basic" if user else "bearer" if secret else "none"
    if kind != "none" and not secret:
        raise click.UsageError("Give the secret: --secret, or better WATCHFIRE_TAXII_SECRET.")
    if not (secret.isprintable() and secret.isascii() and header.replace("-", "").isalnum()):
        raise click.UsageError("The secret or the header's name holds characters that no header can have.")
    match kind:
        case "none":
            return {}
        case "basic":
            return {"Authorization": f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"}
        case "header":
            return {header: secret}
    return {"Authorization": f"{kind.capitalize()} {secret}"}


@taxii.command()
@click.argument("server_url", metavar="URL")
@server_options
@form_options
def collections(
    server_url: str, *, auth: str, user: str, secret: str, header: str, form: str | None, as_json: bool
) -> None:
    """List the collections of a TAXII server at URL: its discovery, or an API root."""
    with opened(server_url, auth, user, secret, header) as server:
        found = server.collections()
    rows = [
        {"id": item.id, "title": item.title, "can_read": item.can_read, "can_write": item.can_write, "url": item.url}
        for item in found
    ]
    columns = ("id", "title", "can_read", "can_write")
    print_rows(rows, choose_form(form, as_json=as_json), columns, "collections")


@taxii.command()
@click.argument("server_url", metavar="URL")
@click.option("--collection", "wanted", default="", help="Id, alias or title [the only one that can be read].")
@click.option("--limit", type=click.IntRange(1, 10_000), default=500, show_default=True, help="Objects of one page.")
@click.option("--chain", default="", help="Chain of addresses whose object states none, as slug or CAIP-2 id.")
@click.option("--state", type=_FILE, help="What was read before [one for each collection, beside the profiles].")
@click.option("--errors", type=_FILE, help="Where refused rows go [taxii-pull.errors.csv].")
@click.option("--sign-with", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Sign with this key.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@server_options
@claim_options
@connection_options
@click.pass_context
def pull(  # noqa: PLR0913 - one parameter for each option
    ctx: click.Context,
    /,
    *,
    server_url: str,
    wanted: str,
    limit: int,
    chain: str,
    state: Path | None,
    errors: Path | None,
    sign_with: Path | None,
    as_json: bool,
    auth: str,
    user: str,
    secret: str,
    header: str,
    **options: Any,
) -> None:
    """Submit the addresses of a collection of the TAXII 2.1 server at URL: discovery, API root, or collection.

    Options fill in what objects do not state; --audience is needed. An object that is marked stricter than the
    audience allows is refused with the reason. Interrupted, the same command goes on. Ends as `import` does.
    """
    fields = stated(options)
    if "audience" not in fields:
        raise click.UsageError("Give --audience: who of your partners may read what comes from there.")
    node = connect(options["url"], options["key"], options["profile_name"])
    with ExitStack() as stack:
        client = stack.enter_context(node.client(LONG))
        signer = load_signer(client, sign_with) if sign_with else None
        server = stack.enter_context(opened(server_url, auth, user, secret, header))
        found = server.choose(wanted)
        own = str(client.organization()["id"])
        path = state or state_path("taxii", found.url, f"{node.url} {own}")
        kept = stack.enter_context(PullState(path, f"taxii {found.url} -> {node.url} {own}"))
        from app.cli.pulling import Intake  # noqa: PLC0415 - the client only when a command runs
        from app.cli.taxii_reading import Reading  # noqa: PLC0415

        told = stack.enter_context(progress("Pulling"))
        intake = Intake(client, kept.name, fields, told, signer, by_source=False)
        aim = destination(fields, Sharing(own))
        reading = Reading(server, found, kept, intake, wish_of(fields, chain), aim)
        reading.run(limit)
    outcome = intake.outcome
    outcome.skipped = dict(reading.skipped)
    result = pulled_result(outcome, "pages", path, write_errors(outcome, errors or Path("taxii-pull.errors.csv")))
    show_pulled(result, "pages", as_json=as_json)
    if outcome.refusals:
        ctx.exit(Exit.PARTIAL if outcome.accepted or outcome.unchanged else Exit.REFUSED)


@taxii.command()
@click.argument("server_url", metavar="URL")
@click.argument("name", metavar="[FILE]", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--collection", "wanted", default="", help="Id, alias or title [the only one that can be written].")
@click.option(
    "--patience", type=click.FloatRange(0), default=60.0, show_default=True, help="Seconds to follow what is pending."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@server_options
@filter_options
@signing_option
@connection_options
@click.pass_context
def push(  # noqa: PLR0913 - one parameter for each option
    ctx: click.Context,
    /,
    *,
    server_url: str,
    name: str | None,
    wanted: str,
    patience: float,
    as_json: bool,
    auth: str,
    user: str,
    secret: str,
    header: str,
    sign_with: Path | None,
    **options: Any,
) -> None:
    """Post STIX objects to a collection of the TAXII 2.1 server at URL: of FILE, else all reports that you may read.

    FILE is a bundle, or lines of one object each. Without it the filters say what is exported, never TLP:RED. Ends
    with 6 if some objects failed there, with 5 if all did.
    """
    with ExitStack() as stack:
        server = stack.enter_context(opened(server_url, auth, user, secret, header))
        found = server.choose(wanted, write=True)
        told = stack.enter_context(progress("Pushing"))
        if name is not None:
            objects: Iterable[Mapping[str, Any]] = _objects_of(Path(name))
        else:
            node = connect(options.pop("url"), options.pop("key"), options.pop("profile_name"))
            client = stack.enter_context(signed_in(node, sign_with))
            filters = {option: value for option, value in options.items() if option in FILTERS}
            pieces = stack.enter_context(exported(client, "stix", filters, "application/x-ndjson"))
            objects = _objects_in(pieces)
        done = server.post(found, _counted(objects, told), patience)
    result = {
        "succeeded": done.succeeded,
        "failed": len(done.failures),
        "pending": done.pending,
        "failures": [{"id": ref, "message": message} for ref, message in done.failures],
    }
    if choose_form(None, as_json=as_json) != "table":
        print_document(result)
    else:
        click.echo(f"{done.succeeded:,} objects arrived, {len(done.failures):,} failed, {done.pending:,} are pending.")
        for ref, message in done.failures[:_SHOWN]:
            click.echo(f"  {plain(ref)}: {plain(message)}")
    if done.failures:
        ctx.exit(Exit.PARTIAL if done.succeeded else Exit.REFUSED)


def _counted(objects: Iterable[Mapping[str, Any]], told: Callable[[int], None]) -> Iterator[Mapping[str, Any]]:
    for number, item in enumerate(objects, 1):
        told(number)
        yield item


def _objects_of(path: Path) -> list[dict[str, Any]]:
    """Read the objects of a file: a bundle, an envelope, or lines. Raises UnreadableDocument."""
    from app.formats.ndjson import load  # noqa: PLC0415
    from app.formats.rows import UnreadableDocument  # noqa: PLC0415
    from app.formats.stix_reading import MAX_BYTES, objects_of  # noqa: PLC0415

    with path.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnreadableDocument(f"{path} has more than {MAX_BYTES} bytes; push it in parts.")
    try:
        if path.suffix.lower() in {".ndjson", ".jsonl"}:
            return [load(line) for line in content.splitlines() if line.strip()]
        return [item for item in objects_of(load(content)) if isinstance(item, dict)]
    except (ValueError, RecursionError) as error:
        raise UnreadableDocument(f"{path} is not JSON: {str(error)[:200]}.") from error


def _objects_in(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Cut pieces of a stream into lines and read each as an object."""
    import msgspec  # noqa: PLC0415

    decode, rest = msgspec.json.Decoder(dict[str, Any]).decode, b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (decode(line) for line in lines if line)
    if rest:
        yield decode(rest)
