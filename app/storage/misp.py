"""The events of a MISP feed: which reports each is made of, when it last changed, and its timestamp in each feed.

The rule here: which event a report stands in follows from the report alone (its log, its place there, its issuer,
marking, day and size), so that it is the same for every reader and never changes. Timestamps are those of one
organization's feed, given in the order of changes that this organization may read: nothing else moves them. What is
TLP:RED is in no stream, and so in no event.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, func, select, text, union_all

from app.storage.columns import one_of
from app.storage.feed_tables import feed
from app.storage.misp_tables import misp_events, misp_feeds
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import log_entries, records
from app.storage.visibility import visible

TAKEN = 20_000  # rows of the stream that are taken in at once: about two seconds
MOST_STREAMS = 100  # audiences of one statement
PART = 500  # ids of one statement
# A report of up to so many addresses shares its event with its neighbours in the log, so many places wide: at most
# 4,096 addresses an event. A larger one has events of its own, of BIG addresses each.
SIZES: tuple[tuple[int, int], ...] = ((1, 2_048), (16, 256), (256, 16))
BIG = 2_500
_BIG_SIZE = len(SIZES)
_DAY = 86_400 * 1_000_000  # microseconds
_SECOND = 1_000_000
_LOCK = 0x4D495350  # with the organization's hash: one taking in at a time


@dataclass(frozen=True, slots=True)
class Bucket:
    """What an event is made of: of one issuer, under one marking, that arrived on one day (since 1970) in one log.

    `size` is a place in SIZES and `bucket` counts spans of the log's indices; or, of a larger report, `bucket` is its
    index and `part` counts parts of BIG addresses.
    """

    audience_id: int
    strict: bool
    log_id: str
    issuer: UUID
    tlp: str
    day: int
    size: int
    bucket: int
    part: int

    @property
    def indices(self) -> tuple[int, int]:
        """The indices in the log that it spans: the first, and the one after the last."""
        if self.size == _BIG_SIZE:
            return self.bucket, self.bucket + 1
        width = SIZES[self.size][1]
        return self.bucket * width, (self.bucket + 1) * width


@dataclass(frozen=True, slots=True)
class Event:
    """An event of an organization's feed; `stamp` is its timestamp in seconds."""

    id: UUID
    bucket: Bucket
    stamp: int


