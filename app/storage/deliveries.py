"""What each peer has of each log, and what this node has of what each peer showed.

The rule here: what was served is noted before it leaves, so it is never less than what the peer got; what a peer holds
is what it says with a root that is this node's own. Both only ever grow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, case, delete, func, or_, select, tuple_, update

from app.storage.federation_tables import peer_logs, peer_refusals, replicas
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import checkpoints


@dataclass(frozen=True, slots=True)
class PeerLog:
    """One log between this node and a peer.

    To the peer: `served` entries were sent and it holds `held`; it reads from `from_index`, and `was_visible` says that
    it might read the log when it last asked. From the peer: it shows `head` entries, this node was `level` with it at a
    time, reads from `access_from`, until its access `ended`; `refused_there` entries of this node's were refused.
    """

    peer_id: str
    log_id: str
    served: int = 0
    held: int = 0
    held_at: datetime | None = None
    from_index: int = 0
    was_visible: bool = False
    head: int = 0
    head_at: datetime | None = None
    level_at: datetime | None = None
    access_from: int = 0
    ended: bool = False
    refused_there: int = 0
    error: str | None = None
    error_at: datetime | None = None


class Receipt(NamedTuple):
    """What a peer says it holds of a log, with a root that is this node's own, and how many entries it refused."""

    log_id: str
    held: int
    refused: int


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry of this node's that a peer refused."""

    log_id: str
    index: int
    code: str
    detail: str
    at: datetime


async def of_peer(tx: ReadTx, peer_id: str) -> dict[str, PeerLog]:
    """Give all logs between this node and a peer, by log id."""
    return {
        row.log_id: PeerLog(*row) for row in await tx.execute(select(peer_logs).where(peer_logs.c.peer_id == peer_id))
    }


async def find(tx: ReadTx, peer_id: str, log_id: str) -> PeerLog | None:
    """Find one log between this node and a peer."""
    row = (await tx.execute(select(peer_logs).where(*_place(peer_id, log_id)))).first()
    return None if row is None else PeerLog(*row)


async def note_served(
    tx: WriteTx, peer_id: str, log_id: str, served: int, *, from_index: int | None = None, visible: bool | None = None
) -> None:
    """Note that the first `served` entries of a log go to a peer, and by what right, before they go."""
    rights: dict[str, Any] = {} if from_index is None else {"from_index": from_index}
    rights |= {} if visible is None else {"was_visible": visible}
    values = rights | {"served": _greatest(peer_logs.c.served, served)}
    if not await tx.insert_new(peer_logs, {"peer_id": peer_id, "log_id": log_id, "served": served, **rights}):
        await tx.execute(update(peer_logs).where(*_place(peer_id, log_id)).values(**values))


async def note_rights(tx: WriteTx, peer_id: str, log_id: str, *, from_index: int, visible: bool) -> None:
    """Note whether a peer may read a log now, and from which entry."""
    await note_served(tx, peer_id, log_id, 0, from_index=from_index, visible=visible)


async def note_held(tx: WriteTx, peer_id: str, receipts: Sequence[Receipt], now: datetime) -> None:
    """Note what a peer holds: of many logs in two statements, and of those that stand as they stood in one."""
    if not receipts:
        return
    known = {
        row.log_id: row
        for row in await tx.execute(
            select(peer_logs.c.log_id, peer_logs.c.held, peer_logs.c.refused_there).where(
                peer_logs.c.peer_id == peer_id
            )
        )
    }
    new = [item for item in receipts if item.log_id not in known]
    columns = ("peer_id", "log_id", "held", "held_at", "refused_there")
    await tx.insert_values(peer_logs, columns, [(peer_id, *item[:2], now, item.refused) for item in new])
    changed = [
        {"of_log": item.log_id, "of_held": item.held, "of_refused": item.refused}
        for item in receipts
        if item.log_id in known
        and (known[item.log_id].held < item.held or known[item.log_id].refused_there != item.refused)
    ]
    if changed:
        here = _place(peer_id, bindparam("of_log"))
        values = {
            "held": _greatest(peer_logs.c.held, bindparam("of_held", type_=peer_logs.c.held.type)),
            "refused_there": bindparam("of_refused"),
            "held_at": now,
        }
        await tx.execute(update(peer_logs).where(*here).values(**values), changed)


