"""Turns: which peers are to be asked now, by which process, and when again after a failure.

The rule here: it all stands in rows, so any process may take over. A peer that fails is asked less and less often, down
to once in some 15 minutes, and costs the others nothing: that is the breaker.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.actor import system
from app.services import pull
from app.services.node import Node
from app.storage import peers
from app.storage.peers import Peer

LEASE = timedelta(seconds=10)  # after which another process follows one that has died
RENEW_EVERY = 3.0  # seconds between renewals: two of them may be late before the turn is lost
FIRST_DELAY = 2.0  # seconds: the ceiling of the first pause after a failure; full jitter below it
LONGEST_DELAY = 900.0  # seconds: the ceiling of any such pause
MOST_DOUBLINGS = 9  # after which the ceiling is LONGEST_DELAY
BUSY = 2.0  # seconds until this process looks again whether another one still has the turn


@dataclass(frozen=True, slots=True)
class Turn:
    """What to do with a peer now: nothing before `pause` seconds; else pull, or tell it that it is accepted."""

    peer: Peer | None = None
    pulls: bool = False
    pause: float = 0.0


async def wanted(node: Node) -> set[str]:
    """Name the peers with which there may be something to do."""
    async with node.store.read(system(node.operator)) as tx:
        return {peer.node_id for peer in await peers.search(tx) if peer.accepted_here or peer.error is not None}


async def begin(node: Node, now: datetime, *, chance: float) -> None:
    """Let each peer be asked soon after this node starts: pauses were for a network that it may not have any more."""
    async with node.store.write(system(node.operator)) as tx:
        await peers.hurry(tx, now + timedelta(seconds=FIRST_DELAY * chance))


async def take(node: Node, peer_id: str, puller: str, now: datetime) -> Turn:
    """Begin what is due with a peer, as the process `puller`; it has the turn until the lease ends, or is kept."""
    async with node.store.read(system(node.operator)) as tx:
        peer = await peers.find(tx, peer_id)
        if peer is None:
            return Turn(pause=BUSY)
        pulls = await pull.destination(tx, peer) is not None
    if peer.next_try_at is not None and peer.next_try_at > now:
        return Turn(pause=(peer.next_try_at - now).total_seconds())
    mine = await claim(node, peer_id, puller, now)
    # Stopped here, the turn is free again when the lease has run out.
    return Turn(peer, pulls) if mine else Turn(pause=BUSY)


async def claim(node: Node, peer_id: str, puller: str, now: datetime) -> bool:
    """Become, or stay, the one process that pulls from a peer; False while another one is it."""
    async with node.store.write(system(node.operator)) as tx:
        return await peers.take_turn(tx, peer_id, puller, now, now + LEASE)


async def keep(node: Node, puller: str, now: datetime) -> None:
    """Renew every turn of this process: a step may take longer than a lease."""
    async with node.store.write(system(node.operator)) as tx:
        await peers.keep_turns(tx, puller, now + LEASE)


async def give(node: Node, peer_id: str, puller: str) -> None:
    """Let another process have the turn at once."""
    async with node.store.write(system(node.operator)) as tx:
        await peers.give_turn(tx, peer_id, puller)


async def succeed(node: Node, peer: Peer) -> None:
    """Forget the failures of a peer that has answered."""
    if peer.failures or peer.error is not None:
        await _change(node, peer.node_id, failures=0, error=None, next_try_at=None)


async def fail(
    node: Node, peer: Peer, words: str, now: datetime, *, chance: float, retry_after: float | None = None
) -> float:
    """Keep why a peer cannot be asked, and when it is asked again; give how many seconds that is.

    `chance` from 0 to below 1 spreads the tries below a ceiling that doubles; what the peer asked for is respected.
    """
    ceiling: float = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(peer.failures, MOST_DOUBLINGS))
    delay = max(ceiling * chance, retry_after or 0.0)
    again = now + timedelta(seconds=delay)
    await _change(node, peer.node_id, failures=peer.failures + 1, error=words, tried_at=now, next_try_at=again)
    return delay


async def postpone(node: Node, peer: Peer, until: datetime) -> None:
    """Leave a peer alone until a time, though nothing is wrong with it, unless something about it has just changed."""
    async with node.store.write(system(node.operator)) as tx:
        if (await peers.get(tx, peer.node_id, for_change=True)).changed_at == peer.changed_at:
            await peers.change(tx, peer.node_id, next_try_at=until)


async def _change(node: Node, peer_id: str, **values: object) -> None:
    async with node.store.write(system(node.operator)) as tx:
        await peers.change(tx, peer_id, **values)
