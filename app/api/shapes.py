"""The shapes that several routes share, as documented on the wire.

The rule here: names are fixed; more fields may be added, none renamed. These models are the contract (OpenAPI); what is
sent is built as plain documents beside them, and tests hold the two equal.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.domain.marking import Pap, Tlp

Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Status = Literal["listed", "disputed", "revoked", "not_listed", "invalid"]
State = Literal["live", "superseded", "revoked", "erased", "quarantined"]


class In(BaseModel):
    """A request's document: a field it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """An answer's document."""

    model_config = ConfigDict(frozen=True)


Change = Literal["blanks", "invisible", "quotes", "link", "caip10", "uri"]
"""What was taken off around an address."""


class ErrorOut(Out):
    """One refused place or row."""

    pointer: str
    code: str
    detail: str
    ref: str = Field(default="", description="The caller's reference of the row, where it gave one.")
    suggestion: str = Field(default="", description="The address that a refused text may have meant; never applied.")


class CleanedOut(Out):
    """A row whose address was read after something around it was taken off."""

    pointer: str
    ref: str | None
    changes: list[Change]


class ProblemOut(Out):
    """A refusal (RFC 9457)."""

    type: str
    code: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ErrorOut] = Field(default=[], description="Each refused place, where there are several.")


class AudienceModel(Out):
    """Who may read: `public`, one group, or named organizations."""

    kind: Literal["public", "group", "organizations"]
    group: UUID | None = None
    organizations: list[UUID] | None = None


class LogPlaceOut(Out):
    """A record's log, and its index there: null until the sequencer has been by (milliseconds)."""

    id: str | None
    index: int | None


class SignatureModel(Out):
    """One DSSE signature."""

    keyid: str
    sig: str


class EnvelopeModel(Out):
    """A signed record: DSSE."""

    payload: str = Field(description="Base64 of the record's canonical bytes.")
    payload_type: str
    signatures: list[SignatureModel]


class RecordOut(Out):
    """A record's frame and place."""

    id: UUID
    kind: str
    digest: str = Field(description="SHA-256 of the record's bytes, hexadecimal.")
    issuer: UUID
    origin: str
    issued_at: Moment
    state: State
    custody: Literal["organization", "node"]
    log: LogPlaceOut
    links: dict[str, str]


class ReportSummaryOut(RecordOut):
    """A report's frame, place and headline."""

    indicators: int | None


class ReportSubmittedOut(ReportSummaryOut):
    """The answer to a submission; `refused` only where `partial=true` refused rows."""

    refused: list[ErrorOut] = []
    cleaned: list[CleanedOut]


class ReportRowOut(ReportSummaryOut):
    """A report in a list."""

    issuer_name: str | None
    issuer_kind: str | None
    received_at: Moment
    category: str | None
    method: str | None
    confidence: int | None
    tlp: Tlp
    pap: Pap
    audience: AudienceModel


class FollowerOut(Out):
    """A revocation, erasure, opinion or sighting beside a report."""

    id: UUID
    kind: str
    issuer: UUID
    issued_at: Moment
    body: dict[str, Any]
    log: LogPlaceOut


class HistoryOut(Out):
    """What a report has become."""

    state: State
    superseded_by: list[UUID]
    revocations: list[FollowerOut]
    erasures: list[FollowerOut]
    opinions: list[FollowerOut]
    sightings: list[FollowerOut]


class ReportOut(ReportRowOut):
    """A report with its provenance and history; `signed_id`, `body` and `envelope` are null after erasure."""

    signed_id: UUID | None = Field(
        description="The id in the signed record: another than `id` where another node's record had that id here first."
    )
    keyid: str
    signature: Literal["valid"]
    leaf_hash: str
    body: dict[str, Any] | None
    envelope: EnvelopeModel | None = None
    history: HistoryOut
