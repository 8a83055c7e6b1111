"""`watchfire import`: a file of addresses, of any size, into reports.

The rule here: what is printed at the end adds up (read = accepted + refused), every refused row is in the error file
with its reason, and the same command after a kill, or a second time, doubles nothing.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from app.cli.claims import claim_options, stated
from app.cli.connection import LONG, Connection, connect, connection_options, load_signer
from app.cli.failures import Exit
from app.cli.output import choose_form, plain, print_document, say
from app.cli.progress import progress
from app.cli.sources import FORMATS, STDIN, Sharing, form_of, open_source, read_rows

if TYPE_CHECKING:
    from app.cli.import_run import Outcome
    from app.client import Client

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)
_OUT = click.Path(dir_okay=False, path_type=Path)
_READ_AGAIN = frozenset({"tagpack", "misp", "stix"})  # documents that are in memory: their rows can be walked twice


@click.command("import")
@click.argument("name", metavar="FILE|-", type=_FILE)
@click.option("--format", "wanted", type=click.Choice(FORMATS), default="auto", show_default=True, help="Of the file.")
@click.option("--chain", default="", help="Chain of rows that state none, as slug or CAIP-2 id.")
@click.option("--dry-run", is_flag=True, help="Read and judge every row here; send nothing.")
@click.option("--errors", type=_OUT, help="Where refused rows go [FILE.errors.csv].")
@click.option("--restart", is_flag=True, help="Forget the journal of an import that did not end.")
@click.option(
    "--sign-with", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Sign here, with this key."
)
@click.option(
    "--sharing-group", "groups", multiple=True, metavar="UUID", help="All who will read are in it (MISP); repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@claim_options
@connection_options
@click.pass_context
def import_file(  # noqa: PLR0913 - one parameter for each option
    ctx: click.Context,
    /,
    *,
    name: str,
    wanted: str,
    chain: str,
    dry_run: bool,
    errors: Path | None,
    restart: bool,
    sign_with: Path | None,
    groups: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Submit the addresses of FILE (- is stdin) as reports of up to 10,000.

    Options fill in what the rows do not state; of a TagPack or MISP event they go before what its tags say. Killed, it
    goes on when the same command is given again. Ends with 6 if some rows were refused, with 5 if all were.
    """
    fields = stated(options)
    node = None if dry_run else connect(options["url"], options["key"], options["profile_name"])
    with open_source(name, seekable=True) as stream:
        form = form_of(name, stream, wanted)
        import_name = _name_of(stream, [form, chain, fields, sign_with is not None, *sorted(groups)])
        outcome = _run(name, stream, form, chain, fields, import_name, node, sign_with, groups=groups, restart=restart)
    result = _result(outcome, write_errors(outcome, errors or _beside(name, ".errors.csv")), dry_run=dry_run)
    if choose_form(None, as_json=as_json) == "table":
        _show(result)
    else:
        print_document(result)
    if outcome.refusals:
        ctx.exit(Exit.PARTIAL if outcome.accepted else Exit.REFUSED)


