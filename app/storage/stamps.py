"""Stamps: when each record arrived here, and where each part of it stands in the stream that feeds give out.

The rule here: an arrival is a time in microseconds, above every earlier one in the order of commits, however the clock
jumps: the later of now and the last stamp, and a room before it in which every unit of the record has STRIDE stamps of
its own. A report stands in the stream once: what takes it back moves it to its own place. What counts here counts for
whoever reads the report: followers of the same audience and marking.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, func, or_, select

from app.domain.marking import Tlp, read_tlp
from app.formats import stix_ids
from app.storage import facts
from app.storage.columns import one_of, to_microseconds
from app.storage.facts import Fact, in_parts
from app.storage.feed_tables import feed
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import log_entries

STRIDE = 32  # stamps of a unit: eight for each of up to four objects that are its own
STANDING, TAKEN_BACK, ERASED = 0, 1, 2

Span = tuple[int, int]


@dataclass(slots=True)
class Placed:
    """A row of the stream: see the table `feed`."""

    stamp: int
    audience_id: int
    strict: bool
    report: UUID
    record_id: UUID
    kind: str
    issuer: UUID
    tlp: str
    units: int
    first: int
    ended: int
    changed_at: datetime
    name: bytes

    @property
    def start(self) -> int:
        """The last stamp before its own."""
        return self.stamp - STRIDE * self.units

    @property
    def span(self) -> Span:
        """The ordinals of its units: the first, and the one after the last."""
        return self.first, self.first + self.units


COLUMNS = tuple(column.name for column in feed.columns)
_columns = attrgetter(*COLUMNS)


async def last(tx: ReadTx) -> int:
    """Give the newest stamp of this node, 0 before the first."""
    arrival = (await tx.execute(select(func.max(log_entries.c.arrival)))).scalar()
    stamp = (await tx.execute(select(func.max(feed.c.stamp)))).scalar()
    return max(arrival or 0, stamp or 0)


async def arrive(tx: WriteTx, told_now: Sequence[Fact], now: datetime) -> dict[UUID, int]:
    """Give records their arrivals, in this order, and place in the stream what they say.

    The caller holds the sequencer. Records that come again, after a purge, are placed in the same way; their entries
    keep the arrival that they have. Not done here: the writing of the arrivals into the entries.
    """
    if not told_now:
        return {}
    new = {fact.id: fact for fact in told_now}
    subjects = {fact.subject for fact in told_now if fact.subject is not None} - new.keys()
    told = {fact.id for fact in told_now if fact.kind == "report"}
    early = await facts.early(tx, told)
    placing = _Placing(
        max(to_microseconds(now), await last(tx)),
        new | await facts.of(tx, subjects),
        early,
        await _rows(tx, told | subjects),
        await facts.named(tx, [*told_now, *(fact for found in early.values() for fact in found)]),
    )
    arrivals = {fact.id: placing.arrive(fact.id) for fact in told_now}
    await placing.write(tx)
    return arrivals


async def forget(tx: WriteTx, record_ids: Any) -> None:
    """Take out of the stream what was purged: `record_ids` is a query for its records."""
    said = and_(feed.c.kind != "report", feed.c.record_id.in_(record_ids))
    await tx.execute(delete(feed).where(or_(said, feed.c.report.in_(record_ids))))


async def refill(tx: WriteTx, after: int, limit: int) -> int | None:
    """Place what has arrived after a stamp and stands in no stream yet; give the last arrival, None at the end.

    For records that came before there was a stream. The caller holds the sequencer.
    """
    query = (
        select(log_entries.c.record_id, log_entries.c.arrival)
        .where(log_entries.c.arrival > after)
        .order_by(log_entries.c.arrival)
        .limit(limit)
    )
    found: list[tuple[UUID, int]] = [(row[0], row[1]) for row in await tx.execute(query)]
    if not found:
        return None
    new = await facts.of(tx, [record_id for record_id, _ in found])
    subjects = {fact.subject for fact in new.values() if fact.subject is not None}
    told = {fact.id for fact in new.values() if fact.kind == "report"}
    known = new | await facts.of(tx, subjects - new.keys())
    early = await facts.early(tx, told, until=after)
    said = [*new.values(), *(fact for followers in early.values() for fact in followers)]
    placing = _Placing(after, known, early, await _rows(tx, told | subjects), await facts.named(tx, said))
    for record_id, arrival in found:
        placing.arrive(record_id)
        placing.position = arrival
    await placing.write(tx)
    return found[-1][1]


async def last_placed(tx: ReadTx) -> int:
    """Give the arrival of the record that was placed last, 0 before the first: what was refilled stands before it."""
    newest = (await tx.execute(select(func.max(feed.c.stamp)))).scalar() or 0
    arrival = (
        await tx.execute(select(func.min(log_entries.c.arrival)).where(log_entries.c.arrival >= newest))
    ).scalar()
    return int(arrival or newest) if newest else 0


async def _rows(tx: ReadTx, told: Iterable[UUID]) -> dict[UUID, list[Placed]]:
    found: dict[UUID, list[Placed]] = {}
    for part in in_parts(told):
        for row in await tx.execute(select(feed).where(one_of(feed.c.report, part, tx.dialect))):
            found.setdefault(row.report, []).append(Placed(*row))
    return found


@dataclass(slots=True)
class _Placing:
    """The placing of records one after the other; `position` is the last stamp given out."""

    position: int
    known: dict[UUID, Fact]
    early: dict[UUID, list[Fact]]
    rows: dict[UUID, list[Placed]]
    named: dict[UUID, set[int] | None]
    _gone: set[int] = field(default_factory=set)
    _new: dict[int, Placed] = field(default_factory=dict)
    _waiting: dict[UUID, list[Fact]] = field(default_factory=dict)  # for a report that comes later in the same page

    def arrive(self, record_id: UUID) -> int:
        """Place what a record says; give its arrival."""
        before, fact = self.position, self.known[record_id]
        if fact.kind == "report":
            self._tell(fact)
        self._follow(fact)
        if self.position == before:
            self.position += STRIDE
        return self.position

    def _tell(self, fact: Fact) -> None:
        if fact.indicators is None or read_tlp(fact.tlp) is Tlp.RED:
            return
        for old in list(self.rows.get(fact.id, ())):
            self._drop(old)
        name = stix_ids.base_of(fact.id).bytes
        self._put(fact, fact, "report", (0, fact.indicators), STANDING, name)
        for follower in (*self.early.get(fact.id, ()), *self._waiting.pop(fact.id, ())):
            self._follow(follower)

    def _follow(self, fact: Fact) -> None:
        """Let what follows a report change the stream: where it has the same readers, and may say so."""
        if fact.subject is None:
            return
        report = self.known.get(fact.subject)
        rows = [row for row in self.rows.get(fact.subject, ()) if row.kind == "report"]
        if not rows:
            self._waiting.setdefault(fact.subject, []).append(fact)
        if report is None or not rows or fact.subject_origin != report.origin:
            return
        if (fact.audience_id, fact.tlp) != (report.audience_id, report.tlp):
            return
        own = (fact.issuer, fact.origin) == (report.issuer, report.origin)
        if fact.kind == "erasure" and own:
            self._erase(report, fact)
        elif any(row.ended == ERASED for row in rows):
            return
        elif fact.kind == "opinion" and fact.issuer != report.issuer:
            self._speak(report, fact, stix_ids.of_opinion(report.id, fact.issuer), 0)
        elif fact.kind == "sighting" and self.named.get(fact.id):
            self._speak(report, fact, stix_ids.of_sighting(fact.id), min(self.named[fact.id] or ()))
        elif own and (fact.kind == "report" or (fact.kind == "revocation" and self.named.get(fact.id) is None)):
            self._take_back(report, fact, rows, None)
        elif own and fact.kind == "revocation":
            self._take_back(report, fact, rows, self.named[fact.id])

    def _erase(self, report: Fact, fact: Fact) -> None:
        rows = list(self.rows[report.id])
        after = max(row.span[1] for row in rows if row.kind == "report")
        if all(row.ended == ERASED for row in rows):
            return
        for row in rows:
            self._drop(row)
        self._put(report, fact, "report", (0, after), ERASED, stix_ids.base_of(report.id).bytes)

    def _take_back(self, report: Fact, fact: Fact, rows: Sequence[Placed], named: set[int] | None) -> None:
        for row in rows:
            taken, left = _cut(row.span, named) if row.ended == STANDING else ([], [])
            if not taken:
                continue
            self._drop(row)
            for span in left:
                # Where it stood: who has read so far must not read it again, nor miss it.
                stamp = row.start + STRIDE * (span[1] - row.first)
                self._add(replace(row, stamp=stamp, first=span[0], units=span[1] - span[0]))
            for span in taken:
                self._put(report, fact, "report", span, TAKEN_BACK, row.name)

    def _speak(self, report: Fact, fact: Fact, name: UUID, ordinal: int) -> None:
        for old in [row for row in self.rows[report.id] if row.name == name.bytes]:
            if old.changed_at > fact.issued_at:
                return  # it was said before what is known, and came later
            self._drop(old)
        self._put(report, fact, fact.kind, (ordinal, ordinal + 1), STANDING, name.bytes)

    def _put(self, report: Fact, fact: Fact, kind: str, span: Span, ended: int, name: bytes) -> None:
        units = span[1] - span[0]
        self.position += STRIDE * units
        self._add(
            Placed(
                stamp=self.position,
                audience_id=report.audience_id,
                strict=read_tlp(report.tlp) is Tlp.AMBER_STRICT,
                report=report.id,
                record_id=report.id if kind == "report" else fact.id,
                kind=kind,
                issuer=report.issuer if kind == "report" else fact.issuer,
                tlp=report.tlp,
                units=units,
                first=span[0],
                ended=ended,
                changed_at=fact.issued_at,
                name=name,
            )
        )

    def _add(self, row: Placed) -> None:
        self._new[row.stamp] = row
        self.rows.setdefault(row.report, []).append(row)

    def _drop(self, row: Placed) -> None:
        self.rows[row.report].remove(row)
        if self._new.pop(row.stamp, None) is None:
            self._gone.add(row.stamp)

    async def write(self, tx: WriteTx) -> None:
        """Write what has changed."""
        for part in in_parts(sorted(self._gone)):
            await tx.execute(delete(feed).where(one_of(feed.c.stamp, part, tx.dialect)))
        rows = [_columns(row) for _, row in sorted(self._new.items())]
        await tx.insert_values(feed, COLUMNS, rows)


def _cut(span: Span, named: set[int] | None) -> tuple[list[Span], list[Span]]:
    """Cut a span into runs of what is named (all of it with None) and runs of what is left."""
    if named is None:
        return [span], []
    taken: list[Span] = []
    left: list[Span] = []
    place = span[0]
    for ordinal in sorted(item for item in named if span[0] <= item < span[1]):
        if place < ordinal:
            left.append((place, ordinal))
        if taken and taken[-1][1] == ordinal:
            taken[-1] = (taken[-1][0], ordinal + 1)
        else:
            taken.append((ordinal, ordinal + 1))
        place = ordinal + 1
    if place < span[1]:
        left.append((place, span[1]))
    return taken, left
