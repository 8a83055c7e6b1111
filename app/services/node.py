"""What every deed is done with: the store, the node's identity, its source of randomness, and the sequencer's bell.

The rule here: made once, in `app/bootstrap.py` (or by a test), and passed on; nothing in the house is global.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain.ids import uuid7
from app.services.identity import Identity
from app.services.known_heads import KnownHeads
from app.storage.indicators import Indicators
from app.storage.store import Store


class Moved:
    """Tells those who wait that a log of this process's node has grown; `number` counts how often.

    `closed`: the process is about to end, and nobody is to wait any more.
    """

    def __init__(self) -> None:
        """Start at 0."""
        self.number = 0
        self.closed = False
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake all who wait."""
        self.number += 1
        self._event.set()
        self._event = asyncio.Event()

    def close(self) -> None:
        """Wake all who wait, for the last time."""
        self.closed = True
        self.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until something moves, at most so long; tell whether it did."""
        event = self._event
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Node:
    """One running node; `operator` is the organization that runs it, `random` gives that many random bytes.

    `url` is where peers reach it, None when they do not.
    """

    store: Store
    indicators: Indicators
    identity: Identity
    operator: UUID
    name: str
    random: Callable[[int], bytes]
    url: str | None = None
    heads: KnownHeads = field(default_factory=KnownHeads)
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    moved: Moved = field(default_factory=Moved)

    def new_id(self, now: datetime) -> UUID:
        """Make a UUIDv7."""
        return uuid7(now, self.random(10))

    def ring(self) -> None:
        """Wake the sequencer of this process: something is owed to a log or to the audit."""
        self.bell.set()

    async def close(self) -> None:
        """Close every connection."""
        await self.indicators.close()
        await self.store.close()
