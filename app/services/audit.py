"""Audit: note deeds, chain them, read what the own organization did.

The rule here: a deed that changes something is noted in its own transaction. A question (look-up, screening) opens no
writing transaction: it is noted in memory and written within AUDIT_DELAY, at the latest when the node stops; no answer
is given while more than MAX_WAITING notes wait.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain import access, canonical
from app.domain.actor import Actor, system
from app.domain.timestamps import format_time
from app.services.node import Node
from app.storage import audit as audit_rows
from app.storage import credentials
from app.storage.audit import AuditRow, ChainedRow
from app.storage.store import WriteTx

AUDIT_DELAY = 0.1  # seconds a note of a question may wait in memory: what a crash can lose
MAX_WAITING = 20_000  # notes in memory, about 6 MB
GENESIS = bytes(32)


async def note(
    tx: WriteTx, deed: str, now: datetime, *, subject: str | None = None, count: int = 1, outcome: str = "done"
) -> None:
    """Note a deed in its own transaction."""
    row = AuditRow(tx.actor.organization, now, tx.actor.principal, deed, subject, outcome, count)
    await audit_rows.add(tx, [row])


@dataclass(slots=True)
class Questions:
    """The notes of questions that wait to be written, and the credentials that were used."""

    waiting: list[AuditRow] = field(default_factory=list)
    used: dict[str, datetime] = field(default_factory=dict)
    drained: asyncio.Event = field(default_factory=asyncio.Event)

    async def note(
        self, actor: Actor, deed: str, now: datetime, *, subject: str | None, outcome: str, count: int = 1
    ) -> None:
        """Note a question; waits while too many notes wait."""
        while len(self.waiting) >= MAX_WAITING:
            self.drained.clear()
            await self.drained.wait()
        self.waiting.append(AuditRow(actor.organization, now, actor.principal, deed, subject, outcome, count))

    async def write(self, node: Node) -> int:
        """Write the notes that wait; give how many."""
        rows, self.waiting = self.waiting, []
        used, self.used = self.used, {}
        if not rows and not used:
            return 0
        try:
            async with node.store.write(system(node.operator)) as tx:
                await audit_rows.add(tx, rows)
                await credentials.touch(tx, list(used.items()))
        except BaseException:
            self.waiting = rows + self.waiting
            self.used = used | self.used
            raise
        finally:
            self.drained.set()
        node.ring()
        return len(rows)


def chain_hash(previous: bytes, index: int, row: AuditRow) -> bytes:
    """Give the hash of an audit row: SHA-256 over the previous hash and the row's canonical bytes."""
    document = {
        "organization": str(row.organization_id),
        "index": index,
        "at": format_time(row.at),
        "principal": row.principal,
        "deed": row.deed,
        "subject": row.subject,
        "outcome": row.outcome,
        "count": row.count,
    }
    return hashlib.sha256(previous + canonical.encode(document)).digest()


async def chain_pending(tx: WriteTx, limit: int) -> int:
    """Move waiting rows into their organizations' chains; give how many. The caller is the one sequencer."""
    pending = await audit_rows.pending(tx, limit)
    if not pending:
        return 0
    heads = await audit_rows.heads(tx, sorted({row.organization_id for _, row in pending}))
    chained: list[ChainedRow] = []
    for _, row in pending:
        last, previous = heads.get(row.organization_id, (-1, GENESIS))
        digest = chain_hash(previous, last + 1, row)
        heads[row.organization_id] = (last + 1, digest)
        chained.append(ChainedRow(last + 1, row, digest))
    await audit_rows.chain(tx, [number for number, _ in pending], chained)
    return len(pending)


async def read(
    node: Node,
    actor: Actor,
    *,
    after: int,
    limit: int,
    deed: str | None = None,
    address_keys: Sequence[bytes] = (),
) -> list[ChainedRow]:
    """Read what the actor's own organization did, in the order of its chain.

    `address_keys` finds the look-ups of these addresses; what was looked up cannot be listed.
    """
    access.check_act(actor, "read_audit")
    subjects = [node.identity.address_digest(key) for key in address_keys]
    async with node.store.read(actor) as tx:
        return await audit_rows.search_own(tx, after, limit, deed=deed, subjects=subjects)
