"""The stream of feeds: what stands in it after a stamp, and what that says.

The rule here: a stream is that of the actor's own audiences, and each is read from its own place in the index, so that
a page costs the same wherever it begins and whatever stands there that is not for the actor. What is TLP:RED stands in
no stream; TLP:AMBER+STRICT is read only by who asks for it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union_all

from app.domain.indicator import Indicator
from app.storage.columns import one_of
from app.storage.feed_tables import feed
from app.storage.stamps import STANDING, Placed
from app.storage.store import ReadTx
from app.storage.tables import audiences, indicators, log_entries, organizations, records, reports
from app.storage.visibility import visible

PART = 500  # ids of one statement
MOST_STREAMS = 100  # audiences of one statement
SMALL = 64  # indicators up to which a report's are read together with those of others
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Reach:
    """Which streams are read: audiences by their ids, and whether TLP:AMBER+STRICT, all but it, or both."""

    audiences: tuple[int, ...]
    strict: tuple[bool, ...] = (False,)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of a stream: of these kinds, issuers, markings, names or versions; None leaves a filter out."""

    kinds: Collection[str] | None = None
    versions: Collection[datetime] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A report with what a feed must know of it; `payload` is None after its erasure.

    `standing`: not all of its indicators were taken back. `changed_at` is when the newest of its rows was changed.
    """

    id: UUID
    payload: bytes | None
    issuer: UUID
    issuer_name: str | None
    issuer_kind: str | None
    issuer_home: str | None
    origin: str
    custody: str
    digest: bytes
    keyid: str
    signature: bytes
    issued_at: datetime
    audience: dict[str, Any]
    tlp: str
    pap: str
    arrival: int
    state: str | None
    standing: bool
    count: int
    changed_at: datetime


def reach(tx: ReadTx, audience_ids: Iterable[int] | None = None, *, strict: tuple[bool, ...] = (False,)) -> Reach:
    """Give the streams of these audiences, all with None, that the actor may read."""
    mine = tx.audiences if audience_ids is None else tuple(sorted(set(audience_ids) & set(tx.audiences)))
    return Reach(mine, strict)


async def rows_after(tx: ReadTx, streams: Reach, after: int, limit: int, wanted: Wanted | None = None) -> list[Placed]:
    """Give the rows of streams that end after a stamp, in order."""
    return await _merged(tx, streams, after, limit, _conditions(wanted or Wanted()))


async def newest_after(tx: ReadTx, streams: Reach, after: int, limit: int) -> list[Placed]:
    """Give each report of streams once, by the newest of its rows, in the order of these."""
    newer = feed.alias()
    later = select(newer.c.stamp).where(newer.c.report == feed.c.report, newer.c.stamp > feed.c.stamp)
    return await _merged(tx, streams, after, limit, [~later.exists()])


async def find(tx: ReadTx, streams: Reach, condition: ColumnElement[bool], *, last: bool = False) -> list[Placed]:
    """Give the rows of streams for which something holds, only the last one of them if that is enough."""
    mine = visible(feed.c.audience_id, streams.audiences) & feed.c.strict.in_(streams.strict)
    query = select(feed).where(mine, condition).order_by(feed.c.stamp.desc() if last else feed.c.stamp)
    return [Placed(*row) for row in await tx.execute(query.limit(1) if last else query)]


def of_names(names: Iterable[bytes]) -> ColumnElement[bool]:
    """Say that a row's objects have one of these names."""
    return feed.c.name.in_(sorted(set(names)))


def of_issuer(issuer: UUID) -> ColumnElement[bool]:
    """Say that a row is what an organization said."""
    return feed.c.issuer == issuer


def of_tlp(tlp: str) -> ColumnElement[bool]:
    """Say that a row is marked so."""
    return feed.c.tlp == tlp


async def wallets(tx: ReadTx, streams: Reach, names: Collection[bytes]) -> dict[bytes, tuple[Placed, int]]:
    """Find where addresses stand in streams, by the ids of their wallets: each in its newest row, by its ordinal there.

    From the address to its rows, and of many rows only the newest: an address may be in thousands of reports.
    """
    mine = and_(
        visible(feed.c.audience_id, streams.audiences), feed.c.strict.in_(streams.strict), feed.c.kind == "report"
    )
    holds = and_(
        feed.c.report == indicators.c.record_id,
        indicators.c.ordinal.between(feed.c.first, feed.c.first + feed.c.units - 1),
    )
    found: dict[bytes, tuple[Placed, int]] = {}
    known = sorted(names)
    for first in range(0, len(known), PART):
        wanted = indicators.c.wallet.in_(known[first : first + PART])
        newest = (
            select(indicators.c.wallet, func.max(feed.c.stamp).label("stamp"))
            .join(feed, holds)
            .where(wanted, mine)
            .group_by(indicators.c.wallet)
            .subquery()
        )
        query = (
            select(indicators.c.wallet, indicators.c.ordinal, *feed.c)
            .join(newest, newest.c.wallet == indicators.c.wallet)
            .join(feed, and_(feed.c.stamp == newest.c.stamp, holds))
            .order_by(indicators.c.ordinal.desc())
        )
        for row in await tx.execute(query):
            found[row[0]] = Placed(*row[2:]), row[1]
    return found


def of_reports(ids: Collection[UUID]) -> ColumnElement[bool]:
    """Say that a row speaks of one of these reports."""
    return feed.c.report.in_(ids)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.kinds is not None:
        found.append(feed.c.kind.in_(sorted(wanted.kinds)))
    if wanted.versions is not None:
        spans = [and_(feed.c.changed_at >= item, feed.c.changed_at < item + _MILLISECOND) for item in wanted.versions]
        # Taken back by a clock that was behind: a version is a millisecond after the first at least.
        found.append(or_(*spans, feed.c.ended != STANDING))
    return found


