"""`watchfire report`, `reports`, `revoke`, `dispute`: read reports, take back one's own, judge another's.

The rule here: a revocation says why, and names addresses with their chain.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from app.cli.connection import connect, connection_options, load_signer
from app.cli.output import choose_form, form_options, plain, print_document, print_rows, print_table
from app.domain.errors import InvalidAddress
from app.domain.vocabulary import CATEGORIES, OPINION_REASONS, OPINIONS, REVOCATION_REASONS

_LIST = ("id", "issued_at", "issuer_name", "category", "method", "confidence", "tlp", "state", "indicators")
_SHOWN = (
    *("id", "state", "issuer", "issuer_name", "origin", "issued_at", "category", "subcategory", "method", "confidence"),
    *("reliability", "credibility", "tlp", "pap", "audience", "case", "legal_basis", "summary", "valid_until"),
    *("custody", "signature", "digest"),
)
_INDICATOR = ("chain", "address", "asset", "role", "relation", "first_seen", "last_seen")


@click.command()
@click.argument("report_id")
@form_options
@connection_options
def report(report_id: str, form: str | None, as_json: bool, **node: str | None) -> None:
    """Show the report REPORT_ID with its provenance and history."""
    with connect(**node).client() as client:
        answer = client.report(report_id)
    if choose_form(form, as_json=as_json) == "table":
        _show(answer)
    else:
        print_document(answer)


def _show(answer: Mapping[str, Any]) -> None:
    body = answer.get("body")
    merged = {**answer, **body} if isinstance(body, dict) else answer
    for name in _SHOWN:
        if merged.get(name) not in (None, "", []):
            click.echo(f"{name.replace('_', ' '):>12}  {plain(merged[name])}")
    for entry in merged.get("evidence") or []:
        click.echo(f"{'evidence':>12}  {plain(entry.get('kind'))}: {plain(entry.get('reference'))}")
    indicators = merged.get("indicators")
    if isinstance(indicators, list):
        print_table(_INDICATOR, ([row.get(column) for column in _INDICATOR] for row in indicators))


@click.command()
@click.option("--category", type=click.Choice(tuple(CATEGORIES)), help="Only of this category.")
@click.option("--state", type=click.Choice(("live", "superseded", "revoked", "erased", "quarantined")), help="Only so.")
@click.option("--issuer", help="Only by this organization (its id).")
@click.option("--chain", help="Only with addresses of this chain.")
@click.option("--since", help="Only those received since (RFC 3339).")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@form_options
@connection_options
def reports(form: str | None, as_json: bool, limit: int | None, **options: str | None) -> None:
    """List the reports that you may read, the newest pages last as the node gives them."""
    node = {name: options.pop(name) for name in ("url", "key", "profile_name")}
    with connect(**node).client() as client:
        rows = client.reports(**options)
        some = rows if limit is None else (row for _, row in zip(range(limit), rows, strict=False))
        print_rows(some, choose_form(form, as_json=as_json), _LIST, "reports")


_SIGN_WITH = click.option(
    "--sign-with", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Sign here, with this key."
)


@click.command()
@click.argument("report_id")
@click.option("--reason", required=True, type=click.Choice(REVOCATION_REASONS), help="Why.")
@click.option("--address", "addresses", multiple=True, metavar="CHAIN:ADDRESS", help="Only this address; repeatable.")
@_SIGN_WITH
@form_options
@connection_options
def revoke(
    report_id: str,
    reason: str,
    addresses: tuple[str, ...],
    sign_with: Path | None,
    form: str | None,
    as_json: bool,
    **node: str | None,
) -> None:
    """Take back the report REPORT_ID, or only the addresses named."""
    fields: dict[str, Any] = {"reason": reason}
    if addresses:
        fields["addresses"] = [_named(text) for text in addresses]
    answer = _follow("revocation", report_id, fields, sign_with, node)
    if choose_form(form, as_json=as_json) == "table":
        click.echo(plain(f"Revoked: {report_id}, by record {answer.get('id')}."))
    else:
        print_document(answer)


@click.command()
@click.argument("report_id")
@click.option("--reason", required=True, type=click.Choice(OPINION_REASONS), help="Why.")
@click.option("--opinion", default="disagree", show_default=True, type=click.Choice(OPINIONS), help="How much.")
@_SIGN_WITH
@form_options
@connection_options
def dispute(
    report_id: str,
    reason: str,
    opinion: str,
    sign_with: Path | None,
    form: str | None,
    as_json: bool,
    **node: str | None,
) -> None:
    """Say what your organization thinks of another's report: it is shown with the report, and changes nothing in it."""
    answer = _follow("opinion", report_id, {"opinion": opinion, "reason": reason}, sign_with, node)
    if choose_form(form, as_json=as_json) == "table":
        click.echo(plain(f"Said: {opinion} with {report_id}, by record {answer.get('id')}."))
    else:
        print_document(answer)


def _follow(
    kind: str, report_id: str, fields: dict[str, Any], sign_with: Path | None, node: Mapping[str, str | None]
) -> dict[str, Any]:
    with connect(**node).client() as client:
        if sign_with is None:
            return client.follow(kind, report_id, fields)
        signer = load_signer(client, sign_with)
        return client.follow(kind, report_id, signer.follow(kind, client.report(report_id), fields))


def _named(text: str) -> dict[str, str]:
    """Read CHAIN:ADDRESS, where the chain may be a CAIP-2 id and the address may have a prefix, each with its colon."""
    from app.domain import address as addresses  # noqa: PLC0415 - the registry only when a chain is named

    first, _, rest = text.partition(":")
    second, _, last = rest.partition(":")
    if not first or not rest:
        raise click.UsageError(f"--address must be CHAIN:ADDRESS, such as bitcoin:bc1q...; got '{plain(text)}'.")
    chain = addresses.find_chain(first)
    if last and addresses.find_chain(f"{first}:{second}"):
        try:
            addresses.interpret(rest, chain)
        except InvalidAddress:
            return {"chain": f"{first}:{second}", "address": last}
    return {"chain": first, "address": rest}
