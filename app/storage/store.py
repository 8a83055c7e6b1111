"""The store: transactions on SQLite or PostgreSQL, each for one actor.

The rule here: there is no transaction without an actor, and the commit is the end of the `with`, before anybody is
answered. Reading and writing are different types; a storage function asks for the one it needs.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import asyncpg
from sqlalchemy import Connection, Executable, Table, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.engine import CursorResult, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.domain.actor import Actor
from app.domain.errors import Conflict, Unavailable
from app.storage.visibility import Audiences

BUSY_TIMEOUT_MS = 10_000  # milliseconds that SQLite waits for another process's write
COPY_ABOVE = 50  # rows: below that COPY's own round trips cost more than they save
POOL_SIZE = 10  # connections; on SQLite each is a thread
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # acknowledged means durable, also when the power fails
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # an erasure overwrites what it takes away; not every build does so by itself
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA cache_size=-65536",  # 64 MiB
    "PRAGMA temp_store=MEMORY",
)


class DuplicateRow(Conflict):
    """What was to be added is there already."""

    code = "duplicate"


@dataclass(slots=True)
class ReadTx:
    """A transaction that reads, for one actor; `audiences` are the ids of all that the actor may read."""

    connection: AsyncConnection
    actor: Actor
    audiences: tuple[int, ...]
    dialect: str
    begun: bool = field(default=False)

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """Run one statement."""
        self.begun = True
        result: CursorResult[*tuple[Any, ...]] = await self.connection.execute(statement, parameters)
        return result


@dataclass(slots=True)
class WriteTx(ReadTx):
    """A transaction that reads and writes, for one actor."""

    audiences_changed: bool = field(default=False)

    async def insert_new(self, table: Table, values: dict[str, Any]) -> bool:
        """Write one row unless its key is taken; tell whether it was written."""
        insert = postgresql.insert if self.dialect == "postgresql" else sqlite.insert
        result = await self.execute(insert(table).values(**values).on_conflict_do_nothing())
        return bool(result.rowcount)

    async def insert(self, table: Table, values: Mapping[str, Any]) -> None:
        """Write one row of domain values; the statement is made once and run by the driver."""
        made = _insert_of(table, tuple(values), self.dialect)
        row = tuple(
            value if process is None else process(value)
            for process, value in zip(made.processors, values.values(), strict=True)
        )
        driver = await self._driver()
        if self.dialect == "postgresql":
            await driver.execute(made.text, *row)
        else:
            await driver.execute_insert(made.text, row)

    async def insert_many(self, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Write many rows of driver values in one go: COPY on PostgreSQL, executemany on SQLite."""
        if not rows:
            return
        driver = await self._driver()
        if self.dialect == "postgresql" and len(rows) > COPY_ABOVE:
            await driver.copy_records_to_table(table.name, columns=list(columns), records=rows)
        else:
            await driver.executemany(_insert_of(table, tuple(columns), self.dialect).text, rows)

    async def insert_values(self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write many rows of domain values in one go."""
        if not rows:
            return
        processors = _insert_of(table, tuple(columns), self.dialect).processors
        # Column by column, because most columns need nothing: a page of records has 40,000 values.
        known = [
            values if process is None else map(process, values)
            for process, values in zip(processors, zip(*rows, strict=True), strict=True)
        ]
        await self.insert_many(table, columns, list(zip(*known, strict=True)))

    async def _driver(self) -> Any:
        """Give the driver's own connection, inside this transaction: SQLAlchemy begins it at its first statement."""
        if not self.begun:
            await self.execute(text("SELECT 1"))
        return (await self.connection.get_raw_connection()).driver_connection


@dataclass(frozen=True, slots=True)
class _Insert:
    """An INSERT made once: its text, and what each value needs before the driver takes it."""

    text: str
    processors: tuple[Any, ...]


@cache
def _insert_of(table: Table, columns: tuple[str, ...], dialect_name: str) -> _Insert:
    kind: Any = asyncpg_dialect.dialect if dialect_name == "postgresql" else sqlite.dialect
    dialect = kind()
    marks = [f"${place}" if dialect_name == "postgresql" else "?" for place in range(1, len(columns) + 1)]
    names = ", ".join(f'"{name}"' for name in columns)
    processors = tuple(table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in columns)
    # The names are this package's own constants, never input.
    return _Insert(f'INSERT INTO "{table.name}" ({names}) VALUES ({", ".join(marks)})', processors)  # noqa: S608


class Store:
    """The database of one node."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Wrap an engine made by `open_store`."""
        self.engine = engine
        self.dialect = engine.dialect.name
        self.audiences = Audiences()
        self._writer = asyncio.Lock()

    @asynccontextmanager
    async def read(self, actor: Actor) -> AsyncIterator[ReadTx]:
        """Open a reading transaction: one consistent snapshot for all its statements."""
        async with self._translate(), self.engine.connect() as connection:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            await connection.execution_options(
                **(options if self.dialect == "postgresql" else {"watchfire_read": True})
            )
            yield ReadTx(connection, actor, await self.audiences.of(connection, actor), self.dialect)

    @asynccontextmanager
    async def write(self, actor: Actor) -> AsyncIterator[WriteTx]:
        """Open a writing transaction; it is committed, durably, when the block ends without an exception."""
        tx: WriteTx | None = None
        try:
            async with self._translate(), self._one_writer(), self.engine.begin() as connection:
                tx = WriteTx(connection, actor, await self.audiences.of(connection, actor), self.dialect)
                yield tx
        finally:
            # Whatever went wrong, the commit may have happened: who has left must not be held as a member.
            if tx is not None and tx.audiences_changed:
                self.audiences.forget()

    async def scrub(self) -> None:
        """Let nothing of what was erased stay in the files: SQLite's write-ahead log holds older pages.

        Gives way to whoever reads at this moment; the next call does what is left.
        """
        if self.dialect != "sqlite":
            return
        async with self._translate(), self._one_writer(), self.engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute("PRAGMA busy_timeout=0")
            try:
                await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                await driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()

    @asynccontextmanager
    async def _one_writer(self) -> AsyncIterator[None]:
        if self.dialect == "postgresql":
            yield
            return
        async with self._writer:
            yield

    @asynccontextmanager
    async def _translate(self) -> AsyncIterator[None]:
        try:
            yield
        except (IntegrityError, asyncpg.IntegrityConstraintViolationError, sqlite3.IntegrityError) as error:
            raise DuplicateRow("The same thing was added at the same moment; ask for it again.") from error
        except (OperationalError, sqlite3.OperationalError) as error:
            raise Unavailable("The database cannot do this now (busy, full or away); try again.") from error
        except (DBAPIError, PoolTimeout, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if not is_passing(error):
                raise
            raise Unavailable("The database cannot be reached now; try again.") from error


def is_passing(error: BaseException) -> bool:
    """Tell whether the same request may succeed later: an error of SQLAlchemy, of the driver itself, or of the system.

    COPY and a new connection go past SQLAlchemy, so what goes wrong there is the driver's own error.
    """
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig or error
    if isinstance(error, PoolTimeout | OSError | asyncpg.InterfaceError):
        return True
    # PostgreSQL error classes: connection, resources, operator intervention, serialization (appendix A).
    return str(getattr(error, "sqlstate", None) or "")[:2] in {"08", "53", "57", "40"}


def open_store(url: str) -> Store:
    """Open the store of a database URL: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://...`.

    Does not create or migrate anything.
    """
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_async_engine(url, pool_size=POOL_SIZE, max_overflow=0, pool_timeout=30)
        _prepare_sqlite(engine)
        return Store(engine)
    engine = create_async_engine(url, pool_size=POOL_SIZE, max_overflow=POOL_SIZE, pool_timeout=30, pool_pre_ping=False)
    return Store(engine)


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: see _begin
        cursor = connection.cursor()
        for pragma in _SQLITE_PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "invalidate")
    def _invalidate(connection: Any, _record: object, _error: object) -> None:
        # SQLite closes a connection only when its last statement is gone, and the statement of a cancelled request
        # lives in a traceback: until the next garbage collection, nobody else could write.
        with suppress(Exception):
            connection.rollback()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("watchfire_read")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
