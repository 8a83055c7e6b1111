"""The answers' documents, built from what the deeds give: one builder for each shape.

The rule here: a builder adds nothing that the deed did not give, so that no answer knows more than the actor may.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from app.domain.address import Reading
from app.domain.errors import InvalidAddress
from app.domain.indicator import CleanedRow
from app.domain.record import Record
from app.domain.timestamps import format_time
from app.services.look_up import Answer, Found
from app.services.node import Node
from app.services.read_reports import Provenance, Stored, place_of, state_of
from app.services.screen import Screened
from app.web.problems import error_document

NOTICE = "Not listed is not the same as clean."


def moment(value: datetime | None) -> str | None:
    """Write a time, or null."""
    return None if value is None else format_time(value)


def record_document(node: Node, stored: Stored) -> dict[str, Any]:
    """Give a record's frame and place."""
    log, index = place_of(node, stored)
    document: dict[str, Any] = {
        "id": str(stored.id),
        "kind": stored.kind,
        "digest": stored.digest.hex(),
        "issuer": str(stored.issuer),
        "origin": stored.origin,
        "issued_at": format_time(stored.issued_at),
        "state": state_of(stored),
        "custody": stored.custody,
        "log": {"id": log, "index": index},
    }
    report = stored.id if stored.kind == "report" else stored.subject
    links = {"report": f"/v1/reports/{report}"}
    if log is not None:
        links["log"] = f"/v1/logs/{log}/checkpoint"
    if index is not None:
        links["proof"] = f"/v1/logs/{log}/proof?index={index}"
    return {**document, "links": links}


def report_document(node: Node, stored: Stored) -> dict[str, Any]:
    """Give a report's frame, place and number of indicators."""
    return {**record_document(node, stored), "indicators": stored.indicators}


def report_row(node: Node, stored: Stored) -> dict[str, Any]:
    """Give a report as it stands in a list."""
    return {
        **report_document(node, stored),
        "issuer_name": stored.issuer_name,
        "issuer_kind": stored.issuer_kind,
        "received_at": format_time(stored.received_at),
        "category": stored.category,
        "method": stored.method,
        "confidence": stored.confidence,
        "tlp": str(stored.tlp),
        "pap": stored.pap,
        "audience": audience_document(stored.audience),
    }


def audience_document(audience: Any) -> dict[str, Any]:
    """Give an audience with every field."""
    return {"kind": audience["kind"], "group": audience.get("group"), "organizations": audience.get("organizations")}


def provenance_document(node: Node, report: Provenance, *, envelope: bool) -> dict[str, Any]:
    """Give a report with its provenance and history."""
    become = report.history
    document = {
        **report_row(node, report.stored),
        "state": report.state,
        "signed_id": None if report.signed_id is None else str(report.signed_id),
        "keyid": report.stored.keyid,
        "signature": "valid",
        "leaf_hash": report.stored.leaf_hash.hex(),
        "body": report.body,
        "envelope": None,
        "history": {
            "state": report.state,
            "superseded_by": [str(item) for item in become.superseded_by],
            "revocations": [_follower(report, item) for item in become.revocations],
            "erasures": [_follower(report, item) for item in become.erasures],
            "opinions": [_follower(report, item) for item in become.opinions],
            "sightings": [_follower(report, item) for item in become.sightings],
        },
    }
    if envelope and report.envelope is not None:
        document["envelope"] = report.envelope.to_document()
    return document


def _follower(report: Provenance, record: Record) -> dict[str, Any]:
    log, index = report.positions.get(record.id, (None, None))
    return {
        "id": str(record.id),
        "kind": record.kind,
        "issuer": str(record.issuer),
        "issued_at": format_time(record.issued_at),
        "body": record.body.to_document(),
        "log": {"id": log, "index": index},
    }


def reading_document(reading: Reading) -> dict[str, Any]:
    """Give one way to read a text."""
    chain, address, _ = reading
    return {
        "chain": chain.caip2,
        "chain_slug": chain.slug,
        "family": address.family,
        "canonical": address.canonical,
        "kind": address.kind,
        "checksum": address.checksum,
        "why": reading.why,
    }


