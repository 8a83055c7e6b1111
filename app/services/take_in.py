"""Take in: the one write of a verified page - records, indicators, entries, tiles, holes and the position together.

The rule here: the position moves on in the transaction that keeps what it speaks of, so a crash leaves a page either
taken in or not begun. The size that was read before the network is looked at again inside, and the primary key (log,
index) is the fence: of two processes that pull one log one writes, and the other goes on. What this node does not take
is kept as leaf hash and reason: the tree needs every leaf.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain import merkle, page
from app.domain.actor import peer as peer_actor
from app.domain.entry_rules import LogName
from app.domain.marking import Tlp
from app.domain.page import Accepted, Bare, Held, RefusedEntry, Verdict, Verified
from app.services.keeping import Desk
from app.services.node import Node
from app.services.positions import OVER_QUOTA, Position
from app.storage import deliveries, holes, logs, records, replicas
from app.storage.holes import Hole
from app.storage.replicas import NewEntry, Replica
from app.storage.store import WriteTx

DAY = timedelta(days=1)  # after which a quota begins anew


@dataclass(frozen=True, slots=True)
class Taken:
    """What one page brought: entries accepted and refused."""

    accepted: int
    refused: int


async def take_in(
    node: Node,
    peer_id: str,
    position: Position,
    verified: Verified,
    note: str,
    verdicts: Sequence[Verdict],
    now: datetime,
    *,
    review: bool = False,
) -> Taken | None:
    """Write a page that continues `position`, and move the position on; None where another process was first.

    `note` is the signed checkpoint that covers the page; with `review` its reports wait. Raises Conflict: another
    process wrote the same at the same moment, and nothing was written here. Not checked: signatures and the tree.
    """
    log = position.log
    async with node.store.write(peer_actor(peer_id)) as tx:
        if (await logs.head(tx, log.id)).size != position.size:
            return None
        desk = Desk(node, tx, log, await _ensure_log(tx, log), now, review)
        judged = await desk.place(verdicts)
        await desk.keep()
        await _append(tx, desk, position, judged)
        await holes.add(tx, [hole for item in judged if (hole := hole_of(log.id, item, peer_id, now)) is not None])
        held, covered = _cover(position, verified, note)
        if log.origin == node.identity.node_id and verified.checkpoint.size == verified.frontier.size:
            await replicas.drop(tx, log.id)
            await logs.add_checkpoint(tx, log.id, verified.frontier, note, now)
        else:
            await replicas.save(tx, Replica(log.id, verified.frontier, held, covered))
        erased = await desk.settle()
        await deliveries.note_error(tx, peer_id, log.id, None, now)
        # Stopped anywhere up to here, nothing of the page is written, and the position is where it was.
    # From here on all of it is, and whoever pulls next begins behind it.
    position.held = Held(verified.frontier, held)
    node.moved.set()
    if erased:
        # Stopped here, what was erased may still stand in SQLite's write-ahead log; the next erasure overwrites it.
        await node.store.scrub()
    accepted = sum(isinstance(item, Accepted) for item in judged)
    return Taken(accepted, sum(isinstance(item, RefusedEntry) for item in judged))


def _cover(position: Position, verified: Verified, note: str) -> tuple[str, int]:
    """Give the checkpoint to keep, with its size: the older one until its entries are here.

    Only then is it known that the newer one tells the same story: see `page.verify`.
    """
    if position.held.note is not None:
        before, _ = page.read_checkpoint(position.held.note, position.log, position.node)
        if before.size > verified.frontier.size:
            return position.held.note, before.size
    return note, verified.checkpoint.size


async def _ensure_log(tx: WriteTx, log: LogName) -> int:
    audience_id = await records.ensure_audience(tx, log.audience, Tlp.RED if log.red else Tlp.CLEAR)
    await logs.ensure(tx, log.id, log.origin, audience_id, log.epoch)
    return audience_id


async def _append(tx: WriteTx, desk: Desk, position: Position, judged: Sequence[Verdict]) -> None:
    arrivals = await desk.arrivals()
    rows = []
    for item in judged:
        placed = desk.placed.get(item.index)
        local_id = None if placed is None else placed.local_id
        rows.append(NewEntry(item.index, item.leaf_hash, local_id, arrivals.get(item.index)))
    leaves = [item.leaf_hash for item in judged]
    spans = merkle.growth_spans(position.size, position.size + len(leaves))
    stored = await logs.fetch_spans(tx, position.log.id, position.size, spans)
    await replicas.add_entries(tx, position.log.id, rows, merkle.full_tiles(position.size, leaves, stored))


def hole_of(log_id: str, item: Verdict, peer_id: str, now: datetime) -> Hole | None:
    """Give what is kept of an entry without a usable body, None for an accepted one.

    What this node refuses is not asked for again, but for a quota; what came bare by mischance is.
    """
    if isinstance(item, Accepted):
        return None
    if isinstance(item, Bare):
        again = None if item.lasting else now + holes.backoff(0)
        return Hole(log_id, item.index, item.why, "", peer_id, now, again)
    again = now + DAY if item.code == OVER_QUOTA else None
    return Hole(log_id, item.index, item.code, item.detail, peer_id, now, again)
