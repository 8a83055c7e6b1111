"""The body of a report: one provenance for 1 to 10,000 addresses.

The rule here: every address in a record is canonical for its chain, so one account has one spelling in every record of
every node. `read_report` reads what people submit and makes it canonical; a record that is already signed must be
canonical as it stands (`strict`), because nobody but its signer may change it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from app.domain import address as addresses
from app.domain import reading, vocabulary
from app.domain.address import Address, Chain
from app.domain.errors import Invalid, InvalidAddress, InvalidRecord, Refused
from app.domain.reading import Refusal
from app.domain.timestamps import LATEST, format_time

MAX_INDICATORS = 10_000  # addresses of one report: one signature, about 1.2 MB
MAX_EVIDENCE = 100  # references of one report
MAX_TRANSACTIONS = 100  # transaction ids of one indicator
MAX_SUMMARY = 1_000  # characters
MAX_REFERENCE = 500  # characters of one evidence reference
MAX_CASE = 100  # characters of the issuer's own reference
MAX_TAG = 128  # characters of a destination tag, memo or payment id

INDICATOR_FIELDS = (
    "chain",
    "address",
    "asset",
    "role",
    "relation",
    "first_seen",
    "last_seen",
    "tag",
    "transactions",
    "confidence",
)
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
_PLAIN = frozenset({"chain", "address", "ref"})
_ASSET = re.compile(
    r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}/[-a-z0-9]{3,8}:[-.%a-zA-Z0-9]{1,128}(/[-.%a-zA-Z0-9]{1,78})?|[A-Za-z0-9.$-]{1,32}"
)
_TRANSACTION = re.compile(r"[A-Za-z0-9+/=_:.-]{8,128}")


class Indicator(NamedTuple):
    """One address in one report; `key` is its 16-byte index key, `chain` a CAIP-2 id, `address` canonical.

    A tuple, because a report has up to 10,000 of them and making one must cost no more than reading its address.
    """

    chain: str
    address: str
    key: bytes
    asset: str | None = None
    role: str | None = None
    relation: str | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    tag: str | None = None
    transactions: tuple[str, ...] = ()
    confidence: int | None = None

    def to_document(self) -> dict[str, Any]:
        """Give the indicator as it stands in a record: only what is known."""
        document: dict[str, Any] = {"chain": self.chain, "address": self.address}
        if self[3:] == _NOTHING_ELSE:
            return document
        for name in ("asset", "role", "relation", "tag", "confidence"):
            value = getattr(self, name)
            if value is not None:
                document[name] = value
        for name in ("first_seen", "last_seen"):
            value = getattr(self, name)
            if value is not None:
                document[name] = format_time(value)
        if self.transactions:
            document["transactions"] = list(self.transactions)
        return document


_NOTHING_ELSE = Indicator("", "", b"")[3:]


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
    document: Mapping[str, Any], *, strict: bool = False, partial: bool = False
) -> tuple[Report, tuple[Refused, ...]]:
    """Read a report's body and give it canonical, with the rows refused.

    Without `partial` any refused row refuses the whole (InvalidRecord with one entry per row, each with pointer, the
    caller's `ref`, code and detail); with it the good rows are read, and at least one must be good. `strict` is for
    signed bytes: addresses must be canonical, and fields that this version does not know are left alone.
    """
    if not strict:
        reading.check_keys(document, REPORT_FIELDS)
    category = reading.word(reading.need(document, "category"), vocabulary.CATEGORIES, "/category")
    method = reading.word(reading.need(document, "method"), vocabulary.METHOD_CEILINGS, "/method")
    confidence = reading.integer(reading.need(document, "confidence"), "/confidence", 0, 100)
    vocabulary.check_ceiling(method, confidence)
    given = document.get("evidence")
    evidence = [] if given is None else reading.rows(given, "/evidence", 0, MAX_EVIDENCE)
    indicators, refused = read_indicators(document, method, strict=strict)
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
        subcategory=_word(document, "subcategory", vocabulary.CATEGORIES[category]),
        reliability=_word(document, "reliability", vocabulary.RELIABILITIES),
        credibility=_integer(document, "credibility", 1, 6),
        case=_text(document, "case", MAX_CASE, free=True),
        legal_basis=_word(document, "legal_basis", vocabulary.LEGAL_BASES),
        summary=_text(document, "summary", MAX_SUMMARY, free=True),
        evidence=tuple(_evidence(row, f"/evidence/{place}", strict=strict) for place, row in enumerate(evidence)),
        valid_from=start,
        valid_until=end,
        supersedes=_record_id(document, "supersedes"),
    )
    return report, refused


def read_indicators(
    document: Mapping[str, Any], method: str, *, strict: bool
) -> tuple[list[Indicator], tuple[Refused, ...]]:
    """Read the rows of a report; give the good ones and, for each bad one, why."""
    rows = reading.rows(reading.need(document, "indicators"), "/indicators", 1, MAX_INDICATORS)
    accepted: list[Indicator] = []
    refused: list[Refused] = []
    chains: dict[str, Chain] = {}
    for place, row in enumerate(rows):
        ref = row.get("ref") if isinstance(row, dict) and not strict else None
        try:
            accepted.append(_indicator(row, method, chains, strict=strict))
        except InvalidAddress as error:
            refused.append(Refused(error.reason, error.detail, f"/indicators/{place}/address", _ref(ref)))
        except Invalid as error:
            first = error.errors[0]
            refused.append(Refused(first.code, first.detail, f"/indicators/{place}{first.pointer}", _ref(ref)))
    return accepted, tuple(refused)


def _indicator(row: object, method: str, chains: dict[str, Chain], *, strict: bool) -> Indicator:
    fields = reading.mapping(row, "")
    named = fields.get("chain")
    chain = chains.get(named) if isinstance(named, str) else None
    if chain is None:
        chain = chains[fields["chain"]] = _chain(fields)
    given = reading.need(fields, "address")
    if not isinstance(given, str):
        raise Refusal("/address", "must be a text.")
    address = addresses.parse(chain, given)
    if strict and (given != address.canonical or fields["chain"] != chain.caip2):
        raise Refusal(
            "/address", f"must be canonical in a signed record: {chain.caip2} {address.canonical}", "not_canonical"
        )
    if address.tag is None and fields.keys() <= _PLAIN:
        return Indicator(chain.caip2, address.canonical, address.key)
    return _qualified(fields, chain.caip2, address, method, strict=strict)


def _chain(fields: dict[str, Any]) -> Chain:
    chain = addresses.find_chain(reading.text(reading.need(fields, "chain"), "/chain", 64))
    if chain is None:
        raise Refusal(
            "/chain", "is not known; give a CAIP-2 id such as eip155:1 or a slug such as bitcoin.", "unknown_chain"
        )
    return chain


def _qualified(fields: dict[str, Any], chain: str, address: Address, method: str, *, strict: bool) -> Indicator:
    if not strict:
        reading.check_keys(fields, (*INDICATOR_FIELDS, "ref"))
    confidence = _integer(fields, "confidence", 0, 100)
    if confidence is not None:
        vocabulary.check_ceiling(method, confidence)
    tag = _text(fields, "tag", MAX_TAG)
    if tag is not None and address.tag is not None and tag != address.tag:
        raise Refusal("/tag", "contradicts the tag inside the address.")
    first, last = reading.span(fields, strict=strict)
    return Indicator(
        chain,
        address.canonical,
        address.key,
        asset=_pattern(fields.get("asset"), _ASSET, "/asset", "a CAIP-19 id such as eip155:1/slip44:60, or a symbol"),
        role=_word(fields, "role", vocabulary.ROLES),
        relation=_word(fields, "relation", vocabulary.RELATIONS),
        first_seen=first,
        last_seen=last,
        tag=tag or address.tag,
        transactions=_transactions(fields.get("transactions")),
        confidence=confidence,
    )


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


def _transactions(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    rows = reading.rows(value, "/transactions", 0, MAX_TRANSACTIONS)
    return tuple(
        str(_pattern(row, _TRANSACTION, f"/transactions/{place}", "a transaction id")) for place, row in enumerate(rows)
    )


def _pattern(value: object, pattern: re.Pattern[str], pointer: str, what: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise Refusal(pointer, f"must be {what}.")


def _word(document: Mapping[str, Any], name: str, known: Sequence[str] | Mapping[str, Any]) -> str | None:
    value = document.get(name)
    return None if value is None else reading.word(value, known, f"/{name}")


def _integer(document: Mapping[str, Any], name: str, lowest: int, highest: int) -> int | None:
    value = document.get(name)
    return None if value is None else reading.integer(value, f"/{name}", lowest, highest)


def _text(document: Mapping[str, Any], name: str, longest: int, *, free: bool = False) -> str | None:
    value = document.get(name)
    return None if value is None else reading.text(value, f"/{name}", longest, free=free)


def _record_id(document: Mapping[str, Any], name: str) -> UUID | None:
    value = document.get(name)
    return None if value is None else reading.identifier(value, f"/{name}")


def _ref(ref: object) -> str | None:
    """Give the caller's reference back, short and such that it can be written in an answer; another type is none."""
    return str(ref)[:128].encode(errors="replace").decode() if isinstance(ref, str | int) else None
