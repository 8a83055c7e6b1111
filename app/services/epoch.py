"""Open a new epoch of an own log whose end is lost: the database was restored, and nobody holds what came after.

The rule here: the old epoch stays as it was published, at the peers too; the new one begins by naming its last
checkpoint, so that nobody takes it for a second history.
"""

from datetime import datetime
from uuid import UUID

from app.domain import access, checkpoint, record
from app.domain import audience as audiences
from app.domain.actor import Actor
from app.domain.errors import Conflict, NotFound
from app.domain.marking import Tlp
from app.domain.record import Organization
from app.services import admit, audit, rotate, sequence
from app.services.node import Node
from app.storage import log_facts, logs
from app.storage.logs import Log, Pending
from app.storage.store import ReadTx, WriteTx


async def open_epoch(node: Node, actor: Actor, log_id: str, now: datetime) -> str:
    """Open a new epoch of an own log whose end nobody has any more; give the new log's id.

    Its first entry names the last checkpoint of the old epoch; peers keep that one as it is. Then every organization is
    stated as the old epoch states it last, so that what is owed follows in its order, with the keys that signed it.
    Raises NotFound; Conflict: nothing is missing.
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
        await sequence.extend(node, tx, opened, await _opening(node, tx, log, opened, shown.note, now), now)
        await audit.note(tx, "open_epoch", now, subject=name)
    node.ring()
    return name


async def _opening(node: Node, tx: WriteTx, old: Log, log: Log, previous: str, now: datetime) -> list[Pending]:
    """Make the first entries of an epoch: what it follows, and the organizations of the old one."""
    audience = audiences.parse(log.audience)
    owed = await logs.pending_statements(tx, log.audience_id)
    await rotate.state_key(node, tx, audience, log.audience_id, log.audience_key, now, previous)
    tlp = Tlp.RED if log.audience_key.endswith(".red") else Tlp.AMBER
    handling = await admit.handling(tx, audience, tlp)
    for issuer, body in (await _stated(tx, old)).items():
        stated = admit.frame(node, "organization", issuer, audience, *handling, body, now)
        await admit.vouch(tx, stated, stated.sign(node.identity.seed), log.audience_id, now)
    opening = [item for item in await logs.pending_statements(tx, log.audience_id) if item not in owed]
    await logs.settle(tx, opening)
    return opening


async def _stated(tx: ReadTx, log: Log) -> dict[UUID, Organization]:
    """Give what a log states last of each organization."""
    found: dict[UUID, Organization] = {}
    for envelope in await log_facts.statements(tx, log.id, (await logs.head(tx, log.id)).size):
        said = record.parse(envelope.payload, kept=True)
        if isinstance(said.body, Organization):
            found[said.issuer] = said.body
    return found
