"""Nodes of one world that speak to each other over their real ASGI surfaces, and what a peer asks of another.

The rule here: everything a peer gets, it gets by a signed request through `Client`, or by `Peer.call`, which signs
whatever it is told to.
"""

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI

from app.domain import actor as actors
from app.domain import node_record, page
from app.domain.checkpoint import log_id
from app.federation.client import Client
from app.services import peer_tokens, peering
from app.services.authenticate import Authenticator
from app.services.remote import Destination
from app.settings import Settings
from app.web.deps import Hall
from app.web.limits import Budgets
from app.web.metrics import Metrics
from app.web.outbound import Outbound
from tests.serving import serve
from tests.world import World


class Network(httpx.AsyncBaseTransport):
    """All addresses there are; each request that is sent and not answered by a node finds nobody."""

    def __init__(self):
        self.apps = {}

    async def handle_async_request(self, request):
        if request.url.host not in self.apps:
            raise httpx.ConnectError("nobody is there")
        return await httpx.ASGITransport(self.apps[request.url.host]).handle_async_request(request)


@dataclass
class Side:
    """One node of a pair: its home in the world, its surface, and how it asks others."""

    home: object
    hall: Hall
    app: FastAPI
    client: Client

    @property
    def node(self):
        return self.home.node

    @property
    def id(self):
        return self.node.identity.node_id

    @property
    def to(self):
        return Destination(self.id, self.home.at)

    @property
    def actor(self):
        """This node as others see it."""
        return actors.peer(self.id)

    def log(self, audience_key="public"):
        return log_id(self.id, audience_key, 1)

    async def propose(self, other, **said):
        home = self.home
        return await peering.propose(self.node, home.operator, self.client, other.home.at, home.tick(), **said)

    async def decide(self, other, deed):
        return await peering.decide(self.node, self.home.operator, self.client, other.id, deed, self.home.tick())

    async def peer(self, other):
        found, _ = await peering.get_peer(self.node, self.home.operator, other.id)
        return found

    async def state(self, other):
        return (await self.peer(other)).state

    async def call(self, other, method, target, document=None, *, token=None, **headers):
        """Send a request to another node, signed for what it is unless a token is given."""
        body = b"" if document is None else json.dumps(document).encode()
        if token is None:
            token = peer_tokens.mint(self.node, other.id, method, target, body, self.home.world.clock())
        headers = {"authorization": f"Bearer {token}", **headers}
        if body:
            headers["content-type"] = "application/json"
        transport = httpx.ASGITransport(other.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://node", trust_env=False) as http:
            return await http.request(method, target, content=body, headers=headers)

    async def page(self, other, log, start=0, stop=None):
        return page.read(await self.client.entries(other.to, log, start, stop))

    async def heads(self, other, held=(), gossip=()):
        return await self.client.heads(other.to, list(held), list(gossip))

    async def record(self):
        return node_record.parse(await peering.own_record(self.node, self.home.world.clock()))


@asynccontextmanager
async def open_sides(*urls, **settings):
    """Start a node on each of the databases, named a, b, c and so on; they do not know each other yet."""
    world, network, sides = World(), Network(), []
    for name, url in zip("abc", urls, strict=False):
        home = await world.add_home(url, name, at=f"https://{name}.example")
        chosen = Settings(_env_file=None, url=home.at, failures_per_minute=10_000, **settings)
        client = Client(home.node, Outbound(transport=network), world.clock)
        hall = Hall(
            node=home.node,
            remote=client,
            questions=home.questions,
            authenticator=Authenticator(home.node, home.questions),
            budgets=Budgets(chosen),
            metrics=Metrics(),
            settings=chosen,
            clock=world.clock,
        )
        home.node.heads.vouched = True  # these databases are new: nobody has to be asked what was published before
        sides.append(Side(home, hall, serve(hall), client))
        network.apps[f"{name}.example"] = sides[-1].app
    try:
        yield sides
    finally:
        for side in sides:
            await side.client.close()
        await world.close()


async def befriend(one, other):
    """Let both operators accept the peering."""
    await one.propose(other)
    await other.decide(one, "accept")
