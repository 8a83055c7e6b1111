"""Pull: one bounded round with one peer - ask what differs, fetch, verify, and take in page by page.

The rule here: read, then the network, then one write for each page; no transaction is open while the network is waited
for. Whatever is interrupted is begun again from what is stored. One log's fault, or one entry's, stops nothing else: it
is kept in words with the peer and the log. A log whose node has told two stories is frozen.

Memory is bounded by two pages: while one is verified and written, the next is fetched and read. Both are read, and
verified, in threads.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from app.domain import page
from app.domain.actor import Actor
from app.domain.actor import peer as peer_actor
from app.domain.errors import Meaning, Unavailable
from app.domain.page import Forked, Page, RolledBack, Verdict, Verified
from app.domain.peer import Policy, State
from app.services import doubt, fill, gossip, hear, peering, recover
from app.services.hear import Heard, Wanted
from app.services.node import Node
from app.services.positions import Position, Spending, issuers_of, read_position
from app.services.remote import MAX_HELD, MAX_NOTES, Destination, Heads, Held, PeerRefused, Remote, Unreachable
from app.services.take_in import take_in
from app.storage import deliveries, organizations, peers, replicas
from app.storage.deliveries import Refused
from app.storage.peers import Peer
from app.storage.store import ReadTx

REFRESH = timedelta(minutes=10)  # after which a peer's own record is fetched again: who wishes to be found there
PAGES = 64  # pages of one round: some 20 seconds of work, after which heads and policy are looked at again
ROUND_SECONDS = 30.0  # after which a round begins no further page: a peer that drips must not hold up the others
TURN = 8  # pages of one log before the next log has its turn
REFUSALS = 10_000  # refusals of one peer that are fetched: what an operator needs to see what is wrong
PAGE_OF_REFUSALS = 1_000  # refusals of one answer


@dataclass(slots=True)
class Pulled:
    """What one round brought. `more`: another one finds work at once; `state`: what to wait on otherwise."""

    pages: int = 0
    entries: int = 0
    accepted: int = 0
    refused: int = 0
    filled: int = 0
    more: bool = False
    state: str = ""


@dataclass(slots=True)
class Round:
    """One round with one peer: whom it asks, and by what it judges."""

    node: Node
    remote: Remote
    to: Destination
    policy: Policy
    clock: Callable[[], datetime]
    pulled: Pulled = field(default_factory=Pulled)
    spending: dict[str, Spending] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        """The peer, as which everything is read that is said to it."""
        return peer_actor(self.to.node_id)


@dataclass(slots=True, eq=False)
class _Job:
    """A log that is being pulled: the index that is asked for next, and what is known of it in this turn.

    `note` is the checkpoint of the newest page that came, verified or not; `keys` are those that the log has stated.
    """

    wanted: Wanted
    start: int
    turn: int = 0
    note: str = ""
    position: Position | None = None
    keys: Mapping[str, bytes] = field(default_factory=dict)


async def run_once(
    node: Node, remote: Remote, peer_id: str, clock: Callable[[], datetime], *, pages: int = PAGES
) -> Pulled:
    """Pull from a peer once, at most so many pages. A peer that is not active, or has no URL, is left alone.

    Raises Unreachable and PeerRefused for the peer as a whole, Unavailable of this node's database; what was taken in
    before stays. The error of one log is noted with the peer and the log.
    """
    async with node.store.read(peer_actor(peer_id)) as tx:
        peer = await peers.get(tx, peer_id)
        known = await peers.find_node(tx, peer_id)
        to = await destination(tx, peer)
        held = await _holdings(tx)
        notes = await gossip.to_show(node, tx)
    if to is None:
        return Pulled()
    step = Round(node, remote, to, Policy.parse(peer.policy), clock)
    if known is not None and clock() - known.seen_at > REFRESH:
        await _refresh_record(step)
    # Stopped at any request, nothing has changed here but what the peer knows of this node.
    answer = await remote.heads(step.to, held, notes[:MAX_NOTES])
    heard = await _hear(step, {item.log_id: item.size for item in held}, answer)
    await _compare(step, answer, heard)
    await _pull_logs(step, heard, pages)
    step.pulled.filled = await fill.fill(step.node, remote, step.to, step.policy, clock)
    await _fetch_refusals(step)
    async with node.store.write(step.actor) as write:
        await deliveries.note_level(write, peer_id, clock())
    if heard.crowded:
        raise PeerRefused(f"It shows more than {hear.MAX_LOGS} logs; the others are left out.")
    step.pulled.more |= step.pulled.filled > 0 or (answer.more and step.pulled.entries > 0)
    step.pulled.state = answer.state
    return step.pulled


async def destination(tx: ReadTx, peer: Peer) -> Destination | None:
    """Tell where to pull from a peer; None where there is nothing to pull, or nowhere.

    From one that has turned this node away, but not the other way round, what undoes its records is still pulled.
    """
    known = await peers.find_node(tx, peer.node_id)
    url = peer.url or (None if known is None else known.url)
    served = any(item.head_at for item in (await deliveries.of_peer(tx, peer.node_id)).values())
    pulls = peer.state == State.ACTIVE or (peer.state == State.PROPOSED and peer.accepted_here and served)
    return Destination(peer.node_id, url) if pulls and url is not None else None


async def wait(node: Node, remote: Remote, peer_id: str, state: str, seconds: float) -> None:
    """Wait, at most so long, until a peer shows something else than `state`. Raises Unreachable, PeerRefused."""
    async with node.store.read(peer_actor(peer_id)) as tx:
        to = await destination(tx, await peers.get(tx, peer_id))
    if to is not None:
        await remote.wait(to, state, seconds)


async def _holdings(tx: ReadTx) -> list[Held]:
    rows = await replicas.holdings(tx, MAX_HELD)
    return [Held(item.log_id, item.size, item.root.hex(), item.refused) for item in rows]


async def _hear(step: Round, held: Mapping[str, int], answer: Heads) -> Heard:
    heard = await hear.hear(step.node, step.to.node_id, step.policy, held, answer, step.clock())
    if heard.stale and await _refresh_record(step):
        heard = await hear.hear(step.node, step.to.node_id, step.policy, held, answer, step.clock())
    if heard.own:
        await recover.take_shown(step.node, step.actor, heard.own, step.clock())
    if not answer.more:
        step.node.heads.asked.add(step.to.node_id)
    return heard


async def _refresh_record(step: Round) -> bool:
    """Exchange node records with the peer: its newest key, and who wishes to be found there; tell whether it worked."""
    told = await peering.tell(step.node, step.remote, step.to.node_id, step.clock())
    return told.error is None


async def _compare(step: Round, answer: Heads, heard: Heard) -> None:
    """Compare what the peer shows of logs that are not ahead, and show it what it has forgotten of its own."""
    thirds = [*answer.gossip, *(item.note for item in heard.doubted if item.log.origin != step.to.node_id)]
    for at in range(0, len(thirds), MAX_NOTES):
        await gossip.compare(step.node, step.actor, thirds[at : at + MAX_NOTES], step.clock())
    for item in heard.doubted:
        if item.log.origin == step.to.node_id:
            await doubt.doubt(step.node, step.to.node_id, item.log, item.node, item.note, step.clock())
    if answer.show:
        async with step.node.store.read(step.actor) as tx:
            own = await replicas.heads_visible(tx, MAX_HELD, origin=step.to.node_id)
        notes = [item.note for item in own if item.log.id in set(answer.show)]
        if notes:
            await step.remote.checkpoints(step.to, notes[:MAX_NOTES])


async def _pull_logs(step: Round, heard: Heard, pages: int) -> None:
    """Pull the wanted logs in turns, fetching one page ahead."""
    queue = deque(_Job(item, item.start) for item in heard.wanted)
    coming: asyncio.Task[Page] | None = None
    loop = asyncio.get_running_loop()
    end = loop.time() + ROUND_SECONDS
    try:
        while queue and pages > 0 and loop.time() < end:
            job, pages = queue.popleft(), pages - 1
            asked, coming = coming or _fetch(step, job), None
            try:
                found = await asked
                _queue(queue, job, found)
                coming = _fetch(step, queue[0]) if queue and pages > 0 else None
                goes_on = await _take(step, job, found)
            except (Unreachable, Unavailable):
                raise
            except Exception as error:  # noqa: BLE001 - one log's fault must not stop the others: it is kept in words
                goes_on = False
                await _note(step, job, error)
            if not goes_on and job in queue:
                if queue[0] is job:
                    await _cancel(coming)
                    coming = None
                queue.remove(job)
    finally:
        await _cancel(coming)
    step.pulled.more = bool(queue)


def _fetch(step: Round, job: _Job) -> asyncio.Task[Page]:
    return asyncio.create_task(_fetch_page(step, job, job.start))


async def _fetch_page(step: Round, job: _Job, start: int) -> Page:
    """Fetch a page and read it, both while the page before it is judged and written.

    Most signatures are verified here too: that needs no interpreter, which the writing has then.
    """
    raw = await step.remote.entries(step.to, job.wanted.log.id, start)
    found = await asyncio.to_thread(page.read, raw, job.keys)
    if found.start != start:
        raise page.InvalidPage("The page does not begin where it was asked to.")
    return found


async def _cancel(task: asyncio.Task[Page] | None) -> None:
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError, Meaning):
            await task


def _queue(queue: deque[_Job], job: _Job, found: Page) -> None:
    """Put a log that has more pages back: in front while it has its turn, else behind the others."""
    job.start, job.turn, job.note = found.stop, job.turn + 1, found.note
    if not found.entries or found.stop >= job.wanted.size:
        return
    if job.turn < TURN:
        queue.appendleft(job)
    else:
        job.turn = 0
        queue.append(job)


async def _take(step: Round, job: _Job, found: Page) -> bool:
    """Verify, judge and write a page; tell whether the log goes on."""
    wanted = job.wanted
    async with step.node.store.read(step.actor) as tx:
        position = job.position or await read_position(tx, wanted.log, wanted.node)
        homes = await organizations.homes(tx, sorted(issuers_of(found.entries)))
        if wanted.log.origin not in step.spending:
            step.spending[wanted.log.origin] = await Spending.load(tx, wanted.log.origin, step.clock())
    job.position, job.keys = None, position.keys.by_id
    if position.size != found.start:
        return False  # another process is at this log: the next round sees how far it came
    # Stopped while it is verified, the page is fetched again.
    verified, verdicts = await asyncio.to_thread(_judge, step, job, position, found, homes)
    verdicts = step.spending[wanted.log.origin].judge(verdicts, wanted.policy)
    taken = await take_in(
        step.node, step.to.node_id, position, verified, found.note, verdicts, step.clock(), review=wanted.policy.review
    )
    if taken is None:
        return False
    job.position = position if job.turn else None
    step.pulled.pages += 1
    step.pulled.entries += len(found.entries)
    step.pulled.accepted += taken.accepted
    step.pulled.refused += taken.refused
    return bool(found.entries)


def _judge(
    step: Round, job: _Job, position: Position, found: Page, homes: Mapping[UUID, str]
) -> tuple[Verified, list[Verdict]]:
    log = job.wanted.log
    verified = page.verify(found, log, position.held, job.wanted.node)
    serving = log.origin == step.to.node_id
    return verified, page.judge(found.entries, log, position.keys, homes, position.group, job.wanted.policy, serving)


async def _note(step: Round, job: _Job, error: Exception) -> None:
    """Keep why a log cannot be pulled now; two stories of its node freeze it."""
    log = job.wanted.log
    if isinstance(error, RolledBack) and log.origin != step.to.node_id:
        return  # a relay that is behind says nothing wrong
    words = error.detail if isinstance(error, Meaning) else f"It could not be taken in: {type(error).__name__}."
    if isinstance(error, Forked):
        await doubt.doubt(step.node, step.to.node_id, log, job.wanted.node, job.note, step.clock())
    async with step.node.store.write(step.actor) as tx:
        await deliveries.note_error(tx, step.to.node_id, log.id, words, step.clock())


async def _fetch_refusals(step: Round) -> None:
    """Fetch what the peer has refused of this node's logs, if it is more than was fetched before."""
    peer_id = step.to.node_id
    async with step.node.store.read(step.actor) as tx:
        said = sum(item.refused_there for item in (await deliveries.of_peer(tx, peer_id)).values())
        known = await deliveries.refusals(tx, peer_id, None, REFUSALS)
        own = {item.log.id for item in await replicas.heads_visible(tx, MAX_HELD, origin=step.node.identity.node_id)}
    cursor: str | None = None
    for _ in range(REFUSALS // PAGE_OF_REFUSALS if len(known) < min(said, REFUSALS) else 0):
        answer = await step.remote.refusals(step.to, cursor)
        now = step.clock()
        async with step.node.store.write(step.actor) as write:
            rows = [
                Refused(item.log_id, item.index, item.code, item.detail, now)
                for item in answer.rows
                if item.log_id in own
            ]
            await deliveries.save_refusals(write, peer_id, rows)
        # Stopped here, the next round fetches from the first page again.
        cursor = answer.next
        if cursor is None:
            return
