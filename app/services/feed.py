"""The feed: reports as they leave by exports and feeds, in the order in which they last changed.

The rule here: what is TLP:RED never leaves, TLP:AMBER+STRICT only for who asks for it, and what was erased leaves
without its content, so that it can be taken back where it was given. A report has the state that the stream gives it:
what was submitted and stands in no log yet has not happened.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from app.domain import access, record
from app.domain import audience as audiences
from app.domain.actor import Actor
from app.domain.history import ERASED, LIVE
from app.domain.marking import read_pap, read_tlp
from app.domain.record import Opinion, Record, Sighting
from app.domain.report import Evidence, Report
from app.domain.signing import Envelope
from app.domain.timestamps import parse_time
from app.formats.published import Issuer, Published, Said
from app.services.node import Node
from app.storage import feed
from app.storage.feed import Claim, Follower
from app.storage.stamps import STANDING, Placed
from app.storage.store import ReadTx

MOST_INDICATORS = 20_000  # of the reports that are read at once: two of the largest


async def reports(
    node: Node,
    actor: Actor,
    *,
    after: int = 0,
    limit: int,
    audiences: Collection[int] | None = None,
    strict: bool = False,
) -> list[Published]:
    """Give reports that last changed after a stamp, each once and whole, in the order of `changed`.

    `audiences` are ids; all that the actor may read without. Fewer than `limit` may come before the end: of large
    reports no more than MOST_INDICATORS addresses at once, one report at least; an empty list is the end.
    """
    access.check_act(actor, "read_reports")
    async with node.store.read(actor) as tx:
        streams = feed.reach(tx, audiences, strict=(False, True) if strict else (False,))
        rows = await feed.newest_after(tx, streams, after, limit)
        claims = await feed.claims(tx, [row.report for row in rows])
        rows = _bounded([row for row in rows if row.report in claims], claims)
        every: dict[UUID, list[Placed]] = {row.report: [] for row in rows}
        for part in _parts([row.report for row in rows]):
            for row in await feed.find(tx, streams, feed.of_reports(part)):
                every[row.report].append(row)
        said = await comments(tx, [item for found in every.values() for item in found])
        return [_whole(claims[row.report], row, every[row.report], said) for row in rows]


def _bounded(rows: Sequence[Placed], claims: Mapping[UUID, Claim]) -> list[Placed]:
    taken: list[Placed] = []
    total = 0
    for row in rows:
        total += claims[row.report].count
        if taken and total > MOST_INDICATORS:
            break
        taken.append(row)
    return taken


def _whole(claim: Claim, newest: Placed, rows: Sequence[Placed], said: Mapping[UUID, Said]) -> Published:
    """Give a report with all its indicators, and what others say of it."""
    ended = [row for row in rows if row.kind == "report" and row.ended != STANDING]
    withdrawn = {ordinal: row.changed_at for row in ended for ordinal in range(*row.span)}
    whole = None if claim.payload is None else record.parse(claim.payload, kept=True)
    comments = [said[row.record_id] for row in rows if row.record_id in said]
    return published(
        claim,
        whole,
        changed=newest.stamp,
        withdrawn=withdrawn,
        opinions=tuple(item for item in comments if isinstance(item.body, Opinion)),
        sightings=tuple(item for item in comments if isinstance(item.body, Sighting)),
    )


async def comments(tx: ReadTx, rows: Iterable[Placed]) -> dict[UUID, Said]:
    """Give what rows of opinions and sightings say, by record; those whose content is gone are left out."""
    wanted = {row.record_id: row for row in rows if row.kind != "report"}
    found = await feed.followers(tx, wanted)
    return {item.id: _said(item, wanted[item.id]) for item in found.values() if item.payload is not None}


def _said(item: Follower, row: Placed) -> Said:
    assert item.payload is not None
    body = record.parse(item.payload, kept=True)
    assert isinstance(body.body, Opinion | Sighting)
    issuer = Issuer(item.issuer, item.issuer_name or str(item.issuer), item.issuer_kind or "other", item.issuer_home)
    return Said(item.id, issuer, body.issued_at, body.body, tuple(range(*row.span)), item.arrival)


def published(claim: Claim, whole: Record | None, *, withdrawn: Mapping[int, Any], **more: Any) -> Published:
    """Give a report as it leaves; `withdrawn` tells when each indicator that was taken back was."""
    state = ERASED if claim.payload is None else LIVE if claim.standing else claim.state or LIVE
    envelope = None if claim.payload is None else Envelope(claim.payload, claim.keyid, claim.signature)
    return Published(
        id=claim.id,
        record=whole,
        issuer=issuer_of(claim),
        origin=claim.origin,
        custody=claim.custody,
        digest=claim.digest,
        envelope=envelope,
        issued_at=claim.issued_at,
        audience=claim.audience,
        tlp=read_tlp(claim.tlp),
        pap=claim.pap,
        arrival=claim.arrival,
        state=state,
        count=claim.count,
        withdrawn=frozenset(range(claim.count)) if state != LIVE else frozenset(withdrawn),
        changed_at=claim.changed_at,
        taken_back_at=withdrawn,
        **more,
    )


def issuer_of(claim: Claim) -> Issuer:
    """Give the organization that says it."""
    return Issuer(claim.issuer, claim.issuer_name or str(claim.issuer), claim.issuer_kind or "other", claim.issuer_home)


class _Body(msgspec.Struct):
    """A report's body but for its indicators, which a page reads from their own rows."""

    category: str
    method: str
    confidence: int
    subcategory: str | None = None
    reliability: str | None = None
    credibility: int | None = None
    case: str | None = None
    legal_basis: str | None = None
    summary: str | None = None
    evidence: list[dict[str, str]] = []
    valid_from: str | None = None
    valid_until: str | None = None
    supersedes: str | None = None


class _Said(msgspec.Struct):
    body: _Body


_DECODER = msgspec.json.Decoder(_Said)


def headline(claim: Claim) -> Record | None:
    """Give a report's record without its indicators: read in a thousandth of the time; None after its erasure."""
    if claim.payload is None:
        return None
    body = _DECODER.decode(claim.payload).body
    report = Report(
        category=body.category,
        method=body.method,
        confidence=body.confidence,
        indicators=(),
        subcategory=body.subcategory,
        reliability=body.reliability,
        credibility=body.credibility,
        case=body.case,
        legal_basis=body.legal_basis,
        summary=body.summary,
        evidence=tuple(_evidence(entry) for entry in body.evidence),
        valid_from=None if body.valid_from is None else parse_time(body.valid_from),
        valid_until=None if body.valid_until is None else parse_time(body.valid_until),
        supersedes=None if body.supersedes is None else UUID(body.supersedes),
    )
    said = audiences.parse(claim.audience)
    tlp, pap = read_tlp(claim.tlp), read_pap(claim.pap)
    return Record(claim.id, "report", claim.issuer, claim.origin, claim.issued_at, said, tlp, pap, b"", report)


def _evidence(entry: Mapping[str, str]) -> Evidence:
    observed = entry.get("observed_at")
    seen = None if observed is None else parse_time(observed)
    return Evidence(entry["kind"], entry["reference"], entry.get("sha256"), seen)


def _parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[first : first + feed.PART] for first in range(0, len(items), feed.PART))
