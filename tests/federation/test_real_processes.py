"""Nodes as real processes: killed at any moment, over a bad network, and nothing that was acknowledged is lost.

`WATCHFIRE_KILLS` is the number of kills of the first test; the ordinary run does a few. Run with
`-o log_cli=true --log-cli-level=WARNING` to see the figures.
"""

import asyncio
import itertools
import logging
import os
import random
import shutil
import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import psutil
import pytest
from sqlalchemy import func, select

from app.asgi import utc_now
from app.client import AsyncClient, NetworkError, Pacing, ProblemError, ProtocolError
from app.services import turns
from app.storage import federation_tables, tables
from app.worker import pulling
from tests.federation.programs import RealNode, migrate_as_owner, prepare, report, until
from tests.federation.proxy import Proxy
from tests.postgres import PostgresServer

KILLS = int(os.environ.get("WATCHFIRE_KILLS", "4"))
BUSY = frozenset({429, 500, 502, 503, 504})  # statuses after which a partner asks again
TEMPLATE = "federation"
LARGE = 1_050  # reports: a full page and a part of one
log = logging.getLogger(__name__)
pytestmark = pytest.mark.timeout(300)  # a process needs seconds to start on a machine that does other things too


@pytest.fixture(scope="module")
def server(postgres_server):
    """A PostgreSQL that writes to disk before it answers: an immediate stop must lose nothing."""
    with PostgresServer(durable=True, programs=postgres_server.programs) as made:
        asyncio.run(migrate_as_owner(made, TEMPLATE))
        yield made


@pytest.fixture
async def nodes(server, sqlite_template, tmp_path):
    """Make nodes, each on a database of its own, and end what is left of their processes."""
    made: list[RealNode] = []

    async def make(name, kind):
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        if kind == "sqlite":
            shutil.copyfile(sqlite_template, folder / "watchfire.db")
            database = f"sqlite+aiosqlite:///{folder / 'watchfire.db'}"
        else:
            server.create_database(f"{tmp_path.name}_{name}", TEMPLATE)
            database = server.url(f"{tmp_path.name}_{name}")
        made.append(await prepare(folder, name, database))
        return made[-1]

    yield make
    for node in made:
        node.kill()


@asynccontextmanager
async def peered(*nodes, seed=0):
    """Let serving nodes be peers, all to all, each calling each through a proxy of its own; give the proxies."""
    async with AsyncExitStack() as stack:
        roads = {}
        for one, other in itertools.permutations(nodes, 2):
            road = Proxy(other.programs[0].port, f"{seed} {len(roads)}")
            roads[one.id, other.id] = await stack.enter_async_context(road)
            await one.accept(road.url)
        yield roads


@dataclass
class Partner:
    """A partner of one node, who asks until there is an answer; what was answered is kept here, outside of the nodes.

    `told` maps the id of each acknowledged report to those who may read it; `taken_back` are the revoked ones.
    """

    node: RealNode
    dice: random.Random
    readers: list[tuple[dict, set[str]]]
    told: dict[UUID, set[str]] = field(default_factory=dict)
    taken_back: set[UUID] = field(default_factory=set)
    asked: int = 0
    ended: bool = False
    trouble: str = ""

    def __str__(self):
        alive = self.node.programs[0].process.poll() is None
        return f"{self.node.folder.name}: {self.acknowledged} of {self.asked}, alive {alive}, {self.trouble}"

    @property
    def acknowledged(self):
        return len(self.told) + len(self.taken_back)

    async def work(self):
        """Submit and revoke, one after the other, until told to end."""
        pacing = Pacing(attempts=1, timeout=10)
        async with AsyncClient(self.node.url, self.node.key, pacing=pacing) as client:
            while not self.ended:
                self.asked += 1
                live = self.told.keys() - self.taken_back
                if live and self.dice.random() < 0.3:
                    await self._revoke(client, self.dice.choice(sorted(live)))
                else:
                    await self._report(client)

    async def _report(self, client):
        audience, readers = self.dice.choice(self.readers)
        said, key = report(self.asked, audience), f"report-{self.asked}"
        answer = await self._insist(lambda: client.submit(said, idempotency_key=key))
        if answer is not None:
            self.told[UUID(answer["id"])] = readers

    async def _revoke(self, client, known):
        said, key = {"reason": "mistaken"}, f"revoke-{known}"
        if await self._insist(lambda: client.follow("revocation", known, said, idempotency_key=key)) is not None:
            self.taken_back.add(known)

    async def _insist(self, ask):
        """Ask until there is an answer: None when the partner is to end before."""
        while not self.ended:
            try:
                return await ask()
            except (NetworkError, ProtocolError) as error:
                self.trouble = repr(error)
            except ProblemError as error:
                self.trouble = repr(error)
                if error.status not in BUSY and error.code != "conflict":
                    raise
            await asyncio.sleep(0.05)
        return None