async def note_head(
    tx: WriteTx, peer_id: str, log_id: str, head: int, now: datetime, *, access_from: int, ended: bool
) -> None:
    """Note the head that a peer shows of a log, and by what right this node reads it."""
    values = {"head": head, "head_at": now, "access_from": access_from, "ended": ended}
    await _set(tx, peer_id, log_id, values)


async def note_level(tx: WriteTx, peer_id: str, now: datetime) -> None:
    """Note that this node has all that a peer shows of those logs of which that is so: no error is left there.

    That a log is smaller than what is here stays noted.
    """
    size = func.coalesce(held_of(peer_logs.c.log_id), 0)
    reached = (peer_logs.c.peer_id == peer_id) & (peer_logs.c.head_at.is_not(None)) & (size >= peer_logs.c.head)
    behind = size > peer_logs.c.head
    left = {name: case((behind, peer_logs.c[name]), else_=None) for name in ("error", "error_at")}
    await tx.execute(update(peer_logs).where(reached).values(level_at=now, **left))


async def note_error(tx: WriteTx, peer_id: str, log_id: str, error: str | None, now: datetime) -> None:
    """Note why a log cannot be pulled from a peer now; None: it can."""
    await _set(tx, peer_id, log_id, {"error": error, "error_at": None if error is None else now})


async def save_refusals(tx: WriteTx, peer_id: str, refused: Iterable[Refused]) -> None:
    """Keep what a peer says that it refused; said again, the newest word counts."""
    rows = [(peer_id, item.log_id, item.index, item.code, item.detail, item.at) for item in refused]
    if not rows:
        return
    places = tuple_(peer_refusals.c.log_id, peer_refusals.c.index).in_([row[1:3] for row in rows])
    await tx.execute(delete(peer_refusals).where(peer_refusals.c.peer_id == peer_id, places))
    await tx.insert_values(peer_refusals, [column.name for column in peer_refusals.columns], rows)


async def refusals(tx: ReadTx, peer_id: str, after: tuple[str, int] | None, limit: int) -> list[Refused]:
    """List what a peer refused, after a (log id, index)."""
    place = (peer_refusals.c.log_id, peer_refusals.c.index)
    query = select(*place, peer_refusals.c.code, peer_refusals.c.detail, peer_refusals.c.at)
    query = query.where(peer_refusals.c.peer_id == peer_id).order_by(*place).limit(limit)
    if after is not None:
        query = query.where(tuple_(*place) > tuple_(*after))
    return [Refused(*row) for row in await tx.execute(query)]


async def find_refusal(tx: ReadTx, peer_id: str, log_id: str, index: int) -> Refused | None:
    """Find why a peer refused an entry."""
    found = await refusals(tx, peer_id, (log_id, index - 1), 1)
    return found[0] if found and (found[0].log_id, found[0].index) == (log_id, index) else None


async def _set(tx: WriteTx, peer_id: str, log_id: str, values: dict[str, Any]) -> None:
    if not await tx.insert_new(peer_logs, {"peer_id": peer_id, "log_id": log_id, **values}):
        await tx.execute(update(peer_logs).where(*_place(peer_id, log_id)).values(**values))


def _place(peer_id: str, log_id: Any) -> tuple[Any, Any]:
    return peer_logs.c.peer_id == peer_id, peer_logs.c.log_id == log_id


def _greatest(column: Any, value: Any) -> Any:
    return case((column < value, value), else_=column)


def held_of(log_id: Any) -> Any:
    """Say how many entries of a log are held here: made here or pulled, whichever is more."""
    made = (
        select(func.max(checkpoints.c.size))
        .where(checkpoints.c.log_id == log_id)
        .correlate(peer_logs)
        .scalar_subquery()
    )
    pulled = select(replicas.c.size).where(replicas.c.log_id == log_id).correlate(peer_logs).scalar_subquery()
    return case((and_(pulled.is_not(None), or_(made.is_(None), pulled > made)), pulled), else_=made)
