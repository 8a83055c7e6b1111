"""STIX 2.1 out: a report as the objects of a bundle or of a TAXII page, and markings and identities beside them.

The rule here: the unit is an indicator with what it refers to, so that any page can be understood by itself. A report's
claim stands in a `report` object that refers to its issuer alone: with a reference to each of its 10,000 indicators no
page would hold all that it refers to. Instead each indicator names its report, by our own extension and by an external
reference, and comes with it. What was taken back keeps its id, later `modified` and `revoked`; what was erased says no
more than its id. Whatever our fields hold and STIX has no word for stands in the extension (`stix_ids.EXTENSION`), so
that nothing of the provenance is lost on the way. Times of `created` and `modified` are in milliseconds, as STIX asks.

Sources: STIX 2.1 (OASIS), sections 3 to 7; OASIS TLP 2.0 in STIX; the extensions of dogesec's stix2extensions and of
OpenCTI, as those programs read them.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.domain import vocabulary
from app.domain.history import ERASED, LIVE, REVOKED, SUPERSEDED
from app.domain.indicator import Indicator
from app.domain.marking import Tlp
from app.domain.record import Opinion
from app.domain.timestamps import format_time
from app.formats import stix_ids
from app.formats.published import Issuer, Published, Said

Object = dict[str, Any]

MEDIA_TYPE = "application/stix+json;version=2.1"
WALLET = "cryptocurrency-wallet"
NEW_OBSERVABLE = "extension-definition--be78509e-6958-51b1-8b26-d17ee0eba2d7"  # dogesec's wallet
OPENCTI_OBSERVABLE = "extension-definition--f93e2c80-4231-4f9a-af8b-95c9bd566a82"
OPENCTI_OBJECT = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba"
_TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_MILLISECOND = timedelta(milliseconds=1)
_MOST_SEEN = 999_999_999  # STIX 2.1 section 5.2.1: the largest count of a sighting
_CLAIM = ("category", "subcategory", "method", "confidence", "reliability", "credibility", "case", "legal_basis")


def bundle(objects: list[Object], name: str) -> Object:
    """Put objects into a bundle; the same name gives the same id."""
    return {"type": "bundle", "id": f"bundle--{stix_ids.of_collection(name)}", "objects": objects}


def whole(published: Published) -> list[Object]:
    """Give all objects of a report: each once, and whatever they refer to."""
    seen: dict[str, Object] = {}
    indicators: tuple[Indicator | None, ...] = published.indicators or (None,) * published.count
    for item in shared(published):
        seen[str(item["id"])] = item
    for ordinal, indicator in enumerate(indicators):
        for item in unit(published, ordinal, indicator):
            seen.setdefault(str(item["id"]), item)
    for said in (*published.opinions, *published.sightings):
        for item in (identity(said.issuer), comment(published, said)):
            seen.setdefault(str(item["id"]), item)
    return list(seen.values())


def shared(published: Published) -> Iterator[Object]:
    """Give what every unit of a report refers to: its issuer, its marking, its claim."""
    yield identity(published.issuer)
    yield marking(published.tlp)
    yield claim(published)


def unit(published: Published, ordinal: int, indicator: Indicator | None) -> tuple[Object, ...]:
    """Give what is one indicator's own: wallet, indicator, relationship; the indicator alone after an erasure."""
    if indicator is None or published.state == ERASED:
        return (_tombstone(published, ordinal),)
    own = wallet(published, ordinal, indicator)
    flag = _flag(published, ordinal, indicator)
    link = {
        **_frame(published, "relationship", ordinal),
        "relationship_type": "based-on",
        "source_ref": flag["id"],
        "target_ref": own["id"],
        "object_marking_refs": _marked(published),
    }
    return own, flag, link


def identity(issuer: Issuer) -> Object:
    """Give an organization as an identity; it was made when its id says, and is of one version."""
    made = milliseconds(made_at(issuer))
    said: Object = {"extension_type": "property-extension", "organization": str(issuer.id), "kind": issuer.kind}
    if issuer.home is not None:
        said["home"] = issuer.home
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": identity_id(issuer),
        "created": made,
        "modified": made,
        "name": issuer.name,
        "identity_class": "organization",
        "extensions": {stix_ids.EXTENSION: said},
    }


def identity_id(issuer: Issuer) -> str:
    """Give the id of an organization's identity."""
    return f"identity--{stix_ids.of_organization(issuer.id)}"


def made_at(issuer: Issuer) -> datetime:
    """Tell when an organization was made: its id is a UUIDv7 (RFC 9562, 5.7)."""
    return datetime.fromtimestamp((issuer.id.int >> 80) / 1_000, tz=_UTC) if issuer.id.version == _OF_TIME else _EPOCH


_UTC = datetime.fromisoformat("1970-01-01T00:00:00+00:00").tzinfo
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_OF_TIME = 7