async def add_group(steward, nodes):
    """Let a group of every node's organization be known at all of them; give its id."""
    async with httpx.AsyncClient(trust_env=False) as client:

        def signed_in(node):
            return {"Authorization": f"Bearer {node.key}"}

        said = {"name": "Circle", "members": [str(node.organization) for node in nodes]}
        made = await client.post(f"{steward.url}/v1/groups", json=said, headers=signed_in(steward))
        assert made.status_code == 201, made.text
        for node in nodes:

            async def known(node=node):
                answer = await client.get(f"{node.url}/v1/groups/{made.json()['id']}", headers=signed_in(node))
                return answer.status_code == 200

            await until(known)
    return made.json()["id"]


def audiences_of(node, other, nodes, group):
    """Give the audiences to which a node's partner speaks, each with the nodes that may read it."""
    everybody = {each.id for each in nodes}
    return [
        ({"kind": "public"}, everybody),
        ({"kind": "group", "group": group}, everybody),
        ({"kind": "organizations", "organizations": [str(node.organization)]}, {node.id}),
        (
            {"kind": "organizations", "organizations": [str(node.organization), str(other.organization)]},
            {node.id, other.id},
        ),
    ]


async def wreck(nodes, partners, roads, server, dice):
    """Kill servers, the database once, and cut roads, while partners are answered."""
    for turn in range(KILLS):
        victim, partner = dice.choice(list(zip(nodes, partners, strict=True)))
        road = dice.choice(list(roads.values()))
        if turn % 2:
            await road.part()
        before, wanted = partner.acknowledged, dice.choice((0, 1, 5, 20))

        async def answered(partner=partner, before=before, wanted=wanted):
            return partner.acknowledged >= before + wanted

        await until(answered, every=0.01, subject=partner)
        await asyncio.sleep(dice.random() / 5)
        victim.programs[0].kill()
        if turn == KILLS // 2:
            await asyncio.to_thread(server.stop, immediate=True)
            await asyncio.to_thread(server.start)
        victim.programs[0].start()
        road.join()


async def bound_of(nodes):
    """Give the seconds within which all agree once faults have stopped.

    A process that was killed has its turns until the lease ends, and the next one looks every few seconds; a peer that
    failed is asked again when its row says so; a long poll that was cut off costs a pause. Then each pair needs two
    rounds: the one under way, and one that begins when everything is sequenced.
    """
    lease = turns.LEASE.total_seconds() + turns.BUSY
    rows = [row for node in nodes for row in await node.rows(select(federation_tables.peers.c.next_try_at))]
    backoff = max([0.0, *((row[0] - utc_now()).total_seconds() for row in rows if row[0] is not None)])
    return max(lease, backoff) + pulling.CUT_OFF + 2 * pulling.SCAN


async def missing(node, partners):
    """Name the acknowledged reports and revocations that a node should have and has not, and those it should not."""
    held = await node.reports()
    wrong = []
    for partner in partners:
        for told, readers in partner.told.items():
            if node.id not in readers:
                wrong += [("leaked", told)] * (told in held)
            elif told not in held:
                wrong.append(("lost", told))
            elif told in partner.taken_back and held[told] != "revoked":
                wrong.append(("not revoked", told))
    return wrong


@pytest.mark.timeout(120 + 30 * KILLS)
async def test_what_was_acknowledged_is_everywhere_it_may_be_after_kills_and_a_bad_network(nodes, server):
    seed = 7
    dice = random.Random(seed)
    three = [await nodes("one", "postgresql"), await nodes("two", "postgresql"), await nodes("three", "sqlite")]
    for node in three:
        node.start()
    for node in three:
        await node.programs[0].ready()
    async with peered(*three, seed=seed) as roads:
        group = await add_group(three[0], three)
        partners = [
            Partner(node, random.Random(f"{seed} {place}"), audiences_of(node, three[place - 1], three, group))
            for place, node in enumerate(three)
        ]
        for road in roads.values():
            road.storm()
        began = time.monotonic()
        async with asyncio.TaskGroup() as working:
            for partner in partners:
                working.create_task(partner.work())
            await wreck(three, partners, roads, server, dice)
            for node in three:
                await node.programs[0].ready()
            for partner in partners:
                partner.ended = True
        for road in roads.values():
            road.calm()
        calm, bound = time.monotonic(), await bound_of(three)

        async def agreed():
            return not any([await missing(node, partners) for node in three])

        await until(agreed, 60 + 4 * bound, every=0.25)
        took = time.monotonic() - calm
        verdicts = await asyncio.gather(*(node.ask("log", "verify") for node in three))
        assert [(verdict["ok"], verdict["faults"]) for verdict in verdicts] == [(True, [])] * 3
        await check_once(three, partners)
        struck = sum((road.struck for road in roads.values()), Counter())
        log.warning(
            "%d kills in %.0f s; %d reports and %d revocations acknowledged, 0 lost; agreed %.1f s after the last "
            "fault, bound %.0f s; network: %s",
            *(KILLS, calm - began, sum(len(partner.told) for partner in partners)),
            *(sum(len(partner.taken_back) for partner in partners), took, bound, dict(struck)),
        )


