"""Indicators: what a look-up and a screening find, by one index probe per address.

The rule here: the predicate is inside the statement. This is the hot path: SQLAlchemy writes the SQL once, the driver
runs it, read-only and outside any transaction; look-ups that arrive together go as one statement.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol
from urllib.parse import quote
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import BigInteger, LargeBinary, Select, any_, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.engine import URL, make_url

from app.domain.errors import Unavailable
from app.storage.columns import to_microseconds
from app.storage.store import is_passing
from app.storage.tables import audiences, indicators, log_entries, organizations, records, reports
from app.storage.visibility import bound_ids, visible_bound

FOREVER = 2**63 - 1  # microseconds: no `as_of`
SQLITE_WIDTHS = (1, 8, 64, 1_000)  # keys of one statement: SQLite prepares one text for each, and takes 32,766 at most
INLINE_KEYS = 64  # keys that SQLite answers on the loop itself: under a millisecond, less than waking a thread
SQLITE_READERS = 2  # threads: look-ups and screenings do not wait for each other
POSTGRESQL_READERS = 8  # connections
COMMAND_TIMEOUT = 30  # seconds


class Hit(msgspec.Struct, frozen=True):
    """One indicator that the asker may read, with its report's claim and its place in the log."""

    key: bytes
    report: UUID
    ordinal: int
    chain: str
    address: str
    asset: str | None
    role: str | None
    relation: str | None
    first_seen: datetime | None
    last_seen: datetime | None
    tag: str | None
    transactions: list[str] | None
    indicator_confidence: int | None
    category: str
    subcategory: str | None
    method: str
    report_confidence: int
    reliability: str | None
    credibility: int | None
    valid_until: datetime
    followed: bool
    issuer: UUID
    issuer_name: str | None
    issuer_kind: str | None
    origin: str
    issued_at: datetime
    audience: dict[str, Any]
    tlp: str
    pap: str
    custody: str
    quarantined: bool
    log_id: str | None
    log_index: int | None


def _select() -> Select[Any]:
    return (
        select(
            indicators.c.key,
            indicators.c.record_id,
            indicators.c.ordinal,
            indicators.c.chain,
            indicators.c.address,
            indicators.c.asset,
            indicators.c.role,
            indicators.c.relation,
            indicators.c.first_seen,
            indicators.c.last_seen,
            indicators.c.tag,
            indicators.c.transactions,
            indicators.c.confidence,
            reports.c.category,
            reports.c.subcategory,
            reports.c.method,
            reports.c.confidence.label("report_confidence"),
            reports.c.reliability,
            reports.c.credibility,
            reports.c.valid_until,
            reports.c.followed,
            records.c.issuer,
            organizations.c.name,
            organizations.c.kind,
            records.c.origin,
            records.c.issued_at,
            audiences.c.document,
            records.c.tlp,
            records.c.pap,
            records.c.custody,
            records.c.quarantined,
            log_entries.c.log_id,
            log_entries.c.index,
        )
        .join(reports, reports.c.record_id == indicators.c.record_id)
        .join(records, records.c.id == indicators.c.record_id)
        .join(audiences, audiences.c.id == indicators.c.audience_id)
        .outerjoin(organizations, organizations.c.id == records.c.issuer)
        .outerjoin(log_entries, log_entries.c.record_id == records.c.id)
        .where(records.c.received_at <= bindparam("as_of", type_=BigInteger()))
    )


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement compiled once: its text, the order of its parameters, and what each column needs afterwards."""

    text: str
    order: tuple[str, ...]
    processors: tuple[Any, ...]

    def hits(self, rows: Iterable[Sequence[Any]]) -> list[Hit]:
        """Make hits of driver rows."""
        return [
            Hit(
                *(
                    value if process is None else process(value)
                    for process, value in zip(self.processors, row, strict=True)
                )
            )
            for row in rows
        ]


def _compile(query: Select[Any], dialect: Any) -> _Statement:
    compiled = query.compile(dialect=dialect)
    processors = tuple(
        column.type.dialect_impl(dialect).result_processor(dialect, None) for column in query.selected_columns
    )
    return _Statement(str(compiled), tuple(compiled.positiontup or ()), processors)


class Driver(Protocol):
    """How a database answers the one statement of the hot path."""

    async def search(self, keys: Sequence[bytes], ids: tuple[int, ...], as_of: int) -> list[Hit]:
        """Give the hits of these keys among these audiences, received by then."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Indicators:
    """The hot reading path of one store."""

    def __init__(self, url: str) -> None:
        """Prepare for a database URL; connections are opened at the first question."""
        parsed = make_url(url)
        sqlite_file = parsed.get_backend_name() == "sqlite"
        self._driver: Driver = _Sqlite(str(parsed.database)) if sqlite_file else _Postgresql(parsed)
        self._gathered: dict[tuple[int, ...], _Batch] = {}

    async def search_visible(self, keys: Sequence[bytes], ids: tuple[int, ...], as_of: datetime | None) -> list[Hit]:
        """Give the hits of many keys (a screening) that the audiences `ids` may read."""
        if not ids:
            return []
        moment = FOREVER if as_of is None else to_microseconds(as_of)
        return await self._driver.search(keys, ids, moment)

    async def gather_visible(self, keys: Sequence[bytes], ids: tuple[int, ...]) -> list[Hit]:
        """Give the hits of one look-up; look-ups by the same audiences that wait together become one statement."""
        if not ids:
            return []
        batch = self._gathered.get(ids)
        if batch is None:
            batch = self._gathered[ids] = _Batch()
            batch.task = asyncio.get_running_loop().create_task(self._flush(ids, batch))
        batch.keys.update(keys)
        hits = await asyncio.shield(batch.task)
        return [hit for key in keys for hit in hits.get(key, ())]

    async def _flush(self, ids: tuple[int, ...], batch: "_Batch") -> dict[bytes, list[Hit]]:
        await asyncio.sleep(0)
        del self._gathered[ids]
        found: dict[bytes, list[Hit]] = {}
        for hit in await self._driver.search(list(batch.keys), ids, FOREVER):
            found.setdefault(hit.key, []).append(hit)
        return found

    async def close(self) -> None:
        """Close every connection."""
        await self._driver.close()


