"""The node record: what a node says of itself, signed so that it certifies itself wherever it comes from.

The id of a node is the hash of its first (root) key, and every later key was named by the one before it (a handover),
so whoever has the id needs nothing else to know all keys of the node.

The rule here: nothing of a node record is given out before the whole chain, and the signature by its newest key, are
verified. Fields that this version does not know are left alone.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain import canonical, reading, signing
from app.domain.errors import InvalidRecord, InvalidSignature, NotNext
from app.domain.ids import parse_id
from app.domain.reading import Refusal
from app.domain.statement import MAX_KEYS as MAX_KEYS  # noqa: PLC0414 - as many keys of a node as of an organization
from app.domain.statement import MAX_NAME, public_key
from app.domain.timestamps import format_time, parse_time

PROTOCOL = "watchfire-federation/1"
PAYLOAD_TYPE = "application/vnd.watchfire.node.v1+json"
HANDOVER_TYPE = "application/vnd.watchfire.handover.v1+json"
# bytes: 10,000 organizations with names of 40 characters; two checkpoints and a proof (128 KiB) fit beside it in one
# canonical document (2 MiB): see `evidence.py`
MAX_RECORD_BYTES = canonical.MAX_BYTES - 128 * 1024
MAX_LISTED = 10_000  # organizations of one node record
MAX_WORDS = 64  # kinds, and protocols: each version adds one or two
MAX_WORD = 64  # characters of a kind or protocol
MAX_URL = 500  # characters

_URL = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True, slots=True)
class Listed:
    """An organization at home at the node that wishes to be found."""

    id: UUID
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node: its id, name and address, its public keys (the root first), and who wishes to be found there.

    `handovers` are as many as keys but the root; `organizations` are sorted by id.
    """

    id: str
    name: str
    url: str | None
    keys: tuple[bytes, ...]
    handovers: tuple[bytes, ...]
    organizations: tuple[Listed, ...]
    issued_at: datetime
    kinds: tuple[str, ...]
    protocols: tuple[str, ...] = (PROTOCOL,)

    @property
    def newest(self) -> bytes:
        """The public key in use, 32 bytes."""
        return self.keys[-1]

    @property
    def generation(self) -> int:
        """The number of the key in use; the root is 0."""
        return len(self.keys) - 1

    @property
    def fingerprint(self) -> str:
        """The root key's fingerprint, for people to compare."""
        return signing.fingerprint(self.keys[0])

    def to_document(self) -> dict[str, Any]:
        """Give what is signed."""
        return {
            "id": self.id,
            "name": self.name,
            "url": self.url,
            "keys": [_to_base64(key) for key in self.keys],
            "handovers": [_to_base64(signature) for signature in self.handovers],
            "organizations": [
                {"id": str(item.id), "name": item.name, "kind": item.kind} for item in self.organizations
            ],
            "issued_at": format_time(self.issued_at),
            "kinds": list(self.kinds),
            "protocols": list(self.protocols),
        }


def sign(record: NodeRecord, seed: bytes) -> bytes:
    """Sign a node record with the seed of its newest key: the canonical bytes of a DSSE envelope.

    Raises InvalidRecord: another key's seed, or more than MAX_RECORD_BYTES. Not checked: the rest; `parse` does.
    """
    if signing.public_key(seed) != record.newest:
        raise InvalidRecord("A node record is signed with the node's newest key.")
    payload = canonical.encode(record.to_document())
    signature = signing.make_signature(payload, seed, PAYLOAD_TYPE)
    document = {
        "payload": _to_base64(payload),
        "payload_type": PAYLOAD_TYPE,
        "signatures": [{"keyid": signing.key_id(record.newest), "sig": _to_base64(signature)}],
    }
    raw = canonical.encode(document)
    if len(raw) > MAX_RECORD_BYTES:
        raise InvalidRecord(
            f"The node record has {len(raw)} bytes; at most {MAX_RECORD_BYTES}: list fewer organizations."
        )
    return raw


def parse(raw: bytes) -> NodeRecord:
    """Verify a node record and read it.

    1. It is an envelope of at most MAX_RECORD_BYTES in canonical form, around a canonical document.
    2. Every field has its form; each key is a point of prime order and is named once.
    3. The id is the hash of the root key.
    4. Each later key was named, for this node and this number, by the key before it.
    5. The newest key signed the whole.

    Raises Invalid (InvalidRecord, InvalidSignature). Not checked: that it is the newest record of the node (see
    `check_next`), that the node speaks this protocol, and that it is reached at its URL.
    """
    # 1
    if len(raw) > MAX_RECORD_BYTES:
        raise InvalidRecord(f"The node record has {len(raw)} bytes; at most {MAX_RECORD_BYTES} are read.")
    payload, keyid, signature = _open(canonical.decode(raw))
    # 2
    record = _read(reading.mapping(canonical.decode(payload), ""))
    # 3
    if record.id != signing.node_id(record.keys[0]):
        raise InvalidRecord("The id of the node is not the hash of its root key.")
    # 4
    for number, handover in enumerate(record.handovers, 1):
        named = _handover(record.id, number, record.keys[number])
        signing.check_signature(named, handover, record.keys[number - 1], HANDOVER_TYPE)
    # 5
    if keyid != signing.key_id(record.newest):
        raise InvalidSignature("The node record is not signed with the node's newest key.")
    signing.check_signature(payload, signature, record.newest, PAYLOAD_TYPE)
    return record


