"""`watchfire check`: what is known about one address, for people and programs.

The rule here: "not listed" is never shown without saying that it is not "clean".
"""

from typing import Any

import click

from app.cli.connection import connect, connection_options
from app.cli.failures import Exit
from app.cli.output import choose_form, form_options, plain, print_document, print_table

HITS = frozenset({"listed", "disputed"})
NOTICE = "Not listed is not the same as clean."
_COLOURS = {"listed": "red", "disputed": "yellow", "revoked": "cyan", "not_listed": "blue", "invalid": "magenta"}
_COLUMNS = (
    "issuer",
    "category",
    "role",
    "relation",
    "method",
    "confidence",
    "tlp",
    "state",
    "first_seen",
    "valid_until",
    "report",
)


@click.command()
@click.argument("address")
@click.option("--chain", help="Chain by any of its names; without it every chain that can have this text is tried.")
@click.option("--as-of", help="Answer as the node knew at that time (RFC 3339).")
@click.option("--fail-on-hit", is_flag=True, help="End with 10 if the address is listed or disputed, 5 if it is none.")
@form_options
@connection_options
@click.pass_context
def check(
    ctx: click.Context,
    /,
    *,
    address: str,
    chain: str | None,
    as_of: str | None,
    fail_on_hit: bool,
    form: str | None,
    as_json: bool,
    **node: str | None,
) -> None:
    """Ask what is known about ADDRESS."""
    with connect(**node).client() as client:
        answer = client.check(address, chain, as_of)
    if choose_form(form, as_json=as_json) == "table":
        show(answer)
    else:
        print_document(answer)
    if fail_on_hit:
        ctx.exit(exit_of(str(answer.get("status"))))


def exit_of(status: str) -> Exit:
    """Give the exit code of --fail-on-hit: what is no address must not pass for a clean one."""
    if status in HITS:
        return Exit.HIT
    return Exit.REFUSED if status == "invalid" else Exit.DONE


def show(answer: dict[str, Any]) -> None:
    """Print an answer for people."""
    status = str(answer.get("status"))
    headline = f" {status.replace('_', ' ').upper()} "
    click.echo(click.style(headline, bold=True, reverse=True, fg=_COLOURS.get(status)) + _figures(answer))
    for reading in answer.get("readings") or []:
        name = reading.get("chain_slug") or reading.get("chain")
        click.echo(plain(f"  {name}: {reading.get('canonical')}  {reading.get('why')}"))
    if cleaned := answer.get("cleaned"):
        click.echo(plain(f"  Left out around the address: {', '.join(cleaned)}."))
    if error := answer.get("error"):
        click.echo(plain(f"  {error.get('detail')}"))
    for line in answer.get("because") or []:
        click.echo(plain(f"  - {line}"))
    if indicators := answer.get("indicators"):
        print_table(_COLUMNS, ([row.get(column) for column in _COLUMNS] for row in indicators))
    click.echo(plain(f"As of {answer.get('as_of')}. {answer.get('notice') or NOTICE}"))


def _figures(answer: dict[str, Any]) -> str:
    confidence = answer.get("confidence")
    if confidence is None or answer.get("status") not in HITS:
        return ""
    organizations = answer.get("organizations") or 0
    word = "organization" if organizations == 1 else "organizations"
    corroborated = ", corroborated" if answer.get("corroborated") else ""
    return plain(f" confidence {confidence} ({answer.get('confidence_label')}), {organizations} {word}{corroborated}")