@dataclass(frozen=True, slots=True)
class Changed:
    """Addresses of a report that changed: by which stamp of the stream, and where the report stands."""

    stamp: int
    audience_id: int
    strict: bool
    issuer: UUID
    tlp: str
    first: int
    units: int
    log_id: str
    index: int
    arrival: int
    count: int

    def buckets(self) -> list[Bucket]:
        """Give the events in which these addresses stand."""
        size = size_of(self.count)
        if size == _BIG_SIZE:
            parts: Iterable[int] = range(self.first // BIG, (self.first + self.units - 1) // BIG + 1)
            bucket = self.index
        else:
            parts, bucket = (0,), self.index // SIZES[size][1]
        day = self.arrival // _DAY
        where = (self.audience_id, self.strict, self.log_id, self.issuer, self.tlp, day, size, bucket)
        return [Bucket(*where, part) for part in parts]


def size_of(count: int) -> int:
    """Give the size of a report as a place in SIZES, the one after the last for a large one."""
    return next((place for place, (most, _) in enumerate(SIZES) if count <= most), _BIG_SIZE)


async def changes(tx: ReadTx, limit: int) -> list[Changed]:
    """Give what has changed in the actor's audiences since it was last taken in, in the order of changes."""
    seen = await _seen(tx)
    found: list[Any] = []
    for first in range(0, len(tx.audiences), MOST_STREAMS):
        part = [
            select(
                select(feed)
                .where(feed.c.audience_id == audience_id, feed.c.strict.is_(strict), feed.c.kind == "report")
                .where(feed.c.stamp > seen.get(audience_id, 0))
                .order_by(feed.c.stamp)
                .limit(limit)
                .subquery()
            )
            for audience_id in tx.audiences[first : first + MOST_STREAMS]
            for strict in (False, True)
        ]
        merged = union_all(*part).subquery()
        found += await tx.execute(select(merged).order_by(merged.c.stamp).limit(limit))
    found.sort(key=lambda row: row.stamp)
    rows = found[:limit]
    facts = await _facts(tx, {row.report for row in rows})
    return [
        Changed(row.stamp, row.audience_id, row.strict, row.issuer, row.tlp, row.first, row.units, *facts[row.report])
        for row in rows
        if row.report in facts
    ]


async def _seen(tx: ReadTx) -> dict[int, int]:
    query = select(misp_feeds.c.audience_id, misp_feeds.c.seen).where(
        misp_feeds.c.organization_id == tx.actor.organization
    )
    return {row.audience_id: row.seen for row in await tx.execute(query)}


async def _facts(tx: ReadTx, reports: Iterable[UUID]) -> dict[UUID, tuple[str, int, int, int]]:
    """Give log, index and arrival of reports, and how many addresses each has."""
    found: dict[UUID, tuple[str, int, int, int]] = {}
    total = func.sum(feed.c.units)
    frame = (
        select(log_entries.c.record_id, log_entries.c.log_id, log_entries.c.index, log_entries.c.arrival, total)
        .join(feed, and_(feed.c.report == log_entries.c.record_id, feed.c.kind == "report"))
        .where(log_entries.c.arrival.is_not(None))
        .group_by(log_entries.c.record_id, log_entries.c.log_id, log_entries.c.index, log_entries.c.arrival)
    )
    for part in _parts(reports):
        for report, log_id, index, arrival, count in await tx.execute(
            frame.where(one_of(log_entries.c.record_id, part, tx.dialect))
        ):
            found[report] = (log_id, int(index), int(arrival), int(count))
    return found


async def hold(tx: WriteTx) -> None:
    """Take in for this organization alone until the commit. On SQLite the writing transaction is alone anyway."""
    if tx.dialect == "postgresql":
        key = tx.actor.organization.int & 0x7FFFFFFF
        await tx.execute(text("SELECT pg_advisory_xact_lock(:lock, :key)"), {"lock": _LOCK, "key": key})


async def stamp(tx: WriteTx, changed: Sequence[tuple[UUID, Bucket, int]], seen: dict[int, int]) -> None:
    """Give events (id, bucket, stamp of the stream) timestamps above all earlier ones, and note what was taken in."""
    mine = misp_events.c.organization_id == tx.actor.organization
    last = int((await tx.execute(select(func.max(misp_events.c.stamp)).where(mine))).scalar() or 0)
    rows: list[tuple[Any, ...]] = []
    for event_id, bucket, moment in changed:
        last = max(last + 1, moment // _SECOND)
        rows.append((tx.actor.organization, event_id, *_columns(bucket), last))
    for part in _parts([event_id for event_id, _, _ in changed]):
        await tx.execute(delete(misp_events).where(mine, one_of(misp_events.c.event_id, part, tx.dialect)))
    await tx.insert_values(misp_events, tuple(column.name for column in misp_events.columns), rows)
    known = misp_feeds.c.organization_id == tx.actor.organization
    await tx.execute(delete(misp_feeds).where(known, misp_feeds.c.audience_id.in_(seen)))
    noted = [(tx.actor.organization, audience_id, number) for audience_id, number in seen.items()]
    await tx.insert_values(misp_feeds, ("organization_id", "audience_id", "seen"), noted)


def _columns(bucket: Bucket) -> tuple[Any, ...]:
    return (
        bucket.audience_id,
        bucket.strict,
        bucket.log_id,
        bucket.issuer,
        bucket.tlp,
        bucket.day,
        bucket.size,
        bucket.bucket,
        bucket.part,
    )


_EVENT = select(
    misp_events.c.event_id,
    misp_events.c.audience_id,
    misp_events.c.strict,
    misp_events.c.log_id,
    misp_events.c.issuer,
    misp_events.c.tlp,
    misp_events.c.day,
    misp_events.c.size,
    misp_events.c.bucket,
    misp_events.c.part,
    misp_events.c.stamp,
)


def _mine(tx: ReadTx, *, strict: bool) -> list[Any]:
    conditions = [
        misp_events.c.organization_id == tx.actor.organization,
        visible(misp_events.c.audience_id, tx.audiences),
    ]
    return conditions if strict else [*conditions, misp_events.c.strict.is_(False)]


async def events(tx: ReadTx, after: int, limit: int, *, strict: bool) -> list[Event]:
    """Give the events that the actor may read, in the order of their timestamps, after one of them."""
    query = _EVENT.where(*_mine(tx, strict=strict), misp_events.c.stamp > after)
    rows = await tx.execute(query.order_by(misp_events.c.stamp).limit(limit))
    return [_event(row) for row in rows]


async def find(tx: ReadTx, event_id: UUID, *, strict: bool) -> Event | None:
    """Find an event that the actor may read."""
    row = (await tx.execute(_EVENT.where(*_mine(tx, strict=strict), misp_events.c.event_id == event_id))).first()
    return None if row is None else _event(row)


def _event(row: Any) -> Event:
    return Event(row[0], Bucket(*row[1:-1]), row[-1])


async def state(tx: ReadTx, *, strict: bool) -> tuple[int, int]:
    """Tell what tells one manifest from another: how many events there are, and the newest timestamp."""
    query = select(func.count(), func.max(misp_events.c.stamp)).where(*_mine(tx, strict=strict))
    count, newest = (await tx.execute(query)).one()
    return int(count), int(newest or 0)


async def reports_of(tx: ReadTx, bucket: Bucket) -> dict[UUID, int]:
    """Give the reports of an event, in the order of the log, with how many addresses each has."""
    first, after = bucket.indices
    query = (
        select(log_entries.c.record_id)
        .join(records, records.c.id == log_entries.c.record_id)
        .where(log_entries.c.log_id == bucket.log_id, log_entries.c.index >= first, log_entries.c.index < after)
        .where(log_entries.c.arrival >= bucket.day * _DAY, log_entries.c.arrival < (bucket.day + 1) * _DAY)
        .where(records.c.kind == "report", records.c.issuer == bucket.issuer, records.c.tlp == bucket.tlp)
        .where(visible(records.c.audience_id, tx.audiences))
        .order_by(log_entries.c.index)
    )
    ids = [row[0] for row in await tx.execute(query)]
    facts = await _facts(tx, ids)
    return {item: facts[item][3] for item in ids if item in facts and size_of(facts[item][3]) == bucket.size}


def _parts(items: Iterable[UUID]) -> Iterable[list[UUID]]:
    known = list(dict.fromkeys(items))
    return (known[first : first + PART] for first in range(0, len(known), PART))
