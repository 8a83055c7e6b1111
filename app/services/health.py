"""Health: whether the database answers, and how long what is owed to the logs has waited.

The rule here: only whole-node figures of the sequencer's work; nothing of what was submitted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.actor import system
from app.services.node import Node
from app.storage import logs

ALARM = timedelta(seconds=10)  # how long a record may be owed to its log before the node calls itself not ready


@dataclass(frozen=True, slots=True)
class Health:
    """How many records are owed to the logs, for how many seconds the oldest, and whether that is too long."""

    owed: int
    owed_seconds: float
    late: bool


async def measure(node: Node, now: datetime) -> Health:
    """Measure. Raises Unavailable: the database does not answer."""
    async with node.store.read(system(node.operator)) as tx:
        owed, since = await logs.count_pending(tx)
    waited = timedelta() if since is None else max(timedelta(), now - since)
    return Health(owed, waited.total_seconds(), waited > ALARM)
