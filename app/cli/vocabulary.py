"""`watchfire chains` and `watchfire assets`: what an address can be of, and by which names the node finds it.

The rule here: the node is asked, because its registry is the one that judges.
"""

import click

from app.cli.connection import connect, connection_options
from app.cli.output import choose_form, form_options, print_rows

_CHAINS = ("chain_slug", "symbol", "name", "chain", "checksum", "sample")
_ASSETS = ("symbol", "name", "chain_slug", "asset")


@click.command()
@click.argument("text", default="")
@form_options
@connection_options
def chains(text: str, form: str | None, *, as_json: bool, **node: str | None) -> None:
    """List the chains with TEXT in a name, id or symbol, or all of them."""
    with connect(**node).client() as client:
        print_rows(client.chains(text), choose_form(form, as_json=as_json), _CHAINS, "chains")


@click.command()
@click.argument("text", default="")
@click.option("--chain", help="Only the assets of this chain, by slug or CAIP-2 id.")
@form_options
@connection_options
def assets(text: str, chain: str | None, form: str | None, *, as_json: bool, **node: str | None) -> None:
    """List the assets with TEXT in their symbol, name or id, or all of them."""
    with connect(**node).client() as client:
        print_rows(client.assets(text, chain), choose_form(form, as_json=as_json), _ASSETS, "assets")
