"""Reports: submit, list, read, and what may follow them.

The rule here: bytes in, bytes out; what a report may say is decided by the domain, not by a model of the wire.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import Field

from app.api import documents, examples
from app.api.operations import refusals, takes
from app.api.shapes import (
    AudienceModel,
    EnvelopeModel,
    In,
    Out,
    RecordOut,
    ReportOut,
    ReportRowOut,
    ReportSubmittedOut,
    State,
)
from app.domain import audience as audiences
from app.domain import marking, reading, vocabulary
from app.domain.actor import Actor
from app.domain.audience import Audience
from app.domain.indicator import MAX_INDICATORS
from app.domain.signing import Envelope, parse_envelope
from app.domain.timestamps import read_time
from app.services import follow as following
from app.services import look_up, read_reports
from app.services.read_reports import Filters
from app.services.submit import Draft, submit
from app.web.bodies import json_answer, read_mapping
from app.web.deps import actor_of, hall_of, repeat_of, signed_in_router
from app.web.limits import LARGE_BODY
from app.web.paging import DEFAULT_LIMIT, MAX_LIMIT, page, read_cursor

router = signed_in_router("reports")


class IndicatorIn(In):
    """One address of a report."""

    chain: str = Field(description="CAIP-2 id or slug: eip155:1, bitcoin, tron:mainnet.")
    address: str
    asset: str | None = Field(None, description="CAIP-19 id or symbol.")
    role: Literal[vocabulary.ROLES] | None = None  # type: ignore[valid-type]
    relation: Literal[vocabulary.RELATIONS] | None = None  # type: ignore[valid-type]
    first_seen: str | None = None
    last_seen: str | None = None
    tag: str | None = Field(None, description="Destination tag, memo or payment id: names one customer; restricted.")
    transactions: list[str] | None = None
    confidence: int | None = Field(None, ge=0, le=100)
    ref: str | int | None = Field(None, description="Your own reference of the row; echoed where it is refused.")


class EvidenceIn(In):
    """A reference to evidence that you keep; never its content."""

    kind: Literal[vocabulary.EVIDENCE_KINDS]  # type: ignore[valid-type]
    reference: str = Field(min_length=1, max_length=500)
    sha256: str | None = None
    observed_at: str | None = None


class ReportIn(In):
    """A report as fields, which the node signs; or `envelope`, which your organization signed itself."""

    category: Literal[tuple(vocabulary.CATEGORIES)] | None = None  # type: ignore[valid-type]
    subcategory: str | None = None
    method: Literal[tuple(vocabulary.METHOD_CEILINGS)] | None = None  # type: ignore[valid-type]
    confidence: int | None = Field(None, ge=0, le=100, description="0 to 100, at most the method's ceiling.")
    reliability: Literal[vocabulary.RELIABILITIES] | None = None  # type: ignore[valid-type]
    credibility: int | None = Field(None, ge=1, le=6)
    tlp: marking.Tlp | None = None
    pap: marking.Pap | None = None
    audience: AudienceModel | None = None
    case: str | None = None
    legal_basis: Literal[vocabulary.LEGAL_BASES] | None = None  # type: ignore[valid-type]
    summary: str | None = None
    evidence: list[EvidenceIn] | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    supersedes: UUID | None = None
    indicators: list[IndicatorIn] | None = Field(None, max_length=MAX_INDICATORS)
    envelope: EnvelopeModel | None = None


class WithdrawnIn(In):
    """One address that is taken back."""

    chain: str
    address: str


class RevocationIn(In):
    """Take back a report, or only the addresses that are named."""

    reason: Literal[vocabulary.REVOCATION_REASONS] | None = None  # type: ignore[valid-type]
    addresses: list[WithdrawnIn] | None = None
    envelope: EnvelopeModel | None = None


class ErasureIn(In):
    """Have the content of a report removed everywhere."""

    reason: Literal[vocabulary.ERASURE_REASONS] | None = None  # type: ignore[valid-type]
    envelope: EnvelopeModel | None = None


class OpinionIn(In):
    """Agree or disagree with another organization's report."""

    opinion: Literal[vocabulary.OPINIONS] | None = None  # type: ignore[valid-type]
    reason: Literal[vocabulary.OPINION_REASONS] | None = None  # type: ignore[valid-type]
    summary: str | None = None
    envelope: EnvelopeModel | None = None


class SightingIn(In):
    """Say that you have met an address of the report yourself."""

    chain: str | None = None
    address: str | None = None
    count: int | None = Field(None, ge=1)
    first_seen: str | None = None
    last_seen: str | None = None
    envelope: EnvelopeModel | None = None


class ReportsOut(Out):
    """A page of reports, newest first; `next` is the cursor of the next page."""

    reports: list[ReportRowOut]
    next: str | None


@router.post(
    "/reports",
    status_code=201,
    response_model=ReportSubmittedOut,
    responses={**refusals(409, 413, 415), 200: {"model": ReportSubmittedOut, "description": "It was there already."}},
    openapi_extra=takes(ReportIn, examples.REPORT),
)
async def submit_report(
    request: Request, partial: Annotated[bool, Query(description="Accept the good rows and list the bad.")] = False
) -> Response:
    """Submit a report: signed, kept and owed to its log before the answer."""
    hall, actor = hall_of(request), actor_of(request)
    raw, document = await read_mapping(request, LARGE_BODY)
    rows = document.get("indicators")
    hall.budgets.spend("submitted", str(actor.organization), max(1, len(rows)) if isinstance(rows, list) else 1)
    said = _envelope(document) or _draft(document, actor)
    done = await submit(hall.node, actor, said, hall.clock(), partial=partial, repeat=repeat_of(request, raw))
    stored = await read_reports.get_submitted(hall.node, actor, done.id)
    answer = documents.report_document(hall.node, stored)
    if partial:
        answer["refused"] = documents.refused_documents(done.refused)
    answer["cleaned"] = documents.cleaned_documents(done.cleaned)
    return json_answer(answer, 201 if done.created else 200, location=f"/v1/reports/{done.id}")


