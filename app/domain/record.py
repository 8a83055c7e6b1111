"""The record: the unit that is signed, logged, synced and never changed.

The rule here: every kind has the same frame; only `body` differs. Signed bytes are read strictly and are never
rewritten: fields and kinds that this version does not know stay in the bytes and pass through.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from app.domain import audience as audiences
from app.domain import canonical, marking, reading, signing, vocabulary
from app.domain.audience import Audience
from app.domain.errors import InvalidRecord
from app.domain.ids import parse_id
from app.domain.indicator import MAX_INDICATORS, read_address
from app.domain.marking import Pap, Tlp
from app.domain.reading import Refusal
from app.domain.report import Report, read_report
from app.domain.signing import Envelope
from app.domain.timestamps import format_time, parse_time

NONCE_BYTES = 16  # 128 random bits, so that a leaf hash tells nothing after erasure
MAX_NAME = 200  # characters of an organization's or group's name
MAX_MEMBERS = 10_000  # organizations of one group
MAX_KEYS = 100  # keys of one organization, revoked ones included
MAX_NODE_ID = 64  # characters
MAX_VERSION = 2**31 - 1  # what every database keeps as an integer
KINDS = ("report", "revocation", "opinion", "sighting", "erasure", "organization", "group", "node")
FOLLOWING = frozenset({"revocation", "opinion", "sighting", "erasure"})

_NONCE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """One address of a report that a revocation names."""

    chain: str
    address: str


@dataclass(frozen=True, slots=True)
class Revocation:
    """The issuer takes back a report, or only the addresses it names."""

    report: UUID
    reason: str
    addresses: tuple[Withdrawn, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Give the body as it stands in a record."""
        document: dict[str, Any] = {"report": str(self.report), "reason": self.reason}
        if self.addresses:
            document["addresses"] = [{"chain": item.chain, "address": item.address} for item in self.addresses]
        return document


