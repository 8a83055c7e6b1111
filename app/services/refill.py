"""Fill the stream of feeds with what arrived before there was one.

The rule here: what is placed keeps its arrival; nothing that stands in the stream moves.
"""

from uuid import UUID

from app.domain.actor import system
from app.storage import logs, stamps
from app.storage.store import Store

_NOBODY = UUID(int=0)  # the node itself moves rows; no organization acts
BATCH = 2_000  # records of one transaction


async def refill(store: Store) -> None:
    """Place everything that has arrived after the last thing in the stream."""
    async with store.read(system(_NOBODY)) as tx:
        after: int | None = await stamps.last_placed(tx)
    while after is not None:
        async with store.write(system(_NOBODY)) as tx:
            await logs.hold_sequencer(tx, wait=True)
            after = await stamps.refill(tx, after, BATCH)