async def _merged(
    tx: ReadTx, streams: Reach, after: int, limit: int, conditions: Sequence[ColumnElement[bool]]
) -> list[Placed]:
    """Merge streams, each read from its own place in the index."""
    pairs = [(audience_id, strict) for audience_id in streams.audiences for strict in streams.strict]
    found: list[Placed] = []
    for first in range(0, len(pairs), MOST_STREAMS):
        part: list[Select[Any]] = [
            select(
                select(feed)
                .where(feed.c.audience_id == audience_id, feed.c.strict.is_(strict), feed.c.stamp > after, *conditions)
                .order_by(feed.c.stamp)
                .limit(limit)
                .subquery()
            )
            for audience_id, strict in pairs[first : first + MOST_STREAMS]
        ]
        merged = union_all(*part).subquery()
        rows = await tx.execute(select(merged).order_by(merged.c.stamp).limit(limit))
        found += [Placed(*row) for row in rows]
    found.sort(key=lambda row: row.stamp)
    return found[:limit]


_OF_REPORT = (feed.c.report == records.c.id) & (feed.c.kind == "report")
_CLAIM = (
    select(
        records.c.id,
        records.c.payload,
        records.c.issuer,
        organizations.c.name,
        organizations.c.kind,
        organizations.c.home,
        records.c.origin,
        records.c.custody,
        records.c.digest,
        records.c.keyid,
        records.c.signature,
        records.c.issued_at,
        audiences.c.document,
        records.c.tlp,
        records.c.pap,
        log_entries.c.arrival,
        reports.c.state,
        select(feed.c.stamp).where(_OF_REPORT, feed.c.ended == STANDING).exists(),
        select(func.sum(feed.c.units)).where(_OF_REPORT).scalar_subquery(),
        select(feed.c.changed_at).where(_OF_REPORT).order_by(feed.c.stamp.desc()).limit(1).scalar_subquery(),
    )
    .join(audiences, audiences.c.id == records.c.audience_id)
    .join(log_entries, log_entries.c.record_id == records.c.id)
    .outerjoin(organizations, organizations.c.id == records.c.issuer)
    .outerjoin(reports, reports.c.record_id == records.c.id)
)


async def claims(tx: ReadTx, report_ids: Iterable[UUID]) -> dict[UUID, Claim]:
    """Give reports that the actor may read."""
    found: dict[UUID, Claim] = {}
    for part in _parts(report_ids):
        query = _CLAIM.where(one_of(records.c.id, part, tx.dialect), visible(records.c.audience_id, tx.audiences))
        for row in await tx.execute(query):
            found[row[0]] = Claim(*row)
    return found


@dataclass(frozen=True, slots=True)
class Follower:
    """What was said of a report: who says it, and the signed bytes; None after the report's erasure."""

    id: UUID
    payload: bytes | None
    issuer: UUID
    issuer_name: str | None
    issuer_kind: str | None
    issuer_home: str | None
    arrival: int


async def followers(tx: ReadTx, record_ids: Iterable[UUID]) -> dict[UUID, Follower]:
    """Give records of opinions and sightings that the actor may read."""
    frame = select(
        records.c.id,
        records.c.payload,
        records.c.issuer,
        organizations.c.name,
        organizations.c.kind,
        organizations.c.home,
        log_entries.c.arrival,
    )
    whole = frame.join(log_entries, log_entries.c.record_id == records.c.id).outerjoin(
        organizations, organizations.c.id == records.c.issuer
    )
    found: dict[UUID, Follower] = {}
    for part in _parts(record_ids):
        query = whole.where(one_of(records.c.id, part, tx.dialect), visible(records.c.audience_id, tx.audiences))
        for row in await tx.execute(query):
            found[row[0]] = Follower(*row)
    return found


async def addresses(tx: ReadTx, spans: Iterable[tuple[UUID, int, int]]) -> dict[UUID, dict[int, Indicator]]:
    """Give indicators of reports that the actor may read, by ordinal: for each (report, first, after the last)."""
    found: dict[UUID, dict[int, Indicator]] = {}
    known = list(spans)
    small = [report for report, first, after in known if after - first <= SMALL]
    conditions: list[ColumnElement[bool]] = [
        and_(indicators.c.record_id == report, indicators.c.ordinal >= first, indicators.c.ordinal < after)
        for report, first, after in known
        if after - first > SMALL
    ]
    low = min((first for _, first, after in known if after - first <= SMALL), default=0)
    high = max((after for _, first, after in known if after - first <= SMALL), default=0)
    conditions += [
        and_(
            one_of(indicators.c.record_id, part, tx.dialect),
            indicators.c.ordinal >= low,
            indicators.c.ordinal < high,
        )
        for part in _parts(small)
    ]
    mine = visible(indicators.c.audience_id, tx.audiences)
    for condition in conditions:
        for row in await tx.execute(select(indicators).where(condition, mine)):
            found.setdefault(row.record_id, {})[row.ordinal] = Indicator(
                row.chain,
                row.address,
                row.key,
                row.asset,
                row.role,
                row.relation,
                row.first_seen,
                row.last_seen,
                row.tag,
                tuple(row.transactions or ()),
                row.confidence,
            )
    return found


def _parts(items: Iterable[Any]) -> Iterable[list[Any]]:
    known = list(dict.fromkeys(items))
    return (known[first : first + PART] for first in range(0, len(known), PART))
