"""Holes: entries of which no usable body is here, why, and when to ask for it again.

The rule here: a hole says nothing of what the entry holds. It is closed in the transaction that keeps the body. When it
is tried again is decided by who keeps it: never, unless `next_try` says when.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, or_, select, tuple_, update

from app.storage.columns import Id
from app.storage.federation_tables import log_holes
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import log_entries, logs

# Why a body was not sent, or is not here any more; any other reason is the code of this node's own refusal.
BARE = frozenset({"erased", "withheld", "ended", "damaged", "refused", "purged"})
OTHERS = 8  # tries by which a body is sought at other peers at once; after them it takes its time
OF_ACCESS = ("withheld", "ended", "purged")  # what comes back when access opens


@dataclass(frozen=True, slots=True)
class Hole:
    """An entry without a usable body: the reason, which peer had none, and when it is asked for again (None: never)."""

    log_id: str
    index: int
    reason: str
    detail: str
    peer_id: str | None
    at: datetime
    next_try: datetime | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Filled:
    """A hole whose body is here: its record, and its arrival unless it waits for review."""

    index: int
    record_id: UUID
    arrival: int | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An entry of an origin's log that this node refused."""

    log_id: str
    index: int
    leaf_hash: bytes
    code: str
    detail: str


_FIELDS = ("log_id", "index", "reason", "detail", "peer_id", "at", "next_try", "tries")
_HOLE = select(*(log_holes.c[name] for name in _FIELDS))


async def add(tx: WriteTx, holes: Sequence[Hole]) -> None:
    """Note new holes. Raises Conflict: one is noted already."""
    rows = [(*(getattr(hole, name) for name in _FIELDS), hole.reason not in BARE) for hole in holes]
    await tx.insert_values(log_holes, (*_FIELDS, "refused"), rows)


async def add_damaged(tx: WriteTx, log_id: str, indices: Sequence[int], now: datetime) -> None:
    """Note entries whose stored body is not the one that was signed: any peer that has it is asked for it now."""
    values = {"log_id": log_id, "reason": "damaged", "detail": "", "refused": False, "at": now, "next_try": now}
    for index in indices:
        await tx.insert_new(log_holes, {**values, "index": index})


async def find(tx: ReadTx, log_id: str, index: int) -> Hole | None:
    """Find the hole at an index."""
    row = (await tx.execute(_HOLE.where(log_holes.c.log_id == log_id, log_holes.c.index == index))).first()
    return None if row is None else Hole(*row)


async def search(tx: ReadTx, log_id: str, after: int, limit: int) -> list[Hole]:
    """List the holes of a log after an index (-1: from the first)."""
    query = _HOLE.where(log_holes.c.log_id == log_id, log_holes.c.index > after)
    return [Hole(*row) for row in await tx.execute(query.order_by(log_holes.c.index).limit(limit))]


def _is_due(peer_id: str, now: datetime) -> ColumnElement[bool]:
    """Say that a hole is to be tried now with a peer: its time has come, or another peer was asked and had nothing.

    The log's own node is always asked after another: relays that keep a body back use nobody else's tries up.
    """
    its_own = log_holes.c.log_id.in_(select(logs.c.id).where(logs.c.origin == peer_id))
    another_had_none = and_(
        log_holes.c.next_try.is_not(None), log_holes.c.peer_id != peer_id, log_holes.c.refused.is_(False)
    )
    return or_(log_holes.c.next_try <= now, another_had_none & or_(its_own, log_holes.c.tries < OTHERS))


async def due(tx: ReadTx, log_id: str, peer_id: str, now: datetime, limit: int) -> list[Hole]:
    """List the holes of a log that are to be tried now with a peer, by index."""
    query = _HOLE.where(log_holes.c.log_id == log_id, _is_due(peer_id, now))
    return [Hole(*row) for row in await tx.execute(query.order_by(log_holes.c.index).limit(limit))]


async def logs_due(tx: ReadTx, peer_id: str, now: datetime) -> list[str]:
    """List the logs that have a hole to be tried now with a peer."""
    query = select(log_holes.c.log_id).where(_is_due(peer_id, now)).distinct().order_by(log_holes.c.log_id)
    return [row[0] for row in await tx.execute(query)]


async def postpone(tx: WriteTx, hole: Hole) -> None:
    """Change what is known of a hole: it was tried once more."""
    values: dict[str, Any] = {name: getattr(hole, name) for name in _FIELDS[2:]}
    place = (log_holes.c.log_id == hole.log_id) & (log_holes.c.index == hole.index)
    await tx.execute(update(log_holes).where(place).values(**values, refused=hole.reason not in BARE))


async def fill(tx: WriteTx, log_id: str, filled: Sequence[Filled]) -> None:
    """Close holes: their entries get what they had not, the record and the arrival."""
    if not filled:
        return
    rows = [{"of_index": item.index, "record": item.record_id, "number": item.arrival} for item in filled]
    here = (log_entries.c.log_id == log_id) & (log_entries.c.index == bindparam("of_index"))
    empty = or_(
        log_entries.c.record_id.is_(None),
        log_entries.c.arrival.is_(None) & bindparam("number", type_=log_entries.c.arrival.type).is_not(None),
    )
    values = {
        "record_id": func.coalesce(log_entries.c.record_id, bindparam("record", type_=Id())),
        "arrival": func.coalesce(log_entries.c.arrival, bindparam("number", type_=log_entries.c.arrival.type)),
    }
    await tx.execute(update(log_entries).where(here, empty).values(**values), rows)
    await tx.execute(
        delete(log_holes).where(log_holes.c.log_id == log_id, log_holes.c.index == bindparam("of_index")),
        [{"of_index": item.index} for item in filled],
    )


async def open_access(
    tx: WriteTx, log_id: str, now: datetime, *, reasons: Collection[str] = OF_ACCESS, start: int = 0
) -> int:
    """Let the holes of a log from index `start` be tried now that have one of the reasons; give how many."""
    mine = (log_holes.c.log_id == log_id) & (log_holes.c.index >= start)
    found = await tx.execute(update(log_holes).where(mine, log_holes.c.reason.in_(reasons)).values(next_try=now))
    return found.rowcount


async def retry_refused(tx: WriteTx, log_ids: Sequence[str], now: datetime) -> int:
    """Let what this node refused in these logs be tried now: its policy has changed; give how many."""
    mine = log_holes.c.log_id.in_(log_ids) & log_holes.c.refused
    return (await tx.execute(update(log_holes).where(mine).values(next_try=now))).rowcount


async def refused_of_origin(tx: ReadTx, origin: str, after: tuple[str, int] | None, limit: int) -> list[Refusal]:
    """List what this node refused of an origin's logs, after a (log id, index)."""
    place = (log_holes.c.log_id, log_holes.c.index)
    query = (
        select(*place, log_entries.c.leaf_hash, log_holes.c.reason, log_holes.c.detail)
        .join(logs, logs.c.id == log_holes.c.log_id)
        .join(log_entries, (log_entries.c.log_id == place[0]) & (log_entries.c.index == place[1]))
        .where(logs.c.origin == origin, log_holes.c.refused)
        .order_by(*place)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*place) > tuple_(*after))
    return [Refusal(*row) for row in await tx.execute(query)]


def backoff(tries: int) -> timedelta:
    """Say how long to wait after so many vain tries: a minute, doubled each time up to a day."""
    return min(timedelta(minutes=2 ** min(tries, 11)), timedelta(days=1))
