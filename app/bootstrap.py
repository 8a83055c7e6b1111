"""Bootstrap: from settings to a node - key file, store, operator's organization. The only wiring of the house.

The rule here: the key file is written once, whole, for its owner alone; a node whose key file others can read does
not start.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from app.domain import node_record, signing
from app.domain.actor import operator
from app.domain.errors import Conflict, NotFound, Unavailable
from app.domain.ids import uuid7
from app.services import identity, membership, refill, rekey, rotate
from app.services.known_heads import KnownHeads
from app.services.node import Node
from app.settings import Settings
from app.storage import migrate
from app.storage.indicators import Indicators
from app.storage.store import open_store

KEY_FILE = "node.json"
HEADS_FILE = "heads.jsonl"  # leave it out of backups: it is what tells that one was restored
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
        await membership.add_organization(
            node, actor, name, kind, now, trusted=True, organization_id=node.operator, listed=True
        )
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
    return _open(settings, read_key_file(settings))


def _open(settings: Settings, held: Mapping[str, Any]) -> Node:
    return Node(
        store=open_store(settings.store_url),
        indicators=Indicators(settings.store_url),
        identity=identity.new(
            bytes.fromhex(held["seed"]),
            bytes.fromhex(held["pepper"]),
            bytes.fromhex(held["wrapping_key"]),
            earlier=tuple(map(bytes.fromhex, held.get("earlier", ()))),
            handovers=tuple(map(bytes.fromhex, held.get("handovers", ()))),
        ),
        operator=UUID(held["operator"]),
        name=held["name"],
        random=secrets.token_bytes,
        url=settings.url,
        heads=KnownHeads(settings.data / HEADS_FILE),
    )


async def rotate_key(settings: Settings, now: datetime) -> str:
    """Give the node a new key, named by the one in use; give its key id. Every process of the node must be restarted.

    The new key is written down before it is used, so that a rotation that was broken off is continued by the next call.
    """
    held = read_key_file(settings)
    if "next" not in held:
        held["next"] = secrets.token_hex(32)
        _write_secret(settings.data / KEY_FILE, json.dumps(held))
    old, new = bytes.fromhex(held["seed"]), bytes.fromhex(held["next"])
    earlier, handovers = held.get("earlier", []), held.get("handovers", [])
    node_id = identity.new(old, old, old, tuple(map(bytes.fromhex, earlier))).node_id
    handover = node_record.hand_over(node_id, len(earlier) + 1, signing.public_key(new), old)
    following = {name: value for name, value in held.items() if name != "next"} | {
        "seed": new.hex(),
        "earlier": [*earlier, signing.public_key(old).hex()],
        "handovers": [*handovers, handover.hex()],
    }
    node = _open(settings, following)
    try:
        await check_database(node, production=settings.production)
        await rotate.rotate(node, operator(node.operator), now)
        # Stopped here, the database names the new key and the file still the old one: the next call writes the file.
        _write_secret(settings.data / KEY_FILE, json.dumps(following))
    finally:
        await node.close()
    return signing.key_id(node.identity.public_key)


def read_key_file(settings: Settings) -> dict[str, Any]:
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
        earlier = [bytes.fromhex(key) for key in held.get("earlier", ())]
        handovers = [bytes.fromhex(signature) for signature in held.get("handovers", ())]
        secret = [bytes.fromhex(held[name]) for name in SECRETS]
        return len(earlier) == len(handovers) and all(len(key) == signing.KEY_BYTES for key in (*secret, *earlier))
    except (ValueError, TypeError):
        return False


async def migrate_database(settings: Settings) -> str:
    """Bring the database to the newest schema, as its owner; give the revision."""
    store = open_store(settings.owner_url)
    try:
        await migrate.upgrade(store)
        await rekey.rekey(store)
        await refill.refill(store)
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