@dataclass(frozen=True, slots=True)
class Erasure:
    """The issuer asks that the content of a report be removed everywhere; its leaf stays."""

    report: UUID
    reason: str

    def to_document(self) -> dict[str, Any]:
        """Give the body as it stands in a record."""
        return {"report": str(self.report), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Opinion:
    """Another organization agrees or disagrees, with a reason code."""

    report: UUID
    opinion: str
    reason: str
    summary: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Give the body as it stands in a record."""
        document: dict[str, Any] = {"report": str(self.report), "opinion": self.opinion, "reason": self.reason}
        if self.summary is not None:
            document["summary"] = self.summary
        return document


@dataclass(frozen=True, slots=True)
class Sighting:
    """An organization has itself met an address of the report."""

    report: UUID
    chain: str
    address: str
    count: int = 1
    first_seen: datetime | None = None
    last_seen: datetime | None = None

    def to_document(self) -> dict[str, Any]:
        """Give the body as it stands in a record."""
        document: dict[str, Any] = {
            "report": str(self.report),
            "chain": self.chain,
            "address": self.address,
            "count": self.count,
        }
        for name in ("first_seen", "last_seen"):
            value = getattr(self, name)
            if value is not None:
                document[name] = format_time(value)
        return document


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
    """A sharing group as its steward states it, in one version."""

    group: UUID
    name: str
    steward: UUID
    members: tuple[UUID, ...]
    version: int
    history: str = "full"
    on_leave: str = "purge"

    def to_document(self) -> dict[str, Any]:
        """Give the body as it stands in a record."""
        return {
            "group": str(self.group),
            "name": self.name,
            "steward": str(self.steward),
            "members": [str(member) for member in self.members],
            "version": self.version,
            "history": self.history,
            "on_leave": self.on_leave,
        }


@dataclass(frozen=True, slots=True)
class Unknown:
    """A body of a kind that this version does not know: kept as it is."""

    document: Mapping[str, Any]

    def to_document(self) -> dict[str, Any]:
        """Give the body as it came."""
        return dict(self.document)


Body = Report | Revocation | Erasure | Opinion | Sighting | Organization | Group | Unknown


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the frame, and the body of its kind."""

    id: UUID
    kind: str
    issuer: UUID
    origin: str
    issued_at: datetime
    audience: Audience
    tlp: Tlp
    pap: Pap
    nonce: bytes
    body: Body

    def to_document(self) -> dict[str, Any]:
        """Give the record as a JSON document."""
        return {
            "id": str(self.id),
            "kind": self.kind,
            "issuer": str(self.issuer),
            "origin": self.origin,
            "issued_at": format_time(self.issued_at),
            "audience": self.audience.to_document(),
            "tlp": str(self.tlp),
            "pap": str(self.pap),
            "nonce": self.nonce.hex(),
            "body": self.body.to_document(),
        }

    def sign(self, seed: bytes) -> Envelope:
        """Sign the record's canonical bytes with the key of a 32-byte seed."""
        return signing.sign(canonical.encode(self.to_document()), seed)

    @property
    def audience_key(self) -> str:
        """The key of the audience under the record's marking: what decides who may read it."""
        return self.audience.key(self.tlp)

    @property
    def subject(self) -> UUID | None:
        """The report that this record follows or supersedes, if there is one."""
        return getattr(self.body, "report", None) or getattr(self.body, "supersedes", None)


def parse(payload: bytes, *, kept: bool = False) -> Record:
    """Read a record from its signed bytes; addresses of one that was `kept` before are not judged again.

    Raises Invalid: InvalidRecord (not canonical, a field missing or malformed, a body that its kind does not allow),
    ContradictoryMarking, AboveCeiling. Not checked: the signature, and whether the issuer may say this.
    """
    document = reading.mapping(canonical.decode(payload), "")
    kind = reading.text(reading.need(document, "kind"), "/kind", 32)
    audience = audiences.parse(reading.need(document, "audience"))
    tlp = marking.parse_tlp(reading.need(document, "tlp"))
    marking.check(tlp, audience.kind)
    record = Record(
        id=parse_id(reading.need(document, "id"), "/id"),
        kind=kind,
        issuer=parse_id(reading.need(document, "issuer"), "/issuer"),
        origin=reading.text(reading.need(document, "origin"), "/origin", MAX_NODE_ID),
        issued_at=parse_time(reading.need(document, "issued_at"), "/issued_at"),
        audience=audience,
        tlp=tlp,
        pap=marking.parse_pap(reading.need(document, "pap")),
        nonce=_nonce(reading.need(document, "nonce")),
        body=read_body(kind, reading.mapping(reading.need(document, "body"), "/body"), kept=kept),
    )
    if record.subject == record.id:
        raise InvalidRecord("A record cannot follow or supersede itself.")
    return record


def read_body(kind: str, document: Mapping[str, Any], *, kept: bool = False) -> Body:
    """Read the body of a signed record of a kind; a kind that is not known here is kept as it is."""
    reader = _OF_ADDRESSES.get(kind)
    if reader is not None:
        return reader(document, strict=True, kept=kept)
    plain = _READERS.get(kind)
    return Unknown(document) if plain is None else plain(document)


def read_revocation(document: Mapping[str, Any], *, strict: bool = False, kept: bool = False) -> Revocation:
    """Read what a revocation takes back: all, or the addresses named. Raises InvalidRecord.

    An empty list is refused: it names nothing, and must not take back everything.
    """
    given = document.get("addresses")
    rows = [] if given is None else reading.rows(given, "/addresses", 1, MAX_INDICATORS)
    read = partial(read_address, strict=strict, kept=kept)
    named = (Withdrawn(*read(row, f"/addresses/{at}")) for at, row in enumerate(rows))
    return Revocation(
        parse_id(reading.need(document, "report"), "/report"),
        reading.word(reading.need(document, "reason"), vocabulary.REVOCATION_REASONS, "/reason"),
        tuple(named),
    )


def read_erasure(document: Mapping[str, Any]) -> Erasure:
    """Read what is to be erased. Raises InvalidRecord."""
    return Erasure(
        parse_id(reading.need(document, "report"), "/report"),
        reading.word(reading.need(document, "reason"), vocabulary.ERASURE_REASONS, "/reason"),
    )


def read_opinion(document: Mapping[str, Any]) -> Opinion:
    """Read an opinion. Raises InvalidRecord."""
    summary = document.get("summary")
    return Opinion(
        parse_id(reading.need(document, "report"), "/report"),
        reading.word(reading.need(document, "opinion"), vocabulary.OPINIONS, "/opinion"),
        reading.word(reading.need(document, "reason"), vocabulary.OPINION_REASONS, "/reason"),
        None if summary is None else reading.text(summary, "/summary", 500, free=True),
    )


def read_sighting(document: Mapping[str, Any], *, strict: bool = False, kept: bool = False) -> Sighting:
    """Read a sighting. Raises InvalidRecord."""
    chain, address = read_address(document, "", strict=strict, kept=kept)
    return Sighting(
        parse_id(reading.need(document, "report"), "/report"),
        chain,
        address,
        reading.integer(document.get("count", 1), "/count", 1, 1_000_000_000),
        *reading.span(document, strict=strict),
    )


def _organization(document: Mapping[str, Any]) -> Organization:
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


def _key(row: object, pointer: str) -> Key:
    fields = reading.mapping(row, pointer)
    public_key = signing.read_base64(str(reading.need(fields, "public_key", pointer)), f"{pointer}/public_key")
    signing.check_public_key(public_key)
    key = Key(
        public_key,
        reading.word(reading.need(fields, "custody", pointer), ("node", "organization"), f"{pointer}/custody"),
        reading.word(reading.need(fields, "state", pointer), ("valid", "revoked"), f"{pointer}/state") == "revoked",
    )
    if fields.get("keyid") != key.keyid:
        raise Refusal(f"{pointer}/keyid", "is not the name of this key.")
    return key


def _group(document: Mapping[str, Any]) -> Group:
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
    )


def _nonce(text: object) -> bytes:
    if isinstance(text, str) and _NONCE.fullmatch(text):
        return bytes.fromhex(text)
    raise InvalidRecord("/nonce must be 16 random bytes in lower-case hexadecimal.")


_OF_ADDRESSES: dict[str, Callable[..., Body]] = {
    "report": lambda document, **how: read_report(document, **how).report,
    "revocation": read_revocation,
    "sighting": read_sighting,
}
_READERS: dict[str, Callable[[Mapping[str, Any]], Body]] = {
    "erasure": read_erasure,
    "opinion": read_opinion,
    "organization": _organization,
    "group": _group,
}
