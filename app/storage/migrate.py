"""Migrations: bring a database to the newest schema, and tell where it stands.

The rule here: the schema changes only through a migration, with one head for both databases.
"""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from app.storage.store import Store
from app.storage.tables import metadata

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def newest() -> str:
    """Give the newest revision that this version of the program knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


async def upgrade(store: Store, revision: str = "head") -> None:
    """Bring the database to a revision, the newest by default; safe to repeat, and to continue after a kill."""

    def run(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with store.engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()


async def current(store: Store) -> str | None:
    """Give the revision at which the database stands, None when it is empty."""

    def read(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    async with store.engine.connect() as connection:
        return await connection.run_sync(read)


async def drift(store: Store) -> list[Any]:
    """List the differences between the database and the tables of this version; none is what it should be."""

    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with store.engine.connect() as connection:
        return await connection.run_sync(compare)


async def has_too_much_power(store: Store) -> bool:
    """Tell whether the store is open as a PostgreSQL superuser, or as the owner of the tables."""
    if store.dialect != "postgresql":
        return False
    query = text(
        "SELECT r.rolsuper OR EXISTS (SELECT 1 FROM pg_tables t WHERE t.tablename = 'log_entries' "
        "AND t.tableowner = current_user) FROM pg_roles r WHERE r.rolname = current_user"
    )
    async with store.engine.connect() as connection:
        return bool((await connection.execute(query)).scalar())
