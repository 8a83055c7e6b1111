"""The record: the unit that is signed, logged, synced and never changed.

The rule here: every kind has the same frame; only `body` differs. Signed bytes are read strictly and are never
rewritten: fields and kinds that this version does not know stay in the bytes and pass through.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from app.domain import audience as audiences
from app.domain import canonical, marking, reading, signing, statement, vocabulary
from app.domain.audience import Audience
from app.domain.errors import InvalidRecord
from app.domain.ids import parse_id
from app.domain.indicator import MAX_INDICATORS, read_address
from app.domain.marking import Pap, Tlp
from app.domain.report import Report, read_report
from app.domain.signing import Envelope
from app.domain.statement import MAX_KEYS as MAX_KEYS  # noqa: PLC0414 - a body of this interface, and its bounds
from app.domain.statement import MAX_MEMBERS as MAX_MEMBERS  # noqa: PLC0414 - same
from app.domain.statement import MAX_NAME as MAX_NAME  # noqa: PLC0414 - same
from app.domain.statement import MAX_VERSION as MAX_VERSION  # noqa: PLC0414 - same
from app.domain.statement import Group as Group  # noqa: PLC0414 - same
from app.domain.statement import Key as Key  # noqa: PLC0414 - same
from app.domain.statement import NodeStatement as NodeStatement  # noqa: PLC0414 - same
from app.domain.statement import Organization as Organization  # noqa: PLC0414 - same
from app.domain.timestamps import format_time, parse_time

NONCE_BYTES = 16  # 128 random bits, so that a leaf hash tells nothing after erasure
MAX_NODE_ID = 64  # characters
MAX_LABEL = 32  # characters of a marking's label
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
    """Another organization agrees or disagrees, with a reason code.

    `origin` is the node at which the report was made; None: where the opinion was.
    """

    report: UUID
    opinion: str
    reason: str
    summary: str | None = None
    origin: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Give the body as it stands in a record."""
        document: dict[str, Any] = {"report": str(self.report), "opinion": self.opinion, "reason": self.reason}
        for name in ("summary", "origin"):
            value = getattr(self, name)
            if value is not None:
                document[name] = value
        return document


@dataclass(frozen=True, slots=True)
class Sighting:
    """An organization has itself met an address of the report; `origin` as in an opinion."""

    report: UUID
    chain: str
    address: str
    count: int = 1
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    origin: str | None = None

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
        if self.origin is not None:
            document["origin"] = self.origin
        return document


@dataclass(frozen=True, slots=True)
class Unknown:
    """A body of a kind that this version does not know: kept as it is."""

    document: Mapping[str, Any]

    def to_document(self) -> dict[str, Any]:
        """Give the body as it came."""
        return dict(self.document)


Body = Report | Revocation | Erasure | Opinion | Sighting | Organization | Group | NodeStatement | Unknown


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

    @property
    def subject_origin(self) -> str | None:
        """The node at which that report was made: only opinions and sightings speak of another node's."""
        if self.subject is None:
            return None
        return self.body.origin or self.origin if isinstance(self.body, Opinion | Sighting) else self.origin


def parse(payload: bytes, *, kept: bool = False, foreign: bool = False) -> Record:
    """Read a record from its signed bytes; addresses of one that was `kept` before are not judged again.

    One that was kept, or that is `foreign` (of another node, which may run a later version), may have a label that is
    not known here: it means RED.
    Raises Invalid: InvalidRecord (not canonical, a field missing or malformed, a body that its kind does not allow),
    ContradictoryMarking, AboveCeiling. Not checked: the signature, and whether the issuer may say this.
    """
    document = reading.mapping(canonical.decode(payload), "")
    kind = reading.text(reading.need(document, "kind"), "/kind", 32)
    audience = audiences.parse(reading.need(document, "audience"))
    read_tlp, read_pap = _LATER_LABELS if kept or foreign else _LABELS
    tlp = read_tlp(reading.need(document, "tlp"))
    marking.check(tlp, audience.kind)
    record = Record(
        id=parse_id(reading.need(document, "id"), "/id"),
        kind=kind,
        issuer=parse_id(reading.need(document, "issuer"), "/issuer"),
        origin=reading.text(reading.need(document, "origin"), "/origin", MAX_NODE_ID),
        issued_at=parse_time(reading.need(document, "issued_at"), "/issued_at"),
        audience=audience,
        tlp=tlp,
        pap=read_pap(reading.need(document, "pap")),
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
        _origin(document),
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
        _origin(document),
    )


def _origin(document: Mapping[str, Any]) -> str | None:
    origin = document.get("origin")
    return None if origin is None else reading.text(origin, "/origin", MAX_NODE_ID)


def _nonce(text: object) -> bytes:
    if isinstance(text, str) and _NONCE.fullmatch(text):
        return bytes.fromhex(text)
    raise InvalidRecord("/nonce must be 16 random bytes in lower-case hexadecimal.")


def _later_tlp(label: object) -> Tlp:
    return marking.read_tlp(reading.text(label, "/tlp", MAX_LABEL))


def _later_pap(label: object) -> Pap:
    return marking.read_pap(reading.text(label, "/pap", MAX_LABEL))


_LABELS = (marking.parse_tlp, marking.parse_pap)
_LATER_LABELS = (_later_tlp, _later_pap)
_OF_ADDRESSES: dict[str, Callable[..., Body]] = {
    "report": lambda document, **how: read_report(document, **how).report,
    "revocation": read_revocation,
    "sighting": read_sighting,
}
_READERS: dict[str, Callable[[Mapping[str, Any]], Body]] = {
    "erasure": read_erasure,
    "opinion": read_opinion,
    "organization": statement.read_organization,
    "group": statement.read_group,
    "node": statement.read_node,
}
