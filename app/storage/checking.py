"""The whole store as it stands, unfiltered, for the checker alone.

The rule here: this is the one place without the predicate of `visibility.py`, because a check that left out what
somebody may not read would prove nothing. It runs for the operator, on the operator's own machine, against rows that
are compared and never shown: what comes out of the checker is ids and reasons. Values are as the driver gives them
("raw": 16 bytes or a UUID for an id, microseconds for a time, text for a document), so that a damaged value is a value
that can be named and not a conversion that fails. Every answer is bounded: a page of rows, never a table.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Label,
    Select,
    Table,
    and_,
    func,
    not_,
    or_,
    select,
    true,
    tuple_,
    type_coerce,
)
from sqlalchemy.types import NullType

from app.storage.federation_tables import log_holes, nodes, replicas
from app.storage.feed_tables import feed
from app.storage.following import FOLLOWS, FOLLOWS_ONE, REPORT
from app.storage.holes import BARE
from app.storage.store import ReadTx
from app.storage.tables import (
    audience_organizations,
    audiences,
    audit,
    checkpoints,
    group_members,
    group_nodes,
    groups,
    indicators,
    introductions,
    log_entries,
    log_pending,
    log_tiles,
    logs,
    organization_keys,
    organizations,
    records,
    reports,
)

Row = Mapping[str, Any]

PAGE_ROWS = 1_000  # rows of one page
PAGE_BYTES = 4 * 1024 * 1024  # bytes of signed records in one page, unless one record alone is larger
SIZES = 5_000  # rows whose sizes are asked for at once
FIRST = -(2**63)  # below every number of a column
NAMED = 100  # rows that one question for strays names at most


@asynccontextmanager
async def tolerant(tx: ReadTx) -> AsyncIterator[None]:
    """Let texts that are not UTF-8 be read (SQLite): they differ from what they should be, and are named."""
    if tx.dialect == "postgresql":
        yield
        return
    driver: Any = (await tx.connection.get_raw_connection()).driver_connection
    kept = driver.text_factory
    driver.text_factory = lambda raw: raw.decode(errors="surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = kept


def _raw(column: ColumnElement[Any], name: str = "") -> Label[Any]:
    return type_coerce(column, NullType()).label(name or str(column.key))


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return type_coerce(column, NullType())


def _all(*columns: Iterable[ColumnElement[Any]]) -> list[Label[Any]]:
    return [_raw(column) for group in columns for column in group]


async def _rows(tx: ReadTx, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in (await tx.execute(query)).mappings()]


async def _by_key(tx: ReadTx, query: Select[Any], *key: ColumnElement[Any]) -> AsyncIterator[list[Row]]:
    """Give the pages of a query in the order of its key, whose columns it selects first."""
    names = [column.key for column in key]
    query, plain = query.order_by(*key).limit(PAGE_ROWS), [_plain(column) for column in key]
    page = await _rows(tx, query)
    while page:
        yield page
        last = [page[-1][str(name)] for name in names]
        after = plain[0] > last[0] if len(key) == 1 else tuple_(*plain) > tuple_(*last)
        page = await _rows(tx, query.where(after)) if len(page) == PAGE_ROWS else []


async def all_logs(tx: ReadTx) -> AsyncIterator[Row]:
    """Give every log with the key of its audience."""
    source = logs.outerjoin(audiences, audiences.c.id == logs.c.audience_id)
    query = select(*_all(logs.c), _raw(audiences.c.key, "audience_key")).select_from(source)
    async for page in _by_key(tx, query, logs.c.id):
        for row in page:
            yield row


_RECORD = [*_all(records.c), _raw(audiences.c.key, "audience_key")]


async def entries(tx: ReadTx, log_id: object) -> AsyncIterator[list[Row]]:
    """Give the entries of a log in order, each with its record (`id` None: absent) and why it has no body."""
    of_log = _plain(log_entries.c.log_id) == log_id
    index = _plain(log_entries.c.index)
    source = log_entries.outerjoin(records, records.c.id == log_entries.c.record_id)
    sizes = select(index, func.coalesce(func.length(records.c.payload), 0)).select_from(source)
    columns = [
        _raw(log_entries.c.index),
        _raw(log_entries.c.arrival),
        _raw(log_entries.c.record_id),
        _raw(log_entries.c.leaf_hash, "entry_leaf_hash"),
        _raw(log_holes.c.reason, "hole"),
    ]
    whole = source.outerjoin(audiences, audiences.c.id == records.c.audience_id).outerjoin(
        log_holes, (log_holes.c.log_id == log_entries.c.log_id) & (log_holes.c.index == log_entries.c.index)
    )
    query = select(*columns, *_RECORD).select_from(whole).where(of_log).order_by(index)
    after: Any = FIRST
    while True:
        rows = (await tx.execute(sizes.where(of_log, index > after).order_by(index).limit(SIZES))).all()
        for run in _runs(rows):
            yield await _rows(tx, query.where(index >= run[0], index <= run[-1]))
        if len(rows) < SIZES:
            return
        after = rows[-1][0]


async def unlogged(tx: ReadTx) -> AsyncIterator[list[Row]]:
    """Give the records that stand in no log, by id, each once for every time that it is owed to one (or once)."""
    key = _plain(records.c.id)
    source = records.outerjoin(log_pending, log_pending.c.record_id == records.c.id)
    logged = select(log_entries.c.record_id).where(log_entries.c.record_id == records.c.id).exists()
    sizes = (
        select(key, func.coalesce(func.length(records.c.payload), 0)).where(~logged).order_by(records.c.id).limit(SIZES)
    )
    owed = [_raw(column, f"pending_{column.key}") for column in log_pending.c]
    whole = source.outerjoin(audiences, audiences.c.id == records.c.audience_id)
    query = select(*_RECORD, *owed).select_from(whole).order_by(records.c.id)
    rows = (await tx.execute(sizes)).all()
    while rows:
        for run in _runs(rows):
            yield await _rows(tx, query.where(key.in_(run)))
        rows = (await tx.execute(sizes.where(key > rows[-1][0]))).all() if len(rows) == SIZES else []


def _runs(rows: Iterable[Sequence[Any]]) -> Iterable[list[Any]]:
    """Cut (key, size) rows into runs of keys that fit a page."""
    run: list[Any] = []
    total = 0
    for key, size in rows:
        if run and (total + size > PAGE_BYTES or len(run) == PAGE_ROWS):
            yield run
            run, total = [], 0
        run.append(key)
        total += size
    if run:
        yield run


async def replica(tx: ReadTx, log_id: object) -> Row | None:
    """Give the position in a log that is pulled; None where it is not."""
    found = await _rows(tx, select(*_all(replicas.c)).where(_plain(replicas.c.log_id) == log_id))
    return found[0] if found else None


async def node_document(tx: ReadTx, node_id: object) -> bytes:
    """Give the record that a node signed of itself; nothing where the node is not known."""
    found = await _rows(tx, select(_raw(nodes.c.document)).where(_plain(nodes.c.id) == node_id))
    return bytes(found[0]["document"]) if found else b""


async def all_nodes(tx: ReadTx) -> AsyncIterator[Row]:
    """Give everything that is kept of each node."""
    async for page in _by_key(tx, select(*_all(nodes.c)), nodes.c.id):
        for row in page:
            yield row


async def strange_holes(tx: ReadTx) -> list[Row]:
    """Name the holes of entries that are not there, and those that say wrongly that this node refused the entry."""
    place = (log_entries.c.log_id == log_holes.c.log_id) & (log_entries.c.index == log_holes.c.index)
    here = select(log_entries.c.index).where(place).exists()
    refused = log_holes.c.reason.not_in(sorted(BARE))
    query = select(_raw(log_holes.c.log_id), _raw(log_holes.c.index))
    return await _rows(tx, query.where(or_(~here, log_holes.c.refused != refused)).limit(NAMED))


async def claims(tx: ReadTx, ids: Sequence[object]) -> dict[object, Row]:
    """Give the rows of `reports` of these records."""
    key = _plain(reports.c.record_id)
    return {row["record_id"]: row for row in await _rows(tx, select(*_all(reports.c)).where(key.in_(ids)))}


async def indicator_rows(tx: ReadTx, ids: Sequence[object]) -> dict[object, list[tuple[Any, ...]]]:
    """Give the rows of `indicators` of these records, by ordinal: every column but the record's id."""
    key = _plain(indicators.c.record_id)
    query = select(*_all(indicators.c)).where(key.in_(ids)).order_by(indicators.c.record_id, indicators.c.ordinal)
    found: dict[object, list[tuple[Any, ...]]] = {}
    for row in await tx.execute(query):
        found.setdefault(row[0], []).append(tuple(row)[1:])
    return found


