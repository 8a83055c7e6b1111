"""Nodes behind real HTTP servers on this machine, any of which may lie.

The rule here: a liar is a whole node, with real keys and a real store, and answers the protocol by the product's own
application; then each of its `lies` may change an answer before it leaves. What it could only say with a store that no
honest program makes, it says from a `Story`: a log of whatever entries, signed with whatever keys.

    async with open_nodes(fresh_sqlite(), fresh_sqlite()) as (honest, liar):
        liar.lies.append(on("/entries", lambda _, reply: replace(reply, status=404)))
        await pull_once(honest, liar)
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from backports import zstd
from uvicorn import Config
from uvicorn.server import ServerState

from app import bootstrap
from app.domain import audience as audiences
from app.domain import checkpoint, merkle, page, record, signing
from app.domain.audience import Audience
from app.domain.checkpoint import Checkpoint
from app.domain.ids import uuid7
from app.domain.marking import Pap, Tlp
from app.domain.merkle import Frontier
from app.domain.page import LogName
from app.domain.record import Record
from app.domain.signing import Envelope
from app.federation.client import Client
from app.services import verify_log
from app.settings import Settings
from app.web.deps import Hall
from app.web.outbound import Answer, Outbound
from tests.joined import join
from tests.serving import make_hall, serve
from tests.world import Home, Partner, World

Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Asked:
    """One request, as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One answer before it leaves: its content whole, or in the pieces in which it is to be sent."""

    status: int
    headers: Mapping[str, str]
    content: bytes | AsyncIterator[bytes]

    @property
    def plain(self) -> bytes:
        """The content, decoded."""
        assert isinstance(self.content, bytes)
        return zstd.decompress(self.content) if self.headers.get("content-encoding") == "zstd" else self.content

    def of(self, content: bytes | AsyncIterator[bytes], **headers: str) -> "Reply":
        """Give the same answer with another content, which is not encoded unless a header says so."""
        kept = {
            name: value for name, value in self.headers.items() if name not in {"content-encoding", "content-length"}
        }
        return replace(self, content=content, headers=kept | {k.replace("_", "-"): v for k, v in headers.items()})


Lie = Callable[[Asked, Reply], Reply]


def on(ending: str, lie: Lie) -> Lie:
    """Tell a lie only where the path ends so."""
    return lambda asked, reply: lie(asked, reply) if asked.path.endswith(ending) else reply


def ok(content: bytes, kind: str = "application/json") -> Reply:
    """Make an answer that looks well."""
    return Reply(200, {"content-type": kind}, content)


class Impatient(Outbound):
    """The product's client with a shorter deadline, so that no test waits for the real one."""

    patience = 20.0

    async def send(self, method: str, url: str, *, seconds: float, **more: Any) -> Answer:
        """Send as ever, within the patience."""
        return await super().send(method, url, seconds=min(seconds, self.patience), **more)


