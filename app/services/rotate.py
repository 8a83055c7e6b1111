"""Rotate: give the node a new key.

The rule here: the key in use names the next one, and from the rotation on nothing in any log counts that the old one
signs: each own log says at which entry the key changed.
"""

from datetime import datetime

from app.domain import access
from app.domain import audience as audiences
from app.domain.actor import Actor
from app.domain.marking import Tlp
from app.domain.record import NodeStatement
from app.services import admit, audit, peering
from app.services.node import Node
from app.storage import logs, peers
from app.storage.store import WriteTx


async def rotate(node: Node, actor: Actor, now: datetime) -> int:
    """State the node's key in use in each of its logs, and keep its node record; give in how many.

    Done once for each key: a second call finds it done and gives 0.
    """
    access.check_act(actor, "operate")
    async with node.store.write(actor) as tx:
        own = await peers.find_node(tx, node.identity.node_id)
        if own is not None and own.generation >= node.identity.generation:
            return 0
        await logs.hold_sequencer(tx, wait=True)
        own_logs = await logs.of_origin(tx, node.identity.node_id)
        for log in own_logs:
            await state_key(node, tx, audiences.parse(log.audience), log.audience_id, log.audience_key, now)
        await peering.keep_own_record(node, tx, now)
        await audit.note(tx, "rotate_node_key", now, count=len(own_logs))
    node.ring()
    return len(own_logs)


async def state_key(
    node: Node,
    tx: WriteTx,
    audience: audiences.Audience,
    audience_id: int,
    audience_key: str,
    now: datetime,
    previous: str | None = None,
) -> None:
    """Owe the statement of the key in use to an own log; `previous` is the last checkpoint of an older epoch."""
    body = NodeStatement(node.identity.generation, node.identity.public_key, previous)
    tlp = Tlp.RED if audience_key.endswith(".red") else Tlp.AMBER
    handling = await admit.handling(tx, audience, tlp)
    stated = admit.frame(node, "node", node.operator, audience, *handling, body, now)
    await admit.vouch(tx, stated, stated.sign(node.identity.seed), audience_id, now)
