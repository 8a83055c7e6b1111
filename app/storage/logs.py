"""Logs: what is owed to them, the entries in their order, tiles, checkpoints, and the hashes that proofs need.

The rule here: entries, tiles and checkpoints are only ever inserted; an entry that came without its record gets it
once. A log is read whole or not at all: by the audience of its records.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, case, delete, func, or_, select, text, update

from app.domain import checkpoint
from app.domain.errors import NotFound
from app.domain.merkle import EMPTY_ROOT, Frontier, Span, Tile
from app.storage.columns import to_microseconds
from app.storage.federation_tables import log_holes, replicas, shown_heads
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import audiences, checkpoints, log_entries, log_pending, log_tiles, logs, records
from app.storage.visibility import visible

SEQUENCER_LOCK = 0x77617463  # the PostgreSQL advisory lock of the node's one sequencer ("watc")


@dataclass(frozen=True, slots=True)
class Pending:
    """A record that is owed to the log of its audience."""

    id: int
    record_id: UUID
    audience_id: int
    leaf_hash: bytes
    owed_at: datetime


@dataclass(frozen=True, slots=True)
class Log:
    """One log: its id, the node it comes from, whose records it holds, and its epoch."""

    id: str
    origin: str
    audience_id: int
    audience_key: str
    audience: Mapping[str, Any]
    epoch: int


@dataclass(frozen=True, slots=True)
class Head:
    """The right edge of what is held of a log, and the newest checkpoint, which covers `cover_size` entries.

    Those are the same number in an own log; in one that is being pulled the checkpoint may be ahead.
    """

    size: int
    root: bytes
    frontier: Frontier
    note: str | None
    made_at: datetime | None
    cover_size: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its index, leaf hash, and the signed record, as far as they are here.

    `payload` is None for one that was erased or waits for review; `hole` says why no usable body is here.
    """

    index: int
    leaf_hash: bytes
    record_id: UUID | None
    kind: str | None
    payload: bytes | None
    keyid: str | None
    signature: bytes | None
    issuer: UUID | None
    subject: UUID | None
    hole: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A checkpoint of an own log that somebody remembers, and that was ahead of this database."""

    log_id: str
    size: int
    note: str
    shown_by: str
    at: datetime


# What waits for review is in the log and for nobody yet.
_PAYLOAD = case((records.c.quarantined.is_(False), records.c.payload))

_LOG = select(
    logs.c.id,
    logs.c.origin,
    logs.c.audience_id,
    audiences.c.key.label("audience_key"),
    audiences.c.document.label("audience"),
    logs.c.epoch,
).join(audiences, audiences.c.id == logs.c.audience_id)


def _log(row: Iterable[Any]) -> Log:
    return Log(*row)


async def owe(tx: WriteTx, record_id: UUID, audience_id: int, leaf_hash: bytes, now: datetime) -> None:
    """Note that a record must be appended to the log of its audience."""
    await tx.insert(
        log_pending, {"record_id": record_id, "audience_id": audience_id, "leaf_hash": leaf_hash, "owed_at": now}
    )


async def hold_sequencer(tx: WriteTx, *, wait: bool = False) -> bool:
    """Become the one sequencer of this transaction; False when another process is it now and this one may not wait."""
    if tx.dialect != "postgresql":
        return True
    lock = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
    taken = (await tx.execute(text(f"SELECT {lock}(:key)"), {"key": SEQUENCER_LOCK})).scalar()
    return wait or bool(taken)


async def pending(tx: ReadTx, limit: int, *, without: Sequence[int] = ()) -> list[Pending]:
    """List what is owed, oldest first, but to the audiences `without`."""
    query = select(log_pending).order_by(log_pending.c.id).limit(limit)
    if without:
        query = query.where(log_pending.c.audience_id.not_in(without))
    return [Pending(*row) for row in await tx.execute(query)]


async def pending_statements(tx: ReadTx, audience_id: int) -> list[Pending]:
    """List what nodes, organizations and groups state and what is owed to an audience's log, oldest first."""
    query = (
        select(log_pending)
        .join(records, records.c.id == log_pending.c.record_id)
        .where(log_pending.c.audience_id == audience_id, records.c.kind.in_(("node", "organization", "group")))
        .order_by(log_pending.c.id)
    )
    return [Pending(*row) for row in await tx.execute(query)]


async def count_pending(tx: ReadTx) -> tuple[int, datetime | None]:
    """Count what is owed to the logs, and tell since when."""
    row = (await tx.execute(select(func.count(), func.min(log_pending.c.owed_at)))).one()
    return int(row[0]), row[1]


async def ensure(tx: WriteTx, log_id: str, origin: str, audience_id: int, epoch: int) -> None:
    """Make the log when it is new."""
    await tx.insert_new(logs, {"id": log_id, "origin": origin, "audience_id": audience_id, "epoch": epoch})