def _envelope(document: Mapping[str, Any]) -> Envelope | None:
    given = document.get("envelope")
    if given is None:
        return None
    reading.check_keys(document, ("envelope",))
    return parse_envelope(given)


def _draft(document: dict[str, Any], actor: Actor) -> Draft:
    fields = {name: value for name, value in document.items() if name not in {"audience", "tlp", "pap", "envelope"}}
    tlp = marking.parse_tlp(reading.need(document, "tlp"))
    pap = document.get("pap")
    default = marking.Pap(f"PAP:{tlp.removeprefix('TLP:').removesuffix('+STRICT')}")
    audience = _audience(reading.need(document, "audience"), actor)
    return Draft(audience, tlp, default if pap is None else marking.parse_pap(pap), fields)


def _audience(document: Any, actor: Actor) -> Audience:
    """Read an audience as people write it: in any order, and with the own organization understood."""
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if value is not None}
        named = document.get("organizations")
        if isinstance(named, list) and named and all(isinstance(item, str) for item in named):
            document["organizations"] = sorted({*named, str(actor.organization)})
    return audiences.parse(document)


@router.get("/reports", response_model=ReportsOut, responses=refusals(400))
async def list_reports(
    request: Request,
    category: Annotated[str | None, Query(description="A category of the vocabulary.")] = None,
    state: Annotated[State | None, Query()] = None,
    issuer: Annotated[UUID | None, Query()] = None,
    chain: Annotated[str | None, Query(description="CAIP-2 id or slug.")] = None,
    since: Annotated[str | None, Query(description="Received at or after this RFC 3339 time.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query()] = None,
) -> Response:
    """List the reports that you may read, newest first."""
    hall = hall_of(request)
    if category is not None:
        reading.word(category, vocabulary.CATEGORIES, "/query/category")
    found_chain = look_up.find_chain(chain)
    purpose = ("reports", category, state, issuer, chain, since)
    before = read_cursor(request, purpose, cursor)
    filters = Filters(
        category=category,
        state=state,
        issuer=issuer,
        chain=None if found_chain is None else found_chain.caip2,
        since=None if since is None else read_time(since, "since"),
        before=None if before is None else UUID(before),
    )
    found = await read_reports.list_reports(hall.node, actor_of(request), filters, limit + 1)
    rows = [documents.report_row(hall.node, item) for item in found[:limit]]
    return page(request, rows, purpose, str(found[limit - 1].id) if len(found) > limit else None)


@router.get("/reports/{report_id}", response_model=ReportOut, responses=refusals(404))
async def read_report(
    request: Request,
    report_id: UUID,
    envelope: Annotated[bool, Query(description="Send the signed record too.")] = False,
) -> Response:
    """Read a report with its provenance and history."""
    hall = hall_of(request)
    report = await read_reports.get_report(hall.node, actor_of(request), report_id)
    return json_answer(documents.provenance_document(hall.node, report, envelope=envelope))


_FOLLOWED: dict[int | str, dict[str, Any]] = {200: {"model": RecordOut, "description": "It was there already."}}


@router.post(
    "/reports/{report_id}/revocation",
    status_code=201,
    response_model=RecordOut,
    responses={**refusals(404, 409, 413, 415), **_FOLLOWED},
    openapi_extra=takes(RevocationIn, examples.REVOCATION),
)
async def revoke(request: Request, report_id: UUID) -> Response:
    """Take back your report, or some of its addresses."""
    return await _follow(request, report_id, "revocation")


@router.post(
    "/reports/{report_id}/erasure",
    status_code=201,
    response_model=RecordOut,
    responses={**refusals(404, 409, 413, 415), **_FOLLOWED},
    openapi_extra=takes(ErasureIn, examples.ERASURE),
)
async def erase(request: Request, report_id: UUID) -> Response:
    """Have the content of your report removed everywhere; its leaf in the log stays."""
    return await _follow(request, report_id, "erasure")


@router.post(
    "/reports/{report_id}/opinions",
    status_code=201,
    response_model=RecordOut,
    responses={**refusals(404, 409, 413, 415), **_FOLLOWED},
    openapi_extra=takes(OpinionIn, examples.OPINION),
)
async def give_opinion(request: Request, report_id: UUID) -> Response:
    """Agree or disagree with another organization's report."""
    return await _follow(request, report_id, "opinion")


@router.post(
    "/reports/{report_id}/sightings",
    status_code=201,
    response_model=RecordOut,
    responses={**refusals(404, 409, 413, 415), **_FOLLOWED},
    openapi_extra=takes(SightingIn, examples.SIGHTING),
)
async def add_sighting(request: Request, report_id: UUID) -> Response:
    """Say that you have met an address of the report yourself."""
    return await _follow(request, report_id, "sighting")


async def _follow(request: Request, report_id: UUID, kind: str) -> Response:
    hall, actor = hall_of(request), actor_of(request)
    raw, document = await read_mapping(request, LARGE_BODY)
    said: Mapping[str, Any] | Envelope = _envelope(document) or {
        name: value for name, value in document.items() if value is not None
    }
    done = await following.follow(hall.node, actor, report_id, kind, said, hall.clock(), repeat=repeat_of(request, raw))
    stored = await read_reports.get_submitted(hall.node, actor, done.id)
    return json_answer(documents.record_document(hall.node, stored), 201 if done.created else 200)


BODIES = (ReportIn, RevocationIn, ErasureIn, OpinionIn, SightingIn)
