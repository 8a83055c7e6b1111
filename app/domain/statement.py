"""What a node vouches for in its logs: organizations and their keys, sharing groups, and its own key in use.

The rule here: a statement has a version (a node's key: a generation), and a newer one never takes back what an older
one said. Which of them count at a place of a log is decided in `keys.py`.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain import reading, signing, vocabulary
from app.domain.checkpoint import MAX_NOTE_BYTES
from app.domain.ids import parse_id
from app.domain.reading import Refusal

MAX_NAME = 200  # characters of an organization's or group's name
MAX_MEMBERS = 10_000  # organizations of one group, and as many nodes
MAX_KEYS = 100  # keys of one organization, revoked ones included; as many of one node
MAX_VERSION = 2**31 - 1  # what every database keeps as an integer


@dataclass(frozen=True, slots=True)
class Key:
    """A public signing key of an organization: who holds the private half, and whether it still counts."""

    public_key: bytes
    custody: str
    revoked: bool = False

    @property
    def keyid(self) -> str:
        """The key's name: see `signing.key_id`."""
        return signing.key_id(self.public_key)

    def to_document(self) -> dict[str, Any]:
        """Give the key as it stands in an organization record."""
        return {
            "keyid": self.keyid,
            "public_key": base64.b64encode(self.public_key).decode(),
            "custody": self.custody,
            "state": "revoked" if self.revoked else "valid",
        }


@dataclass(frozen=True, slots=True)
class Organization:
    """What a node vouches for about an organization at home there: its name, kind and keys, in one version."""

    name: str
    kind: str
    version: int
    keys: tuple[Key, ...]

    def to_document(self) -> dict[str, Any]:
        """Give the body as it stands in a record."""
        return {
            "name": self.name,
            "kind": self.kind,
            "version": self.version,
            "keys": [key.to_document() for key in self.keys],
        }


@dataclass(frozen=True, slots=True)
class Group:
    """A sharing group as its steward states it, in one version: member organizations, member nodes, or both."""

    group: UUID
    name: str
    steward: UUID
    members: tuple[UUID, ...]
    version: int
    history: str = "full"
    on_leave: str = "purge"
    nodes: tuple[str, ...] = ()

    @property
    def is_community(self) -> bool:
        """Whether its members are whole nodes and nobody else: then each may pass its logs on to the others."""
        return bool(self.nodes) and not self.members

    def to_document(self) -> dict[str, Any]:
        """Give the body as it stands in a record; without nodes it is what an older version wrote."""
        document: dict[str, Any] = {
            "group": str(self.group),
            "name": self.name,
            "steward": str(self.steward),
            "members": [str(member) for member in self.members],
            "version": self.version,
            "history": self.history,
            "on_leave": self.on_leave,
        }
        if self.nodes:
            document["nodes"] = list(self.nodes)
        return document


@dataclass(frozen=True, slots=True)
class NodeStatement:
    """The node's key in use from here on: how many came before it, and the note of the last checkpoint before it.

    It stands in a log at a change of the key, and first in a new epoch; `previous` is None where there was nothing.
    """

    generation: int
    key: bytes
    previous: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Give the body as it stands in a record."""
        key = base64.b64encode(self.key).decode()
        return {"generation": self.generation, "key": key, "previous": self.previous}


def read_organization(document: Mapping[str, Any]) -> Organization:
    """Read what is said of an organization. Raises InvalidRecord. Not checked: the version before it."""
    rows = reading.rows(reading.need(document, "keys"), "/keys", 0, MAX_KEYS)
    keys = tuple(_key(row, f"/keys/{place}") for place, row in enumerate(rows))
    if len({key.public_key for key in keys}) < len(keys):
        raise Refusal("/keys", "must name each key once.")
    return Organization(
        reading.text(reading.need(document, "name"), "/name", MAX_NAME),
        reading.word(reading.need(document, "kind"), vocabulary.ORGANIZATION_KINDS, "/kind"),
        reading.integer(reading.need(document, "version"), "/version", 1, MAX_VERSION),
        keys,
    )


def read_group(document: Mapping[str, Any]) -> Group:
    """Read what is said of a group. Raises InvalidRecord. Not checked: who says it, and the version before it."""
    members = reading.rows(reading.need(document, "members"), "/members", 0, MAX_MEMBERS)
    ids = tuple(parse_id(member, "/members") for member in members)
    if list(ids) != sorted(set(ids)):
        raise Refusal("/members", "must be sorted, each organization named once.")
    return Group(
        parse_id(reading.need(document, "group"), "/group"),
        reading.text(reading.need(document, "name"), "/name", MAX_NAME),
        parse_id(reading.need(document, "steward"), "/steward"),
        ids,
        reading.integer(reading.need(document, "version"), "/version", 1, MAX_VERSION),
        reading.word(reading.need(document, "history"), ("full", "from_join"), "/history"),
        reading.word(reading.need(document, "on_leave"), ("purge", "keep"), "/on_leave"),
        _nodes(document.get("nodes")),
    )


def read_node(document: Mapping[str, Any]) -> NodeStatement:
    """Read which key a node uses. Raises InvalidRecord, Invalid.

    Not checked: that it is the key of this generation, and what the note says.
    """
    key = public_key(reading.need(document, "key"), "/key")
    previous = document.get("previous")
    return NodeStatement(
        reading.integer(reading.need(document, "generation"), "/generation", 0, MAX_KEYS - 1),
        key,
        None if previous is None else reading.text(previous, "/previous", MAX_NOTE_BYTES),
    )


def public_key(value: object, pointer: str) -> bytes:
    """Read a public key in base64: 32 bytes, a point of prime order. Raises Invalid."""
    key = signing.read_base64(reading.text(value, pointer, 2 * signing.KEY_BYTES), pointer)
    signing.check_public_key(key)
    return key


def _key(row: object, pointer: str) -> Key:
    fields = reading.mapping(row, pointer)
    key = Key(
        public_key(reading.need(fields, "public_key", pointer), f"{pointer}/public_key"),
        reading.word(reading.need(fields, "custody", pointer), ("node", "organization"), f"{pointer}/custody"),
        reading.word(reading.need(fields, "state", pointer), ("valid", "revoked"), f"{pointer}/state") == "revoked",
    )
    if fields.get("keyid") != key.keyid:
        raise Refusal(f"{pointer}/keyid", "is not the name of this key.")
    return key


def _nodes(given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    rows = reading.rows(given, "/nodes", 1, MAX_MEMBERS)
    nodes = tuple(signing.parse_node_id(row, "/nodes") for row in rows)
    if list(nodes) != sorted(set(nodes)):
        raise Refusal("/nodes", "must be sorted, each node named once.")
    return nodes