INDICATOR_COLUMNS = tuple(column.name for column in indicators.columns)[1:]


async def followers(tx: ReadTx, ids: Sequence[object]) -> dict[object, list[Row]]:
    """Give what names each of these reports as its subject, each sort once: kind, issuer, audience, marking."""
    frame = [records.c.subject, records.c.kind, records.c.issuer, records.c.audience_id, records.c.tlp]
    query = select(*_all(frame)).join(REPORT, FOLLOWS).where(_plain(records.c.subject).in_(ids)).distinct()
    found: dict[object, list[Row]] = {}
    for row in await _rows(tx, query):
        found.setdefault(row["subject"], []).append(row)
    return found


async def revocations(tx: ReadTx, ids: Sequence[object]) -> AsyncIterator[Row]:
    """Give the signed revocations of these reports, one after the other."""
    mine = and_(_plain(records.c.subject).in_(ids), records.c.kind == "revocation", records.c.payload.is_not(None))
    frame = [records.c.id, records.c.subject, records.c.issuer, records.c.payload]
    query = select(*_all(frame)).where(mine, FOLLOWS_ONE)
    async for page in _by_key(tx, query, records.c.id):
        for row in page:
            yield row


async def issuers(tx: ReadTx, ids: Sequence[object]) -> dict[object, object]:
    """Give who issued each of these records."""
    query = select(*_all([records.c.id, records.c.issuer])).where(_plain(records.c.id).in_(ids))
    return {row["id"]: row["issuer"] for row in await _rows(tx, query)}


