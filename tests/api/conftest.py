"""A whole node behind its real ASGI application, and four organizations that speak to it over HTTP.

The rule here: what a partner does goes over HTTP; only what the node's operator does goes by the services. The loops of
the application run, and every answer is held to the OpenAPI document (`conformity.py`).
"""

import asyncio
import secrets
import socket
import threading
import time
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field

import httpx
import jwt
import pytest
import structlog
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.asgi import build, configure_logs, make_hall, utc_now
from app.bootstrap import initialize
from app.domain import signing
from app.domain.actor import Scope, operator
from app.federation.client import Client
from app.services import health, membership, sequence
from app.services.audit import Questions
from app.services.authenticate import Authenticator
from app.settings import Settings
from app.web.deps import Hall
from app.web.limits import Budgets
from app.web.metrics import Metrics
from app.web.outbound import Outbound
from tests import serving
from tests.api import conformity
from tests.world import World

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BITCOIN = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"


async def conform(response):
    """Hold an answer to the OpenAPI document."""
    await response.aread()
    request = response.request
    conformity.check(
        request.method,
        request.url.path,
        response.status_code,
        response.headers,
        response.content,
        response.json,
    )


def assertion(organization, seed, audience, now, *, jti="1", keyid=None, header=None, **claims):
    """Sign a private_key_jwt."""
    issued = int(now.timestamp())
    said = {
        "iss": str(organization),
        "sub": str(organization),
        "aud": audience,
        "jti": jti,
        "iat": issued,
        "exp": issued + 60,
        **claims,
    }
    headers = {"typ": "client-authentication+jwt", "kid": keyid or signing.key_id(signing.public_key(seed))}
    return jwt.encode(said, Ed25519PrivateKey.from_private_bytes(seed), "EdDSA", headers | (header or {}))


@dataclass
class CountedQuestions(Questions):
    """Tells how many are writing the notes just now, for a test that waits until all is written."""

    writing: int = 0

    async def write(self, node):
        self.writing += 1
        try:
            return await super().write(node)
        finally:
            self.writing -= 1


@dataclass
class Site:
    """One node and its application; `client` speaks to it as nobody, or with these headers."""

    home: object
    hall: Hall
    app: object
    _clients: list = field(default_factory=list)

    @property
    def node(self):
        return self.home.node

    @property
    def clock(self):
        return self.home.world.clock

    def client(self, credential=None, *, ip="127.0.0.1", check=True, **headers):
        """Make a client: with an API key or token, from an IP address."""
        transport = httpx.ASGITransport(self.app, client=(ip, 4711))
        if credential is not None:
            headers["authorization"] = f"Bearer {credential}"
        made = httpx.AsyncClient(
            transport=transport,
            base_url="http://node",
            headers=headers,
            trust_env=False,
            event_hooks={"response": [conform]} if check else None,
        )
        self._clients.append(made)
        return made

    async def partner(self, name, *, trusted=True, own_key=False):
        """Add an organization with an API key and a signing key of its own; with `own_key` the node holds none."""
        made = await self.home.organization(name, trusted=trusted, own_key=own_key)
        seed = made.seed
        if seed is None:
            seed = self.home.random(32)
            public = signing.public_key(seed)
            await membership.enrol_key(self.node, made.strong, made.id, public, self.clock.tick())
        key = await self.home.credential(made)
        return Party(self, made, key.text, key.credential.id, seed, self.client(key.text))

    async def settle(self):
        """Wait until every note is written and every record stands in its log."""
        while True:
            await self.home.questions.write(self.node)
            written = not self.home.questions.writing
            moved = await sequence.run_once(self.node, self.clock())
            state = await health.measure(self.node, self.clock())
            waiting = await self.home.rows("SELECT count(*) FROM audit_pending")
            if written and not (moved or state.owed or waiting[0][0]):
                return
            await asyncio.sleep(0.001)

    async def close(self):
        for made in self._clients:
            await made.aclose()


