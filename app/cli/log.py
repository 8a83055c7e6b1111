"""`watchfire log`: verify the node's logs, list them, verify evidence against a node, open a new epoch.

The rule here: what is printed are counts, ids and reasons; content never.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.failures import Exit
from app.cli.operating import data_option, json_option, run_deed, show
from app.cli.output import choose_form, form_options, plain, print_document, print_rows

if TYPE_CHECKING:
    from app.domain.actor import Actor
    from app.services.node import Node
    from app.services.verdict import Verdict

PAGE = 500  # logs of one question
MAX_EVIDENCE = 4 * 1024 * 1024  # bytes of a file: a node record of 2 MiB in base64, and two checkpoints
COUNTS = ("logs", "entries", "checkpoints", "signatures", "records", "indicators", "audit_rows")


@click.group()
def log() -> None:
    """Verify the node's logs, and list them."""


@log.command()
@data_option
@json_option
def verify(data: Path, as_json: bool) -> int:
    """Prove every log, record and audit row again from what is stored; name whatever is wrong."""

    async def check(node: "Node", _: "Actor", now: datetime) -> "Verdict":
        from app.services import verify_log  # noqa: PLC0415 - SQLAlchemy only when a database is opened

        return await verify_log.verify(node, now)

    verdict = run_deed(data, check)
    if as_json:
        counts = {name: getattr(verdict, name) for name in COUNTS}
        faults = [fault.to_document() for fault in verdict.faults]
        print_document({"ok": verdict.ok} | counts | {"faults": faults, "unnamed_faults": verdict.unnamed})
    else:
        _draw(verdict)
    return Exit.DONE if verdict.ok else Exit.FAILURE


def _draw(verdict: "Verdict") -> None:
    for name in COUNTS:
        click.echo(f"{getattr(verdict, name):>12,}  {name.replace('_', ' ')}{' verified' * (name == 'signatures')}")
    for fault in verdict.faults:
        click.echo(f"fault: {plain(fault)}")
    if verdict.unnamed:
        click.echo(f"and {verdict.unnamed:,} faults more")
    click.echo("Everything verifies." if verdict.ok else "The store is not what was signed.")


@log.command(name="list")
@data_option
@form_options
def list_logs(data: Path, form: str | None, as_json: bool) -> None:
    """List the logs that the operator's organization may read, each with its newest head."""

    async def read(node: "Node", actor: "Actor", _: datetime) -> list[dict[str, Any]]:
        from app.services import read_log  # noqa: PLC0415 - SQLAlchemy only when a database is opened

        rows: list[dict[str, Any]] = []
        page = await read_log.list_logs(node, actor, "", PAGE)
        while page:
            for found, head in page:
                made_at = None if head.made_at is None else head.made_at.isoformat()
                rows.append(
                    {
                        "id": found.id,
                        "audience": found.audience_key,
                        "size": head.size,
                        "root": head.root.hex(),
                        "made_at": made_at,
                    }
                )
            page = await read_log.list_logs(node, actor, page[-1][0].id, PAGE) if len(page) == PAGE else []
        return rows

    print_rows(run_deed(data, read), choose_form(form, as_json=as_json), ("id", "audience", "size", "made_at"), "logs")


@log.command(name="verify-evidence")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def verify_evidence(file: Path, as_json: bool) -> int:
    """Check, without any node, whether a file proves that a node has signed two histories of one log."""
    from app.domain import evidence  # noqa: PLC0415
    from app.domain.errors import Invalid  # noqa: PLC0415

    raw = file.read_bytes() if file.stat().st_size <= MAX_EVIDENCE else b""
    try:
        fork = evidence.verify(raw)
    except Invalid as error:
        if as_json:
            print_document({"proved": False, "reason": error.detail})
        else:
            click.echo(f"This proves nothing: {error.detail}")
        return Exit.FAILURE
    if as_json:
        print_document({"proved": True, "node": fork.node_id, "log": fork.origin_line, "sizes": list(fork.sizes)})
    else:
        click.echo(f"Proved: the node {plain(fork.node_id)} signed two histories of the log {plain(fork.origin_line)}.")
    return Exit.DONE


@log.command()
@click.argument("evidence_id", metavar="[ID]", required=False)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File for the proof of ID.")
@data_option
@form_options
def evidence(data: Path, evidence_id: str | None, output: Path | None, form: str | None, as_json: bool) -> None:
    """List the proofs that a node has signed two histories, or write one to a file for others to verify."""
    if (evidence_id is None) != (output is None):
        raise click.UsageError("Give both an ID and --output to write a proof, or neither to list them.")

    async def read(node: "Node", actor: "Actor", _: datetime) -> list[Any]:
        from app.services import forks  # noqa: PLC0415 - SQLAlchemy only when a database is opened

        if evidence_id is not None:
            return [await forks.get_fork(node, actor, evidence_id)]
        rows: list[Any] = []
        while page := await forks.list_forks(node, actor, rows[-1].id if rows else "", PAGE):
            rows += page
        return rows

    found = run_deed(data, read)
    if output is not None:
        output.write_bytes(found[0].document)
        return
    rows = [
        {
            "id": item.id,
            "node": item.origin,
            "log": item.log_id,
            "kind": item.kind,
            "found_at": item.found_at.isoformat(),
        }
        for item in found
    ]
    print_rows(rows, choose_form(form, as_json=as_json), ("id", "node", "log", "kind", "found_at"), "evidence")


@log.command(name="new-epoch")
@click.argument("log_id", metavar="LOG")
@data_option
@json_option
def new_epoch(data: Path, log_id: str, as_json: bool) -> None:
    """Open a new epoch of an own log whose end is lost: restored from a backup, and no peer has the rest."""

    async def open_epoch(node: "Node", actor: "Actor", now: datetime) -> str:
        from app.services import epoch  # noqa: PLC0415 - SQLAlchemy only when a database is opened

        return await epoch.open_epoch(node, actor, log_id, now)

    show({"old_log": log_id, "new_log": run_deed(data, open_epoch)}, as_json=as_json)
