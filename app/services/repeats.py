"""Repeated requests: the same key and the same request get the same answer.

The rule here: what a request led to is remembered in the transaction of its deed, so a repeat after a lost answer
cannot do the deed twice.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from app.domain.errors import IdempotencyMismatch, Refused
from app.domain.indicator import CleanedRow
from app.storage import idempotency
from app.storage.idempotency import Remembered as Remembered  # noqa: PLC0414 - part of this floor's interface
from app.storage.store import DuplicateRow, ReadTx, WriteTx

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Repeat:
    """An idempotency key, and the digest of the request that it stands for."""

    key: str
    digest: bytes


def repeat_of(key: str, deed: str, body: bytes) -> Repeat:
    """Make the repeat of a request: what was asked, and the exact bytes."""
    return Repeat(key, hashlib.sha256(deed.encode() + b"\x00" + body).digest())


async def recall(tx: ReadTx, repeat: Repeat | None) -> Remembered | None:
    """Give what the request led to before. Raises IdempotencyMismatch: the key stood for another request."""
    if repeat is None:
        return None
    found = await idempotency.find(tx, repeat.key)
    if found is not None and found.request_digest != repeat.digest:
        raise IdempotencyMismatch("This Idempotency-Key was used for another request; choose a new one.")
    return found


async def remember(
    tx: WriteTx,
    repeat: Repeat | None,
    subject: UUID,
    now: datetime,
    refused: Sequence[Refused] = (),
    cleaned: Sequence[CleanedRow] = (),
) -> None:
    """Remember what the request led to."""
    if repeat is None:
        return
    rows = [asdict(row) for row in refused], [row._asdict() for row in cleaned]
    await idempotency.remember(tx, repeat.key, Remembered(repeat.digest, subject, *rows), now)


async def once_more(deed: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do a deed; when another request added the same thing at the same moment, do it once more and find that thing."""
    try:
        return await deed()
    except DuplicateRow:
        return await deed()
