"""Records that arrive from other nodes: kept a page at a time, and what they make of each other.

The rule here: the state of a report follows from the records that name it, in whatever order they came, however often,
and from whichever log: only its issuer and origin may supersede, revoke or erase it. Each step is a few statements for
a whole page.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, Select, and_, bindparam, delete, false, func, insert, literal, null, select, update

from app.domain.history import ERASED, LIVE, REVOKED, SUPERSEDED
from app.domain.ids import derived_id
from app.domain.record import FOLLOWING, Revocation
from app.domain.record import parse as parse_record
from app.domain.report import Report
from app.storage import stamps
from app.storage.columns import Moment, one_of
from app.storage.federation_tables import log_holes
from app.storage.following import FOLLOWS, FOLLOWS_ONE, REPORT
from app.storage.rows import INDICATOR_COLUMNS, indicator_rows, record_values, report_values
from app.storage.rows import Arriving as Arriving  # noqa: PLC0414 - what this module takes
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import idempotency, indicators, log_entries, records, reports

T = TypeVar("T")

PART = 1_000  # ids of one statement: SQLite takes 32,766 parameters, PostgreSQL 32,767
# What no quota counts: without it nothing after it can be judged, or something false would stay.
FREE_KINDS = ("organization", "group", "node", "revocation", "erasure")
# What is left of a log that was purged: whose keys counted, who was in the group, what must stay erased.
KEPT_KINDS = ("organization", "group", "node", "erasure")
_MARKS = sorted(FOLLOWING - {"erasure"})  # what says something of a report, and goes with it


async def local_ids(tx: ReadTx, origin: str, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Give the ids under which records of an origin are, or will be, kept here.

    An id that another origin's record has taken is replaced by one that follows from both.
    """
    taken = await taken_ids(tx, ids)
    return {item: derived_id(origin, item) if item in taken and taken[item][0] != origin else item for item in ids}


async def taken_ids(tx: ReadTx, ids: Collection[UUID]) -> dict[UUID, tuple[str, bytes]]:
    """Give the origin and digest of each record with one of these ids."""
    found: dict[UUID, tuple[str, bytes]] = {}
    for part in _parts(ids):
        query = select(records.c.id, records.c.origin, records.c.digest).where(one_of(records.c.id, part, tx.dialect))
        found |= {row[0]: (row[1], row[2]) for row in await tx.execute(query)}
    return found


async def add_page(tx: WriteTx, items: Sequence[Arriving]) -> None:
    """Add verified records, with the claims and indicators of reports. Raises Conflict: an id or digest is taken.

    Not done here: their entries, what they make of each other (`settle`), what they say of organizations and groups.
    """
    if not items:
        return
    frames = [record_values(item) for item in items]
    await tx.insert_values(records, tuple(frames[0]), [tuple(frame.values()) for frame in frames])
    await _add_claims(tx, items)
    await _turn_early(tx, [item for item in items if item.local_id != item.record.id])


async def _turn_early(tx: WriteTx, items: Sequence[Arriving]) -> None:
    """Let what came before a report that is kept under another id than its own follow it, and not the other report."""
    if not items:
        return
    early = and_(records.c.subject == bindparam("named"), records.c.subject_origin == bindparam("of_origin"))
    rows = [{"named": item.record.id, "of_origin": item.record.origin, "here": item.local_id} for item in items]
    await tx.execute(update(records).where(early).values(subject=bindparam("here")), rows)
    others = [item.record.id for item in items]
    await tx.execute(update(reports).where(reports.c.record_id.in_(others)).values(state=LIVE, followed=False))
    await settle(tx, others)


async def _add_claims(tx: WriteTx, items: Sequence[Arriving]) -> None:
    said = [(item, item.record.body) for item in items if isinstance(item.record.body, Report)]
    if not said:
        return
    claims = [report_values(item, report) for item, report in said]
    await tx.insert_values(reports, tuple(claims[0]), [tuple(claim.values()) for claim in claims])
    rows = [row for item, report in said for row in indicator_rows(tx.dialect, item, report)]
    await tx.insert_many(indicators, INDICATOR_COLUMNS, rows)


async def settle(tx: WriteTx, report_ids: Collection[UUID]) -> None:
    """Bring what is kept of reports to what all records make of them that follow them now, in any order.

    `report_ids` are the local ids of new reports, and of those that new records name; others are left out. The caller
    holds the sequencer: a report and what follows it, in two pages at once, would not see each other.
    """
    followed = await _followed(tx, report_ids)
    if not followed:
        return
    await _hold(tx, followed)
    followers: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for part in _parts(followed):
        for row in await tx.execute(_FOLLOWERS.where(records.c.subject.in_(part))):
            followers[row.subject].append(row)
    states: dict[str, list[UUID]] = defaultdict(list)
    for part in _parts(followers):
        for report in await tx.execute(_REPORTS.where(records.c.id.in_(part))):
            state = _state(report, followers[report.id])
            if state is not None:
                states[state].append(report.id)
    await erase_reports(tx, states.pop(ERASED, []))
    for state, ids in sorted(states.items()):
        for part in _parts(ids):
            await tx.execute(update(reports).where(reports.c.record_id.in_(part)).values(state=state, followed=True))


async def _followed(tx: ReadTx, ids: Collection[UUID]) -> list[UUID]:
    found: set[UUID] = set()
    for part in _parts(ids):
        named = one_of(records.c.subject, part, tx.dialect)
        rows = await tx.execute(select(records.c.subject).join(REPORT, FOLLOWS).where(named).distinct())
        found |= {row[0] for row in rows}
    return sorted(found)


