"""`watchfire submit`: one report, from options or from a JSON document.

The rule here: sent twice, it is still one report: the same content has the same idempotency key.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any

import click

from app.cli.claims import check_needed, claim_options, complete, stated
from app.cli.connection import connect, connection_options, load_signer
from app.cli.failures import Exit
from app.cli.output import choose_form, form_options, plain, print_document, say

MAX_BYTES = 2 * 1024 * 1024  # bytes of one report: what a node reads


@click.command()
@click.argument("document", required=False, metavar="[FILE|-]")
@click.option("--address", "addresses", multiple=True, metavar="ADDRESS", help="An address to report; repeatable.")
@click.option("--chain", help="Chain of the addresses, as slug or CAIP-2 id.")
@click.option("--role", help="What the addresses were in it.")
@click.option("--relation", help="How the addresses belong to it.")
@click.option("--evidence", multiple=True, metavar="KIND=REFERENCE", help="Where the evidence is; repeatable.")
@click.option("--partial", is_flag=True, help="Accept the good addresses even if others are refused.")
@click.option(
    "--sign-with", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Sign here, with this key."
)
@click.option("--idempotency-key", help="Name of this submission [the hash of its content].")
@claim_options
@form_options
@connection_options
@click.pass_context
def submit(
    ctx: click.Context,
    /,
    *,
    document: str | None,
    partial: bool,
    sign_with: Path | None,
    idempotency_key: str | None,
    form: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Submit one report: the fields of the JSON in FILE (- is stdin), with the options before them."""
    fields = {**_document(document), **stated(options)}
    fields |= _lists(fields, options)
    if "envelope" not in fields:
        check_needed(complete(fields))
    with connect(options["url"], options["key"], options["profile_name"]).client() as client:
        if sign_with is None:
            answer = client.submit(fields, partial=partial, idempotency_key=idempotency_key or _name(fields, partial))
            refused = answer.get("refused") or []
        else:
            signed = load_signer(client, sign_with).report(fields, partial=partial)
            answer = client.submit(signed, idempotency_key=idempotency_key)
            refused = [{"ref": row.ref, "code": row.code, "detail": row.detail} for row in signed.refused]
            answer["refused"] = refused
            answer["cleaned"] = [row._asdict() for row in signed.cleaned]
    _print(answer, refused, choose_form(form, as_json=as_json))
    if refused:
        ctx.exit(Exit.PARTIAL)


def _document(name: str | None) -> dict[str, Any]:
    """Read the JSON of a file or of stdin, strictly; nothing where no file is named."""
    from app.formats.ndjson import load  # noqa: PLC0415

    if name is None:
        return {}
    content = sys.stdin.buffer.read(MAX_BYTES + 1) if name == "-" else Path(name).read_bytes()
    if len(content) > MAX_BYTES:
        raise click.UsageError(
            f"The document has more than {MAX_BYTES} bytes; use `watchfire import` for many addresses."
        )
    try:
        document = load(content)
    except ValueError as error:
        raise click.UsageError(f"{name} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise click.UsageError(f"{name} must hold one JSON object: the fields of a report.")
    return document


def _lists(fields: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Give indicators and evidence: those of the document, and those of the options after them."""
    shared = {name: options[name] for name in ("chain", "role", "relation") if options[name]}
    indicators = [*(fields.get("indicators") or []), *({**shared, "address": text} for text in options["addresses"])]
    pairs = [text.partition("=") for text in options["evidence"]]
    evidence = [*(fields.get("evidence") or []), *({"kind": kind, "reference": text} for kind, _, text in pairs)]
    found = {"indicators": indicators, "evidence": evidence}
    return {name: rows for name, rows in found.items() if rows}


def _name(fields: dict[str, Any], partial: bool) -> str:
    import msgspec  # noqa: PLC0415

    content = msgspec.json.encode([fields, partial], order="deterministic")
    return f"submit-{hashlib.sha256(content).hexdigest()}"


def _print(answer: dict[str, Any], refused: list[dict[str, Any]], form: str) -> None:
    if form != "table":
        print_document(answer)
        return
    click.echo(plain(f"{answer.get('id')}  {answer.get('state')}, {answer.get('indicators')} addresses"))
    for row in answer.get("cleaned") or []:
        changes = ", ".join(row.get("changes") or ())
        say(f"cleaned {row.get('ref') or row.get('pointer')}: {changes}")
    for row in refused:
        say(f"refused {row.get('ref') or row.get('pointer')}: {row.get('detail')}")
