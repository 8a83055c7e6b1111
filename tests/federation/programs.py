"""Nodes as operators run them: `watchfire` programs in processes of their own, on databases of their own.

The rule here: what happens to a node happens by its commands, its HTTP and its signals; only what is asked of its rows
goes past them.
"""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import func, select, update

from app.asgi import utc_now
from app.bootstrap import initialize, open_node
from app.domain import audience as audiences
from app.domain.actor import operator, system
from app.domain.marking import Pap, Tlp
from app.federation.client import Client
from app.services import peering, sequence, submit
from app.services.submit import Draft
from app.settings import Settings
from app.storage import federation_tables, migrate, tables
from app.storage.store import open_store
from app.web.outbound import Outbound
from tests.postgres import OWNER

ROOT = Path(__file__).parents[2]
CLAIM = frozenset({"category", "method", "confidence", "indicators"})  # what of a report its issuer claims
START_SECONDS = 60.0  # a loaded machine gets its time


def free_port():
    """Find a port below those from which the system connects: nothing takes it while its server is down."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


async def until(check, seconds=START_SECONDS, every=0.05, subject=None):
    """Ask again and again until the answer is true; give it."""
    deadline = time.monotonic() + seconds
    while not (answer := await check()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {subject}"
        await asyncio.sleep(every)
    return answer


@dataclass
class Program:
    """One process of a node."""

    node: "RealNode"
    port: int
    process: subprocess.Popen | None = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        words = [sys.executable, "-m", "app", "serve", "--port", str(self.port)]
        with self.node.log.open("a") as log:
            self.process = subprocess.Popen(words, cwd=ROOT, env=self.node.environment, stdout=log, stderr=log)

    def kill(self):
        """Send SIGKILL, at whatever it is."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(START_SECONDS) == 0, self.node.log.read_text()

    async def ready(self):
        async with httpx.AsyncClient(trust_env=False) as client:

            async def answers():
                assert self.process.poll() is None, self.node.log.read_text()
                try:
                    return (await client.get(f"{self.url}/readyz")).status_code == 200
                except httpx.HTTPError:
                    return False

            await until(answers)


@dataclass
class RealNode:
    """A prepared node: its folder and database, and the processes that serve it."""

    folder: Path
    settings: Settings
    id: str
    organization: UUID
    programs: list[Program] = field(default_factory=list)

    @property
    def log(self):
        return self.folder.with_suffix(".log")

    @property
    def key(self):
        return (self.folder / "first-api-key").read_text().strip()

    @property
    def url(self):
        return self.programs[0].url

    @property
    def environment(self):
        found = {name: value for name, value in os.environ.items() if not name.startswith("WATCHFIRE_")}
        found |= {"WATCHFIRE_DATA": str(self.folder), "WATCHFIRE_ALLOW_PRIVATE_PEERS": "true"}
        found |= {"WATCHFIRE_LOG_LEVEL": "WARNING", "NO_COLOR": "1"}
        return found | {"WATCHFIRE_DATABASE_URL": self.settings.store_url}

    def start(self):
        """Start one more process."""
        self.programs.append(Program(self, free_port()))
        self.programs[-1].start()
        return self.programs[-1]

    def kill(self):
        for program in self.programs:
            program.kill()

    def begin(self, *words):
        """Run a command in a process of its own; give the process."""
        command = [sys.executable, "-m", "app", *map(str, words)]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    async def ask(self, *words):
        """Run a command with --json that must succeed; give its document."""
        process = self.begin(*words, "--json")
        out, err = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0, out + err
        return json.loads(out)

    @asynccontextmanager
    async def raw(self):
        """Open a reading connection past every rule, as only a test may."""
        store = open_store(self.settings.store_url)
        try:
            async with store.engine.connect() as connection:
                await connection.execution_options(watchfire_read=True)
                yield connection
        finally:
            await store.close()

    async def rows(self, query):
        async with self.raw() as connection:
            return list(await connection.execute(query))

    async def reports(self):
        """Give the state of every report with a body, by id."""
        reports, records = tables.reports, tables.records
        held = select(reports.c.record_id, reports.c.state).join(records, records.c.id == reports.c.record_id)
        return dict(tuple(row) for row in await self.rows(held.where(records.c.payload.is_not(None))))

    async def fill(self, number):
        """Submit public reports past HTTP, before the node serves; give how many entries its logs have."""
        node = open_node(self.settings)
        try:
            for place in range(number):
                said = {name: value for name, value in report(place, {}).items() if name in CLAIM}
                await submit.submit(
                    node, operator(node.operator), Draft(audiences.PUBLIC, Tlp.CLEAR, Pap.CLEAR, said), utc_now()
                )
            while await sequence.run_once(node, utc_now()):
                pass
        finally:
            await node.close()
        return (await self.rows(select(func.count()).select_from(tables.log_entries)))[0][0]

    async def expire_turns(self):
        """Let the lease of a process that was killed run out at once."""
        store = open_store(self.settings.store_url)
        try:
            async with store.write(system(self.organization)) as tx:
                await tx.execute(update(federation_tables.peers).values(puller_until=datetime(2000, 1, 1, tzinfo=UTC)))
        finally:
            await store.close()

    async def accept(self, url):
        """Add, or accept, the node that answers at a URL as a peer."""
        node = open_node(self.settings)
        client = Client(node, Outbound(allow_private=True), utc_now)
        try:
            return await peering.propose(node, operator(node.operator), client, url, utc_now())
        finally:
            await client.close()
            await node.close()


async def prepare(folder, name, database):
    """Prepare a node on an empty migrated database."""
    settings = Settings(data=folder, database_url=database, allow_private_peers=True)
    made = await initialize(settings, name, "ngo", utc_now())
    return RealNode(folder, settings, made.node_id, made.operator)


async def migrate_as_owner(server, name):
    """Make a migrated database on a server; others are made as its copies."""
    server.create_database(name)
    store = open_store(server.url(name, OWNER))
    await migrate.upgrade(store)
    await store.close()


def report(number, audience, confidence=50):
    """Make the fields of a report: for each number another address."""
    public = audience.get("kind") == "public"
    return {
        "category": "recruitment",
        "method": "advert",
        "confidence": confidence,
        "tlp": "TLP:CLEAR" if public else "TLP:AMBER",
        "pap": "PAP:CLEAR" if public else "PAP:AMBER",
        "audience": audience,
        "indicators": [{"chain": "eip155:1", "address": f"0x{number:040x}"}],
    }
