"""The loop that pulls: one task for each peer, each step bounded, and when to ask again.

The rule here: whatever a step needs it finds in rows (`services/turns.py`), so any process may take over: one at a
time pulls from a peer, and that another has the turn is no error. One that answers is asked again by a long poll.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog

from app.domain.errors import Meaning, Unavailable
from app.services import peering, pull, turns
from app.services.node import Node
from app.services.peering import Peer
from app.services.remote import PeerRefused, Remote, Unreachable

AT_ONCE = 8  # peers that are pulled from at once: what the database's connections and two cores carry
SCAN = 1.0  # seconds between looks at the list of peers: one that was just accepted is pulled from at once
LONGEST_SLEEP = 5.0  # seconds: an operator's deed ends any pause
WAIT = 25.0  # seconds of a long poll, jittered downwards by a fifth
CUT_OFF = 2.0  # seconds, at most, before the next round after a long poll that was cut off
NOTHING_NEW = 0.2  # seconds, at least, after a round that brought nothing: news that are none make nobody spin
PAUSE_AFTER_ERROR = 1.0  # seconds, when this node's own database cannot do it
TELL_AGAIN = 60.0  # seconds until a peer that has not accepted yet is told again, or one without a URL is looked at

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Puller:
    """What pulls: `name` is this process's in the lease, `random` gives numbers from 0 to below 1.

    `wait` is the length of a long poll in seconds.
    """

    node: Node
    remote: Remote
    clock: Callable[[], datetime]
    random: Callable[[], float]
    name: str
    wait: float = WAIT
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


async def pull_loop(node: Node, remote: Remote, clock: Callable[[], datetime], random: Callable[[], float]) -> None:
    """Pull from every peer for as long as the node serves."""
    puller = Puller(node, remote, clock, random, node.random(8).hex())
    tasks: dict[str, asyncio.Task[None]] = {}
    async with keeping_turns(node, puller.name, clock):
        try:
            with suppress(Unavailable):  # then the pauses stay as they are
                await turns.begin(node, clock(), chance=random())
            while True:
                with suppress(Unavailable):
                    _attend(puller, tasks, await turns.wanted(node))
                await asyncio.sleep(SCAN)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)


@asynccontextmanager
async def keeping_turns(node: Node, puller: str, clock: Callable[[], datetime]) -> AsyncIterator[None]:
    """Renew the turns that the process `puller` has taken, for as long as the block runs."""
    keeping = asyncio.create_task(_keep_turns(node, puller, clock))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _keep_turns(node: Node, puller: str, clock: Callable[[], datetime]) -> None:
    while True:
        await asyncio.sleep(turns.RENEW_EVERY)
        with suppress(Unavailable):  # then another process may take over: it finds all it needs in rows
            await turns.keep(node, puller, clock())


async def pull_all(
    node: Node, remote: Remote, peer_id: str, clock: Callable[[], datetime]
) -> AsyncIterator[pull.Pulled]:
    """Pull from one peer until nothing is left, round by round. Raises Unreachable, PeerRefused, Unavailable."""
    while True:
        pulled = await pull.run_once(node, remote, peer_id, clock)
        yield pulled
        if not pulled.more:
            return


def _attend(puller: Puller, tasks: dict[str, asyncio.Task[None]], wanted: set[str]) -> None:
    """Begin with the peers that are new, and end with those that are gone."""
    for peer_id in set(tasks) - wanted:
        tasks.pop(peer_id).cancel()
    for peer_id in sorted(wanted - set(tasks)):
        tasks[peer_id] = asyncio.create_task(_follow(puller, peer_id))


async def _follow(puller: Puller, peer_id: str) -> None:
    try:
        while True:  # noqa: ASYNC110 - a step waits by itself, for the peer; this pause is for nobody
            await asyncio.sleep(min(await _steadily(puller, peer_id), LONGEST_SLEEP))
    finally:
        # Stopped before this is written, another process follows when the lease has run out.
        with suppress(Meaning):
            await turns.give(puller.node, peer_id, puller.name)


async def _steadily(puller: Puller, peer_id: str) -> float:
    try:
        return await step(puller, peer_id)
    except Unavailable:
        await log.awarning("loop waits for the database", loop="pull", node=peer_id)
    except Exception:  # noqa: BLE001 - the loop outlives any fault: it is logged, and the rows are still there
        await log.aexception("loop failed", loop="pull", node=peer_id)
    return PAUSE_AFTER_ERROR


async def step(puller: Puller, peer_id: str) -> float:
    """Do what is due with a peer: pull one bounded round and wait for more, or tell it that it is accepted.

    Gives the seconds until the next step. Raises Unavailable: this node's own database cannot do it now.
    """
    node = puller.node
    turn = await turns.take(node, peer_id, puller.name, puller.clock())
    if turn.peer is None:
        return turn.pause
    if not turn.pulls:
        return await _tell(puller, turn.peer)
    try:
        async with puller.gate:
            pulled = await pull.run_once(node, puller.remote, peer_id, puller.clock)
    except PeerRefused as error:
        if error.status == HTTPStatus.FORBIDDEN:  # that it is accepted here may not have come through
            await peering.tell(node, puller.remote, peer_id, puller.clock())
        return await turns.fail(node, turn.peer, error.detail, puller.clock(), chance=puller.random())
    except Unreachable as error:
        return await turns.fail(
            node, turn.peer, error.detail, puller.clock(), chance=puller.random(), retry_after=error.retry_after
        )
    await turns.succeed(node, turn.peer)
    # Stopped from here on, the next step begins with a round that finds nothing new.
    return 0.0 if pulled.more else await _wait(puller, peer_id, pulled)


async def _wait(puller: Puller, peer_id: str, pulled: pull.Pulled) -> float:
    """Wait by a long poll; one that is cut off says nothing about the peer: the next round does."""
    began = puller.clock()
    try:
        await pull.wait(puller.node, puller.remote, peer_id, pulled.state, puller.wait * (1 - puller.random() / 5))
    except (Unreachable, PeerRefused):
        return CUT_OFF * puller.random()
    waited = (puller.clock() - began).total_seconds()
    return 0.0 if pulled.entries or pulled.filled else max(0.0, NOTHING_NEW - waited)


async def _tell(puller: Puller, peer: Peer) -> float:
    now = puller.clock()
    told = await peering.tell(puller.node, puller.remote, peer.node_id, now)
    if told.error is not None:
        return await turns.fail(puller.node, told, told.error, now, chance=puller.random())
    if told.state != peer.state:
        return 0.0
    await turns.postpone(puller.node, told, now + timedelta(seconds=TELL_AGAIN))
    return TELL_AGAIN