async def check_once(nodes, partners):
    """Check that each request made one record, and that the nodes hold the same heads of the logs that they share."""
    for node, partner in zip(nodes, partners, strict=True):
        own = await node.rows(
            select(func.count()).where(tables.records.c.kind == "report", tables.records.c.origin == node.id)
        )
        assert len(partner.told) <= own[0][0] <= partner.asked
    heads: dict[str, set[tuple[int, bytes]]] = {}
    entries = tables.log_entries
    for node in nodes:
        rows = await node.rows(select(entries.c.log_id, func.count()).group_by(entries.c.log_id))
        for log_id, size in rows:
            heads.setdefault(log_id, set()).add(size)
    assert [sizes for sizes in heads.values() if len(sizes) > 1] == []


async def entries_of(node):
    """Count the log entries that a node holds."""
    return (await node.rows(select(func.count()).select_from(tables.log_entries)))[0][0]


async def submit(node, numbers):
    """Submit public reports by HTTP."""
    async with AsyncClient(node.url, node.key) as client:
        for number in numbers:
            await client.submit(report(number, {"kind": "public"}))


async def test_of_two_processes_of_a_node_one_pulls_and_the_other_takes_over(nodes):
    origin, node = await nodes("origin", "sqlite"), await nodes("node", "postgresql")
    origin.start()
    first, second = node.start(), node.start()
    for program in (*origin.programs, first, second):
        await program.ready()
    async with peered(origin, node) as roads:
        road = roads[node.id, origin.id]

        async def pulled(entries):
            return await entries_of(node) >= entries

        for number in range(5):
            await submit(origin, [number])
            await until(lambda number=number: pulled(number + 2))
        pages = {target: count for target, count in road.targets.items() if "/entries?" in target}
        assert sum(pages.values()) == len(pages), "no page was fetched twice"
        for program in (first, second):
            async with AsyncClient(program.url, node.key) as client:
                assert (await client.check("0x" + 40 * "0", "ethereum"))["status"] == "listed"

        (row,) = (await node.ask("sync", "--once"))["peers"]
        assert (row["entries"], row["left"]) == (0, "Another process of this node pulls from it.")
        (puller,) = [program for program in (first, second) if asks(program, road.port)]
        puller.kill()
        await submit(origin, [5])
        await until(lambda: pulled(7))
        (other,) = [program for program in (first, second) if program is not puller]
        async with AsyncClient(other.url, node.key) as client:
            assert (await client.check(f"0x{5:040x}", "ethereum"))["status"] == "listed"
        assert (await node.ask("log", "verify"))["ok"]
        assert await entries_of(node) == await entries_of(origin)


def asks(program, port):
    """Tell whether a process is connected to a port."""
    made = psutil.Process(program.process.pid).net_connections("tcp")
    return any(one.raddr and one.raddr.port == port and one.status == "ESTABLISHED" for one in made)


async def test_a_sync_that_is_killed_in_the_middle_of_a_large_log_goes_on_from_there(nodes):
    origin, node = await nodes("origin", "sqlite"), await nodes("node", "postgresql")
    total = await origin.fill(LARGE)
    await origin.start().ready()
    async with Proxy(origin.programs[0].port, 0) as road:
        await node.accept(road.url)
        await origin.ask("peer", "accept", node.id, "--fingerprint", (await node.ask("node"))["fingerprint"])
        process = node.begin("sync", "--watch")

        async def begun():
            return await entries_of(node) > 0

        await until(begun, every=0.01)
        process.kill()
        process.communicate()
        held = await entries_of(node)
        assert 0 < held < total, "it was killed in the middle"
        await node.expire_turns()
        ended = await node.ask("sync", "--once")
        assert [(row["entries"], row["error"], row["left"]) for row in ended["peers"]] == [(total - held, None, None)]
        starts = [target for target in road.targets if "/entries?" in target]
        assert len(starts) == len(set(starts)), "what was written was not fetched again"
        assert (await node.ask("log", "verify"))["ok"]
        assert [row["entries"] for row in (await node.ask("sync", "--once"))["peers"]] == [0]