def marking(tlp: Tlp) -> Object:
    """Give the marking-definition of a TLP 2.0 label."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": stix_ids.MARKINGS[tlp],
        "created": "2022-10-01T00:00:00.000Z",
        "name": str(tlp),
        "extensions": {
            _TLP_EXTENSION: {
                "extension_type": "property-extension",
                "tlp_2_0": str(tlp).removeprefix("TLP:").lower(),
            }
        },
    }


def claim(published: Published) -> Object:
    """Give a report's claim: what is said of all its indicators."""
    said: Object = {**_provenance(published), "indicators": published.count}
    report = published.report
    item = _frame(published, "report", stix_ids.OF_REPORT)
    item["name"] = f"Watchfire report {published.id}"
    if report is not None and published.state != ERASED:
        item["name"] = f"{_words(report.category)} reported by {published.issuer.name} ({published.id})"
        said |= {name: value for name in _CLAIM if (value := getattr(report, name)) is not None}
        if report.summary is not None:
            item["description"] = said["summary"] = report.summary
        if report.evidence:
            said["evidence"] = [entry.to_document() for entry in report.evidence]
        said |= {
            name: format_time(value)
            for name in ("valid_from", "valid_until")
            if (value := getattr(report, name)) is not None
        }
        if report.supersedes is not None:
            said["supersedes"] = str(report.supersedes)
        item["confidence"] = report.confidence
        item["labels"] = _labels(published)
    return {
        **item,
        "report_types": ["indicator"],
        "published": milliseconds(published.issued_at),
        "object_refs": [identity_id(published.issuer)],
        "object_marking_refs": _marked(published),
        "extensions": {stix_ids.EXTENSION: said},
    }


def wallet_id(address: str) -> str:
    """Give the id of the wallet of an address."""
    return f"{WALLET}--{UUID(bytes=stix_ids.of_wallet(address))}"


def wallet(published: Published, ordinal: int, indicator: Indicator) -> Object:
    """Give an address as an observable, with what this report makes of it.

    Its id follows from the value alone, so an address that two reports name comes with each of them.
    """
    said = {"extension_type": "property-extension", "chain": indicator.chain}
    if indicator.asset is not None:
        said["asset"] = indicator.asset
    return {
        "type": WALLET,
        "spec_version": "2.1",
        "id": wallet_id(indicator.address),
        "value": indicator.address,
        "object_marking_refs": _marked(published),
        "extensions": {
            NEW_OBSERVABLE: {"extension_type": "new-sco"},
            OPENCTI_OBSERVABLE: {
                "extension_type": "property-extension",
                "score": _score(published, ordinal, indicator),
                "labels": _labels(published),
            },
            stix_ids.EXTENSION: said,
        },
    }


def comment(published: Published, said: Said) -> Object:
    """Give what another organization says of a report: an opinion of its claim, or a sighting of an indicator."""
    kind = "opinion" if isinstance(said.body, Opinion) else "sighting"
    made = milliseconds(said.issued_at)
    item: Object = {
        "type": kind,
        "spec_version": "2.1",
        "id": comment_id(published, said),
        "created_by_ref": identity_id(said.issuer),
        "created": made,
        "modified": made,
    }
    extension: Object = {
        "extension_type": "property-extension",
        "record": str(said.id),
        "report": str(published.id),
        "issued_at": format_time(said.issued_at),
    }
    if isinstance(said.body, Opinion):
        item |= {"opinion": said.body.opinion, "object_refs": [_id(published, "report", stix_ids.OF_REPORT)]}
        if said.body.summary is not None:
            item["explanation"] = said.body.summary
        extension["reason"] = said.body.reason
    else:
        item |= {
            "sighting_of_ref": _id(published, "indicator", said.ordinals[0]),
            "where_sighted_refs": [identity_id(said.issuer)],
            "count": min(said.body.count, _MOST_SEEN),
        }
        for name in ("first_seen", "last_seen"):
            value = getattr(said.body, name)
            if value is not None:
                item[name] = format_time(value)
        extension["count"] = said.body.count
    return {**item, "object_marking_refs": _marked(published), "extensions": {stix_ids.EXTENSION: extension}}


def comment_id(published: Published, said: Said) -> str:
    """Give the id of an opinion or a sighting."""
    if isinstance(said.body, Opinion):
        return f"opinion--{stix_ids.of_opinion(published.id, said.issuer.id)}"
    return f"sighting--{stix_ids.of_sighting(said.id)}"


def milliseconds(moment: datetime) -> str:
    """Write a time as STIX wants it of `created` and `modified`: with exactly three digits."""
    return format_time(moment)[:-4] + "Z"


def version_of(item: Mapping[str, Any]) -> str | None:
    """Give the version of an object: `modified`, else `created`; None for one that has no time of its own."""
    return item.get("modified") or item.get("created")