async def enrolled(tx: ReadTx, ids: Sequence[object]) -> list[Row]:
    """Give every key of these organizations, revoked ones too."""
    key = _plain(organization_keys.c.organization_id)
    return await _rows(tx, select(*_all(organization_keys.c)).where(key.in_(ids)).order_by(organization_keys.c.keyid))


async def organization_rows(tx: ReadTx, ids: Sequence[object]) -> list[Row]:
    """Give the rows of these organizations."""
    return await _rows(tx, select(*_all(organizations.c)).where(_plain(organizations.c.id).in_(ids)))


async def introduced(tx: ReadTx, audience_id: object) -> set[tuple[object, object]]:
    """Give the (organization, version) pairs that are noted as stated to an audience."""
    query = select(*_all([introductions.c.organization_id, introductions.c.version])).where(
        _plain(introductions.c.audience_id) == audience_id
    )
    return {(row["organization_id"], row["version"]) for row in await _rows(tx, query)}


async def epochs(tx: ReadTx, origin: object, audience_id: object) -> tuple[object, object]:
    """Give the first and the newest epoch of a node's logs of an audience."""
    mine = (_plain(logs.c.origin) == origin) & (_plain(logs.c.audience_id) == audience_id)
    row = (await tx.execute(select(func.min(logs.c.epoch), func.max(logs.c.epoch)).where(mine))).one()
    return row[0], row[1]


async def group_row(tx: ReadTx, group_id: object) -> tuple[Row | None, list[object], list[object]]:
    """Give a group's row, its members and its nodes."""
    found = await _rows(tx, select(*_all(groups.c)).where(_plain(groups.c.id) == group_id))
    members = select(*_all(group_members.c)).where(_plain(group_members.c.group_id) == group_id)
    rows = await _rows(tx, members.order_by(group_members.c.organization_id))
    housed = select(_raw(group_nodes.c.node_id)).where(_plain(group_nodes.c.group_id) == group_id)
    nodes = await _rows(tx, housed.order_by(group_nodes.c.node_id))
    return (found[0] if found else None), [row["organization_id"] for row in rows], [row["node_id"] for row in nodes]


async def is_statement_owed(tx: ReadTx, audience_id: object) -> bool:
    """Tell whether an organization or group record is owed to the log of an audience."""
    query = (
        select(log_pending.c.id)
        .join(records, records.c.id == log_pending.c.record_id)
        .where(_plain(log_pending.c.audience_id) == audience_id, records.c.kind.in_(("organization", "group")))
    )
    return (await tx.execute(query.limit(1))).first() is not None


async def checkpoints_between(tx: ReadTx, log_id: object, after: int, last: int) -> list[Row]:
    """Give a log's checkpoints of the sizes after `after` up to `last`, in order."""
    size = _plain(checkpoints.c.size)
    query = select(*_all(checkpoints.c)).where(_plain(checkpoints.c.log_id) == log_id, size > after, size <= last)
    return await _rows(tx, query.order_by(checkpoints.c.size))


async def checkpoints_outside(tx: ReadTx, log_id: object, entries_held: int) -> list[object]:
    """Name the sizes of checkpoints that no tree of this log has or had."""
    size = _plain(checkpoints.c.size)
    outside = or_(size < 1, size > entries_held)
    query = select(size).where(_plain(checkpoints.c.log_id) == log_id, outside).limit(NAMED)
    return [row[0] for row in await tx.execute(query)]


