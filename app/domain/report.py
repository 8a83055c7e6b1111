"""The body of a report: one provenance for 1 to 10,000 addresses.

The rule here: every address in a record is canonical for its chain, so one account has one spelling in every record of
every node. `read_report` reads what people submit and makes it canonical; a record that is already signed must be
canonical as it stands (`strict`), because nobody but its signer may change it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from app.domain import reading, vocabulary
from app.domain.errors import InvalidRecord, Refused
from app.domain.indicator import CleanedRow, Indicator, read_indicators
from app.domain.reading import Refusal
from app.domain.timestamps import LATEST, format_time

MAX_EVIDENCE = 100  # references of one report
MAX_SUMMARY = 1_000  # characters
MAX_REFERENCE = 500  # characters of one evidence reference
MAX_CASE = 100  # characters of the issuer's own reference

REPORT_FIELDS = (
    "category",
    "subcategory",
    "method",
    "confidence",
    "reliability",
    "credibility",
    "case",
    "legal_basis",
    "summary",
    "evidence",
    "valid_from",
    "valid_until",
    "indicators",
    "supersedes",
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A reference to evidence that the issuer keeps; never its content."""

    kind: str
    reference: str
    sha256: str | None = None
    observed_at: datetime | None = None

    def to_document(self) -> dict[str, Any]:
        """Give the reference as it stands in a record."""
        document: dict[str, Any] = {"kind": self.kind, "reference": self.reference}
        if self.sha256 is not None:
            document["sha256"] = self.sha256
        if self.observed_at is not None:
            document["observed_at"] = format_time(self.observed_at)
        return document


@dataclass(frozen=True, slots=True)
class Report:
    """What a report claims."""

    category: str
    method: str
    confidence: int
    indicators: tuple[Indicator, ...]
    subcategory: str | None = None
    reliability: str | None = None
    credibility: int | None = None
    case: str | None = None
    legal_basis: str | None = None
    summary: str | None = None
    evidence: tuple[Evidence, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    supersedes: UUID | None = None

    def to_document(self) -> dict[str, Any]:
        """Give the body as it stands in a record."""
        document: dict[str, Any] = {
            "category": self.category,
            "method": self.method,
            "confidence": self.confidence,
            "indicators": [item.to_document() for item in self.indicators],
        }
        for name in ("subcategory", "reliability", "credibility", "case", "legal_basis", "summary"):
            value = getattr(self, name)
            if value is not None:
                document[name] = value
        if self.evidence:
            document["evidence"] = [item.to_document() for item in self.evidence]
        for name in ("valid_from", "valid_until"):
            value = getattr(self, name)
            if value is not None:
                document[name] = format_time(value)
        if self.supersedes is not None:
            document["supersedes"] = str(self.supersedes)
        return document

    def expires_at(self, issued_at: datetime) -> datetime:
        """Tell when the claim ends: `valid_until`, or 24 months after it was made."""
        return self.valid_until or default_expiry(self.valid_from or issued_at)


class ReportRead(NamedTuple):
    """A report as it was read, with the rows that were refused and those that were cleaned."""

    report: Report
    refused: tuple[Refused, ...]
    cleaned: tuple[CleanedRow, ...]


def default_expiry(start: datetime) -> datetime:
    """Give the end of the default lifetime: the same day 24 months later (28 February for a 29th).

    Never after the last time that a record can state.
    """
    year = start.year + vocabulary.DEFAULT_LIFETIME_MONTHS // 12
    if year > LATEST.year:
        return LATEST
    try:
        return start.replace(year=year)
    except ValueError:
        return start.replace(year=year, day=28)


def read_report(
    document: Mapping[str, Any], *, strict: bool = False, partial: bool = False, kept: bool = False
) -> ReportRead:
    """Read a report's body and give it canonical, with the rows refused and the rows cleaned.

    Without `partial` any refused row refuses the whole (InvalidRecord with one entry per row, each with pointer, the
    caller's `ref`, code and detail); with it the good rows are read, and at least one must be good. `strict` is for
    signed bytes: addresses must be canonical, and fields that this version does not know are left alone. `kept` is
    for signed bytes that were accepted before: their addresses stand as they are.
    """
    if not strict:
        reading.check_keys(document, REPORT_FIELDS)
    category = reading.word(reading.need(document, "category"), vocabulary.CATEGORIES, "/category")
    method = reading.word(reading.need(document, "method"), vocabulary.METHOD_CEILINGS, "/method")
    confidence = reading.integer(reading.need(document, "confidence"), "/confidence", 0, 100)
    vocabulary.check_ceiling(method, confidence)
    given = document.get("evidence")
    evidence = [] if given is None else reading.rows(given, "/evidence", 0, MAX_EVIDENCE)
    indicators, refused, cleaned = read_indicators(document, method, strict=strict, kept=kept)
    if refused and not (partial and indicators):
        raise InvalidRecord(
            f"{len(refused)} of {len(refused) + len(indicators)} indicators were refused; nothing was accepted.",
            errors=refused,
        )
    start, end = (reading.maybe_moment(document, name, strict=strict) for name in ("valid_from", "valid_until"))
    if start and end and end <= start:
        raise Refusal("/valid_until", "must be after valid_from.")
    report = Report(
        category=category,
        method=method,
        confidence=confidence,
        indicators=tuple(indicators),
        subcategory=reading.maybe_word(document, "subcategory", vocabulary.CATEGORIES[category]),
        reliability=reading.maybe_word(document, "reliability", vocabulary.RELIABILITIES),
        credibility=reading.maybe_integer(document, "credibility", 1, 6),
        case=reading.maybe_text(document, "case", MAX_CASE, free=True),
        legal_basis=reading.maybe_word(document, "legal_basis", vocabulary.LEGAL_BASES),
        summary=reading.maybe_text(document, "summary", MAX_SUMMARY, free=True),
        evidence=tuple(_evidence(row, f"/evidence/{place}", strict=strict) for place, row in enumerate(evidence)),
        valid_from=start,
        valid_until=end,
        supersedes=reading.maybe_identifier(document, "supersedes"),
    )
    return ReportRead(report, refused, cleaned)


def _evidence(row: object, pointer: str, *, strict: bool) -> Evidence:
    fields = reading.mapping(row, pointer)
    if not strict:
        reading.check_keys(fields, ("kind", "reference", "sha256", "observed_at"), pointer)
    observed = fields.get("observed_at")
    sha256 = fields.get("sha256")
    return Evidence(
        reading.word(reading.need(fields, "kind", pointer), vocabulary.EVIDENCE_KINDS, f"{pointer}/kind"),
        reading.text(reading.need(fields, "reference", pointer), f"{pointer}/reference", MAX_REFERENCE),
        None if sha256 is None else reading.sha256_hex(sha256, f"{pointer}/sha256"),
        None if observed is None else reading.moment(observed, f"{pointer}/observed_at", strict=strict),
    )
