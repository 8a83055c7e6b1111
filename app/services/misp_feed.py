"""The MISP feed of one organization: its events, each with a timestamp that only rises.

The rule here: a feed shows what the organization may read and nothing that depends on anything else; a timestamp that
was given out stays, and each change gets one above all of them. TLP:RED is in no feed; TLP:AMBER+STRICT only in the one
that asks for it (`strict`). The key decides whose feed it is.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from uuid import UUID

from app.domain import access
from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.history import ERASED
from app.domain.indicator import Indicator
from app.domain.marking import read_tlp
from app.formats.misp_events import Heading, Piece, event_id
from app.formats.published import Issuer
from app.services import feed as reports
from app.services.node import Node
from app.storage import feed, misp, organizations
from app.storage.misp import BIG, SIZES, Bucket, Changed, Event
from app.storage.stamps import STANDING
from app.storage.store import ReadTx

PAGE = 1_000  # events of one page of a manifest
NOT_FOUND = "There is no such event in your feed."


@dataclass(frozen=True, slots=True)
class State:
    """What tells one state of a feed from another, as an entity tag; `count` is the number of its events."""

    tag: str
    count: int


async def refresh_all(node: Node, actor: Actor) -> None:
    """Take in all that has changed, bounded part by bounded part."""
    while await refresh(node, actor):
        pass


async def refresh(node: Node, actor: Actor) -> bool:
    """Take in what has changed since the feed was last read; tell whether there was anything.

    A bounded part of it is taken in, so that nobody waits long.
    """
    access.check_act(actor, "read_reports")
    async with node.store.read(actor) as reading:
        if not await misp.changes(reading, 1):
            return False
    async with node.store.write(actor) as tx:
        await misp.hold(tx)
        found = await misp.changes(tx, misp.TAKEN)
        newest: dict[Bucket, int] = {}
        for item in found:
            for bucket in item.buckets():
                newest.pop(bucket, None)
                newest[bucket] = item.stamp
        events = [(id_of(bucket), bucket, moment) for bucket, moment in newest.items()]
        await misp.stamp(tx, events, _seen(found))
    return bool(found)


def _seen(found: Iterable[Changed]) -> dict[int, int]:
    return {item.audience_id: item.stamp for item in found}


def id_of(bucket: Bucket) -> UUID:
    """Give the uuid of an event: from what it is made of."""
    where = (bucket.log_id, bucket.issuer, bucket.tlp, bucket.day, bucket.size, bucket.bucket, bucket.part)
    return event_id(*where)


async def state(node: Node, actor: Actor, *, strict: bool) -> State:
    """Tell in which state the feed is."""
    access.check_act(actor, "read_reports")
    async with node.store.read(actor) as tx:
        count, newest = await misp.state(tx, strict=strict)
        said = f"{actor.organization} {strict} {tx.audiences} {count} {newest}"
    return State(hashlib.sha256(said.encode()).hexdigest()[:32], count)


async def headings(node: Node, actor: Actor, *, strict: bool) -> AsyncIterator[list[Heading]]:
    """Give what the manifest says of the feed's events, page by page, in the order of their timestamps."""
    access.check_act(actor, "read_reports")
    after = -1
    while True:
        async with node.store.read(actor) as tx:
            page = await misp.events(tx, after, PAGE, strict=strict)
            made = await _headings(tx, page)
        if not page:
            return
        yield made
        after = page[-1].stamp


async def event(node: Node, actor: Actor, wanted: UUID, *, strict: bool) -> tuple[Heading, list[Piece]]:
    """Give one event with its reports. Raises NotFound for a hidden and an absent one alike."""
    access.check_act(actor, "read_reports")
    async with node.store.read(actor) as tx:
        found = await misp.find(tx, wanted, strict=strict)
        if found is None:
            raise NotFound(NOT_FOUND)
        (heading,) = await _headings(tx, [found])
        return heading, await _pieces(tx, found.bucket)


async def events(node: Node, actor: Actor, *, strict: bool) -> AsyncIterator[tuple[Heading, list[Piece]]]:
    """Give every event with its reports, one after the other."""
    async for page in headings(node, actor, strict=strict):
        for heading in page:
            try:
                yield await event(node, actor, heading.id, strict=strict)
            except NotFound:  # it was for a reader who has left a group since the page was read
                continue


async def _headings(tx: ReadTx, page: list[Event]) -> list[Heading]:
    known: dict[UUID, Issuer] = {}
    for issuer in {item.bucket.issuer for item in page}:
        found = await organizations.find(tx, issuer)
        known[issuer] = Issuer(issuer, found.name if found else str(issuer), found.kind if found else "other")
    return [
        Heading(item.id, known[item.bucket.issuer], read_tlp(item.bucket.tlp), item.bucket.day, item.stamp)
        for item in page
    ]


async def _pieces(tx: ReadTx, bucket: Bucket) -> list[Piece]:
    """Read the reports of an event: their claims, and of their addresses only those that stand in it."""
    counts = await misp.reports_of(tx, bucket)
    first = bucket.part * BIG
    wide = BIG if bucket.size == len(SIZES) else max((count for count in counts.values()), default=0)
    claims = await feed.claims(tx, counts)
    rows = await _ended(tx, counts)
    spans = [(item, first, min(first + wide, count)) for item, count in counts.items() if count > first]
    indicators = await feed.addresses(tx, spans)
    pieces: list[Piece] = []
    for item, start, end in spans:
        claim = claims.get(item)
        if claim is None:
            continue
        ended, changed = rows.get(item, ({}, claim.arrival))
        whole = reports.headline(claim)
        published = reports.published(claim, whole, withdrawn=ended, changed=changed)
        known: dict[int, Indicator] = {} if published.state == ERASED else indicators.get(item, {})
        pieces.append(Piece(published, start, end - start, known))
    return pieces


async def _ended(tx: ReadTx, ids: Iterable[UUID]) -> dict[UUID, tuple[dict[int, object], int]]:
    """Give which ordinals of reports were taken back and when, and the stamp of each report's newest change."""
    found: dict[UUID, tuple[dict[int, object], int]] = {}
    streams = feed.reach(tx, None, strict=(False, True))
    for part in _parts(list(ids)):
        for row in await feed.find(tx, streams, feed.of_reports(part)):
            if row.kind != "report":
                continue
            ended, newest = found.get(row.report, ({}, 0))
            if row.ended != STANDING:
                ended.update(dict.fromkeys(range(*row.span), row.changed_at))
            found[row.report] = (ended, max(newest, row.stamp))
    return found


def _parts(items: list[UUID]) -> Iterable[list[UUID]]:
    return (items[first : first + feed.PART] for first in range(0, len(items), feed.PART))
