"""Reports as MISP events: attributes btc, xmr and dash, else an object coin-address; and a feed's manifest and hashes.

The rule here: an event never forgets: what was taken back, superseded or erased stays in it as `deleted`, with a newer
timestamp, because a MISP takes nothing away by itself. An address stands in it once, as attribute or as object. Who is
protected, and what is only mentioned with a case, is not for detection (`to_ids` false).

All uuids are of version 5 and follow from ids of records alone: MISP knows no later version, and the uuid of what was
erased must tell nothing. Of an erased address nobody knows any more whether it was an attribute or an object, so both
uuids are taken back, and their values overwritten.

Sources: PyMISP `mispevent.py` (feed output), MISP `app/Model/Feed.php`, the object template coin-address version 7.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

from app.domain import address as addresses
from app.domain.history import ERASED
from app.domain.indicator import Indicator
from app.domain.marking import Tlp
from app.domain.report import Report
from app.domain.vocabulary import DIRECT_RELATIONS, PROTECTED_ROLES, PROTECTIVE
from app.formats import misp_tags, stix_ids
from app.formats.exporting import slug_of
from app.formats.misp import COIN_ADDRESS, TEMPLATE, TYPES
from app.formats.published import Issuer, Published
from app.formats.tagpack_writing import network_of

NAMESPACE = UUID("8f7f3d52-6e0a-5d43-9f3a-5a1d6ad7c0de")
TEMPLATE_VERSION = "7"
DESCRIPTION = "An address used in a cryptocurrency"
CATEGORY = "Financial fraud"
ERASED_VALUE = "erased"
_TYPES = {slug: kind for kind, slug in TYPES.items()}
_SECOND = 1_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Heading:
    """What a manifest says of an event: `day` counts days since 1970, `stamp` is its timestamp in seconds."""

    id: UUID
    issuer: Issuer
    tlp: Tlp
    day: int
    stamp: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a report that stands in one event: `count` ordinals from `first`, as far as they are known."""

    report: Published
    first: int
    count: int
    indicators: Mapping[int, Indicator]


def event_id(*parts: object) -> UUID:
    """Give the uuid of the event that these words name."""
    return _uuid("event", *parts)


def manifest_entry(heading: Heading) -> dict[str, Any]:
    """Give an event's entry in the manifest."""
    return {
        "Orgc": _orgc(heading.issuer),
        "Tag": [misp_tags.tlp_tag(heading.tlp)],
        "info": _info(heading),
        "date": _date(heading.day),
        "analysis": "2",
        "threat_level_id": "4",
        "timestamp": heading.stamp,
    }


def event(heading: Heading, pieces: list[Piece]) -> dict[str, Any]:
    """Give an event with the addresses of its reports."""
    attributes: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for piece in pieces:
        for ordinal in range(piece.first, piece.first + piece.count):
            indicator = piece.indicators.get(ordinal)
            if indicator is None:
                attributes.append(_erased_attribute(piece.report, ordinal))
                objects.append(_erased_object(piece.report, ordinal))
            elif (kind := _TYPES.get(slug_of(indicator.chain))) is not None:
                attributes.append(_attribute(piece.report, ordinal, indicator, kind))
            else:
                objects.append(_object(piece.report, ordinal, indicator))
    entry = manifest_entry(heading)
    stamp = str(entry.pop("timestamp"))
    more = {"timestamp": stamp, "publish_timestamp": stamp, "published": True, "extends_uuid": "", "protected": None}
    return {"Event": {"uuid": str(heading.id), **entry, **more, "Attribute": attributes, "Object": objects}}


def hashes(heading: Heading, pieces: list[Piece]) -> Iterator[str]:
    """Give the lines of hashes.csv for an event: of each address that stands, never of a symbol."""
    for piece in pieces:
        for ordinal in range(piece.first, piece.first + piece.count):
            indicator = piece.indicators.get(ordinal)
            if indicator is not None and not piece.report.is_withdrawn(ordinal):
                digest = hashlib.md5(indicator.address.encode(), usedforsecurity=False).hexdigest()
                yield f"{digest},{heading.id}\n"


def no_hashes(reader: UUID) -> str:
    """Give the line of a feed without an address: an empty file is an error to MISP, so it is the hash of nothing."""
    return f"{hashlib.md5(b'', usedforsecurity=False).hexdigest()},{_uuid('nothing', reader)}\n"


def _attribute(report: Published, ordinal: int, indicator: Indicator, kind: str) -> dict[str, Any]:
    return {
        **_frame(report, ordinal, "attribute"),
        "type": kind,
        "category": CATEGORY,
        "value": indicator.address,
        "to_ids": _is_for_detection(report, indicator),
        "disable_correlation": False,
        "comment": _comment(report, indicator),
        **_seen(indicator),
        "Tag": _tags(report, indicator),
    }


