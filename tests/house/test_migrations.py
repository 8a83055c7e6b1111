"""The schema: one head, equal to the tables, and the database itself keeps the logs from being changed."""

import re

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.storage import evidence, migrate, tables
from app.storage.store import open_store
from tests.conftest import EXAMPLES
from tests.world import Trouble, World, faults

OWNER, SUPERUSER = "watchfire_owner", "postgres"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """The URL of a database without any table, as its owner."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    server.create_database("empty")
    yield server.url("empty", OWNER)
    server.drop_database("empty")


@pytest.fixture
async def store(empty):
    opened = open_store(empty)
    yield opened
    await opened.close()


async def test_the_newest_schema_is_the_tables(store):
    assert await migrate.current(store) is None
    await migrate.upgrade(store)
    assert await migrate.current(store) == migrate.newest()
    assert await migrate.drift(store) == []
    await migrate.upgrade(store)  # twice is harmless
    assert await migrate.drift(store) == []


def test_there_is_one_head():
    scripts = ScriptDirectory.from_config(migrate._config())
    assert len(scripts.get_heads()) == 1


def test_what_is_insert_only_is_one_list():
    named = []
    for path in sorted((migrate.MIGRATIONS / "versions").glob("*.py")):
        for found in re.findall(r"^INSERT_ONLY = \((.*)\)$", path.read_text(), re.MULTILINE):
            named += re.findall(r'"(\w+)"', found)
    assert tuple(named) == tables.INSERT_ONLY


REVISIONS = [script.revision for script in ScriptDirectory.from_config(migrate._config()).walk_revisions()]


async def test_a_migration_that_is_killed_anywhere_is_continued(store):
    trouble = Trouble(store)
    await migrate.upgrade(store)
    steps = trouble.count
    assert steps > 25
    await drop_all(store)
    for step in range(1, steps + 1, max(1, 17 // EXAMPLES)):
        for when in ("before", "after"):
            trouble.strike(step, when)
            try:
                await migrate.upgrade(store)
            except ConnectionResetError:
                trouble.strike(None)
                assert await migrate.current(store) in (None, *REVISIONS)
                await migrate.upgrade(store)
            trouble.strike(None)
            if step % 2:
                assert await migrate.drift(store) == []
            assert await migrate.current(store) == migrate.newest()
            await drop_all(store)


async def drop_all(store):
    if store.dialect == "postgresql":
        statements = ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"]
    else:
        async with store.engine.connect() as connection:
            rows = await connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
            names = [row[0] for row in rows]
        statements = [f'DROP TABLE "{name}"' for name in names]
    async with store.engine.connect() as connection:
        if store.dialect == "sqlite":
            await (await connection.get_raw_connection()).driver_connection.execute("PRAGMA foreign_keys=OFF")
        for statement in statements:
            await connection.execute(text(statement))
        await connection.commit()
        if store.dialect == "sqlite":
            await (await connection.get_raw_connection()).driver_connection.execute("PRAGMA foreign_keys=ON")


async def attempt(engine, statement):
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as refused:
            await connection.execute(text(statement))
        await connection.rollback()
    return str(refused.value.orig)


async def filled(world, url):
    """Give a node with a row in each of the tables that the logs need: a tile is full."""
    home = await world.add_home(url)
    partner = await home.organization()
    for _ in range(26):
        report = await home.submit(partner)
        for _ in range(9):
            await home.follow(partner, report.id, "revocation")
    await home.sequence()
    async with home.node.store.write(home.operator) as tx:
        await evidence.add(tx, evidence.Evidence("e", "log", "there", "fork", b"proof", None, home.tick()))
    return home


async def test_what_the_logs_need_is_only_ever_inserted(database, request):
    world = World()
    home = await filled(world, database)
    assert await faults(home) == []
    postgresql = home.node.store.dialect == "postgresql"
    stores = {"app": home.node.store}
    if postgresql:
        server = request.getfixturevalue("postgres_server")
        stores |= {role: open_store(server.url("watchfire", role)) for role in (OWNER, SUPERUSER)}
    for table in tables.INSERT_ONLY:
        assert (await home.rows(f"SELECT count(*) FROM {table}"))[0][0] > 0
        column = tables.metadata.tables[table].primary_key.columns.values()[0].name
        statements = [f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"]
        statements += [f"TRUNCATE {table} CASCADE"] if postgresql else []
        for who, store in stores.items():
            for statement in statements:
                said = await attempt(store.engine, statement)
                expected = "permission denied" if postgresql and who == "app" else f"{table} is insert-only"
                assert expected in said, (who, statement, said)
    for who, store in stores.items():
        if who != "app":
            await store.close()
    await world.close()


async def test_the_app_may_not_touch_the_schema(fresh_postgresql, request):
    store = open_store(fresh_postgresql())
    for statement in (
        "DROP TABLE log_entries",
        "ALTER TABLE log_entries DISABLE TRIGGER ALL",
        "CREATE TABLE mine (n int)",
        "UPDATE alembic_version SET version_num = 'x'",
        "SET session_replication_role = replica",
        "DROP FUNCTION refuse_change CASCADE",
    ):
        said = await attempt(store.engine, statement)
        assert "permission denied" in said or "must be owner" in said, said
    await store.close()


async def test_too_much_power_is_seen(fresh_postgresql, fresh_sqlite, postgres_server):
    app = fresh_postgresql()
    found = {}
    for url in (app, postgres_server.url("watchfire", OWNER), postgres_server.url("watchfire", SUPERUSER)):
        store = open_store(url)
        found[url.split("//")[1].split("@")[0]] = await migrate.has_too_much_power(store)
        await store.close()
    assert found == {"watchfire_app": False, OWNER: True, SUPERUSER: True}
    store = open_store(fresh_sqlite())
    assert await migrate.has_too_much_power(store) is False
    await store.close()


async def test_a_database_without_the_app_role_is_migrated_too(postgres_server):
    """An operator with one role only: nothing is granted, and nothing fails."""
    postgres_server.execute("CREATE ROLE lonely LOGIN; GRANT lonely TO postgres")
    postgres_server.execute("CREATE DATABASE lonely OWNER lonely")
    store = open_store(postgres_server.url("lonely", "lonely"))
    await migrate.upgrade(store)
    assert await migrate.drift(store) == []
    assert await migrate.has_too_much_power(store) is True
    await store.close()
    postgres_server.drop_database("lonely")
    postgres_server.execute("DROP ROLE lonely")
