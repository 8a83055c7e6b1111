"""Expire: forget remembered answers, statuses and used assertions that are past their time.

The rule here: only what no promise speaks of is forgotten; records, logs and audit never are.
"""

from datetime import datetime, timedelta

from app.domain.actor import system
from app.services.node import Node
from app.storage import credentials, idempotency, taxii

IDEMPOTENCY_KEPT = timedelta(hours=48)  # twice the 24 hours that a client may take to repeat a request
STATUSES_KEPT = timedelta(hours=48)  # of TAXII, which asks for 24 at least
TAKEN_BACK_KEPT = timedelta(days=731)  # the default lifetime of a claim: an older version has lapsed by then


async def expire(node: Node, now: datetime) -> None:
    """Forget what is past its time."""
    async with node.store.write(system(node.operator)) as tx:
        await idempotency.expire(tx, now - IDEMPOTENCY_KEPT)
        await credentials.expire_assertions(tx, now)
        await taxii.expire_statuses(tx, now - STATUSES_KEPT)
        await taxii.expire_taken_back(tx, now - TAKEN_BACK_KEPT)
    await node.store.scrub()