def _run(  # noqa: PLR0913 - what one run is made of
    name: str,
    stream: BinaryIO,
    form: str,
    chain: str,
    fields: dict[str, Any],
    import_name: str,
    node: Connection | None,
    sign_with: Path | None,
    *,
    groups: tuple[str, ...],
    restart: bool,
) -> "Outcome":
    from app.cli.import_run import Plan, Run  # noqa: PLC0415 - the client only when a command runs
    from app.cli.journal import Journal  # noqa: PLC0415
    from app.formats.batches import has_few_sources  # noqa: PLC0415

    kept = None if name == STDIN or node is None else _beside(name, ".import.ndjson")
    with ExitStack() as stack:
        client = None if node is None else stack.enter_context(node.client(LONG))
        sharing = Sharing(_own_id(client) if form == "misp" else "", frozenset(groups))
        document = read_rows(stream, form, chain, fields, sharing)
        if document.ignored:
            say(f"Columns without a meaning here, not sent: {', '.join(document.ignored)[:300]}")
        by_source = document.has_sources
        if by_source:
            by_source = has_few_sources(document)
            if form not in _READ_AGAIN:
                stream.seek(0)
                document = read_rows(stream, form, chain, fields)
        signer = None if client is None or sign_with is None else load_signer(client, sign_with)
        plan = Plan(fields, import_name, by_source, client, signer)
        journal = stack.enter_context(Journal(kept, _journal_name(import_name, node), restart=restart))
        if journal.done:
            say(f"Going on after {len(journal.done)} reports of a run that did not end.")
        outcome = Run(plan, journal, stack.enter_context(progress("Importing"))).run(document)
        outcome.skipped = dict(getattr(document, "skipped", {}))
        journal.finish()
    return outcome


def _own_id(client: "Client | None") -> str:
    """Ask which organization is importing; "" where no node is asked."""
    return "" if client is None else str(client.organization()["id"])


def _name_of(stream: BinaryIO, options: list[Any]) -> str:
    """Name an import by its file's content and its options: what is the same again has the same name."""
    digest = hashlib.sha256()
    while piece := stream.read(1024 * 1024):
        digest.update(piece)
    stream.seek(0)
    digest.update(json.dumps(options, sort_keys=True).encode())
    return digest.hexdigest()


def _journal_name(import_name: str, node: Connection | None) -> str:
    """Name the import at one node under one credential, without telling the credential."""
    where = f"{node.url}\0{node.key}" if node else ""
    return hashlib.sha256(f"{import_name}\0{where}".encode()).hexdigest()


def _beside(name: str, suffix: str) -> Path:
    """Give a place beside the input, or in the current folder where nothing can be written there."""
    if name == STDIN:
        return Path(f"stdin{suffix}")
    path = Path(f"{name}{suffix}")
    return path if os.access(path.parent, os.W_OK) else Path(path.name)


def write_errors(outcome: "Outcome", path: Path) -> str | None:
    """Write the refused rows, in the order of the file; gives the file's name, None where nothing was refused."""
    from app.formats.csv import ERROR_COLUMNS, write_rows  # noqa: PLC0415

    if not outcome.refusals:
        return None
    rows = sorted(outcome.refusals, key=lambda row: row.number)
    with path.open("w", encoding="utf-8", newline="") as stream:
        write_rows(stream, [ERROR_COLUMNS])
        write_rows(stream, ((r.number, r.ref, r.address, r.chain, r.code, r.detail) for r in rows))
    return str(path)


def _result(outcome: "Outcome", errors_file: str | None, *, dry_run: bool) -> dict[str, Any]:
    result: dict[str, Any] = {
        "read": outcome.read,
        "accepted": outcome.accepted,
        "refused": len(outcome.refusals),
        "cleaned": outcome.cleaned,
        "reports": outcome.reports,
        "errors_file": errors_file,
    }
    if outcome.skipped:
        result["skipped"] = dict(sorted(outcome.skipped.items()))
    return {**result, "dry_run": True} if dry_run else result


def _show(result: Mapping[str, Any]) -> None:
    click.echo(
        f"{result['read']:,} read: {result['accepted']:,} accepted in {result['reports']:,} reports, "
        f"{result['refused']:,} refused."
    )
    if result["cleaned"]:
        click.echo(f"Of the accepted {result['cleaned']:,} had something around the address, which was left out.")
    if skipped := result.get("skipped"):
        counted = ", ".join(f"{count:,} {plain(kind)}" for kind, count in skipped.items())
        click.echo(f"Left out, because it holds no address: {counted}.")
    if result["errors_file"]:
        click.echo(f"The refused rows, with reasons: {result['errors_file']}")
    if result.get("dry_run"):
        click.echo("Nothing was sent (--dry-run).")