def hand_over(node_id: str, number: int, new_key: bytes, old_seed: bytes) -> bytes:
    """Name the next key of a node with the seed of the one before it; give the 64 bytes of the signature.

    `number` is the new key's; the root key has number 0. Raises Invalid: it is not a valid key.
    """
    signing.check_public_key(new_key)
    return signing.make_signature(_handover(node_id, number, new_key), old_seed, HANDOVER_TYPE)


def check_next(old: NodeRecord, new: NodeRecord) -> None:
    """Check that a verified node record may take the place of an older one of the same node.

    Raises NotNext: it is of another node, does not have all keys of the older one in their places, or is older.
    """
    if old.id != new.id:
        raise NotNext("The node record is of another node.")
    if new.keys[: len(old.keys)] != old.keys:
        raise NotNext("The node record does not have the keys that this node is known by.")
    if new.issued_at < old.issued_at:
        raise NotNext("The node record is older than the one that is known.")


def _open(document: object) -> tuple[bytes, str, bytes]:
    match document:
        case {
            "payload": str(payload),
            "payload_type": str(payload_type),
            "signatures": [{"keyid": str(keyid), "sig": str(signature)}],
        } if payload_type == PAYLOAD_TYPE:
            return signing.read_base64(payload, "payload"), keyid, signing.read_base64(signature, "sig")
    raise InvalidRecord(f"A node record is an envelope of the payload type {PAYLOAD_TYPE} with one signature.")


def _read(document: Mapping[str, Any]) -> NodeRecord:
    rows = reading.rows(reading.need(document, "keys"), "/keys", 1, MAX_KEYS)
    keys = tuple(public_key(row, f"/keys/{place}") for place, row in enumerate(rows))
    if len(set(keys)) < len(keys):
        raise Refusal("/keys", "must name each key once.")
    named = reading.rows(reading.need(document, "handovers"), "/handovers", len(keys) - 1, len(keys) - 1)
    listed = reading.rows(reading.need(document, "organizations"), "/organizations", 0, MAX_LISTED)
    organizations = tuple(_listed(row, f"/organizations/{place}") for place, row in enumerate(listed))
    ids = [item.id for item in organizations]
    if ids != sorted(set(ids)):
        raise Refusal("/organizations", "must be sorted by id, each named once.")
    return NodeRecord(
        id=signing.parse_node_id(reading.need(document, "id"), "/id"),
        name=reading.text(reading.need(document, "name"), "/name", MAX_NAME),
        url=_url(document.get("url")),
        keys=keys,
        handovers=tuple(_signature(row, f"/handovers/{place}") for place, row in enumerate(named)),
        organizations=organizations,
        issued_at=parse_time(reading.need(document, "issued_at"), "/issued_at"),
        kinds=_words(document, "kinds"),
        protocols=_words(document, "protocols"),
    )


def _listed(row: object, pointer: str) -> Listed:
    fields = reading.mapping(row, pointer)
    return Listed(
        parse_id(reading.need(fields, "id", pointer), f"{pointer}/id"),
        reading.text(reading.need(fields, "name", pointer), f"{pointer}/name", MAX_NAME),
        reading.text(reading.need(fields, "kind", pointer), f"{pointer}/kind", MAX_WORD),
    )


def _url(value: object) -> str | None:
    if value is None:
        return None
    url = reading.text(value, "/url", MAX_URL)
    if not _URL.fullmatch(url):
        raise Refusal("/url", "must be an address that begins with https:// or http://.")
    return url


def _words(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    rows: Sequence[object] = reading.rows(reading.need(document, name), f"/{name}", 0, MAX_WORDS)
    return tuple(reading.text(row, f"/{name}/{place}", MAX_WORD) for place, row in enumerate(rows))


def _signature(row: object, pointer: str) -> bytes:
    return signing.read_base64(reading.text(row, pointer, 2 * signing.SIGNATURE_BYTES), pointer)


def _handover(node_id: str, number: int, key: bytes) -> bytes:
    return canonical.encode({"node": node_id, "number": number, "key": _to_base64(key)})


def _to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