async def find_own(tx: ReadTx, audience_id: int, origin: str) -> Log | None:
    """Find the newest epoch of this node's log of an audience."""
    query = _LOG.where(logs.c.audience_id == audience_id, logs.c.origin == origin).order_by(logs.c.epoch.desc())
    row = (await tx.execute(query.limit(1))).first()
    return None if row is None else _log(row)


async def audience_key(tx: ReadTx, audience_id: int) -> str:
    """Give the key of an audience."""
    return str((await tx.execute(select(audiences.c.key).where(audiences.c.id == audience_id))).scalar_one())


async def find(tx: ReadTx, log_id: str) -> Log | None:
    """Find a log, whether the actor may read it or not."""
    row = (await tx.execute(_LOG.where(logs.c.id == log_id))).first()
    return None if row is None else _log(row)


async def of_origin(tx: ReadTx, origin: str) -> list[Log]:
    """List the logs of a node in the newest epoch of each audience."""
    rows = await tx.execute(_LOG.where(logs.c.origin == origin).order_by(logs.c.epoch, logs.c.id))
    newest = {row.audience_id: _log(row) for row in rows}
    return list(newest.values())


async def head(tx: ReadTx, log_id: str) -> Head:
    """Give the newest head of a log, made here or pulled; that of an empty one has no note."""
    query = select(checkpoints).where(checkpoints.c.log_id == log_id).order_by(checkpoints.c.size.desc()).limit(1)
    made = (await tx.execute(query)).first()
    pulled = (await tx.execute(select(replicas).where(replicas.c.log_id == log_id))).first()
    if pulled is not None and (made is None or made.size < pulled.size):
        frontier = Frontier.parse(pulled.frontier)
        return Head(pulled.size, pulled.root, frontier, pulled.note, None, pulled.cover_size)
    if made is None:
        return Head(0, EMPTY_ROOT, Frontier(), None, None)
    return Head(made.size, made.root, Frontier.parse(made.frontier), made.note, made.made_at, made.size)


async def append(
    tx: WriteTx,
    log_id: str,
    first: int,
    arrivals: Mapping[UUID, int],
    taken: Sequence[Pending],
    tiles: Sequence[Tile],
) -> None:
    """Append entries from index `first`, each with the arrival of its record, with the tiles that became full."""
    postgresql = tx.dialect == "postgresql"
    rows = [
        (
            log_id,
            first + place,
            item.leaf_hash,
            item.record_id if postgresql else item.record_id.bytes,
            arrivals[item.record_id],
        )
        for place, item in enumerate(taken)
    ]
    await tx.insert_many(log_entries, ("log_id", "index", "leaf_hash", "record_id", "arrival"), rows)
    await tx.insert_many(
        log_tiles,
        ("log_id", "level", "index", "hashes", "root"),
        [(log_id, tile.level, tile.index, tile.hashes, tile.root) for tile in tiles],
    )


async def add_checkpoint(tx: WriteTx, log_id: str, frontier: Frontier, note: str, now: datetime) -> None:
    """Publish a head."""
    row = (log_id, frontier.size, frontier.root(), frontier.to_bytes(), note, to_microseconds(now))
    await tx.insert_many(checkpoints, ("log_id", "size", "root", "frontier", "note", "made_at"), [row])


async def settle(tx: WriteTx, taken: Sequence[Pending]) -> None:
    """Strike out what has been appended."""
    await tx.execute(delete(log_pending).where(log_pending.c.id.in_([item.id for item in taken])))


async def strike(tx: WriteTx, record_ids: Sequence[UUID]) -> None:
    """Strike out the debts of records that stand in the log already: they were pulled back."""
    await tx.execute(delete(log_pending).where(log_pending.c.record_id.in_(record_ids)))


async def arrive(tx: WriteTx, arrivals: Mapping[UUID, int]) -> None:
    """Give their arrivals to records that stood in their logs without: they waited for review.

    The caller holds the sequencer.
    """
    rows = [{"of_record": record_id, "number": arrival} for record_id, arrival in arrivals.items()]
    waits = (log_entries.c.record_id == bindparam("of_record")) & log_entries.c.arrival.is_(None)
    if rows:
        await tx.execute(update(log_entries).where(waits).values(arrival=bindparam("number")), rows)


async def show(tx: WriteTx, log_id: str, size: int, note: str, shown_by: str, now: datetime) -> None:
    """Remember a checkpoint of an own log, unless a greater one is remembered."""
    values = {"log_id": log_id, "size": size, "note": note, "shown_by": shown_by, "at": now}
    if not await tx.insert_new(shown_heads, values):
        smaller = (shown_heads.c.log_id == log_id) & (shown_heads.c.size < size)
        await tx.execute(update(shown_heads).where(smaller).values(**values))


async def shown(tx: ReadTx) -> list[Shown]:
    """List the remembered checkpoints of own logs, the ones that were reached again too."""
    return [Shown(*row) for row in await tx.execute(select(shown_heads).order_by(shown_heads.c.log_id))]