class _Batch:
    """Look-ups that go together."""

    def __init__(self) -> None:
        self.keys: set[bytes] = set()
        self.task: asyncio.Task[dict[bytes, list[Hit]]]


class _Sqlite:
    """Two reading connections, each in a thread of its own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(SQLITE_READERS, "watchfire-read")
        self._idle: list[sqlite3.Connection] = []
        self._statements = {width: self._statement(width) for width in SQLITE_WIDTHS}

    @staticmethod
    @cache
    def _statement(width: int) -> _Statement:
        keys = [bindparam(f"key{place}", type_=LargeBinary()) for place in range(width)]
        allowed, _ = visible_bound(indicators.c.audience_id, "sqlite")
        return _compile(_select().where(indicators.c.key.in_(keys), allowed), sqlite.dialect())

    async def search(self, keys: Sequence[bytes], ids: tuple[int, ...], as_of: int) -> list[Hit]:
        if len(keys) <= INLINE_KEYS:
            return self._search(keys, bound_ids(ids, "sqlite"), as_of)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._search, keys, bound_ids(ids, "sqlite"), as_of)

    def _search(self, keys: Sequence[bytes], ids: object, as_of: int) -> list[Hit]:
        connection = None
        try:
            connection = self._take()
            hits: list[Hit] = []
            for first in range(0, len(keys), SQLITE_WIDTHS[-1]):
                part = keys[first : first + SQLITE_WIDTHS[-1]]
                width = next(width for width in SQLITE_WIDTHS if width >= len(part))
                statement = self._statements[width]
                values: dict[str, object] = {"audiences": ids, "as_of": as_of}
                values |= {f"key{place}": part[min(place, len(part) - 1)] for place in range(width)}
                rows = connection.execute(statement.text, [values[name] for name in statement.order])
                hits += statement.hits(rows)
        except sqlite3.DatabaseError as error:
            raise Unavailable("The database cannot be read now; try again.") from error
        finally:
            if connection is not None:
                self._idle.append(connection)
        return hits

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:  # asked for and not looked at first: another thread may take the last one in between
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        uri = f"file:{quote(self._path)}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA mmap_size=1073741824")
        connection.execute("PRAGMA cache_size=-65536")
        return connection

    async def close(self) -> None:
        self._threads.shutdown()
        for connection in self._idle:
            connection.close()
        self._idle.clear()


async def _leave(_: object) -> None:
    """Leave a connection as it is: the one statement of this path changes nothing, so nothing is to be reset."""


class _Postgresql:
    """A pool of asyncpg connections with prepared statements."""

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._pool: Any = None
        self._opening = asyncio.Lock()
        wanted = bindparam("keys", type_=ARRAY(postgresql.BYTEA))
        allowed, _ = visible_bound(indicators.c.audience_id, "postgresql")
        dialect: Any = asyncpg_dialect.dialect
        self._statement = _compile(_select().where(indicators.c.key == any_(wanted), allowed), dialect())

    async def search(self, keys: Sequence[bytes], ids: tuple[int, ...], as_of: int) -> list[Hit]:
        values = {"keys": list(keys), "audiences": bound_ids(ids, "postgresql"), "as_of": as_of}
        try:
            pool = self._pool or await self._open()
            rows = await pool.fetch(self._statement.text, *(values[name] for name in self._statement.order))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if not is_passing(error):
                raise
            raise Unavailable("The database cannot be read now; try again.") from error
        return self._statement.hits(rows)

    async def _open(self) -> Any:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=POSTGRESQL_READERS,
                    command_timeout=COMMAND_TIMEOUT,
                    reset=_leave,
                    server_settings={"default_transaction_read_only": "on"},
                )
        return self._pool

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
