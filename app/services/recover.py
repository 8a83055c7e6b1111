"""Recover: a node whose database was restored from a backup never signs a second history.

The rule here: what this node has published is known in three places - its database, a file beside it
(`services/known_heads.py`), and its peers. While one of the others is ahead of the database, nothing is appended to
that log until its entries have been pulled back from a peer; if nobody has them, the operator opens a new epoch
(`services/epoch.py`).
"""

from collections.abc import Sequence
from datetime import datetime

from app.domain import checkpoint
from app.domain.actor import Actor
from app.domain.checkpoint import Checkpoint
from app.domain.errors import InvalidProof, Unavailable
from app.services.node import Node
from app.storage import logs, peers
from app.storage.store import ReadTx, WriteTx


async def held_audiences(node: Node, tx: WriteTx, now: datetime) -> list[int] | None:
    """List the audiences to whose own logs nothing may be appended now; None when that holds for all of them.

    Raises Unavailable: the node's key was changed since this process started.
    """
    await _check_key(node, tx)
    if not node.heads.vouched and not await _vouch(node, tx, now):
        return None
    return sorted({audience_id for _, audience_id in await logs.shown_ahead(tx)})


async def _check_key(node: Node, tx: ReadTx) -> None:
    own = await peers.find_node(tx, node.identity.node_id)
    if own is not None and own.generation > node.identity.generation:
        raise Unavailable("The node's key was changed: restart this process.")


async def _vouch(node: Node, tx: WriteTx, now: datetime) -> bool:
    """Find out, once for each process, whether the database is behind what this node has published.

    The file vouches where there is one; else every active peer must have been asked.
    """
    remembered = node.heads.read(node.identity.node_id, node.identity.keys)
    for log_id, (said, note) in (remembered or {}).items():
        if said.size > (await logs.head(tx, log_id)).size:
            await logs.show(tx, log_id, said.size, note, "file", now)
    if remembered is None and not await _all_asked(node, tx):
        return False
    node.heads.begin()
    node.heads.vouched = True
    return True


async def _all_asked(node: Node, tx: ReadTx) -> bool:
    active = {peer.node_id for peer in await peers.search(tx) if peer.state == "active"}
    return active <= node.heads.asked


async def take_shown(node: Node, peer: Actor, notes: Sequence[str], now: datetime) -> int:
    """Take in checkpoints that a peer holds of this node's logs; give how many are ahead of the database.

    Only what this node has signed itself counts; anything else is left out. A database that knows of a rotation has all
    that was signed before it: what is ahead under a replaced key was signed by whoever stole it.
    """
    ahead = 0
    async with node.store.write(peer) as tx:
        own = await peers.find_node(tx, node.identity.node_id)
        keys = node.identity.keys[0 if own is None else own.generation :]
        for note in notes:
            said = own_checkpoint(node, note, keys)
            if said is None:
                continue
            origin = checkpoint.parse_origin(said.origin)
            log_id = checkpoint.log_id(*origin)
            if said.size > (await logs.head(tx, log_id)).size:
                await logs.show(tx, log_id, said.size, note, peer.principal, now)
                ahead += 1
    return ahead


def own_checkpoint(node: Node, note: str, keys: Sequence[bytes]) -> Checkpoint | None:
    """Read a checkpoint that this node has signed with one of these keys; None for anything else."""
    for key in reversed(keys):
        try:
            said = checkpoint.parse_checkpoint(note, node.identity.node_id, key)
            checkpoint.parse_origin(said.origin)
        except InvalidProof:
            continue
        return said
    return None
