"""The store: a transaction is whole or not at all, whoever stops it, and no connection is lost on the way."""

import asyncio
import gc
import random
from datetime import UTC, timedelta
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.domain.actor import system
from app.domain.errors import Unavailable
from app.services import sequence
from app.services.repeats import repeat_of
from app.storage import audit, columns
from app.storage import store as stores
from app.storage.audit import AuditRow
from app.storage.store import DuplicateRow, open_store
from app.storage.tables import checkpoints
from tests.conftest import EXAMPLES
from tests.world import START, Trouble, faults

pytestmark = pytest.mark.usefixtures("threads")  # SQLite's driver as in use

moments = st.datetimes(timezones=st.just(UTC))


@given(moments)
def test_a_moment_comes_back_as_it_went(moment):
    assert columns.from_microseconds(columns.to_microseconds(moment)) == moment


def idle(home):
    """Tell that no connection is held and none was lost."""
    gc.collect()
    return home.node.store.engine.pool.checkedout() == 0


async def test_an_exception_takes_everything_back(home):
    ngo = await home.organization()
    before = await home.rows("SELECT count(*) FROM audit_pending")

    async def deed():
        async with home.node.store.write(ngo.actor) as tx:
            await audit.add(tx, [AuditRow(ngo.id, START, "p", "d", None, "done")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await deed()
    assert await home.rows("SELECT count(*) FROM audit_pending") == before
    assert idle(home)


async def test_a_reading_transaction_cannot_write_and_sees_one_moment(home):
    ngo = await home.organization()
    async with home.node.store.read(ngo.actor) as tx:
        count = "SELECT count(*) FROM organizations"
        before = (await tx.execute(text(count))).scalar()
        await home.organization()
        assert (await tx.execute(text(count))).scalar() == before
        if tx.dialect == "postgresql":
            with pytest.raises(DBAPIError, match="read-only"):
                await tx.execute(text("DELETE FROM organizations"))
    assert idle(home)


async def test_what_is_there_twice_is_a_conflict_past_sqlalchemy_too(home):
    ngo = await home.organization()
    await home.submit(ngo)
    await home.sequence()
    row = (await home.rows("SELECT log_id, size, root, frontier, note, made_at FROM checkpoints"))[0]
    with pytest.raises(DuplicateRow):
        async with home.node.store.write(ngo.actor) as tx:
            await tx.insert_many(checkpoints, ("log_id", "size", "root", "frontier", "note", "made_at"), [tuple(row)])
    assert idle(home)


async def test_a_lost_connection_is_unavailable_past_sqlalchemy_too(home, monkeypatch):
    if home.node.store.dialect == "sqlite":
        return
    ngo = await home.organization()

    async def lost(*_arguments, **_named):
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    for name in ("copy_records_to_table", "executemany"):
        monkeypatch.setattr(asyncpg.Connection, name, lost)
    with pytest.raises(Unavailable):
        await home.submit(ngo)
    monkeypatch.undo()
    await home.submit(ngo)
    assert idle(home)


async def test_a_full_pool_is_unavailable(home, monkeypatch):
    engine = home.node.store.engine
    monkeypatch.setattr(engine.sync_engine.pool, "_timeout", 0.05)
    ngo = await home.organization()
    size = stores.POOL_SIZE * (2 if home.node.store.dialect == "postgresql" else 1)
    held = [await engine.connect() for _ in range(size)]
    with pytest.raises(Unavailable):
        async with home.node.store.read(ngo.actor):
            pytest.fail("there was a connection")
    for connection in held:
        await connection.close()
    async with home.node.store.read(ngo.actor):
        pass


@pytest.mark.parametrize("seed", range(2 * EXAMPLES))
async def test_a_request_that_is_cancelled_anywhere_leaves_nothing_behind(home, seed):
    ngo = await home.organization()
    dice = random.Random(seed)
    for number in range(15):
        repeat = repeat_of(f"key {number}", "submit", b"body")
        task = asyncio.create_task(home.submit(ngo, repeat=repeat))
        other = asyncio.create_task(home.submit(ngo))
        for _ in range(dice.randrange(12)):
            await asyncio.sleep(0)
        await asyncio.sleep(dice.choice([0, dice.random() / 300, dice.random() / 30]))
        task.cancel()
        await asyncio.wait([task])
        await other
        first = await home.submit(ngo, repeat=repeat)
        assert (await home.submit(ngo, repeat=repeat)).id == first.id
    assert (await home.rows("SELECT count(*) FROM records WHERE kind = 'report'"))[0][0] == 30
    assert idle(home)
    await home.sequence()
    assert await faults(home) == []


@pytest.mark.parametrize("seed", range(2 * EXAMPLES))
async def test_a_sequencer_that_is_cancelled_anywhere_goes_on(home, seed):
    ngo = await home.organization()
    dice = random.Random(seed)
    for _ in range(15):
        await home.submit(ngo)
        task = asyncio.create_task(sequence.run_once(home.node, home.tick()))
        await asyncio.sleep(dice.choice([0, dice.random() / 200, dice.random() / 50]))
        task.cancel()
        await asyncio.wait([task])
    await home.sequence()
    assert idle(home)
    assert await faults(home) == []


async def test_a_cancellation_inside_the_driver_leaves_nothing_behind(home):
    ngo = await home.organization()
    trouble = Trouble(home.node.store, asyncio.CancelledError)
    for when in ("before", "after"):
        for step in range(1, 30):
            trouble.strike(step, when)
            repeat = repeat_of(f"{when} {step}", "submit", b"body")
            task = asyncio.create_task(home.submit(ngo, repeat=repeat))
            await asyncio.wait([task])
            trouble.strike(None)
            if not task.cancelled():
                break
            await home.submit(ngo, repeat=repeat)
            assert home.node.store.engine.pool.checkedout() == 0
    assert idle(home)
    await home.sequence()
    assert await faults(home) == []


async def test_sqlite_waits_for_another_process_and_gives_up_in_words(fresh_sqlite, monkeypatch):
    monkeypatch.setattr(stores, "_SQLITE_PRAGMAS", (*stores._SQLITE_PRAGMAS, "PRAGMA busy_timeout=50"))
    url = fresh_sqlite()
    one, other = open_store(url), open_store(url)
    me = system(UUID(int=7))
    async with one.write(me):
        with pytest.raises(Unavailable):
            async with other.write(me):
                pytest.fail("two write at once")
        async with other.read(me):
            pass  # who reads does not wait for who writes
    async with other.write(me):
        pass
    await one.close()
    await other.close()


async def test_two_processes_write_by_turns(fresh_sqlite):
    url = fresh_sqlite()
    pair = [open_store(url) for _ in range(2)]
    owner = UUID(int=7)

    async def write(store, number):
        async with store.write(system(owner)) as tx:
            await audit.add(tx, [AuditRow(owner, START + timedelta(seconds=number), "p", "d", None, "done")])
            await asyncio.sleep(0.001)

    await asyncio.gather(*(write(store, number) for number in range(10) for store in pair))
    async with pair[0].read(system(owner)) as tx:
        assert len(await audit.pending(tx, 100)) == 20
    for store in pair:
        await store.close()


async def test_a_server_that_goes_away_is_unavailable_and_comes_back(postgres_server):
    from app.storage import migrate  # noqa: PLC0415
    from tests.postgres import OWNER, PostgresServer  # noqa: PLC0415
    from tests.world import World  # noqa: PLC0415

    with PostgresServer(programs=postgres_server.programs) as server:
        server.create_database("away")
        owner = open_store(server.url("away", OWNER))
        await migrate.upgrade(owner)
        await owner.close()
        world = World()
        home = await world.add_home(server.url("away"))
        ngo = await home.organization()
        address = home.address()
        await home.submit(ngo, address)
        await asyncio.gather(*(home.submit(ngo) for _ in range(8)))  # several connections
        assert await home.status(ngo, address) == "listed"
        for end in (lambda: server.stop(immediate=True), server.kill, server.stop):
            end()
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await home.submit(ngo)
                with pytest.raises(Unavailable):
                    await home.status(ngo, address)
            server.start()
            deadline = asyncio.get_running_loop().time() + 20
            while asyncio.get_running_loop().time() < deadline:
                try:
                    await home.submit(ngo)
                    assert await home.status(ngo, address) == "listed"
                    break
                except Unavailable:
                    await asyncio.sleep(0.02)
            else:
                pytest.fail("the store does not come back")
            await asyncio.gather(*(home.submit(ngo) for _ in range(8)))
        await home.sequence()
        assert await faults(home) == []
        await world.close()