def look_up_document(node: Node, answer: Answer, heard: Sequence[tuple[str, datetime]] = ()) -> dict[str, Any]:
    """Give the answer about one address; `heard` tells when each peer was last heard."""
    result = answer.reputation
    document: dict[str, Any] = {
        "query": {"address": answer.text, "chain": None if answer.chain is None else answer.chain.caip2},
        "readings": [reading_document(reading) for reading in answer.readings],
        "cleaned": answer.cleaned,
        "status": result.status,
        "confidence": result.confidence,
        "confidence_label": result.label,
        "organizations": result.organizations,
        "corroborated": result.corroborated,
        "categories": categories(answer),
        "because": list(result.because),
        "first_reported": moment(result.first_reported),
        "last_confirmed": moment(result.last_confirmed),
        "indicators": [found_document(item) for item in answer.found],
        "as_of": format_time(answer.as_of),
        "freshness": [
            {"node": name, "heard_at": format_time(heard_at)}
            for name, heard_at in ((node.identity.node_id, answer.as_of), *heard)
        ],
        "notice": NOTICE,
        "error": None,
    }
    if answer.error is not None:
        document["error"] = row_error(answer.error)
    return document


def row_error(error: InvalidAddress) -> dict[str, Any]:
    """Tell why a text is no address, and what it may have meant."""
    return {"code": error.reason, "detail": error.detail, "suggestion": error.suggestion}


def categories(answer: Answer | Screened) -> list[dict[str, Any]]:
    """Give the categories of an answer."""
    return [
        {"category": item.category, "organizations": item.organizations, "confidence": item.confidence}
        for item in answer.reputation.categories
    ]


def found_document(found: Found) -> dict[str, Any]:
    """Give one indicator of an answer."""
    hit = found.hit
    return {
        "report": str(hit.report),
        "issuer": {"id": str(hit.issuer), "name": hit.issuer_name, "kind": hit.issuer_kind, "home": hit.origin},
        "chain": hit.chain,
        "address": hit.address,
        "category": hit.category,
        "subcategory": hit.subcategory,
        "role": hit.role,
        "relation": hit.relation,
        "asset": hit.asset,
        "tag": hit.tag,
        "transactions": hit.transactions or [],
        "method": hit.method,
        "confidence": found.confidence,
        "reliability": hit.reliability,
        "credibility": hit.credibility,
        "tlp": hit.tlp,
        "pap": hit.pap,
        "audience": audience_document(hit.audience),
        "first_seen": moment(hit.first_seen),
        "last_seen": moment(hit.last_seen),
        "issued_at": format_time(hit.issued_at),
        "valid_until": format_time(hit.valid_until),
        "state": found.state,
        "same_chain": not found.elsewhere,
        "signature": "valid",
        "custody": hit.custody,
        "log": {"id": hit.log_id, "index": hit.log_index},
        "opinions": [_said(item) for item in found.opinions],
        "sightings": [_said(item) for item in found.sightings],
    }


def _said(record: Record) -> dict[str, Any]:
    return {
        "id": str(record.id),
        "issuer": str(record.issuer),
        "issued_at": format_time(record.issued_at),
        **record.body.to_document(),
    }


def screened_document(answer: Screened, *, full: bool) -> dict[str, Any]:
    """Give the answer for one screened row."""
    result = answer.reputation
    document: dict[str, Any] = {
        "ref": answer.row.ref,
        "address": answer.row.address,
        "chain": None if answer.chain is None else answer.chain.caip2,
        "canonical": None if answer.address is None else answer.address.canonical,
        "cleaned": answer.cleaned,
        "status": result.status,
        "confidence": result.confidence,
        "organizations": result.organizations,
        "categories": categories(answer) if result.categories else [],
        "reports": sorted({str(item.hit.report) for item in answer.found}) if answer.found else [],
        "error": None,
    }
    if answer.error is not None:
        document["error"] = row_error(answer.error)
    if full:
        document["because"] = list(result.because)
        document["indicators"] = [found_document(item) for item in answer.found]
    return document


def refused_documents(refused: Any) -> list[dict[str, Any]]:
    """Give the refused rows."""
    return [error_document(item) for item in refused]


def cleaned_documents(cleaned: Iterable[CleanedRow]) -> list[dict[str, Any]]:
    """Give the rows whose address was read after something around it was taken off."""
    return [{"pointer": row.pointer, "ref": row.ref, "changes": row.changes} for row in cleaned]
