"""Nodes that are known, and the peers among them: what was agreed with each, and which process pulls from it.

The rule here: a node is known by a record that it has signed itself; nothing here judges that record. One process pulls
from a peer at a time: whoever holds the turn, until it runs out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update

from app.domain.errors import NotFound
from app.storage.federation_tables import nodes, peers
from app.storage.store import ReadTx, WriteTx


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node, this one too: its newest signed record, and when that was last seen."""

    id: str
    name: str
    url: str | None
    generation: int
    document: bytes
    issued_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer as this node keeps it; `url` is where the operator found it, before the address in its own record."""

    node_id: str
    url: str | None
    accepted_here: bool
    accepted_there: bool
    state: str
    policy: Mapping[str, Any]
    added_at: datetime
    changed_at: datetime
    heard_at: datetime | None = None
    tried_at: datetime | None = None
    next_try_at: datetime | None = None
    failures: int = 0
    error: str | None = None
    puller: str | None = None
    puller_until: datetime | None = None


async def find_node(tx: ReadTx, node_id: str) -> KnownNode | None:
    """Find a node."""
    row = (await tx.execute(select(nodes).where(nodes.c.id == node_id))).first()
    return None if row is None else KnownNode(*row)


async def search_nodes(tx: ReadTx, ids: set[str] | None = None) -> list[KnownNode]:
    """List the known nodes by id; `ids` are the only ones wanted."""
    query = select(nodes).order_by(nodes.c.id)
    if ids is not None:
        query = query.where(nodes.c.id.in_(sorted(ids)))
    return [KnownNode(*row) for row in await tx.execute(query)]


async def save_node(tx: WriteTx, node: KnownNode) -> None:
    """Keep the newest record of a node. Not checked: that it is newer and signed."""
    values = {name: getattr(node, name) for name in nodes.columns.keys()}  # noqa: SIM118
    if not await tx.insert_new(nodes, values):
        await tx.execute(update(nodes).where(nodes.c.id == node.id).values(**values))


async def find(tx: ReadTx, node_id: str) -> Peer | None:
    """Find a peer."""
    row = (await tx.execute(select(peers).where(peers.c.node_id == node_id))).first()
    return None if row is None else Peer(*row)


async def get(tx: ReadTx, node_id: str, *, for_change: bool = False) -> Peer:
    """Give a peer; `for_change` holds it until the commit. Raises NotFound."""
    query = select(peers).where(peers.c.node_id == node_id)
    row = (await tx.execute(query.with_for_update() if for_change else query)).first()
    if row is None:
        raise NotFound("There is no such peer.")
    return Peer(*row)


async def add(tx: WriteTx, peer: Peer) -> None:
    """Add a peer, whose node is known. Raises Conflict: it is one already."""
    values = {name: getattr(peer, name) for name in peers.columns.keys()}  # noqa: SIM118
    await tx.execute(peers.insert().values(**values))


async def change(tx: WriteTx, node_id: str, **values: Any) -> None:
    """Change columns of a peer."""
    await tx.execute(update(peers).where(peers.c.node_id == node_id).values(**values))


async def hurry(tx: WriteTx, at: datetime) -> None:
    """Let no peer wait longer than until a time."""
    await tx.execute(update(peers).where(peers.c.next_try_at > at).values(next_try_at=at))


async def search(tx: ReadTx) -> list[Peer]:
    """List the peers by node id: as many as operators have made, and the bounded number of strangers."""
    return [Peer(*row) for row in await tx.execute(select(peers).order_by(peers.c.node_id))]


async def count_strangers(tx: ReadTx) -> int:
    """Count the peers that have proposed themselves, and that nobody here has accepted."""
    query = select(func.count()).where(peers.c.state == "proposed", peers.c.accepted_here.is_(False))
    return int((await tx.execute(query)).scalar_one())


async def take_turn(tx: WriteTx, node_id: str, puller: str, now: datetime, until: datetime) -> bool:
    """Become, or stay, the one process that pulls from a peer until a time; False while another one is it."""
    free = or_(peers.c.puller.is_(None), peers.c.puller == puller, peers.c.puller_until <= now)
    turn = update(peers).where(peers.c.node_id == node_id, free).values(puller=puller, puller_until=until)
    return bool((await tx.execute(turn)).rowcount)


async def keep_turns(tx: WriteTx, puller: str, until: datetime) -> None:
    """Stay the process that pulls, wherever this one is it, until a time."""
    await tx.execute(update(peers).where(peers.c.puller == puller).values(puller_until=until))


async def give_turn(tx: WriteTx, node_id: str, puller: str) -> None:
    """Let another process pull from a peer; nothing happens where this one has lost its turn meanwhile."""
    mine = (peers.c.node_id == node_id) & (peers.c.puller == puller)
    await tx.execute(update(peers).where(mine).values(puller=None, puller_until=None))
