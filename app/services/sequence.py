"""Sequence: give what is owed its place in its log, and publish the new heads.

The rule here: one transaction moves a batch from owed to logged - entries, full tiles, checkpoints, struck-out debts -
so a crash leaves it either owed or logged, never both and never neither. There is one sequencer for each node (an
advisory lock on PostgreSQL, the writing lock on SQLite), and the primary key (log, index) is the fence. Nothing is
appended to a log that may have been published further than this database knows (`services/recover.py`).
"""

from collections import defaultdict
from datetime import datetime

from app.domain import checkpoint, merkle
from app.domain.actor import system
from app.domain.checkpoint import Checkpoint
from app.services import audit, recover
from app.services.node import Node
from app.storage import facts, logs, stamps
from app.storage.logs import Log, Pending
from app.storage.store import WriteTx

BATCH = 2_000  # entries in one transaction: bounds its memory and how long it holds the lock
AUDIT_BATCH = 10_000  # audit rows in one transaction
EPOCH = 1  # the first epoch of every log; a node that lost its end opens another


async def run_once(node: Node, now: datetime) -> int:
    """Sequence one batch, and give how many entries and audit rows were moved.

    0 means that nothing is owed, that another process is the sequencer now, or that what is owed must wait until the
    node has its own entries back.
    """
    async with node.store.write(system(node.operator)) as tx:
        if not await logs.hold_sequencer(tx):
            return 0
        held = await recover.held_audiences(node, tx, now)
        pending = [] if held is None else await logs.pending(tx, BATCH, without=held)
        by_audience: dict[int, list[Pending]] = defaultdict(list)
        for item in pending:
            by_audience[item.audience_id].append(item)
        notes = {}
        for audience_id, taken in sorted(by_audience.items()):
            log = await _own_log(node, tx, audience_id)
            notes[log.id] = await extend(node, tx, log, taken, now)
        if pending:
            await logs.settle(tx, pending)
        chained = await audit.chain_pending(tx, AUDIT_BATCH)
    # Stopped here, the file is behind the database: that holds nobody up.
    node.heads.remember(notes)
    if notes:
        node.moved.set()
    return len(pending) + chained


async def _own_log(node: Node, tx: WriteTx, audience_id: int) -> Log:
    log = await logs.find_own(tx, audience_id, node.identity.node_id)
    if log is None:
        key = await logs.audience_key(tx, audience_id)
        name = checkpoint.log_id(node.identity.node_id, key, EPOCH)
        await logs.ensure(tx, name, node.identity.node_id, audience_id, EPOCH)
        log = await logs.find_own(tx, audience_id, node.identity.node_id)
        assert log is not None
    return log


async def extend(node: Node, tx: WriteTx, log: Log, taken: list[Pending], now: datetime) -> str:
    """Append what is owed to one own log, and sign its new head; give the signed note."""
    head = await logs.head(tx, log.id)
    leaves = [item.leaf_hash for item in taken]
    spans = merkle.growth_spans(head.size, head.size + len(leaves))
    tiles = merkle.full_tiles(head.size, leaves, await logs.fetch_spans(tx, log.id, head.size, spans))
    known = await facts.of(tx, [item.record_id for item in taken])
    arrivals = await stamps.arrive(tx, [known[item.record_id] for item in taken], now)
    await logs.append(tx, log.id, head.size, arrivals, taken, tiles)
    frontier = head.frontier.extend(leaves)
    said = Checkpoint(checkpoint.origin_line(log.origin, log.audience_key, log.epoch), frontier.size, frontier.root())
    note = checkpoint.sign_checkpoint(said, log.origin, node.identity.seed)
    await logs.add_checkpoint(tx, log.id, frontier, note, now)
    return note
