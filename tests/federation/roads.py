"""The roads between the nodes of a simulation: what is on them is overheard, a node may lie there, and any may crash.

The rule here: nothing waits. A long poll is cut off at once, and one deed runs at a time, so that a deed and a turn of
the loop name a moment exactly.
"""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
from fastapi import FastAPI

from app import asgi
from app.federation.client import Client
from app.services.audit import Questions
from app.settings import Settings
from app.web.outbound import Outbound
from tests.network import Network, Site, Wire
from tests.serving import make_hall
from tests.world import Clock, Home, World

PLENTY = 1_000_000_000  # budgets are counted by the wall clock, which has no say here
_APPS: dict[str, FastAPI] = {}  # by host: an application takes longer to assemble than a story to tell


@dataclass
class Roads(Network):
    """A network on which everything that was answered is heard by `overhear`, after the liar has had it."""

    overhear: Callable[[str, str, httpx.Request, httpx.Response], None] = lambda *_: None
    serving: dict[str, asyncio.Task[httpx.Response]] = field(default_factory=dict)

    def from_host(self, name: str) -> Wire:
        """Give the transport of one node."""
        return Road(self, name)


@dataclass
class Road(Wire):
    """What one node sees of the network: no long polls, and a host that crashes while it answers."""

    network: Roads

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one call, unless it would wait."""
        if request.url.path.endswith("/wait"):
            raise httpx.ReadError("cut off", request=request)
        return await super().handle_async_request(request)

    async def _carry(self, app: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
        to = request.url.host
        task = asyncio.ensure_future(super()._carry(app, request))
        self.network.serving[to] = task
        try:
            answer = await task
        except asyncio.CancelledError:
            if to in self.network.apps:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                raise
            raise httpx.ReadError("the other side has crashed", request=request) from None
        finally:
            self.network.serving.pop(to, None)
        raw = b"".join(answer.stream)
        self.network.overhear(self.name, to, request, _copy(answer, raw))
        return _copy(answer, raw)


def _copy(answer: httpx.Response, raw: bytes) -> httpx.Response:
    return httpx.Response(answer.status_code, headers=answer.headers.raw, stream=httpx.ByteStream(raw))


class Watch(Clock):
    """The clock of one node: that of the world, and wrong by its skew."""

    def __init__(self, shared: Clock) -> None:
        """Go right."""
        self.shared = shared
        self.skew = timedelta()

    @property
    def now(self) -> datetime:  # type: ignore[override]
        """The time as this node has it."""
        return self.shared.now + self.skew

    def tick(self, **span: float) -> datetime:
        """Let time pass for everybody."""
        self.shared.tick(**span)
        return self.now


class Land(World):
    """The world as one node has it: everybody's dice, and a clock of its own."""

    def __init__(self, dice: Random, shared: Clock) -> None:
        """Hold the node's home."""
        self.dice = dice
        self.clock = self.watch = Watch(shared)
        self.homes = []


@dataclass
class Stand(Site):
    """A node of a simulation, in a folder of its own: `crash` and `restore` put other files in the place of its own."""

    folder: Path = field(kw_only=True)
    life: int = 0

    @property
    def id(self) -> str:
        """The id of its node."""
        return self.home.node.identity.node_id

    @property
    def file(self) -> Path:
        """The database file that is open now."""
        return Path(self.home.url.partition("///")[2])

    def start(self) -> None:
        """Serve the home's node as it is now opened."""
        node, clock = self.home.node, self.home.world.clock
        budgets = {f"{name}_per_minute": PLENTY for name in ("requests", "failures")}
        settings = Settings(data="unused", url=self.url, allow_private_peers=True, **budgets)
        self.client = Client(node, Outbound(transport=self.network.from_host(self.host)), clock)
        self.hall = make_hall(node, self.client, settings, clock)
        if self.host not in _APPS:
            _APPS[self.host] = asgi.build(self.hall)
        _APPS[self.host].state.hall = self.hall
        self.network.apps[self.host] = httpx.ASGITransport(_APPS[self.host], client=("192.0.2.1", 4711))

    def copy(self, name: str) -> Path:
        """Copy the database as it lies on the disk at this moment, with what is in its write-ahead log."""
        made = self.folder / name
        for suffix in ("", "-wal"):
            part = Path(f"{self.file}{suffix}")
            Path(f"{made}{suffix}").unlink(missing_ok=True)
            if part.exists():
                shutil.copyfile(part, f"{made}{suffix}")
        return made

    async def reopen(self, copied: Path) -> None:
        """Stop without finishing anything, and start on a copy of the files."""
        self.network.apps.pop(self.host, None)
        await self.home.close()
        self._replace(copied)
        self.home.questions = Questions()
        self.home.open()
        self.start()

    def _replace(self, copied: Path) -> None:
        self.life += 1
        made = self.folder / f"life-{self.life}.db"
        for suffix in ("", "-wal"):
            if Path(f"{copied}{suffix}").exists():
                shutil.copyfile(f"{copied}{suffix}", f"{made}{suffix}")
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.file}{suffix}").unlink(missing_ok=True)
        self.home.url = f"sqlite+aiosqlite:///{made}"


async def crash(victim: Stand, doer: Stand, deed: Coroutine[Any, Any, Any], turn: int, *, writing: bool = False) -> Any:
    """Let a node die at a turn of the loop while a deed runs, which may be its own or another node's that asks it.

    With `writing` only those turns are counted in which it writes.

    What is on its disk at that moment is all that is left. Gives what the deed came to, or the exception it ended with.
    """
    task = asyncio.ensure_future(deed)
    while turn > 0 and not task.done():
        await asyncio.sleep(0)
        turn -= not writing or victim.home.node.store._writer.locked()
    copied = victim.copy("crashed.db")
    victim.network.apps.pop(victim.host, None)
    if victim is doer:
        task.cancel()
    elif victim.host in victim.network.serving:
        victim.network.serving[victim.host].cancel()
    (came,) = await asyncio.gather(task, return_exceptions=True)
    await victim.reopen(copied)
    return came


async def add_stand(land: Land, network: Roads, template: Path, folder: Path, name: str) -> Stand:
    """Start one more node, on a copy of a migrated file."""
    folder = folder / name
    folder.mkdir()
    shutil.copyfile(template, folder / "life-0.db")
    at = f"http://{name}.test"
    home: Home = await land.add_home(f"sqlite+aiosqlite:///{folder / 'life-0.db'}", name, at=at)
    home.heads = folder / "heads"
    await home.restart()
    return Stand(home, network, f"{name}.test", folder=folder)
