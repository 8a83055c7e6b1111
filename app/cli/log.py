"""`watchfire log`: verify the node's logs, and list them.

The rule here: what is printed are counts, ids and reasons; content never.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.failures import Exit
from app.cli.operating import data_option, json_option, run_deed
from app.cli.output import choose_form, form_options, plain, print_document, print_rows

if TYPE_CHECKING:
    from app.domain.actor import Actor
    from app.services.node import Node
    from app.services.verdict import Verdict

PAGE = 500  # logs of one question
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
