"""Fill: ask again for the bodies of entries that came without one, and keep them where they belong.

The rule here: a body is the right one if it hashes to the leaf that the signed tree has; then it is judged as if it had
come at its place, with the keys that counted there. An entry gets its record, and a record that arrives its number,
once.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain import audience as audiences
from app.domain import node_record, page
from app.domain.actor import peer as peer_actor
from app.domain.entry_rules import Entry, LogName
from app.domain.errors import Meaning, Unavailable
from app.domain.node_record import NodeRecord
from app.domain.page import Bare, Verdict
from app.domain.peer import STATEMENTS, Policy
from app.services import hear
from app.services.keeping import Desk
from app.services.node import Node
from app.services.positions import Spending, find_group, issuers_of, read_keys
from app.services.remote import Destination, Remote, Unreachable
from app.services.take_in import hole_of
from app.storage import deliveries, evidence, holes, logs, organizations, peers
from app.storage.holes import Filled, Hole
from app.storage.logs import Log
from app.storage.store import ReadTx, WriteTx

RUNS = 8  # runs of neighbouring holes that one round asks for; the next round follows at once if bodies came
# Refusals that may be for want of a statement whose body was missing.
FOR_WANT = ("invalid_signature", "not_at_home", "not_steward")


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring holes of one log."""

    log: LogName
    stored: Log
    holes: tuple[Hole, ...]

    @property
    def start(self) -> int:
        """The first index."""
        return self.holes[0].index

    @property
    def stop(self) -> int:
        """The index after the last."""
        return self.holes[-1].index + 1


async def fill(node: Node, remote: Remote, to: Destination, policy: Policy, clock: Callable[[], datetime]) -> int:
    """Ask a peer for the bodies that are to be asked for now, in at most RUNS requests; give how many came.

    Raises Unreachable, and Unavailable of this node's database. What the peer refuses is asked for again later.
    """
    async with node.store.read(peer_actor(to.node_id)) as tx:
        runs = await _due(tx, to.node_id, clock())
    filled = 0
    for run in runs:
        # Stopped at any request, the runs before it are filled and the others are still due.
        try:
            raw = await remote.entries(to, run.log.id, run.start, run.stop)
            found = await asyncio.to_thread(page.read, raw)
            entries = {item.index: item for item in found.entries}
        except (Unreachable, Unavailable):
            raise
        except Meaning:
            if run.log.origin != to.node_id:
                continue  # it may not have the log: that says nothing of the next one that is asked
            entries = {}
        filled += await _fill(node, to.node_id, policy, run, entries, clock())
    return filled


async def _due(tx: ReadTx, peer_id: str, now: datetime) -> list[Run]:
    """List what the peer can be asked for: of logs that it may read too, or shows, and that are not frozen."""
    shown = {log_id for log_id, item in (await deliveries.of_peer(tx, peer_id)).items() if item.head_at}
    runs: list[Run] = []
    for log_id in await holes.logs_due(tx, peer_id, now):
        stored = await logs.find(tx, log_id)
        if stored is None or await evidence.is_frozen(tx, log_id):
            continue
        if log_id not in shown and stored.origin != peer_id and stored.audience_id not in tx.audiences:
            continue
        name = LogName.of(
            stored.origin, audiences.parse(dict(stored.audience)), stored.audience_key.endswith(".red"), stored.epoch
        )
        due = await holes.due(tx, log_id, peer_id, now, page.MAX_PAGE_ENTRIES)
        runs += _runs(name, stored, due)
        if len(runs) >= RUNS:
            break
    return runs[:RUNS]


def _runs(name: LogName, stored: Log, due: Sequence[Hole]) -> list[Run]:
    found: list[list[Hole]] = []
    for item in due:
        if found and found[-1][-1].index + 1 == item.index:
            found[-1].append(item)
        else:
            found.append([item])
    return [Run(name, stored, tuple(part)) for part in found]


async def _fill(node: Node, peer_id: str, policy: Policy, run: Run, entries: dict[int, Entry], now: datetime) -> int:
    if run.log.origin == node.identity.node_id:
        policy = Policy()
    verdicts = await _judge(node, peer_id, policy, run, entries, now)
    async with node.store.write(peer_actor(peer_id)) as tx:
        present = {item.index: item for item in await holes.search(tx, run.log.id, run.start - 1, len(run.holes))}
        desk = Desk(node, tx, run.log, run.stored.audience_id, now, policy.review)
        judged = await desk.place([item for item in verdicts if item.index in present])
        await desk.keep()
        arrivals = await desk.arrivals()
        filled = [Filled(index, one.local_id, arrivals.get(index)) for index, one in sorted(desk.placed.items())]
        await holes.fill(tx, run.log.id, filled)
        for item in judged:
            await _postpone(tx, present[item.index], item, peer_id, now)
        await _reopen(tx, run, desk, now)
        erased = await desk.settle()
        # Stopped anywhere up to here, nothing is written, and the holes are due as they were.
    if filled:
        node.moved.set()
    if erased:
        await node.store.scrub()
    return len(filled)


async def _judge(
    node: Node, peer_id: str, policy: Policy, run: Run, entries: dict[int, Entry], now: datetime
) -> list[Verdict]:
    """Judge what came: a body that does not hash to its leaf, or none at all, leaves the hole as it is."""
    async with node.store.read(peer_actor(peer_id)) as tx:
        signer = await _signer(node, tx, run.log.origin, now)
        kept = await logs.entries(tx, run.stored, run.start, len(run.holes))
        leaves = {item.index: item.leaf_hash for item in kept}
        came = [_match(hole.index, leaves[hole.index], entries) for hole in run.holes]
        keys = await read_keys(tx, run.log, signer, run.start)
        homes = await organizations.homes(tx, sorted(issuers_of(came)))
        group = await find_group(tx, run.log)
        spending = await Spending.load(tx, run.log.origin, now)
    serving = run.log.origin == peer_id
    verdicts = await asyncio.to_thread(page.judge, came, run.log, keys, homes, group, policy, serving)
    return spending.judge(verdicts, policy)


def _match(index: int, leaf: bytes, entries: dict[int, Entry]) -> Entry:
    found = entries.get(index)
    if found is None or found.leaf_hash != leaf:
        return Entry(index, leaf, why="damaged")
    return found


async def _signer(node: Node, tx: ReadTx, origin: str, now: datetime) -> NodeRecord:
    known = await peers.find_node(tx, origin)
    return hear.own_record(node, now) if known is None else node_record.parse(known.document)


async def _postpone(tx: WriteTx, hole: Hole, item: Verdict, peer_id: str, now: datetime) -> None:
    again = hole_of(hole.log_id, item, peer_id, now)
    if again is None:
        return
    tries = hole.tries + 1
    later = again.next_try
    if isinstance(item, Bare) and not item.lasting:
        later = now + holes.backoff(tries)
    await holes.postpone(tx, replace(again, tries=tries, next_try=later))


async def _reopen(tx: WriteTx, run: Run, desk: Desk, now: datetime) -> None:
    """Let what was refused for want of a statement be tried now that the statement has come."""
    stated = [index for index, one in desk.placed.items() if one.item.record.kind in STATEMENTS]
    if stated:
        await holes.open_access(tx, run.log.id, now, reasons=FOR_WANT, start=min(stated) + 1)
