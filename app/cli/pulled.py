"""What a pull prints at its end.

The rule here: the figures add up: read = accepted + refused + unchanged + taken back.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.output import choose_form, plain, print_document

if TYPE_CHECKING:
    from app.cli.pulling import Pulled


def pulled_result(outcome: "Pulled", noun: str, state: Path, errors_file: str | None) -> dict[str, Any]:
    """Give the result of a pull, as `import` gives its own; `noun` names the units that were taken in."""
    return {
        "read": outcome.read,
        "accepted": outcome.accepted,
        "refused": len(outcome.refusals),
        "unchanged": outcome.unchanged,
        "taken_back": outcome.taken_back,
        "revoked": outcome.revoked,
        "cleaned": outcome.cleaned,
        "reports": outcome.reports,
        noun: outcome.units,
        "skipped": dict(sorted(outcome.skipped.items())),
        "state": str(state),
        "errors_file": errors_file,
    }


def show_pulled(result: dict[str, Any], noun: str, *, as_json: bool) -> None:
    """Print the result, as sentences on a terminal."""
    if choose_form(None, as_json=as_json) != "table":
        print_document(result)
        return
    click.echo(
        f"{result['read']:,} read in {result[noun]:,} {noun}: {result['accepted']:,} accepted in "
        f"{result['reports']:,} reports, {result['unchanged']:,} unchanged, {result['taken_back']:,} taken back at the "
        f"source, {result['refused']:,} refused."
    )
    if result["revoked"]:
        click.echo(f"Revoked here, because the source no longer says it: {result['revoked']:,} addresses.")
    if result["skipped"]:
        counted = ", ".join(f"{count:,} {plain(kind)}" for kind, count in result["skipped"].items())
        click.echo(f"Left out, because it holds no address: {counted}.")
    if result["errors_file"]:
        click.echo(f"The refused rows, with reasons: {result['errors_file']}")
