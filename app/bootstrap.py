"""Bootstrap: from settings to a node - key file, store, operator's organization. The only wiring of the house.

The rule here: the key file is written once, whole, for its owner alone; a node whose key file others can read does
not start.
"""

import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from app.domain import signing
from app.domain.actor import operator
from app.domain.errors import Conflict, NotFound, Unavailable
from app.domain.ids import uuid7
from app.services import identity, membership, rekey
from app.services.node import Node
from app.settings import Settings
from app.storage import migrate
from app.storage.indicators import Indicators
from app.storage.store import open_store

KEY_FILE = "node.json"
FIRST_KEY_FILE = "first-api-key"
SECRETS = ("seed", "pepper", "wrapping_key")
OTHERS = 0o077  # permission bits of everyone but the owner


@dataclass(frozen=True, slots=True)
class Initialized:
    """A node that is ready: its id, its operator's organization, and the file of the first API key."""

    node_id: str
    operator: UUID
    api_key_file: Path
    api_key: str | None


async def initialize(settings: Settings, name: str, kind: str, now: datetime) -> Initialized:
    """Prepare a node: key file, schema, the operator's organization and its first API key; safe to continue.

    Raises Conflict: the node is prepared already.
    """
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (settings.data / KEY_FILE).exists():
        _write_secret(
            settings.data / KEY_FILE,
            json.dumps(
                {
                    "name": name,
                    "operator": str(uuid7(now, secrets.token_bytes(10))),
                    "seed": secrets.token_hex(32),
                    "pepper": secrets.token_hex(32),
                    "wrapping_key": secrets.token_hex(32),
                }
            ),
        )
    await migrate_database(settings)
    node = open_node(settings)
    try:
        return await _introduce_operator(node, settings, name, kind, now)
    finally:
        await node.close()


async def _introduce_operator(node: Node, settings: Settings, name: str, kind: str, now: datetime) -> Initialized:
    actor = operator(node.operator)
    try:
        await membership.get_organization(node, actor, node.operator)
    except NotFound:
        await membership.add_organization(node, actor, name, kind, now, trusted=True, organization_id=node.operator)
    first = settings.data / FIRST_KEY_FILE
    if await membership.list_credentials(node, actor, node.operator):
        raise Conflict(
            f"This node is prepared already; its first API key was put into {first}. "
            f"Another one: `watchfire credential add --organization {node.operator}`."
        )
    scopes = membership.PARTNER_SCOPES
    made = await membership.add_credential(node, actor, node.operator, "first key", scopes, now)
    _write_secret(first, made.text + "\n")
    return Initialized(node.identity.node_id, node.operator, first, made.text)


def open_node(settings: Settings) -> Node:
    """Open a prepared node. Raises Unavailable: it is not prepared, or others can read its key file."""
    held = read_key_file(settings)
    return Node(
        store=open_store(settings.store_url),
        indicators=Indicators(settings.store_url),
        identity=identity.new(
            bytes.fromhex(held["seed"]), bytes.fromhex(held["pepper"]), bytes.fromhex(held["wrapping_key"])
        ),
        operator=UUID(held["operator"]),
        name=held["name"],
        random=secrets.token_bytes,
    )


def read_key_file(settings: Settings) -> dict[str, str]:
    """Read the node's key file. Raises Unavailable: it is absent, damaged, or open to others."""
    path = settings.data / KEY_FILE
    try:
        mode = path.stat().st_mode
        held = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise Unavailable(
            f"There is no node in {settings.data}: run `watchfire init --data {settings.data}` first."
        ) from error
    except (OSError, ValueError) as error:
        raise Unavailable(f"The key file {path} cannot be read: restore it from the backup.") from error
    if mode & OTHERS:
        raise Unavailable(f"The key file {path} can be read by others: run `chmod 600 {path}`.")
    if not _is_whole(held):
        raise Unavailable(f"The key file {path} is damaged: restore it from the backup.")
    return dict(held)


def _is_whole(held: object) -> bool:
    """Tell whether a key file holds what a node needs: its name, its operator's id, three secrets of 32 bytes."""
    texts = ("name", "operator", *SECRETS)
    if not isinstance(held, dict) or not all(isinstance(held.get(name), str) for name in texts):
        return False
    try:
        UUID(held["operator"])
        return all(len(bytes.fromhex(held[name])) == signing.KEY_BYTES for name in SECRETS)
    except ValueError:
        return False


async def migrate_database(settings: Settings) -> str:
    """Bring the database to the newest schema, as its owner; give the revision."""
    store = open_store(settings.owner_url)
    try:
        await migrate.upgrade(store)
        await rekey.rekey(store)
        return migrate.newest()
    finally:
        await store.close()


async def check_database(node: Node, *, production: bool) -> None:
    """Check that the database can be used: reachable, at this version's schema, and not with too much power.

    Raises Unavailable, which says what to do.
    """
    try:
        current = await migrate.current(node.store)
    except Exception as error:
        raise Unavailable(
            f"The database cannot be opened: {type(error).__name__}. Is it running, is the URL right?"
        ) from error
    if current != migrate.newest():
        raise Unavailable(
            f"The database is at schema {current}, this version needs {migrate.newest()}: run `watchfire migrate`."
        )
    if not await rekey.is_current(node.store):
        raise Unavailable("The addresses were filed by another version's registry of chains: run `watchfire migrate`.")
    if production and await migrate.has_too_much_power(node.store):
        raise Unavailable("In production the node does not start as a superuser or as the owner of the tables.")


def _write_secret(path: Path, text: str) -> None:
    """Write a file for its owner alone, whole or not at all, and durably."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
