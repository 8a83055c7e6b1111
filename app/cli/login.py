"""`watchfire login`: keep a node's address and an API key.

The rule here: the key is asked for without being shown, and kept only after the node has accepted it.
"""

from pathlib import Path

import click

from app.cli import profile
from app.cli.connection import Connection
from app.cli.output import print_document, say


@click.command()
@click.option("--url", envvar="WATCHFIRE_URL", required=True, help="The node's address (WATCHFIRE_URL).")
@click.option("--key", envvar="WATCHFIRE_API_KEY", help="API key (WATCHFIRE_API_KEY); asked for where absent.")
@click.option("--key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File with the API key.")
@click.option("--profile", "name", default=profile.DEFAULT_PROFILE, show_default=True, help="Name of the profile.")
@click.option("--json", "as_json", is_flag=True, help="Print what was kept as JSON.")
def login(url: str, key: str | None, key_file: Path | None, name: str, as_json: bool) -> None:
    """Keep a node's address and an API key in a profile, once the node has accepted the key."""
    profile.check_name(name)
    secret = _secret(key, key_file)
    with Connection(url, secret).client() as client:
        organization = client.organization()
    place = profile.save(name, url, secret)
    if as_json:
        kept = {"profile": name, "url": url, "organization": organization.get("id"), "key_file": str(place)}
        print_document(kept)
    else:
        say(f"Signed in to {url} as {organization.get('name')}; the key is in {place}.")


def _secret(key: str | None, key_file: Path | None) -> str:
    text = (
        key_file.read_text(encoding="utf-8") if key_file else key or click.prompt("API key", hide_input=True, err=True)
    )
    secret = str(text).strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        raise click.UsageError("The API key is empty or holds characters that no key has.")
    return secret