async def tiles(tx: ReadTx, log_id: object, level: int, first: int, last: int) -> dict[object, tuple[object, object]]:
    """Give the hashes and root of a log's tiles of a level from `first` to `last`."""
    index = _plain(log_tiles.c.index)
    query = select(*_all([log_tiles.c.index, log_tiles.c.hashes, log_tiles.c.root])).where(
        _plain(log_tiles.c.log_id) == log_id, log_tiles.c.level == level, index >= first, index <= last
    )
    return {row["index"]: (row["hashes"], row["root"]) for row in await _rows(tx, query)}


async def tiles_outside(tx: ReadTx, log_id: object, counts: Sequence[int]) -> list[tuple[object, object]]:
    """Name the tiles (level, index) that the log does not have; `counts` says how many it has of each level."""
    level, index = _plain(log_tiles.c.level), _plain(log_tiles.c.index)
    inside = [and_(level == place, index >= 0, index < count) for place, count in enumerate(counts)]
    query = select(level, index).where(_plain(log_tiles.c.log_id) == log_id, not_(or_(*inside)) if inside else true())
    return [(row[0], row[1]) for row in await tx.execute(query.limit(NAMED))]


async def logged_twice(tx: ReadTx) -> list[object]:
    """Name the records that stand in the logs more than once."""
    key = _plain(log_entries.c.record_id)
    query = select(key).where(log_entries.c.record_id.is_not(None))
    query = query.group_by(log_entries.c.record_id).having(func.count() > 1).limit(NAMED)
    return [row[0] for row in await tx.execute(query)]


async def owed_wrongly(tx: ReadTx) -> list[object]:
    """Name the records that are owed to a log though they stand in one, or do not exist."""
    logged = select(log_entries.c.record_id).where(log_entries.c.record_id == log_pending.c.record_id).exists()
    known = select(records.c.id).where(records.c.id == log_pending.c.record_id).exists()
    query = select(_plain(log_pending.c.record_id)).where(or_(logged, ~known)).limit(NAMED)
    return [row[0] for row in await tx.execute(query)]


_BELONGS: tuple[tuple[Table, ColumnElement[Any], ColumnElement[Any]], ...] = (
    (reports, reports.c.record_id, records.c.id),
    (indicators, indicators.c.record_id, records.c.id),
    (feed, feed.c.report, records.c.id),
    (feed, feed.c.record_id, records.c.id),
    (log_entries, log_entries.c.log_id, logs.c.id),
    (log_tiles, log_tiles.c.log_id, logs.c.id),
    (checkpoints, checkpoints.c.log_id, logs.c.id),
    (audience_organizations, audience_organizations.c.audience_id, audiences.c.id),
    (introductions, introductions.c.audience_id, audiences.c.id),
    (introductions, introductions.c.organization_id, organizations.c.id),
    (group_members, group_members.c.group_id, groups.c.id),
    (group_nodes, group_nodes.c.group_id, groups.c.id),
)


async def orphans(tx: ReadTx) -> list[tuple[str, object]]:
    """Name what belongs to nothing: the table, and the id to which its row points."""
    found: list[tuple[str, object]] = []
    for table, child, parent in _BELONGS:
        source: FromClause = parent.table
        known = select(parent).select_from(source).where(parent == child).exists()
        query = select(_plain(child)).select_from(table).where(~known).distinct().limit(NAMED)
        found += [(table.name, row[0]) for row in await tx.execute(query)]
    return found


async def all_audiences(tx: ReadTx) -> AsyncIterator[tuple[Row, list[object]]]:
    """Give every audience with the organizations that are noted for it."""
    async for page in _by_key(tx, select(*_all(audiences.c)), audiences.c.id):
        held: dict[object, list[object]] = {}
        named = _plain(audience_organizations.c.audience_id).in_([row["id"] for row in page])
        query = select(*_all(audience_organizations.c)).where(named)
        for row in await _rows(tx, query.order_by(audience_organizations.c.organization_id)):
            held.setdefault(row["audience_id"], []).append(row["organization_id"])
        for row in page:
            yield row, held.get(row["id"], [])


async def all_audit(tx: ReadTx) -> AsyncIterator[list[Row]]:
    """Give the audit rows, chain by chain, in order."""
    async for page in _by_key(tx, select(*_all(audit.c)), audit.c.organization_id, audit.c.index):
        yield page
