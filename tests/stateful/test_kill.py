"""I1: what was acknowledged is there after kill -9, of the program and of the database server."""

import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest

from app.storage import migrate
from app.storage.store import open_store
from tests.conftest import EXAMPLES
from tests.postgres import OWNER, PostgresServer
from tests.stateful.submitter import WRITERS, ask
from tests.world import World, faults

ROOT = Path(__file__).parents[2]
KILLS = 2 * EXAMPLES


@contextlib.contextmanager
def submitting(home, partner, journal, first):
    """Run the program; it is killed at the latest at the end of the block."""
    secrets = ",".join(part.hex() for part in (home.seed, home.pepper, home.wrapping_key))
    command = [sys.executable, "-m", "tests.stateful.submitter", home.url, str(journal), str(partner.id), secrets]
    with subprocess.Popen(
        [*command, str(first)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as victim:
        try:
            assert victim.stdout.readline() == "ready\n"
            yield victim
        finally:
            victim.kill()
            victim.wait()


def acknowledged(journal):
    """Read the journal: the last line may have been cut by the kill, and then was no answer."""
    lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
    pairs = [line.split() for line in lines if line.endswith("\n")]
    return {int(number): UUID(made) for number, made in pairs}


def wait_for_more(journal, before, seconds=10):
    """Wait until the program has been answered a few more times."""
    deadline = time.monotonic() + seconds
    while len(acknowledged(journal)) < before + 4:
        assert time.monotonic() < deadline, "nothing is acknowledged"
        time.sleep(0.005)


async def check(home, partner, journal):
    """Check every promise of the journal, then repeat what was asked last, as a client without an answer does."""
    home.open()
    promised = acknowledged(journal)
    rows = await home.rows('SELECT subject, "key" FROM idempotency')
    held = {UUID(bytes=row[0]) if isinstance(row[0], bytes) else row[0] for row in rows}
    assert set(promised.values()) <= held
    rows = await home.rows("SELECT id FROM records WHERE kind = 'report'")
    kept = {UUID(bytes=row[0]) if isinstance(row[0], bytes) else row[0] for row in rows}
    assert held == kept, "each request led to one record, also those whose answers were lost"
    assert await faults(home) == []
    for number, made in list(promised.items())[-2:]:
        assert await ask(home.node, partner.id, number) == made
    last = max(promised)
    for number in range(last + 1, last + 1 + WRITERS):  # what was asked last: done or not, and its answer lost
        assert await ask(home.node, partner.id, number) == await ask(home.node, partner.id, number)
    await home.sequence()
    assert await faults(home) == []
    await home.close()


async def prepare(url):
    world = World()
    home = await world.add_home(url)
    partner = await home.organization()
    await home.close()
    return world, home, partner


@pytest.mark.timeout(60 * EXAMPLES)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_acknowledged_outlives_the_program(kind, request, tmp_path):
    url = request.getfixturevalue(f"fresh_{kind}")()
    _, home, partner = asyncio.run(prepare(url))
    journal = tmp_path / "journal"
    dice = random.Random(1)
    for turn in range(KILLS):
        with submitting(home, partner, journal, 1_000 * turn) as victim:
            wait_for_more(journal, len(acknowledged(journal)))
            time.sleep(dice.random() / 10)
            victim.send_signal(signal.SIGKILL)
        asyncio.run(check(home, partner, journal))
    assert len(acknowledged(journal)) >= 4 * KILLS


@pytest.mark.timeout(60 * EXAMPLES)
def test_what_was_acknowledged_outlives_the_server(postgres_server, tmp_path):
    with PostgresServer(durable=True, programs=postgres_server.programs) as server:
        server.create_database("durable")

        async def migrated():
            store = open_store(server.url("durable", OWNER))
            await migrate.upgrade(store)
            await store.close()
            return await prepare(server.url("durable"))

        _, home, partner = asyncio.run(migrated())
        journal = tmp_path / "journal"
        dice = random.Random(2)
        for turn in range(KILLS):
            with submitting(home, partner, journal, 1_000 * turn):
                wait_for_more(journal, len(acknowledged(journal)))
                time.sleep(dice.random() / 10)
                server.kill()
            server.start()
            asyncio.run(check(home, partner, journal))