def _frame(published: Published, kind: str, ordinal: int) -> Object:
    """Give what the objects of a report begin with; what was taken back is a later version."""
    taken_back = published.is_withdrawn(ordinal) or published.state == SUPERSEDED
    item: Object = {
        "type": kind,
        "spec_version": "2.1",
        "id": _id(published, kind, ordinal),
        "created_by_ref": identity_id(published.issuer),
        "created": milliseconds(published.issued_at),
        "modified": milliseconds(published.issued_at),
    }
    if taken_back:
        said = published.taken_back_at.get(ordinal) or published.changed_at or published.issued_at
        # An erasure in the same millisecond as what was taken back before it is a version of its own.
        changed = max(said, published.issued_at + _MILLISECOND * (2 if published.state == ERASED else 1))
        item |= {"modified": milliseconds(changed), "revoked": True}
    return item


def _id(published: Published, kind: str, ordinal: int) -> str:
    return f"{kind}--{stix_ids.of_ordinal(stix_ids.base_of(published.id), ordinal)}"


def _flag(published: Published, ordinal: int, indicator: Indicator) -> Object:
    report = published.report
    assert report is not None
    said: Object = {
        **_provenance(published),
        "ordinal": ordinal,
        **{name: value for name in _CLAIM[:6] if (value := getattr(report, name)) is not None},
        "indicator": {name: value for name, value in indicator.to_document().items() if name != "address"},
    }
    if ordinal in published.withdrawn and published.state == LIVE:
        said["state"] = REVOKED
    confidence = report.confidence if indicator.confidence is None else indicator.confidence
    return {
        **_frame(published, "indicator", ordinal),
        "name": indicator.address,
        "description": f"{_words(report.category)}, reported by {published.issuer.name}; method: {report.method}.",
        "indicator_types": [_type(published, indicator)],
        "pattern": f"[{WALLET}:value = '{_quoted(indicator.address)}']",
        "pattern_type": "stix",
        "pattern_version": "2.1",
        **_validity(published),
        "confidence": confidence,
        "labels": _labels(published),
        "external_references": [{"source_name": "watchfire", "external_id": str(published.id)}],
        "object_marking_refs": _marked(published),
        "extensions": {
            OPENCTI_OBJECT: {
                "extension_type": "property-extension",
                "score": _score(published, ordinal, indicator),
                "detection": False,
                "main_observable_type": "Cryptocurrency-Wallet",
            },
            stix_ids.EXTENSION: said,
        },
    }


def _tombstone(published: Published, ordinal: int) -> Object:
    """Give what is left of an erased indicator: its pattern finds nothing, and is no other's."""
    item = _frame(published, "indicator", ordinal)
    return {
        **item,
        "name": "erased",
        "indicator_types": ["unknown"],
        "pattern": f"[x-watchfire-erased:value = '{item['id']}']",
        "pattern_type": "stix",
        "pattern_version": "2.1",
        "valid_from": milliseconds(published.issued_at),
        "object_marking_refs": _marked(published),
        "extensions": {stix_ids.EXTENSION: {**_provenance(published), "ordinal": ordinal}},
    }


def _provenance(published: Published) -> Object:
    return {
        "extension_type": "property-extension",
        "record": str(published.id),
        "digest": published.digest.hex(),
        "issuer": str(published.issuer.id),
        "origin": published.origin,
        "custody": published.custody,
        "issued_at": format_time(published.issued_at),
        "audience": published.audience["kind"],
        "tlp": str(published.tlp),
        "pap": published.pap,
        "state": published.state,
    }


def _validity(published: Published) -> Object:
    report = published.report
    assert report is not None
    start, end = report.valid_from or published.issued_at, report.expires_at(published.issued_at)
    validity = {"valid_from": format_time(start)}
    return {**validity, "valid_until": format_time(end)} if end > start else validity


def _score(published: Published, ordinal: int, indicator: Indicator) -> int:
    """Give what OpenCTI shows as risk: nothing where a reputation would count nothing."""
    report = published.report
    assert report is not None
    if (
        published.state != LIVE
        or published.is_withdrawn(ordinal)
        or _type(published, indicator) != "malicious-activity"
    ):
        return 0
    return report.confidence if indicator.confidence is None else indicator.confidence


def _type(published: Published, indicator: Indicator) -> str:
    """Say what an indicator is one of (STIX 2.1 section 10.7): whom it must protect it never calls malicious."""
    report = published.report
    assert report is not None
    if report.category in vocabulary.PROTECTIVE or indicator.role in vocabulary.PROTECTED_ROLES:
        return "benign"
    if indicator.relation is not None and indicator.relation not in vocabulary.DIRECT_RELATIONS:
        return "unknown"
    return "malicious-activity"


def _labels(published: Published) -> list[str]:
    report = published.report
    assert report is not None
    first = "protective" if report.category in vocabulary.PROTECTIVE else "human-trafficking"
    words = (first, report.category, report.subcategory)
    return [word.replace("_", "-") for word in words if word is not None]


def _marked(published: Published) -> list[str]:
    return [stix_ids.MARKINGS[published.tlp]]


def _words(category: str) -> str:
    return category.replace("_", " ").capitalize()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