def _object(report: Published, ordinal: int, indicator: Indicator) -> dict[str, Any]:
    frame = _frame(report, ordinal, "object")
    part = {name: frame[name] for name in ("timestamp", "deleted")}
    address = {
        **part,
        "uuid": str(_uuid("address", report.id, ordinal)),
        "type": "text",
        "object_relation": "address-crypto",
        "category": CATEGORY,
        "value": indicator.address,
        "to_ids": _is_for_detection(report, indicator),
        "disable_correlation": False,
        "comment": "",
        "Tag": _tags(report, indicator),
    }
    symbol = {
        **part,
        "uuid": str(_uuid("symbol", report.id, ordinal)),
        "type": "text",
        "object_relation": "symbol",
        "category": "Other",
        "value": network_of(indicator.chain),
        "to_ids": False,
        "disable_correlation": True,
        "comment": "",
    }
    return {
        **frame,
        **_OBJECT,
        "comment": _comment(report, indicator),
        **_seen(indicator),
        "Attribute": [address, symbol],
    }


_OBJECT: Mapping[str, Any] = {
    "name": COIN_ADDRESS,
    "meta-category": "financial",
    "description": DESCRIPTION,
    "template_uuid": TEMPLATE,
    "template_version": TEMPLATE_VERSION,
}


def _erased_attribute(report: Published, ordinal: int) -> dict[str, Any]:
    return {**_frame(report, ordinal, "attribute"), **_BLANK, "comment": ""}


def _erased_object(report: Published, ordinal: int) -> dict[str, Any]:
    frame = _frame(report, ordinal, "object")
    part = {name: frame[name] for name in ("timestamp", "deleted")}
    blank = [
        {**part, **_BLANK, "uuid": str(_uuid(word, report.id, ordinal)), "object_relation": relation, "comment": ""}
        for word, relation in (("address", "address-crypto"), ("symbol", "symbol"))
    ]
    return {**frame, **_OBJECT, "comment": "", "Attribute": blank}


_BLANK: Mapping[str, Any] = {
    "type": "text",
    "category": "Other",
    "value": ERASED_VALUE,
    "to_ids": False,
    "disable_correlation": True,
}


def _frame(report: Published, ordinal: int, what: str) -> dict[str, Any]:
    """Give uuid, timestamp and state: newer by a second at least for each step from standing to erased."""
    gone = report.is_withdrawn(ordinal)
    arrived = report.arrival // _SECOND
    steps = 2 if report.state == ERASED else 1
    stamp = max(report.changed // _SECOND, arrived + steps) if gone else arrived
    return {"uuid": str(_uuid(what, report.id, ordinal)), "timestamp": str(stamp), "deleted": gone}


def _is_for_detection(report: Published, indicator: Indicator) -> bool:
    said = _said(report)
    direct = indicator.relation is None or indicator.relation in DIRECT_RELATIONS
    return direct and said.category not in PROTECTIVE and indicator.role not in PROTECTED_ROLES


def _tags(report: Published, indicator: Indicator) -> list[dict[str, Any]]:
    said = _said(report)
    sure = said.confidence if indicator.confidence is None else indicator.confidence
    return misp_tags.own_tags(
        {
            "category": said.category,
            "subcategory": said.subcategory,
            "method": said.method,
            "confidence": sure,
            "reliability": said.reliability,
            "credibility": said.credibility,
        }
    )


def _comment(report: Published, indicator: Indicator) -> str:
    """Say what MISP has no field for: what the address was in it, the asset, and which report says so."""
    chain = addresses.find_chain(indicator.chain)
    words = [
        indicator.role and f"role {indicator.role}",
        indicator.relation and f"relation {indicator.relation}",
        indicator.asset and f"asset {indicator.asset}",
        indicator.tag and f"tag {indicator.tag}",
        f"on {indicator.chain if chain is None else chain.name}",
        f"Watchfire report {report.id}",
    ]
    return "; ".join(word.replace("_", " ") for word in words if word)


def _seen(indicator: Indicator) -> dict[str, str]:
    seen = {"first_seen": indicator.first_seen, "last_seen": indicator.last_seen}
    return {name: moment.astimezone(UTC).isoformat(timespec="microseconds") for name, moment in seen.items() if moment}


def _said(report: Published) -> Report:
    assert report.report is not None
    return report.report


def _orgc(issuer: Issuer) -> dict[str, str]:
    return {"name": issuer.name, "uuid": str(stix_ids.of_organization(issuer.id))}


def _info(heading: Heading) -> str:
    return f"Addresses linked to human trafficking, reported by {heading.issuer.name} on {_date(heading.day)}"


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


def _uuid(*parts: object) -> UUID:
    return uuid5(NAMESPACE, ":".join(map(str, parts)))
