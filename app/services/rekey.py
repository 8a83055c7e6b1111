"""Make the keys of all indicators anew after the registry of chains has changed.

The rule here: a record's text never changes, but what a newer version knows of its chain does; until the keys are made
anew, an address that was reported before its chain was known is not found under the form that it has today.
"""

from uuid import UUID

from app.domain import address as addresses
from app.domain.actor import system
from app.storage import keys_of_indicators
from app.storage.keys_of_indicators import Keyed
from app.storage.store import Store

_NOBODY = UUID(int=0)  # the node itself moves rows; no organization acts
BATCH = 5_000  # indicators of one transaction: a tenth of a second


async def rekey(store: Store) -> int:
    """Make anew what this version's registry makes otherwise; give how many keys changed."""
    digest, changed = addresses.registry_digest(), 0
    after: tuple[UUID, int] | None = None
    actor = system(_NOBODY)
    async with store.read(actor) as tx:
        if await keys_of_indicators.made_by(tx) == digest:
            return 0
    while True:
        async with store.write(actor) as tx:
            rows = await keys_of_indicators.walk(tx, after, BATCH)
            new = [change for row in rows if (change := _change(row))]
            await keys_of_indicators.change(tx, new)
            if len(rows) < BATCH:
                await keys_of_indicators.note(tx, digest)
                return changed + len(new)
        changed += len(new)
        after = rows[-1].record_id, rows[-1].ordinal


async def is_current(store: Store) -> bool:
    """Tell whether the keys were made by this version's registry."""
    async with store.read(system(_NOBODY)) as tx:
        return await keys_of_indicators.made_by(tx) == addresses.registry_digest()


def _change(row: Keyed) -> dict[str, object] | None:
    key = addresses.kept_key(row.chain, row.address)
    return None if key == row.key else {"of_record": row.record_id, "of_ordinal": row.ordinal, "new_key": key}