@dataclass
class Stand:
    """A node behind a real HTTP server; it has what `tests/joined.py` needs of a site."""

    world: World
    home: Home = field(init=False)
    hall: Hall = field(init=False)
    client: Client = field(init=False)
    outbound: Impatient = field(init=False)
    lies: list[Lie] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.state = ServerState()

    async def start(self, database: str, name: str) -> None:
        """Make the node on a migrated, empty database, and serve it."""
        self.home = await self.world.add_home(database, name, at=self.url)
        self.home.node.heads.vouched = True  # the database is new: nobody has to be asked what was published before
        self.open()
        # A connection outlives a test: in one loop, an idle one could be closed in the turn in which it is used again.
        config = Config(self, lifespan="off", log_config=None, access_log=False, ws="none", timeout_keep_alive=120)
        config.load()
        loop = asyncio.get_running_loop()
        self.listener = await loop.create_server(
            lambda: config.http_protocol_class(config=config, server_state=self.state, app_state={}), sock=self.socket
        )

    def open(self) -> None:
        """Serve the home's node as it is now opened."""
        node, clock = self.home.node, self.world.clock
        chosen = {"failures_per_minute": 100_000, "requests_per_minute": 100_000} | self.settings
        settings = Settings(_env_file=None, data="unused", url=self.url, allow_private_peers=True, **chosen)
        self.outbound = Impatient(allow_private=True)
        self.client = Client(node, self.outbound, clock)
        self.hall = make_hall(node, self.client, settings, clock)
        self.app = serve(self.hall)

    async def reopen(self, database: str | None = None) -> None:
        """Stop as in a crash, and serve from a database: the same, or another one in its place."""
        await self.client.close()
        await self.home.close()
        self.home.url = database or self.home.url
        self.home.open()
        self.open()

    def keep_keys(self, folder: Path) -> Settings:
        """Write the node's key file, unless it is there, and give the settings by which the program opens the node."""
        home, file = self.home, folder / bootstrap.KEY_FILE
        if not file.exists():
            held = {"seed": home.seed.hex(), "pepper": home.pepper.hex(), "wrapping_key": home.wrapping_key.hex()}
            file.write_text(json.dumps(held | {"name": home.name, "operator": str(home.operator.organization)}))
            file.chmod(0o600)
        return Settings(_env_file=None, data=folder, database_url=home.url, url=self.url)

    async def rotate(self, folder: Path) -> bytes:
        """Stop the node, give it a new key as its operator does, and start it again; give the old seed."""
        settings, replaced = self.keep_keys(folder), self.home.seed
        await bootstrap.migrate_database(settings)
        await self.client.close()
        await self.home.close()
        await bootstrap.rotate_key(settings, self.home.tick())
        self.home.node = replace(bootstrap.open_node(settings), random=self.home.random)
        self.home.node.heads.vouched = True
        self.home.seed = self.home.node.identity.seed
        self.open()
        return replaced

    async def stop(self) -> None:
        """Stop serving."""
        await self.client.close()
        self.listener.close()
        for connection in list(self.state.connections):
            connection.transport.abort()
        for task in self.state.tasks:
            task.cancel()
        await asyncio.gather(*self.state.tasks, return_exceptions=True)
        await self.listener.wait_closed()

    @property
    def id(self) -> str:
        """The node's id."""
        return self.home.node.identity.node_id

    @property
    def log(self) -> str:
        """The id of the node's public log."""
        return checkpoint.log_id(self.id, "public", 1)

    async def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run a statement past every rule, as only a test may."""
        return [tuple(row) for row in await self.home.rows(statement, **values)]

    async def error(self, log_id: str | None = None) -> str | None:
        """Give what is noted as wrong with a log, or with any."""
        found = await self.rows("SELECT error, log_id FROM peer_logs WHERE error IS NOT NULL")
        return next((error for error, noted in found if log_id in {None, noted}), None)

    async def faults(self) -> list[str]:
        """Give what the product's own check of everything stored finds."""
        verdict = await verify_log.verify(self.home.node, self.world.clock.now)
        return [str(fault) for fault in verdict.faults]

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request: as the node does, or as the lies have it."""
        if not self.lies:
            await self.app(scope, receive, send)
            return
        asked = await _read(scope, receive)
        self.asked.append(asked)
        reply = await _answer(self.app, scope, asked.body)
        for lie in self.lies:
            reply = lie(asked, reply)
        sending, gone = asyncio.create_task(_send(reply, send)), asyncio.create_task(receive())
        await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        sending.cancel()
        gone.cancel()
        await asyncio.gather(sending, gone, return_exceptions=True)


async def _read(scope: dict[str, Any], receive: Receive) -> Asked:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope["query_string"].decode()))
    return Asked(scope["method"], scope["path"], query, headers, body)


async def _answer(app: Any, scope: dict[str, Any], body: bytes) -> Reply:
    messages: list[dict[str, Any]] = []
    given = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        message = next(given, None)
        return {"type": "http.disconnect"} if message is None else message

    async def keep(message: dict[str, Any]) -> None:
        messages.append(message)

    await app(dict(scope), receive, keep)
    headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    content = b"".join(message.get("body", b"") for message in messages[1:])
    return Reply(messages[0]["status"], headers, content)


async def _send(reply: Reply, send: Send) -> None:
    content, headers = reply.content, dict(reply.headers)
    if isinstance(content, bytes):
        headers["content-length"] = str(len(content))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    if isinstance(content, bytes):
        await send({"type": "http.response.body", "body": content})
        return
    async for piece in content:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)  # whoever has gone away is seen to be gone
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def open_nodes(
    *databases: str, seed: int = 0, joined: bool = True, **settings: Any
) -> AsyncIterator[tuple[Stand, ...]]:
    """Start a node on each of the databases; the first is a peer of every other, unless said otherwise."""
    world = World(seed)
    stands: list[Stand] = []
    try:
        for place, database in enumerate(databases):
            stand = Stand(world, settings=settings)
            await stand.start(database, f"node{place}")
            stands.append(stand)
        for other in stands[1:] if joined else ():
            await join(stands[0], other)  # type: ignore[arg-type]
        yield tuple(stands)
    finally:
        for stand in stands:
            await stand.stop()
        await world.close()


def person(home: Home, name: str = "shadow") -> Partner:
    """Make an organization of whose existence no database knows, with a key of its own."""
    return Partner(uuid7(home.world.clock.now, home.random(10)), name, home.random(32))


@dataclass
class Story:
    """A log as its node could tell it: any entries, and checkpoints signed with any seed (the node's own by default).

    An entry is an envelope, or only a leaf hash. Two stories of one log are a fork.
    """

    home: Home
    audience: Audience = audiences.PUBLIC
    tlp: Tlp = Tlp.CLEAR
    epoch: int = 1
    seed: bytes | None = None
    entries: list[Envelope | bytes] = field(default_factory=list)
    covers: int | None = None

    @property
    def name(self) -> LogName:
        """Which log it is."""
        return LogName.of(self.home.node.identity.node_id, self.audience, self.tlp is Tlp.RED, self.epoch)

    @property
    def id(self) -> str:
        """The id of the log."""
        return self.name.id

    @property
    def size(self) -> int:
        """How many entries the story has."""
        return len(self.entries)

    def leaves(self, size: int | None = None) -> list[bytes]:
        """Give the leaf hashes of the first entries."""
        told = self.entries[: self.size if size is None else size]
        return [item if isinstance(item, bytes) else _leaf(item) for item in told]

    def root(self, size: int | None = None) -> bytes:
        """Give the root of the first entries."""
        return Frontier().extend(self.leaves(size)).root()

    def note(self, size: int | None = None, root: bytes | None = None) -> str:
        """Sign the checkpoint of the first entries; or of any root."""
        size = self.size if size is None else size
        said = Checkpoint(self.name.origin_line, size, self.root(size) if root is None else root)
        return checkpoint.sign_checkpoint(said, self.name.origin, self.seed or self.home.seed)

    def frame(self, kind: str, issuer: Partner, body: Any, **frame: Any) -> Record:
        """Make a record for this log."""
        clock = self.home.world.clock
        made = Record(
            id=uuid7(clock.now, self.home.random(10)),
            kind=kind,
            issuer=issuer.id,
            origin=self.name.origin,
            issued_at=clock.now,
            audience=self.audience,
            tlp=self.tlp,
            pap=Pap.RED if self.tlp is Tlp.RED else Pap.CLEAR if self.tlp is Tlp.CLEAR else Pap.AMBER,
            nonce=self.home.random(16),
            body=body,
        )
        return replace(made, **frame)

    def state(self, who: Partner, version: int = 1, *, revoked: Sequence[bytes] = (), **frame: Any) -> Record:
        """Add the record of an organization, signed by the node: its key, and those of the seeds that are revoked."""
        assert who.seed is not None
        keys = [record.Key(signing.public_key(seed), "organization", revoked=True) for seed in revoked]
        if who.seed not in revoked:
            keys.append(record.Key(signing.public_key(who.seed), "organization"))
        body = record.Organization(who.name, "ngo", version, tuple(keys))
        return self.add(self.frame("organization", who, body, **frame), self.home.seed)

    def add(self, said: Record, seed: bytes) -> Record:
        """Add a record, signed with a seed."""
        self.entries.append(said.sign(seed))
        return said

    def report(self, who: Partner, *addresses: str, seed: bytes | None = None, **frame: Any) -> Record:
        """Add a report."""
        body = record.read_body("report", self.home.claim(*addresses))
        return self.add(self.frame("report", who, body, **frame), seed or who.seed or b"")

    def page(self, start: int, stop: int | None = None) -> bytes:
        """Write a page of the story, under the checkpoint of `covers` entries, or of all."""
        covers = self.size if self.covers is None else self.covers
        stop = min(start + page.MAX_PAGE_ENTRIES, covers, covers if stop is None else stop)
        proof: list[bytes] = []
        if 0 < stop < covers:
            leaves = self.leaves(covers)
            proof = merkle.consistency_proof(stop, covers, lambda level, index: _subtree(leaves, level, index))
        lines = [page.header(self.id, start, stop, covers, self.note(covers), proof)]
        for index in range(start, stop):
            item = self.entries[index]
            lines.append(page.bare(index, item, "withheld") if isinstance(item, bytes) else page.entry(index, item))
        return b"".join([*lines, page.trailer(stop)])

    def head(self, **said: Any) -> dict[str, Any]:
        """Write the head of the log, as an answer about logs has it."""
        covers = self.size if self.covers is None else self.covers
        return {
            "id": self.id,
            "origin": self.name.origin,
            "audience": self.audience.to_document(),
            "red": self.tlp is Tlp.RED,
            "epoch": self.epoch,
            "note": self.note(covers),
            "from": 0,
            "ended": False,
        } | said

    def __call__(self, asked: Asked, reply: Reply) -> Reply:
        """Tell the story: its head where it differs from what the asker holds, and its pages."""
        if asked.path.endswith("/heads") and reply.status == 200:
            held = {row[0]: row[1:3] for row in asked.said["logs"]}
            document = json.loads(reply.plain)
            document["heads"] = [head for head in document["heads"] if head["id"] != self.id]
            covers = self.size if self.covers is None else self.covers
            if held.get(self.id) != [covers, self.root(covers).hex()]:
                document["heads"].append(self.head())
            return reply.of(json.dumps(document).encode())
        if asked.path.endswith(f"/logs/{self.id}/entries"):
            stop = asked.query.get("to")
            return ok(self.page(int(asked.query["from"]), None if stop is None else int(stop)), "application/x-ndjson")
        return reply


def _subtree(leaves: Sequence[bytes], level: int, index: int) -> bytes:
    return Frontier().extend(leaves[index << level : (index + 1) << level]).root()


@lru_cache(maxsize=20_000)
def _leaf(item: Envelope) -> bytes:
    return merkle.leaf_hash(item.to_bytes())


def keeping_back(index):
    """Serve an entry bare, as a relay does that has no body."""

    def lie(asked, reply):
        if reply.status != 200:
            return reply
        rows = reply.plain.split(b"\n")
        for place, row in enumerate(rows):
            if row.startswith(b'{"index":%d,' % index):
                said = json.loads(row)
                leaf = said.get("leaf") or _leaf_of(row)
                rows[place] = b'{"index":%d,"leaf":"%s","why":"refused"}' % (index, leaf.encode())
        return reply.of(b"\n".join(rows))

    return lie


def _leaf_of(row):
    return page._read_entry(row, {}).leaf_hash.hex()
