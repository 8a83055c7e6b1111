"""The network of a world: nodes behind their ASGI applications, and the fate of each call drawn from one seed.

The rule here: nothing is sent but through the product's own client, nothing answered but by its own application; what
happens on the way is all that this module decides.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

from app.federation.client import Client
from app.settings import Settings
from app.web.deps import Hall
from app.web.outbound import Outbound
from tests.serving import make_hall, serve
from tests.world import Home, World


class Fate(StrEnum):
    """What becomes of one call."""

    GOOD = "good"
    REQUEST_LOST = "request lost"
    ANSWER_LOST = "answer lost"
    CUT = "cut off"
    FLIPPED = "one bit flipped"
    BUSY = "503"
    TWICE = "asked twice"


BAD = tuple(fate for fate in Fate if fate is not Fate.GOOD)


@dataclass
class Network:
    """Who can reach whom, and how well; `trouble` is the share of calls that go wrong."""

    seed: int = 0
    trouble: float = 0.0
    apps: dict[str, httpx.ASGITransport] = field(default_factory=dict)
    cut: set[frozenset[str]] = field(default_factory=set)
    calls: int = 0
    meddle: Callable[[str, str, httpx.Request, httpx.Response], httpx.Response] | None = None

    def __post_init__(self) -> None:
        self.dice = random.Random(f"network {self.seed}")

    def from_host(self, name: str) -> "Wire":
        """Give the transport of one node."""
        return Wire(self, name)

    def fate(self) -> Fate:
        """Draw what becomes of the next call."""
        self.calls += 1
        return self.dice.choice(BAD) if self.dice.random() < self.trouble else Fate.GOOD


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """What one node sees of the network."""

    network: Network
    name: str

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one call, as its fate has it."""
        to = request.url.host
        app = self.network.apps.get(to)
        if app is None or frozenset({self.name, to}) in self.network.cut:
            raise httpx.ConnectError("no such host", request=request)
        fate = self.network.fate()
        if fate is Fate.REQUEST_LOST:
            raise httpx.ReadTimeout("lost", request=request)
        if fate is Fate.BUSY:
            return httpx.Response(503, request=request, stream=httpx.ByteStream(b"{}"))
        if fate is Fate.TWICE:
            await self._carry(app, request)
        answer = await self._carry(app, request)
        if self.network.meddle is not None:
            answer = self.network.meddle(self.name, to, request, answer)
        if fate is Fate.ANSWER_LOST:
            raise httpx.ReadError("lost", request=request)
        return self._spoil(fate, answer)

    async def _carry(self, app: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        sent = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        answer = await app.handle_async_request(sent)
        raw = b"".join([piece async for piece in answer.stream])
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"content-length"]
        return httpx.Response(answer.status_code, headers=headers, stream=httpx.ByteStream(raw), request=request)

    def _spoil(self, fate: Fate, answer: httpx.Response) -> httpx.Response:
        raw = b"".join(answer.stream)
        if fate is Fate.CUT:
            raw = raw[: self.network.dice.randrange(len(raw) + 1)]
        if fate is Fate.FLIPPED and raw:
            place = self.network.dice.randrange(len(raw))
            raw = raw[:place] + bytes([raw[place] ^ 1 << self.network.dice.randrange(8)]) + raw[place + 1 :]
        return httpx.Response(answer.status_code, headers=answer.headers.raw, stream=httpx.ByteStream(raw))


@dataclass
class Site:
    """A node on the network: its application as it is served, and the client by which it asks others."""

    home: Home
    network: Network
    host: str
    hall: Hall = field(init=False)
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    @property
    def url(self) -> str:
        """Where the others reach it."""
        return f"http://{self.host}"

    def start(self) -> None:
        """Serve the home's node as it is now opened."""
        node, clock = self.home.node, self.home.world.clock
        settings = Settings(data="unused", url=self.url, allow_private_peers=True)
        self.client = Client(node, Outbound(transport=self.network.from_host(self.host)), clock)
        self.hall = make_hall(node, self.client, settings, clock)
        self.network.apps[self.host] = httpx.ASGITransport(serve(self.hall), client=("192.0.2.1", 4711))

    async def restart(self) -> None:
        """Stop as in a crash, and serve again from what is stored."""
        self.network.apps.pop(self.host, None)
        await self.home.restart()
        self.start()


async def add_site(world: World, network: Network, url: str, name: str) -> Site:
    """Start one more node on a migrated, empty database, and put it on the network."""
    home = await world.add_home(url, name, at=f"http://{name}.test")
    return Site(home, network, f"{name}.test")
