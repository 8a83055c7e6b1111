"""Open a new epoch of an own log whose end is lost: the database was restored, and nobody holds what came after.

The rule here: the old epoch stays as it was published, at the peers too; the new one begins by naming its last
checkpoint, so that nobody takes it for a second history.
"""

from datetime import datetime

from app.domain import access, checkpoint
from app.domain import audience as audiences
from app.domain.actor import Actor
from app.domain.errors import Conflict, NotFound
from app.services import audit, membership, rotate, sequence
from app.services.node import Node
from app.storage import logs, records
from app.storage.logs import Log, Pending
from app.storage.store import WriteTx


async def open_epoch(node: Node, actor: Actor, log_id: str, now: datetime) -> str:
    """Open a new epoch of an own log whose end nobody has any more; give the new log's id.

    Its first entry names the last checkpoint of the old epoch; peers keep that one as it is. Every organization that
    stands in the old epoch is stated anew before anything else. Raises NotFound; Conflict: nothing is missing.
    """
    access.check_act(actor, "operate")
    async with node.store.write(actor) as tx:
        await logs.hold_sequencer(tx, wait=True)
        shown = {item.log_id: item for item in await logs.shown(tx)}.get(log_id)
        log = await logs.find(tx, log_id) if shown is None else await logs.find_shown(tx, shown)
        if log is None or log.origin != node.identity.node_id:
            raise NotFound("This node has no such log of its own.")
        if shown is None or shown.size <= (await logs.head(tx, log_id)).size:
            raise Conflict("Nothing is missing at the end of this log: it goes on as it is.")
        newest = await logs.find_own(tx, log.audience_id, log.origin)
        if newest is not None and newest.epoch > log.epoch:
            raise Conflict("A newer epoch of this log is open already.")
        name = checkpoint.log_id(log.origin, log.audience_key, log.epoch + 1)
        await logs.ensure(tx, name, log.origin, log.audience_id, log.epoch + 1)
        opened = await logs.find(tx, name)
        assert opened is not None
        await sequence.extend(node, tx, opened, await _opening(node, tx, opened, shown.note, now), now)
        await audit.note(tx, "open_epoch", now, subject=name)
    node.ring()
    return name


async def _opening(node: Node, tx: WriteTx, log: Log, previous: str, now: datetime) -> list[Pending]:
    """Make the first entries of an epoch: what it follows, the statements owed already, and the organizations anew."""
    audience = audiences.parse(log.audience)
    owed = await logs.pending_statements(tx, log.audience_id)
    await rotate.state_key(node, tx, audience, log.audience_id, log.audience_key, now, previous)
    for organization in await records.introduced_organizations(tx, log.audience_id):
        await membership.state_anew(node, tx, organization, now)
    naming, *stated = (item for item in await logs.pending_statements(tx, log.audience_id) if item not in owed)
    opening = [naming, *owed, *stated]
    await logs.settle(tx, opening)
    return opening
