"""Positions in logs: how far this node holds each log, its own and those it pulls, and what it appends to the latter.

The rule here: what is held of a log is a size and the root of its tree at that size, never a guess. Everything that is
said to a peer about logs leaves out those that it may not read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, or_, select, update

from app.domain.merkle import Frontier, Tile
from app.storage.federation_tables import log_holes, replicas
from app.storage.logs import Log
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import audiences, checkpoints, log_entries, log_tiles, logs
from app.storage.visibility import visible


@dataclass(frozen=True, slots=True)
class Replica:
    """The position in a log: its right edge, and the newest signed checkpoint, which covers `cover_size` entries."""

    log_id: str
    frontier: Frontier
    note: str
    cover_size: int


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to append; its record and arrival are None where no usable body came."""

    index: int
    leaf_hash: bytes
    record_id: UUID | None
    arrival: int | None


@dataclass(frozen=True, slots=True)
class Holding:
    """What this node holds of a log, and how many of its entries it has refused."""

    log_id: str
    size: int
    root: bytes
    refused: int


@dataclass(frozen=True, slots=True)
class LogHead:
    """A log with the newest head of it that is held here; the note covers `cover_size` entries."""

    log: Log
    red: bool
    size: int
    root: bytes
    note: str
    cover_size: int


async def find(tx: ReadTx, log_id: str) -> Replica | None:
    """Find the position in a log that is pulled."""
    row = (await tx.execute(select(replicas).where(replicas.c.log_id == log_id))).first()
    return None if row is None else Replica(row.log_id, Frontier.parse(row.frontier), row.note, row.cover_size)


async def save(tx: WriteTx, replica: Replica) -> None:
    """Keep the position in a log that is known. Not checked: that the checkpoint is signed and covers it."""
    values: dict[str, Any] = {
        "log_id": replica.log_id,
        "size": replica.frontier.size,
        "root": replica.frontier.root(),
        "frontier": replica.frontier.to_bytes(),
        "note": replica.note,
        "cover_size": replica.cover_size,
    }
    if not await tx.insert_new(replicas, values):
        await tx.execute(update(replicas).where(replicas.c.log_id == replica.log_id).values(**values))


async def drop(tx: WriteTx, log_id: str) -> None:
    """Forget the position in an own log that is whole again: its checkpoints tell from here on."""
    await tx.execute(delete(replicas).where(replicas.c.log_id == log_id))


async def add_entries(tx: WriteTx, log_id: str, rows: Sequence[NewEntry], tiles: Sequence[Tile] = ()) -> None:
    """Append entries to a log, with the tiles that became full. Raises Conflict: an index is taken."""
    known = [(log_id, row.index, row.leaf_hash, row.record_id, row.arrival) for row in rows]
    await tx.insert_values(log_entries, ("log_id", "index", "leaf_hash", "record_id", "arrival"), known)
    full = [(log_id, tile.level, tile.index, tile.hashes, tile.root) for tile in tiles]
    await tx.insert_many(log_tiles, ("log_id", "level", "index", "hashes", "root"), full)


async def holdings(tx: ReadTx, limit: int, after: str = "") -> list[Holding]:
    """List what is held of the logs that the actor may read, a peer its own ones too, by id."""
    query = _HOLDINGS.where(readable(tx), logs.c.id > after).limit(limit)
    rows = (await tx.execute(query)).mappings()
    return [Holding(row["id"], row["size"], row["root"], row["refused"]) for row in rows]


async def heads_visible(tx: ReadTx, limit: int, after: str = "", *, origin: str | None = None) -> list[LogHead]:
    """List the logs that the actor may read (of one origin, if it is named), each with its newest head, by id."""
    query = _HEADS.where(readable(tx), logs.c.id > after).limit(limit)
    if origin is not None:
        query = query.where(logs.c.origin == origin)
    return [
        LogHead(
            Log(row["id"], row["origin"], row["audience_id"], row["key"], row["document"], row["epoch"]),
            *(row[name] for name in ("red", "size", "root", "note", "cover_size")),
        )
        for row in (await tx.execute(query)).mappings()
    ]


def _made_heads() -> Select[Any]:
    """Select logs with the greater of their newest checkpoint, by one probe of its key each, and of what was pulled."""
    newest = select(func.max(checkpoints.c.size)).where(checkpoints.c.log_id == logs.c.id).correlate(logs)
    pulled = and_(replicas.c.size.is_not(None), or_(checkpoints.c.size.is_(None), checkpoints.c.size < replicas.c.size))
    head = [
        case((pulled, replicas.c[name]), else_=checkpoints.c[made]).label(name)
        for name, made in (("size", "size"), ("root", "root"), ("note", "note"), ("cover_size", "size"))
    ]
    return (
        select(*logs.c, audiences.c.key, audiences.c.document, audiences.c.red, *head)
        .join(audiences, audiences.c.id == logs.c.audience_id)
        .outerjoin(
            checkpoints,
            and_(checkpoints.c.log_id == logs.c.id, checkpoints.c.size == newest.scalar_subquery()),
        )
        .outerjoin(replicas, replicas.c.log_id == logs.c.id)
        .where(func.coalesce(checkpoints.c.size, replicas.c.size).is_not(None))
        .order_by(logs.c.id)
    )


_HEADS = _made_heads()  # once: every peer asks it all the time
_REFUSED = select(func.count()).where(log_holes.c.log_id == logs.c.id, log_holes.c.refused).scalar_subquery()
_HOLDINGS = _HEADS.add_columns(_REFUSED.label("refused"))


def readable(tx: ReadTx) -> ColumnElement[bool]:
    """Say that a log is for the actor: by its audience, or as its origin."""
    by_audience = visible(logs.c.audience_id, tx.audiences)
    return by_audience if tx.actor.node is None else or_(by_audience, logs.c.origin == tx.actor.node)