async def _hold(tx: WriteTx, ids: Sequence[UUID]) -> None:
    """Hold reports still until the commit: partners here may follow them at this moment (see `records.hold`)."""
    if tx.dialect == "postgresql":
        for part in _parts(ids):
            held = select(records.c.id).where(records.c.id.in_(part)).order_by(records.c.id)
            await tx.execute(held.with_for_update())


_FRAME = (records.c.id, records.c.kind, records.c.issuer, records.c.origin, records.c.audience_id, records.c.tlp)
_FOLLOWERS = select(*_FRAME, records.c.subject, records.c.payload).join(REPORT, FOLLOWS)
_REPORTS = select(*_FRAME, records.c.quarantined).where(records.c.kind == "report")


def _state(report: Row[Any], followers: Sequence[Row[Any]]) -> str | None:
    """Give the state for lists, of what the report's own issuer says; None where nothing follows the report.

    A newer report ends this one where it has the same readers; an erasure counts from the log that the report is in.
    Whoever reads the report itself gets `history.fold`.
    """
    own = [row for row in followers if (row.issuer, row.origin) == (report.issuer, report.origin)]
    beside = {row.kind for row in own if (row.audience_id, row.tlp) == (report.audience_id, report.tlp)}
    if "erasure" in beside or (report.quarantined and any(row.kind == "erasure" for row in own)):
        return ERASED
    if any(row.kind == "revocation" and _is_whole(row.payload) for row in own):
        return REVOKED
    if "report" in beside:
        return SUPERSEDED
    return LIVE if own or any(row.kind in _MARKS for row in followers) else None


def _is_whole(payload: bytes | None) -> bool:
    body = None if payload is None else parse_record(payload, kept=True).body
    return isinstance(body, Revocation) and not body.addresses


async def erase_reports(tx: WriteTx, report_ids: Collection[UUID]) -> None:
    """Take away the content of reports and of what follows them: bytes, claims, indicators, refused rows."""
    for part in _parts(report_ids):
        await _drop_claims(tx, part)
        followed = and_(records.c.subject.in_(part), FOLLOWS_ONE, records.c.kind.in_(_MARKS))
        held = records.c.payload.is_not(None)
        await tx.execute(update(records).where(records.c.id.in_(part) | followed, held).values(payload=None))
        await tx.execute(update(idempotency).where(idempotency.c.subject.in_(part)).values(refused=[]))


async def _drop_claims(tx: WriteTx, ids: Any) -> None:
    await tx.execute(delete(indicators).where(indicators.c.record_id.in_(ids)))
    await tx.execute(delete(reports).where(reports.c.record_id.in_(ids)))


async def purge_log(tx: WriteTx, log_id: str, now: datetime) -> int:
    """Take away the content of what stands in a log that is not for this node any more; give how many bodies.

    What they were is noted as holes that are never tried, until access opens; leaf hashes stay. Scrub the store after
    the commit.
    """
    content = and_(records.c.payload.is_not(None), records.c.kind.not_in(KEPT_KINDS))
    place = select(log_entries.c.record_id).join(records, records.c.id == log_entries.c.record_id)
    gone = place.where(log_entries.c.log_id == log_id, content)
    noted = select(log_holes.c.index).where(
        log_holes.c.log_id == log_entries.c.log_id, log_holes.c.index == log_entries.c.index
    )
    new: Select[Any] = gone.with_only_columns(
        log_entries.c.log_id,
        log_entries.c.index,
        literal("purged"),
        literal(""),
        false(),
        literal(now, Moment()),
        null(),
    ).where(~noted.exists())
    names = ("log_id", "index", "reason", "detail", "refused", "at", "next_try")
    await tx.execute(insert(log_holes).from_select(names, new))
    await stamps.forget(tx, gone)
    await _drop_claims(tx, gone)
    return (await tx.execute(update(records).where(records.c.id.in_(gone)).values(payload=None))).rowcount


async def restore_bodies(tx: WriteTx, items: Sequence[Arriving]) -> None:
    """Give records their signed bytes and claims back, after a purge or damage. Settle their reports after it.

    Not checked: that the envelope has the leaf hash of the entry.
    """
    frames = [record_values(item) for item in items]
    names = ("payload", "digest", "keyid", "signature", "leaf_hash", "custody", "audience_id", "quarantined")
    for part in _parts([item.local_id for item in items]):
        await _drop_claims(tx, part)
    values = {name: bindparam(f"new_{name}", type_=records.c[name].type) for name in names}
    rows = [{"of": frame["id"], **{f"new_{name}": frame[name] for name in names}} for frame in frames]
    if rows:
        await tx.execute(update(records).where(records.c.id == bindparam("of")).values(**values), rows)
    await _add_claims(tx, items)


async def indicators_since(tx: ReadTx, origin: str, since: datetime) -> dict[UUID, int]:
    """Count the indicators that came from an origin since a time, by their issuers: one for what has none."""
    counted = records.c.kind.not_in(FREE_KINDS)
    query = (
        select(records.c.issuer, func.sum(func.coalesce(reports.c.indicators, 1)))
        .outerjoin(reports, reports.c.record_id == records.c.id)
        .where(records.c.origin == origin, records.c.received_at >= since, counted)
        .group_by(records.c.issuer)
    )
    return {issuer: int(count) for issuer, count in await tx.execute(query)}


def _parts(items: Iterable[T]) -> Iterable[list[T]]:
    known = list(dict.fromkeys(items))
    return (known[first : first + PART] for first in range(0, len(known), PART))
