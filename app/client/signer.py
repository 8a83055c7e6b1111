"""Signing at the partner: records are made and signed here, so that a node never needs a partner's key.

The rule here: what is signed is exactly what domain code has read and made canonical; the seed is never shown, and a
signer signs only for its own organization and its home node.
"""

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.domain import audience as audiences
from app.domain import canonical, marking, reading, record, signing
from app.domain.audience import Audience
from app.domain.errors import Invalid, Refused
from app.domain.ids import uuid7
from app.domain.indicator import CleanedRow
from app.domain.record import NONCE_BYTES, Body, Record
from app.domain.report import REPORT_FIELDS, read_report
from app.domain.signing import Envelope

_FRAME_FIELDS = ("audience", "tlp", "pap")
_BODIES: Mapping[str, Callable[[Mapping[str, Any]], Body]] = {
    "revocation": record.read_revocation,
    "erasure": record.read_erasure,
    "opinion": record.read_opinion,
    "sighting": record.read_sighting,
}


@dataclass(frozen=True, slots=True)
class Mark:
    """What makes a record this one and no other: kept, it lets the same record be made again to the byte."""

    id: UUID
    issued_at: datetime
    nonce: bytes


def new_mark(now: datetime | None = None) -> Mark:
    """Draw the mark of a new record."""
    moment = now or datetime.now(UTC)
    return Mark(uuid7(moment, os.urandom(10)), moment, os.urandom(NONCE_BYTES))


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed record, the rows that were left out of it, and those that were cleaned."""

    envelope: Envelope
    refused: tuple[Refused, ...] = ()
    cleaned: tuple[CleanedRow, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Give the document that is posted."""
        return {"envelope": self.envelope.to_document()}


@dataclass(frozen=True, slots=True)
class LocalSigner:
    """Makes and signs the records of one organization at home on one node.

    `node` is the node's id (`/v1/node`), `seed` the 32 bytes of the organization's Ed25519 key.
    """

    organization: UUID
    node: str
    seed: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """Return the name of the signing key."""
        return signing.key_id(signing.public_key(self.seed))

    def report(self, fields: Mapping[str, Any], *, partial: bool = False, mark: Mark | None = None) -> Signed:
        """Sign a report of the API's fields. Raises Invalid and its leaves, as the node would refuse it.

        With `partial` bad rows are left out and given beside it, as long as one is good.
        """
        reading.check_keys(fields, (*REPORT_FIELDS, *_FRAME_FIELDS))
        body = {name: value for name, value in fields.items() if name not in _FRAME_FIELDS and value is not None}
        report, refused, cleaned = read_report(body, partial=partial)
        return Signed(self._sign("report", fields, report, mark), refused, cleaned)

    def follow(
        self, kind: str, report: Mapping[str, Any], fields: Mapping[str, Any], *, mark: Mark | None = None
    ) -> Signed:
        """Sign a revocation, erasure, opinion or sighting of a report, given as the node answers it.

        It stands in the report's own audience, under its marking. Raises Invalid and its leaves.
        """
        origin = reading.need(report, "origin")
        elsewhere = {} if origin == self.node else {"origin": origin}
        body = _BODIES[kind]({**fields, "report": str(report.get("signed_id") or report["id"]), **elsewhere})
        return Signed(self._sign(kind, report, body, mark))

    def _audience(self, given: Any) -> Audience:
        """Read an audience as people write it: in any order, with one's own organization understood."""
        if not isinstance(given, Mapping):
            return audiences.parse(given)
        document = {name: value for name, value in given.items() if value is not None}
        named = document.get("organizations")
        if isinstance(named, list | tuple) and named and all(isinstance(item, str) for item in named):
            document["organizations"] = sorted({*named, str(self.organization)})
        return audiences.parse(document)

    def _sign(self, kind: str, frame: Mapping[str, Any], body: Body, mark: Mark | None) -> Envelope:
        audience = self._audience(reading.need(frame, "audience"))
        tlp = marking.parse_tlp(reading.need(frame, "tlp"))
        marking.check(tlp, audience.kind)
        pap = marking.parse_pap(frame.get("pap") or default_pap(str(tlp)))
        chosen = mark or new_mark()
        made = Record(
            chosen.id, kind, self.organization, self.node, chosen.issued_at, audience, tlp, pap, chosen.nonce, body
        )
        payload = canonical.encode(made.to_document())
        if len(payload) > canonical.MAX_BYTES:
            raise Invalid(f"The record has {len(payload)} bytes; at most {canonical.MAX_BYTES} can be sent: split it.")
        return signing.sign(payload, self.seed)


def default_pap(tlp: str) -> str:
    """Give the PAP label that goes with a TLP label where none is stated: the same colour."""
    return f"PAP:{tlp.removeprefix('TLP:').removesuffix('+STRICT')}"


def read_seed(content: bytes) -> bytes:
    """Read the seed of a key file: 32 bytes raw, in hexadecimal or base64, or an unencrypted PEM (PKCS 8).

    Raises Invalid; the content is in no message.
    """
    if len(content) == signing.KEY_BYTES:
        return content
    text = content.strip()
    for read in (_hexadecimal, _base64, _pem):
        seed = read(text)
        if seed is not None and len(seed) == signing.KEY_BYTES:
            return seed
    raise Invalid("The key file holds no Ed25519 key: 32 bytes in hexadecimal or base64, or an unencrypted PEM.")


def _hexadecimal(text: bytes) -> bytes | None:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return None


def _base64(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _pem(text: bytes) -> bytes | None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError):
        return None
    return key.private_bytes_raw() if isinstance(key, Ed25519PrivateKey) else None
