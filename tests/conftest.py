"""What every test may ask for."""

import asyncio
import gc
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from app.__main__ import COLLECT_EVERY
from app.storage import migrate
from app.storage.store import open_store
from tests import engines
from tests.world import Home, World

pytest_plugins = ["tests.postgres"]  # not imported here: pytest must be the first, to rewrite its asserts

EXAMPLES = int(os.environ.get("WATCHFIRE_TEST_EXAMPLES", "1"))  # times as many examples as in the ordinary run
DATABASE = "watchfire"
OWNER = "watchfire_owner"

settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("house")
engines.hurry()
gc.set_threshold(COLLECT_EVERY, 20, 20)

Fresh = Callable[[], str]


def pytest_collection_finish() -> None:
    """Take what was imported and collected out of the garbage collector's rounds, as `watchfire serve` does."""
    gc.collect()
    gc.freeze()


# Empties what a test has left, past the triggers that protect the logs. To delete a few rows costs a millisecond, to
# truncate a table ten; nothing is vacuumed meanwhile, so new rows stand behind the old ones, as in an empty table.
_EMPTY = """
DO $$
DECLARE name text; long text[] := '{}';
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        IF pg_table_size(quote_ident(name)::regclass) > 256 * 1024 THEN
            long := long || quote_ident(name);
        ELSE
            EXECUTE format('DELETE FROM %I', name);
        END IF;
    END LOOP;
    IF long <> '{}' THEN EXECUTE 'TRUNCATE ' || array_to_string(long, ', ') || ' CASCADE'; END IF;
END $$
"""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One migrated SQLite file, to be copied."""
    path: Path = tmp_path_factory.mktemp("template") / "watchfire.db"
    _migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_database(postgres_server: Any) -> str:
    """One migrated PostgreSQL database of this worker; the tables are the owner's, the tests are the application."""
    postgres_server.create_database(DATABASE)
    _migrate(postgres_server.url(DATABASE, OWNER))
    return DATABASE


@pytest.fixture
def fresh_sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Fresh]:
    """Give the URL of an empty migrated SQLite file, another at each call."""
    made = 0

    def fresh() -> str:
        nonlocal made
        made += 1
        path = tmp_path / f"watchfire-{made}.db"
        shutil.copyfile(sqlite_template, path)
        return f"sqlite+aiosqlite:///{path}"

    yield fresh
    for path in tmp_path.glob("watchfire-*.db*"):
        path.unlink()


@pytest.fixture(scope="session")
def empty_postgresql(postgres_server: Any, postgres_database: str) -> Iterator[Callable[[], None]]:
    """Give what empties this worker's PostgreSQL database."""
    with postgres_server.session(postgres_database) as execute:
        yield lambda: execute(_EMPTY)


@pytest.fixture
def fresh_postgresql(postgres_server: Any, postgres_database: str, empty_postgresql: Callable[[], None]) -> Fresh:
    """Give the URL of the migrated PostgreSQL database as the application's role, emptied at each call."""

    def fresh() -> str:
        empty_postgresql()
        return postgres_server.url(postgres_database)

    return fresh


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest) -> Fresh:
    """Give what makes empty migrated stores, on each kind of database; on PostgreSQL one at a time."""
    found: Fresh = request.getfixturevalue(f"fresh_{request.param}")
    return found


@pytest.fixture
def database(fresh: Fresh) -> str:
    """The URL of an empty migrated store, on each kind of database."""
    return fresh()


@pytest.fixture(params=["postgresql"] if EXAMPLES == 1 else ["sqlite", "postgresql"])
def mixed(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store for one node of a story whose others are on SQLite: on PostgreSQL.

    For stories of whole nodes, whose statements are each tried on both kinds by the tests of the services; a long run
    tells them with every node on SQLite too.
    """
    found: Fresh = request.getfixturevalue(f"fresh_{request.param}")
    return found()


@pytest.fixture
def threads() -> Iterator[None]:
    """Let SQLite's driver work as in use: a thread for each connection."""
    with engines.threads():
        yield


@pytest.fixture
async def world(database: str) -> AsyncIterator[World]:
    """A world with one node."""
    made = World()
    await made.add_home(database)
    yield made
    await made.close()


@pytest.fixture
def home(world: World) -> Home:
    """The one node of the world."""
    return world.homes[0]


def _migrate(url: str) -> None:
    async def upgrade() -> None:
        store = open_store(url)
        await migrate.upgrade(store)
        await store.close()

    asyncio.run(upgrade())