async def find_shown(tx: ReadTx, item: Shown) -> Log | None:
    """Find the log of a remembered checkpoint, also one that this database has forgotten, by its origin line."""
    origin, key, epoch = checkpoint.parse_origin(item.note.split("\n", 1)[0])
    row = (await tx.execute(select(audiences.c.id, audiences.c.document).where(audiences.c.key == key))).first()
    return None if row is None else Log(item.log_id, origin, row[0], key, row[1], epoch)


async def shown_ahead(tx: ReadTx) -> list[tuple[str, int]]:
    """List the own logs that end before a remembered checkpoint of them, each with its audience.

    A log that this database does not know is found by its origin line; a newer epoch ends the matter.
    """
    ahead: list[tuple[str, int]] = []
    for item in await shown(tx):
        if item.size > (await head(tx, item.log_id)).size:
            origin, key, epoch = checkpoint.parse_origin(item.note.split("\n", 1)[0])
            newer = select(logs.c.id).where(
                logs.c.audience_id == audiences.c.id, logs.c.origin == origin, logs.c.epoch > epoch
            )
            query = select(audiences.c.id).where(audiences.c.key == key, ~newer.exists())
            ahead += [(item.log_id, row[0]) for row in await tx.execute(query)]
    return ahead


async def fetch_spans(tx: ReadTx, log_id: str, size: int, spans: Sequence[Span]) -> dict[Span, bytes]:
    """Fetch the hashes of spans in a tree of `size` entries: from full tiles, else from leaves and tiles below."""
    found: dict[Span, bytes] = {}
    for span in spans:
        if span.is_in_full_tile(size):
            query = select(log_tiles.c.hashes).where(
                log_tiles.c.log_id == log_id, log_tiles.c.level == span.level, log_tiles.c.index == span.tile()
            )
            found[span] = span.cut(bytes((await tx.execute(query)).scalar_one()))
            continue
        rows = await tx.execute(_edge(log_id, span))
        found[span] = b"".join(bytes(row[0]) for row in rows)
    return found


def _edge(log_id: str, span: Span) -> Select[Any]:
    if span.level == 0:
        return (
            select(log_entries.c.leaf_hash)
            .where(
                log_entries.c.log_id == log_id,
                log_entries.c.index >= span.start,
                log_entries.c.index < span.stop,
            )
            .order_by(log_entries.c.index)
        )
    return (
        select(log_tiles.c.root)
        .where(
            log_tiles.c.log_id == log_id,
            log_tiles.c.level == span.level - 1,
            log_tiles.c.index >= span.start,
            log_tiles.c.index < span.stop,
        )
        .order_by(log_tiles.c.index)
    )


async def get_visible(tx: ReadTx, log_id: str) -> Log:
    """Give a log that the actor may read. Raises NotFound for a hidden and an absent one alike."""
    own = visible(logs.c.audience_id, tx.audiences)
    if tx.actor.node is not None:
        own = or_(own, logs.c.origin == tx.actor.node)
    row = (await tx.execute(_LOG.where(logs.c.id == log_id, own))).first()
    if row is None:
        raise NotFound("There is no such log, or it is not for you.")
    return _log(row)


async def search_visible(tx: ReadTx, after: str, limit: int) -> list[Log]:
    """List the logs that the actor may read, by id."""
    query = _LOG.where(visible(logs.c.audience_id, tx.audiences), logs.c.id > after).order_by(logs.c.id).limit(limit)
    return [_log(row) for row in await tx.execute(query)]


async def entries(tx: ReadTx, log: Log, start: int, limit: int) -> list[Entry]:
    """Give the entries of a log, which the caller got by `get_visible`, from index `start`."""
    query = (
        select(
            log_entries.c.index,
            log_entries.c.leaf_hash,
            log_entries.c.record_id,
            records.c.kind,
            _PAYLOAD,
            records.c.keyid,
            records.c.signature,
            records.c.issuer,
            records.c.subject,
            log_holes.c.reason,
        )
        .outerjoin(records, records.c.id == log_entries.c.record_id)
        .outerjoin(log_holes, (log_holes.c.log_id == log_entries.c.log_id) & (log_holes.c.index == log_entries.c.index))
        .where(log_entries.c.log_id == log.id, log_entries.c.index >= start)
        .order_by(log_entries.c.index)
        .limit(limit)
    )
    return [Entry(*row) for row in await tx.execute(query)]


async def entry_sizes(tx: ReadTx, log: Log, start: int, limit: int) -> list[int]:
    """Give the bytes of the records of a log's entries from index `start`; 0 for one without."""
    query = (
        select(func.coalesce(func.length(_PAYLOAD), 0))
        .select_from(log_entries)
        .outerjoin(records, log_entries.c.record_id == records.c.id)
        .where(log_entries.c.log_id == log.id, log_entries.c.index >= start)
        .order_by(log_entries.c.index)
        .limit(limit)
    )
    return [row[0] for row in await tx.execute(query)]
