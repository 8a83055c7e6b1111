"""`watchfire key`: signing keys of organizations - made here, enrolled, listed, revoked.

The rule here: a private key that is made here lies in one file of its owner, and is never printed.
"""

import base64
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from app.cli.operating import data_option, json_option, organization_option, run_deed, show, time_text
from app.cli.output import choose_form, form_options, print_rows

if TYPE_CHECKING:
    from app.domain.actor import Actor
    from app.services.node import Node

OWN_SEED_MODE = 0o600  # for its owner alone


def read_public_key(text: str | None) -> bytes | None:
    """Read a public key: base64, or a file with base64, hexadecimal or PEM. Raises click.UsageError."""
    if text is None:
        return None
    place = Path(text)
    said = place.read_text(encoding="ascii", errors="replace").strip() if place.is_file() else text.strip()
    for read in (_pem, bytes.fromhex, lambda word: base64.b64decode(word, validate=True)):
        try:
            key = read(said)
        except ValueError:
            continue
        if len(key) == 32:  # noqa: PLR2004 - an Ed25519 key
            return key
    raise click.UsageError("--public-key is neither a file nor 32 bytes in base64; `watchfire key new` prints one.")


def _pem(text: str) -> bytes:
    if not text.startswith("-----BEGIN PUBLIC KEY-----"):
        raise ValueError
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - only for PEM
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    key = load_pem_public_key(text.encode())
    return key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else b""


@click.group()
def key() -> None:
    """Make, enrol, list and revoke signing keys."""


@key.command(name="new")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def new_key(file: Path, as_json: bool) -> None:
    """Make a key pair on this machine: the private half into FILE, for --sign-with; the public half is printed."""
    from app.domain import signing  # noqa: PLC0415

    seed = signing.new_seed(secrets.token_bytes(signing.KEY_BYTES))
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWN_SEED_MODE)
    except FileExistsError as error:
        raise click.ClickException(f"{file} is there already, and is left as it is.") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(seed.hex() + "\n")
    public = signing.public_key(seed)
    text = base64.b64encode(public).decode()
    show({"file": str(file), "keyid": signing.key_id(public), "public_key": text}, as_json=as_json)


@key.command(name="add")
@organization_option
@click.option("--public-key", help="Its own public key, in base64 or a file; without one the node makes and keeps one.")
@data_option
@json_option
def add_key(data: Path, owner: UUID | None, public_key: str | None, as_json: bool) -> None:
    """Enrol a signing key of an organization."""
    given = read_public_key(public_key)

    async def add(node: "Node", actor: "Actor", now: datetime) -> dict[str, Any]:
        from app.services import membership  # noqa: PLC0415

        made = await membership.enrol_key(node, actor, owner or node.operator, given, now)
        text = base64.b64encode(made.public_key).decode()
        return {"id": made.keyid, "keyid": made.keyid, "public_key": text, "custody": made.custody}

    show(run_deed(data, add), as_json=as_json)


@key.command(name="list")
@organization_option
@data_option
@form_options
def list_keys(data: Path, owner: UUID | None, form: str | None, as_json: bool) -> None:
    """List the signing keys of an organization, revoked ones too."""

    async def read(node: "Node", actor: "Actor", _: datetime) -> list[dict[str, Any]]:
        from app.services import membership  # noqa: PLC0415

        held = (await membership.get_organization(node, actor, owner or node.operator))[1]
        return [
            {
                "keyid": one.keyid,
                "public_key": base64.b64encode(one.public_key).decode(),
                "custody": one.custody,
                "enrolled_at": time_text(one.enrolled_at),
                "revoked_at": time_text(one.revoked_at),
            }
            for one in held
        ]

    columns = ("keyid", "custody", "enrolled_at", "revoked_at")
    print_rows(run_deed(data, read), choose_form(form, as_json=as_json), columns, "keys")


@key.command(name="revoke")
@click.argument("keyid")
@organization_option
@data_option
@json_option
def revoke_key(data: Path, keyid: str, owner: UUID | None, as_json: bool) -> None:
    """Revoke a signing key: what it signed before stays valid, nothing after."""

    async def revoke(node: "Node", actor: "Actor", now: datetime) -> None:
        from app.services import membership  # noqa: PLC0415

        await membership.revoke_key(node, actor, owner or node.operator, keyid, now)

    run_deed(data, revoke)
    show({"keyid": keyid, "state": "revoked"}, as_json=as_json)
