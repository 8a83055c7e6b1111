"""Freshness: when each node from which records come was last heard.

The rule here: it is the same for everybody who asks, and follows from no record.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.actor import system
from app.domain.peer import State
from app.services.node import Node
from app.storage import peers

HELD_SECONDS = 2.0  # seconds: a look-up must not cost a statement more; a peer is heard every 25 s


@dataclass(slots=True)
class Freshness:
    """What was read last, and until when it is good enough."""

    heard: tuple[tuple[str, datetime], ...] = ()
    until: float = field(default=0.0)

    async def read(self, node: Node) -> tuple[tuple[str, datetime], ...]:
        """Give the id of each active peer that was heard, and when that was, by id."""
        if self.until <= time.monotonic():
            async with node.store.read(system(node.operator)) as tx:
                found = [peer for peer in await peers.search(tx) if peer.state == State.ACTIVE]
            self.heard = tuple((peer.node_id, peer.heard_at) for peer in found if peer.heard_at is not None)
            self.until = time.monotonic() + HELD_SECONDS
        return self.heard
