"""A bad network between real processes: a TCP proxy whose faults are drawn from one seed.

The rule here: what passes is never changed, only lost, cut off, held up or sent twice, as a network does it. Each
connection draws its fate when it begins; a calm proxy passes everything, also on connections that had another fate.
"""

import asyncio
import random
import re
import socket
import struct
from collections import Counter
from contextlib import suppress
from typing import NamedTuple

CHUNK = 16 * 1024  # bytes
DRIP = 0.01  # seconds between the single bytes of an answer that drips
REQUEST = re.compile(rb"^(?:GET|POST) (\S+) HTTP/1\.1\r$", re.MULTILINE)
KINDS = {
    "clean": 8,
    "refused": 1,  # reset before anything passes
    "lost": 1,  # the request arrives, nothing of the answer comes back
    "cut": 2,  # ends in order in the middle of an answer
    "reset": 2,  # is reset in the middle of an answer
    "deaf": 1,  # stays open, and nothing passes any more
    "slow": 2,  # each piece comes late
    "drip": 1,  # comes byte by byte
    "twice": 2,  # each request arrives twice, at the same time
}


class Fate(NamedTuple):
    """What becomes of a connection: its fault strikes when so many bytes of answers have passed."""

    kind: str
    after: int = 0
    seconds: float = 0.0


class Proxy:
    """One direction of calling between two nodes: whoever connects to `port` is connected to the target's port.

    `struck` counts the faults by kind, `targets` the requests by path and query, as far as they begin a piece.
    """

    def __init__(self, target: int, seed: object) -> None:
        self.target = target
        self.struck: Counter[str] = Counter()
        self.targets: Counter[str] = Counter()
        self._dice = random.Random(str(seed))
        self._calm = asyncio.Event()
        self._calm.set()
        self._parted = False
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object):
        self._server.close()
        await self._cut_all()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def storm(self) -> None:
        """Let connections that begin from now on draw their fates."""
        self._calm.clear()

    def calm(self) -> None:
        """Pass everything from now on; what was held up goes on."""
        self._parted = False
        self._calm.set()

    async def part(self) -> None:
        """Cut every connection, and refuse new ones until `join` or `calm`."""
        self._parted = True
        self.struck["parted"] += 1
        await self._cut_all()

    def join(self) -> None:
        """Let connections through again."""
        self._parted = False

    async def _cut_all(self) -> None:
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _draw(self) -> Fate:
        if self._calm.is_set():
            return Fate("clean")
        (kind,) = self._dice.choices(list(KINDS), list(KINDS.values()))
        return Fate(kind, int(10 ** self._dice.uniform(1, 4.5)), self._dice.uniform(0.05, 2.0))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin with a connection; it is ended also where its task is cancelled before its first step."""
        task = asyncio.create_task(self._carry(reader, writer))
        self._open.add(task)
        task.add_done_callback(lambda done: (self._open.discard(done), _reset(writer)))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):  # either end is gone, or the network was parted
            await self._connect(reader, writer, self._draw())

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fate: Fate) -> None:
        if self._parted or fate.kind == "refused":
            self.struck["refused"] += 1
            return
        there: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        tasks: list[asyncio.Task[None]] = []
        try:
            there.append(await asyncio.open_connection("127.0.0.1", self.target))
            if fate.kind == "twice":
                there.append(await asyncio.open_connection("127.0.0.1", self.target))
                self.struck["twice"] += 1
            tasks = [
                asyncio.create_task(self._ask(reader, [one for _, one in there])),
                asyncio.create_task(self._answer(there[0][0], writer, fate)),
                *(asyncio.create_task(_swallow(twin)) for twin, _ in there[1:]),
            ]
            await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
        finally:
            # First, because a second cancellation may come while the tasks are waited for.
            for _, one in there:
                _reset(one)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, reader: asyncio.StreamReader, to: list[asyncio.StreamWriter]) -> None:
        while piece := await reader.read(CHUNK):
            self.targets.update(found.decode() for found in REQUEST.findall(piece))
            for one in to:
                one.write(piece)
                await one.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fate: Fate) -> None:
        passed = 0
        strikes_at = {"lost": 0, "cut": fate.after, "reset": fate.after, "deaf": fate.after}.get(fate.kind)
        while piece := await reader.read(CHUNK):
            if not self._calm.is_set():
                if strikes_at is not None and passed + len(piece) > strikes_at:
                    writer.write(piece[: strikes_at - passed])
                    await writer.drain()
                    await self._strike(writer, fate)
                    return
                if fate.kind in {"slow", "drip"}:
                    self.struck[fate.kind] += 1
                    piece = await self._hold_up(piece, writer, fate)
            writer.write(piece)
            await writer.drain()
            passed += len(piece)

    async def _strike(self, writer: asyncio.StreamWriter, fate: Fate) -> None:
        self.struck[fate.kind] += 1
        if fate.kind == "cut":
            writer.write_eof()
            await self._pause(fate.seconds)
        if fate.kind == "deaf":
            await self._pause(5 * fate.seconds)

    async def _hold_up(self, piece: bytes, writer: asyncio.StreamWriter, fate: Fate) -> bytes:
        """Wait, or let single bytes drip; give what is left to be sent."""
        if fate.kind == "slow":
            await self._pause(fate.seconds / 4)
            return piece
        for place in range(len(piece)):
            if self._calm.is_set() or place > fate.seconds / DRIP:
                return piece[place:]
            writer.write(piece[place : place + 1])
            await writer.drain()
            await self._pause(DRIP)
        return b""

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._calm.wait()


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(CHUNK):
        pass


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a reset, or as it is where all of it was sent and acknowledged."""
    there = writer.get_extra_info("socket")
    if there is not None and not writer.is_closing() and there.fileno() >= 0:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