@dataclass
class Party:
    """An organization with its API key; `api` speaks with that key, `strong()` with a token by private_key_jwt."""

    site: Site
    partner: object
    key: str
    key_id: str
    seed: bytes
    api: httpx.AsyncClient
    _strong: httpx.AsyncClient | None = None
    _signed: int = 0

    @property
    def id(self):
        return str(self.partner.id)

    def assertion(self, *, audience=None, seed=None, **fields):
        """Sign a private_key_jwt, another each time."""
        self._signed += 1
        audience = audience or self.site.node.identity.node_id
        fields = {"jti": str(self._signed), **fields}
        return assertion(self.id, seed or self.seed, audience, self.site.clock.now, **fields)

    async def exchange(self, **fields):
        """Ask for a token with an assertion."""
        form = {"grant_type": "client_credentials", "client_assertion_type": JWT_BEARER, **fields}
        form.setdefault("client_assertion", self.assertion())
        return await self.site.client().post("/v1/token", data=form)

    async def token(self):
        answer = await self.exchange()
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    async def strong(self):
        if self._strong is None:
            self._strong = self.site.client(await self.token())
        return self._strong

    async def submit(self, *addresses, status=201, headers=None, api=None, partial=None, **fields):
        """Submit a report over HTTP, public unless said otherwise; give the answer's document."""
        params = None if partial is None else {"partial": partial}
        answer = await (api or self.api).post(
            "/v1/reports", json=claim(*addresses, **fields), headers=headers, params=params
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    async def follow(self, report, what, status=201, **said):
        """Post a revocation, erasure, opinions or sightings."""
        answer = await self.api.post(f"/v1/reports/{report}/{what}", json=said)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def look_up(self, address, **params):
        answer = await self.api.get(f"/v1/addresses/{address}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


def claim(*addresses, chain="ethereum", **fields):
    """Make the fields of a report, as a partner writes them."""
    rows = [{"chain": chain, "address": item} for item in addresses]
    return {
        "category": "sex_trafficking",
        "method": "advert",
        "confidence": 70,
        "tlp": "TLP:CLEAR",
        "audience": {"kind": "public"},
        "indicators": rows,
        **fields,
    }


def address(number, size=40):
    """Make an Ethereum address from a number."""
    return f"0x{number:0{size}x}"


async def wait_for(condition, seconds=10.0):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not (found := await condition()):
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.002)
    return found


@asynccontextmanager
async def open_site(url, *, seed=0, loops=True, failures_per_minute=10_000, **settings):
    """Open a node on an empty database and run its application; without `loops` only `settle` moves what waits."""
    world = World(seed)
    home = await world.add_home(url)
    home.questions = CountedQuestions()
    chosen = Settings(_env_file=None, failures_per_minute=failures_per_minute, **settings)
    client = Client(home.node, Outbound(allow_private=True), world.clock)
    hall = Hall(
        home.node,
        client,
        home.questions,
        Authenticator(home.node, home.questions),
        Budgets(chosen),
        Metrics(),
        chosen,
        world.clock,
    )
    app = serving.serve(hall)
    site = Site(home, hall, app)
    try:
        async with app.router.lifespan_context(app) if loops else nullcontext():
            yield site
            await site.close()
            await site.settle()
            home.node.bell.clear()
    finally:
        await world.close()


@pytest.fixture
async def site(database):
    """A site on each kind of database."""
    async with open_site(database) as made:
        yield made


@pytest.fixture
async def lite(fresh_sqlite):
    """A site on SQLite, for what does not depend on the database."""
    async with open_site(fresh_sqlite()) as made:
        yield made


@dataclass
class Served:
    """A node behind uvicorn, as it is served: its port, and a client with the operator's first API key."""

    port: int
    key: str
    strong: str
    settings: Settings
    hall: Hall
    organization: str

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def talk(self, *parts, pause=0.0):
        """Send raw bytes on a connection of its own, and give all that comes back until it is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            for part in parts:
                try:
                    connection.sendall(part)
                except OSError:
                    break
                time.sleep(pause)
            answer = b""
            try:
                while piece := connection.recv(65_536):
                    answer += piece
            except OSError:
                pass
            return answer


async def _strong_token(settings, organization):
    """Give the operator's organization a signing key of its own, and exchange an assertion by it."""
    hall = make_hall(settings)
    seed = secrets.token_bytes(32)
    await membership.enrol_key(hall.node, operator(organization), organization, signing.public_key(seed), utc_now())
    node_id = hall.node.identity.node_id
    signed = assertion(organization, seed, node_id, utc_now())
    token = await hall.authenticator.exchange_assertion(signed, [node_id], [], utc_now())
    await hall.node.close()
    return token.text


@contextmanager
def serve(folder, **settings):
    """Prepare a node in a folder and serve it in a thread of this process."""
    chosen = Settings(_env_file=None, data=folder, **settings)
    first = asyncio.run(initialize(chosen, "Home", "ngo", utc_now()))
    strong = asyncio.run(_strong_token(chosen, first.operator))
    hall = make_hall(chosen)
    app = build(hall)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http="httptools", log_config=None, access_log=False, lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    try:
        yield Served(listener.getsockname()[1], first.api_key, strong, chosen, hall, str(first.operator))
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A served node for this process of the test run."""
    budgets = dict.fromkeys(("requests_per_minute", "failures_per_minute"), 1_000_000)
    with serve(tmp_path_factory.mktemp("served") / "node", **budgets) as made:
        yield made


@pytest.fixture
def house_logs(capfd):
    """Give what makes logs go where the served program writes them, and what reads it."""

    def start():
        configure_logs("DEBUG")  # in the test itself: standard error is another one while fixtures are made
        return capfd.readouterr

    yield start
    structlog.reset_defaults()


EVERY_SCOPE = tuple(scope for scope in Scope if scope is not Scope.OPERATE)  # that a partner may have
