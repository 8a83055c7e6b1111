"""Answers that were given, so that a repeated request gets the same one.

The rule here: an answer is remembered in the transaction of its deed, and holds nothing that an erasure must find.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from app.storage.store import ReadTx, WriteTx
from app.storage.tables import idempotency


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a request led to: its digest, the thing it made, the rows it refused and those it cleaned."""

    request_digest: bytes
    subject: UUID
    refused: list[dict[str, Any]]
    cleaned: list[dict[str, Any]]


async def find(tx: ReadTx, key: str) -> Remembered | None:
    """Find what the actor's organization asked under this key."""
    kept = idempotency.c
    query = select(kept.request_digest, kept.subject, kept.refused, kept.cleaned).where(
        kept.organization_id == tx.actor.organization, kept.key == key
    )
    row = (await tx.execute(query)).first()
    return None if row is None else Remembered(*row)


async def remember(tx: WriteTx, key: str, remembered: Remembered, now: datetime) -> None:
    """Remember the answer. Raises Conflict: another request used the key at the same moment."""
    await tx.execute(
        idempotency.insert().values(
            organization_id=tx.actor.organization,
            key=key,
            request_digest=remembered.request_digest,
            subject=remembered.subject,
            refused=remembered.refused,
            cleaned=remembered.cleaned,
            created_at=now,
        )
    )


async def expire(tx: WriteTx, before: datetime) -> None:
    """Forget what was asked before a time."""
    await tx.execute(delete(idempotency).where(idempotency.c.created_at < before))
