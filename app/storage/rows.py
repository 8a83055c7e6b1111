"""What a record becomes in the tables: its frame, a report's claim, and its indicators.

The rule here: one function makes each row, whether records are added one by one or by the thousand, so that both ways
give the same rows.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.history import LIVE
from app.domain.record import Record
from app.domain.report import Report
from app.domain.signing import Envelope
from app.formats import stix_ids
from app.storage.columns import to_microseconds
from app.storage.tables import indicators

INDICATOR_COLUMNS = tuple(column.name for column in indicators.columns)


@dataclass(frozen=True, slots=True)
class Arriving:
    """A verified record, with what this node knows of it.

    `local_id` is the id that it has here, and `subject` that of the report which it follows where that is not the one
    that it names (see `arriving.local_ids`).
    """

    local_id: UUID
    record: Record
    envelope: Envelope
    leaf_hash: bytes
    audience_id: int
    custody: str
    received_at: datetime
    quarantined: bool = False
    subject: UUID | None = None


def record_values(item: Arriving) -> dict[str, Any]:
    """Give the row of a record in `records`, as domain values."""
    record, envelope = item.record, item.envelope
    return {
        "id": item.local_id,
        "kind": record.kind,
        "issuer": record.issuer,
        "origin": record.origin,
        "issued_at": record.issued_at,
        "received_at": item.received_at,
        "audience_id": item.audience_id,
        "quarantined": item.quarantined,
        "tlp": str(record.tlp),
        "pap": str(record.pap),
        "subject": item.subject or record.subject,
        "subject_origin": record.subject_origin,
        "digest": envelope.digest,
        "payload": envelope.payload,
        "keyid": envelope.keyid,
        "signature": envelope.signature,
        "custody": item.custody,
        "leaf_hash": item.leaf_hash,
    }


def report_values(item: Arriving, report: Report) -> dict[str, Any]:
    """Give the row of a new report in `reports`, as domain values."""
    return {
        "record_id": item.local_id,
        "category": report.category,
        "subcategory": report.subcategory,
        "method": report.method,
        "confidence": report.confidence,
        "reliability": report.reliability,
        "credibility": report.credibility,
        "valid_from": report.valid_from,
        "valid_until": report.expires_at(item.record.issued_at),
        "supersedes": report.supersedes,
        "indicators": len(report.indicators),
        "state": LIVE,
    }


def indicator_rows(dialect: str, item: Arriving, report: Report) -> list[tuple[Any, ...]]:
    """Give the rows of a report in `indicators`, in the order of INDICATOR_COLUMNS and as driver values."""
    record_id = item.local_id if dialect == "postgresql" else item.local_id.bytes
    return [
        (
            record_id,
            ordinal,
            indicator.key,
            item.audience_id,
            indicator.chain,
            indicator.address,
            indicator.asset,
            indicator.role,
            indicator.relation,
            None if indicator.first_seen is None else to_microseconds(indicator.first_seen),
            None if indicator.last_seen is None else to_microseconds(indicator.last_seen),
            indicator.tag,
            "[" + ",".join(f'"{name}"' for name in indicator.transactions) + "]" if indicator.transactions else None,
            indicator.confidence,
            stix_ids.of_wallet(indicator.address),
        )
        for ordinal, indicator in enumerate(report.indicators)
    ]
