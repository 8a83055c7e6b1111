"""Rebase: what a restored node has stated of an organization since then goes on from what it had stated before.

The rule here: what stands in the node's own log, and comes back from its peers, is the beginning; a statement that is
owed to that log follows it in its own place, with the keys of both, so that whatever it vouches for still counts.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.domain.entry_rules import LogName
from app.domain.marking import Tlp
from app.domain.record import Key, Organization
from app.services import admit
from app.services.node import Node
from app.storage import organizations, owed, records
from app.storage.store import WriteTx


async def take_back(
    node: Node,
    tx: WriteTx,
    log: LogName,
    audience_id: int,
    issuer: UUID,
    body: Organization,
    coming: Collection[UUID],
    now: datetime,
) -> None:
    """Take back what an own log states of an organization at home here, and this node has lost.

    It is not stated again, and a key that was revoked is not taken for valid. Keys that were enrolled since, and logs
    in which an older version stands, get a newer statement. `coming` are the records that come back at this moment.
    """
    learned = await organizations.restate_keys(tx, issuer, body.keys, now)
    handling = await admit.handling(tx, log.audience, Tlp.RED if log.red else Tlp.AMBER)
    stale = await owed.statements(tx, audience_id, issuer, coming)
    await owed.withdraw(tx, [item.record_id for item in stale])
    await records.introduce(tx, audience_id, issuer, body)
    last = body
    for item in stale:
        # Each version that was noted as introduced is stated: by what came back, or here.
        version = max(last.version + 1, item.body.version)
        merged = replace(item.body, version=version, keys=_both(last.keys, item.body.keys))
        if item.body.version <= last.version and replace(merged, version=last.version) == last:
            continue
        stated = admit.frame(node, "organization", issuer, log.audience, *handling, merged, now)
        await admit.vouch(tx, stated, stated.sign(node.identity.seed), audience_id, now)
        await owed.put_in_place(tx, stated.id, item.place)
        await records.introduce(tx, audience_id, issuer, merged)
        last = merged
    known = await organizations.find(tx, issuer)
    assert known is not None
    version = max(known.version, last.version)
    held = await organizations.vouched(tx, known)
    if set(held.keys) != set(last.keys) and (learned or known.version <= last.version):
        version += 1
    await organizations.set_version(tx, issuer, version)
    await admit.introduce_everywhere(node, tx, replace(known, version=version), now)


def _both(first: Sequence[Key], second: Sequence[Key]) -> tuple[Key, ...]:
    """Give the keys of two statements: one that either says is revoked is."""
    keys = {key.public_key: key for key in first}
    for key in second:
        known = keys.get(key.public_key, key)
        keys[key.public_key] = replace(known, revoked=known.revoked or key.revoked)
    return tuple(keys.values())
