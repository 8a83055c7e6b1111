"""Evidence: signed proof that a node has told two stories about one of its logs.

The rule here: evidence is only ever added, and a log of which there is some is frozen: nothing is appended to it here.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from app.storage.federation_tables import evidence
from app.storage.store import ReadTx, WriteTx


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece: the log and its origin, what it proves, and the document that proves it to anybody."""

    id: str
    log_id: str
    origin: str
    kind: str
    document: bytes
    peer_id: str | None
    found_at: datetime


async def add(tx: WriteTx, found: Evidence) -> bool:
    """Keep a piece of evidence; False when it is kept already. Not checked: that it proves anything."""
    values = {name: getattr(found, name) for name in evidence.columns.keys()}  # noqa: SIM118
    return await tx.insert_new(evidence, values)


async def find(tx: ReadTx, evidence_id: str) -> Evidence | None:
    """Find a piece of evidence."""
    row = (await tx.execute(select(evidence).where(evidence.c.id == evidence_id))).first()
    return None if row is None else Evidence(*row)


async def search(tx: ReadTx, after: str = "", limit: int = 1_000) -> list[Evidence]:
    """List the evidence by id."""
    query = select(evidence).where(evidence.c.id > after).order_by(evidence.c.id).limit(limit)
    return [Evidence(*row) for row in await tx.execute(query)]


async def is_frozen(tx: ReadTx, log_id: str) -> bool:
    """Tell whether there is evidence about a log."""
    return (await tx.execute(select(evidence.c.id).where(evidence.c.log_id == log_id).limit(1))).first() is not None


async def frozen(tx: ReadTx) -> set[str]:
    """Name the logs about which there is evidence."""
    return {row[0] for row in await tx.execute(select(evidence.c.log_id).distinct())}


async def count(tx: ReadTx) -> int:
    """Count the proofs that are kept."""
    return int((await tx.execute(select(func.count()).select_from(evidence))).scalar_one())
