"""Whatever is changed behind the program's back in what was pulled from another node, the checker finds it."""

import sqlite3

import asyncpg
import pytest

from app.domain import merkle
from app.domain.record import Revocation
from app.domain.signing import Envelope
from app.storage.tables import INSERT_ONLY, metadata
from tests.federation.liar import Story, open_nodes, person
from tests.joined import pull_all
from tests.postgres import SUPERUSER
from tests.services.test_verify_log import damaged

REPORT = "kind = 'report'"
SILENT = {"received_at", "subject", "subject_origin"}  # when it came; and what a report has none of
# (table, columns, which rows): this node's own remarks (when, from whom, in which words) are nothing that was signed.
CUT = (
    ("replicas", ("log_id", "size", "root", "frontier", "note", "cover_size"), "1 = 1"),
    ("log_holes", ("log_id", "index", "reason", "refused"), "reason = 'withheld'"),
    ("log_holes", ("log_id", "index", "refused"), "reason = 'invalid_record'"),
    ("nodes", ("id", "name", "url", "generation", "document", "issued_at"), "id <> :own"),
    ("logs", ("id", "origin", "audience_id", "epoch"), "1 = 1"),
    ("log_entries", ("log_id", "index", "leaf_hash", "record_id"), "record_id IS NOT NULL"),
    ("log_entries", ("log_id", "index", "leaf_hash"), "record_id IS NULL"),
    (
        "records",
        tuple(column.name for column in metadata.tables["records"].columns if column.name not in SILENT),
        REPORT,
    ),
    ("records", ("payload", "subject", "subject_origin", "issuer"), "kind = 'revocation'"),
    ("records", ("payload", "keyid", "custody"), "kind = 'organization'"),
    ("reports", ("category", "method", "confidence", "valid_until", "state", "followed", "indicators"), "1 = 1"),
    ("indicators", ("record_id", "ordinal", "key", "audience_id", "chain", "address"), "1 = 1"),
)


class Knife:
    """Changes rows of a node's store with no trigger and no foreign key in the way."""

    def __init__(self, stand, server):
        self.stand, self.server = stand, server
        self.on_sqlite = stand.home.node.store.dialect == "sqlite"

    async def __aenter__(self):
        if self.on_sqlite:
            self.held = sqlite3.connect(self.stand.home.url.partition("///")[2], isolation_level=None)
            self.held.execute("PRAGMA foreign_keys = OFF")
            for table in INSERT_ONLY:
                for deed in ("update", "delete"):
                    self.held.execute(f"DROP TRIGGER {table}_refuses_{deed}")
        else:
            name = self.stand.home.url.split("@/")[-1].split("?")[0]
            self.held = await asyncpg.connect(self.server.dsn(name, SUPERUSER))
            await self.held.execute("SET session_replication_role = replica")
        return self

    async def __aexit__(self, *_):
        closing = self.held.close()
        if closing is not None:
            await closing

    async def cut(self, sql, *values):
        if self.on_sqlite:
            return self.held.execute(sql, values).fetchall()
        marks = iter(range(1, 100))
        text = "".join(f"${next(marks)}" if part == "?" else part for part in sql)
        return [tuple(row) for row in await self.held.fetch(text, *values)]

    async def sample(self, table, column, where):
        """Give the primary key of a row that has a value in the column, and the value."""
        keys = [key.name for key in metadata.tables[table].primary_key]
        names = ", ".join(f'"{name}"' for name in keys)
        where = where.replace(":own", f"'{self.stand.id}'")
        rows = await self.cut(
            f'SELECT {names}, "{column}" FROM {table} WHERE {where} AND "{column}" IS NOT NULL ORDER BY {names}'
        )
        assert rows, f"nothing in {table}.{column}"
        *key, value = rows[len(rows) // 2]
        return dict(zip(keys, key, strict=True)), value


@pytest.fixture
async def pulled(database, fresh_sqlite, postgres_server):
    """A node that has pulled a log with whole, bare and refused entries, and a knife."""
    async with open_nodes(database, fresh_sqlite()) as (honest, liar):
        shadow = person(liar.home)
        story = Story(liar.home)
        story.state(shadow)
        first = story.report(shadow)
        story.entries += [merkle.leaf_hash(b"kept back"), Envelope(b"{}", "0" * 32, bytes(64))]
        for _ in range(3):
            story.report(shadow)
        story.add(story.frame("revocation", shadow, Revocation(first.id, "mistaken")), shadow.seed)
        liar.lies.append(story)
        await pull_all(honest, liar)
        async with Knife(honest, postgres_server) as knife:
            yield honest, knife


async def test_one_flipped_value_of_what_was_pulled_is_found(pulled):
    honest, knife = pulled
    assert await honest.faults() == []
    for table, columns, where in CUT:
        for column in columns:
            key, value = await knife.sample(table, column, where)
            changed = damaged(value, column)
            place = " AND ".join(f'"{name}" = ?' for name in key)
            await knife.cut(f'UPDATE {table} SET "{column}" = ? WHERE {place}', changed, *key.values())
            assert await honest.faults() != [], f"{table}.{column} of {key} was changed, and nothing was found"
            moved = key | ({column: changed} if column in key else {})
            await knife.cut(f'UPDATE {table} SET "{column}" = ? WHERE {place}', value, *moved.values())
    assert await honest.faults() == []


async def test_a_row_that_is_taken_away_from_what_was_pulled_is_found(pulled):
    honest, knife = pulled
    for table, where in (
        ("log_holes", "reason = 'withheld'"),
        ("nodes", "id <> :own"),
        ("replicas", "1 = 1"),
    ):
        columns = [column.name for column in metadata.tables[table].columns]
        key, _ = await knife.sample(table, columns[0], where)
        place = " AND ".join(f'"{name}" = ?' for name in key)
        names = ", ".join(f'"{name}"' for name in columns)
        [row] = await knife.cut(f"SELECT {names} FROM {table} WHERE {place}", *key.values())
        await knife.cut(f"DELETE FROM {table} WHERE {place}", *key.values())
        assert await honest.faults() != [], table
        marks = ", ".join("?" for _ in columns)
        await knife.cut(f"INSERT INTO {table} ({names}) VALUES ({marks})", *row)
    assert await honest.faults() == []
