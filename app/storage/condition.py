"""The condition of a database, as an operator must know it: protections, rights, clock, age of what is owed.

The rule here: this module only looks. What to do about what it finds is said in `services/examine.py`.
"""

import sqlite3
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from app.domain.actor import system
from app.storage import logs
from app.storage.columns import from_microseconds
from app.storage.store import Store
from app.storage.tables import FILLED_LATER, INSERT_ONLY, audit_pending, checkpoints, log_pending, metadata, records

_NOBODY = UUID(int=0)  # it is the node itself that looks
_SQLITE_TRIGGERS = [f"{table}_refuses_{deed}" for table in INSERT_ONLY for deed in ("update", "delete")]
_POSTGRES_TRIGGERS = [f"{table}.{name}" for table in INSERT_ONLY for name in ("refuses_change", "refuses_truncate")]


async def _column(store: Store, query: str, **values: object) -> list[Any]:
    async with store.engine.connect() as connection:
        return [row[0] for row in await connection.execute(text(query), values)]


async def version(store: Store) -> str:
    """Give the version of the database's software."""
    if store.dialect == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    return f"PostgreSQL {(await _column(store, 'SHOW server_version'))[0]}"


async def missing_triggers(store: Store) -> list[str]:
    """Name the triggers that keep the log tables insert-only and are absent or switched off."""
    if store.dialect == "sqlite":
        found = await _column(store, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return sorted(set(_SQLITE_TRIGGERS) - set(found))
    query = (
        "SELECT c.relname || '.' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')"
    )
    return sorted(set(_POSTGRES_TRIGGERS) - set(await _column(store, query)))


async def missing_rights(store: Store) -> list[str]:
    """Name the rights that the application's role needs and lacks, as `INSERT on records` (PostgreSQL)."""
    if store.dialect == "sqlite":
        return []
    needed = {table.name: ["SELECT", "INSERT"] for table in metadata.sorted_tables}
    for table in set(needed) - set(INSERT_ONLY):
        needed[table] += ["UPDATE", "DELETE"]
    wanted = [f"{right} on {table}" for table, rights in sorted(needed.items()) for right in rights]
    wanted += [f"UPDATE on {table}.{column}" for table, columns in FILLED_LATER.items() for column in columns]
    return [place for place in wanted if not await _may(store, place)]


async def excess_rights(store: Store) -> list[str]:
    """Name the rights by which the application's role could rewrite what is insert-only (PostgreSQL)."""
    if store.dialect == "sqlite":
        return []
    wanted = [f"{right} on {table}" for table in INSERT_ONLY for right in ("UPDATE", "DELETE", "TRUNCATE")]
    wanted += [
        f"UPDATE on {table}.{column.name}"
        for table in INSERT_ONLY
        for column in metadata.tables[table].columns
        if column.name not in FILLED_LATER.get(table, ())
    ]
    return [place for place in wanted if await _may(store, place)]


async def _may(store: Store, place: str) -> bool:
    right, _, named = place.partition(" on ")
    table, _, column = named.partition(".")
    whole = "has_table_privilege(current_user, CAST(:table AS text), CAST(:right AS text))"
    part = "has_column_privilege(current_user, CAST(:table AS text), CAST(:column AS text), CAST(:right AS text))"
    values = {"table": f'"{table}"', "right": right} | ({"column": column} if column else {})
    return bool((await _column(store, f"SELECT {part if column else whole}", **values))[0])


async def damage(store: Store) -> list[str]:
    """Give what SQLite finds wrong with its file; PostgreSQL has its checksums."""
    if store.dialect != "sqlite":
        return []
    return [line for line in await _column(store, "PRAGMA quick_check(5)") if line != "ok"]


async def server_time(store: Store) -> datetime | None:
    """Give the time of the database server's clock; None where it is this machine's."""
    if store.dialect == "sqlite":
        return None
    query = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
    return from_microseconds((await _column(store, query))[0])


async def newest_time(store: Store) -> datetime | None:
    """Give the newest time that the node itself has written down."""
    async with store.engine.connect() as connection:
        made = (await connection.execute(select(func.max(checkpoints.c.made_at)))).scalar()
        received = (await connection.execute(select(func.max(records.c.received_at)))).scalar()
    times: list[datetime] = [moment for moment in (made, received) if moment is not None]
    return max(times, default=None)


async def oldest_debt(store: Store) -> datetime | None:
    """Tell since when the oldest record or audit row waits for the sequencer."""
    async with store.engine.connect() as connection:
        owed = (await connection.execute(select(func.min(log_pending.c.owed_at)))).scalar()
        noted = (await connection.execute(select(func.min(audit_pending.c.at)))).scalar()
    times: list[datetime] = [moment for moment in (owed, noted) if moment is not None]
    return min(times, default=None)


async def logs_published_ahead(store: Store) -> list[str]:
    """Name the own logs that were published further than this database has them: it was restored."""
    async with store.read(system(_NOBODY)) as tx:
        return [log_id for log_id, _ in await logs.shown_ahead(tx)]
