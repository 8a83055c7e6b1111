"""Sequence: give what is owed its place in its log, and publish the new heads.

The rule here: one transaction moves a batch from owed to logged - entries, full tiles, checkpoints, struck-out debts -
so a crash leaves it either owed or logged, never both and never neither. There is one sequencer for each node (an
advisory lock on PostgreSQL, the writing lock on SQLite), and the primary key (log, index) is the fence.
"""

import hashlib
from collections import defaultdict
from datetime import datetime

from app.domain import checkpoint, merkle
from app.domain.actor import system
from app.domain.checkpoint import Checkpoint
from app.services import audit
from app.services.node import Node
from app.storage import logs
from app.storage.logs import Pending
from app.storage.store import WriteTx

BATCH = 2_000  # entries in one transaction: bounds its memory and how long it holds the lock
AUDIT_BATCH = 10_000  # audit rows in one transaction
EPOCH = 1  # the first epoch of every log; a node that lost its end opens another


def log_id(node_id: str, audience_key: str, epoch: int) -> str:
    """Name a log: the first 16 bytes of the SHA-256 of its origin line, in hexadecimal."""
    return hashlib.sha256(checkpoint.origin_line(node_id, audience_key, epoch).encode()).hexdigest()[:32]


async def run_once(node: Node, now: datetime) -> int:
    """Sequence one batch, and give how many entries and audit rows were moved.

    0 means that nothing is owed, or that another process is the sequencer now.
    """
    async with node.store.write(system(node.operator)) as tx:
        if not await logs.hold_sequencer(tx):
            return 0
        pending = await logs.pending(tx, BATCH)
        by_audience: dict[int, list[Pending]] = defaultdict(list)
        for item in pending:
            by_audience[item.audience_id].append(item)
        arrival = await logs.last_arrival(tx) + 1 if pending else 0
        for audience_id, taken in sorted(by_audience.items()):
            await _extend(node, tx, audience_id, taken, arrival, now)
            arrival += len(taken)
        if pending:
            await logs.settle(tx, pending)
        chained = await audit.chain_pending(tx, AUDIT_BATCH)
    return len(pending) + chained


async def _extend(node: Node, tx: WriteTx, audience_id: int, taken: list[Pending], arrival: int, now: datetime) -> None:
    node_id = node.identity.node_id
    log = await logs.find_own(tx, audience_id, node_id)
    key = await logs.audience_key(tx, audience_id)
    epoch = EPOCH if log is None else log.epoch
    name = log_id(node_id, key, epoch)
    if log is None:
        await logs.ensure(tx, name, node_id, audience_id, epoch)
    head = await logs.head(tx, name)
    leaves = [item.leaf_hash for item in taken]
    spans = merkle.growth_spans(head.size, head.size + len(leaves))
    tiles = merkle.full_tiles(head.size, leaves, await logs.fetch_spans(tx, name, head.size, spans))
    await logs.append(tx, name, head.size, arrival, taken, tiles)
    frontier = head.frontier.extend(leaves)
    origin = checkpoint.origin_line(node_id, key, epoch)
    note = checkpoint.sign_checkpoint(Checkpoint(origin, frontier.size, frontier.root()), node_id, node.identity.seed)
    await logs.add_checkpoint(tx, name, frontier, note, now)
