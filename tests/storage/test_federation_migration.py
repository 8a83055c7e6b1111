"""The schema of before is brought to the new one with everything that it holds, on both databases."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.storage import condition, migrate
from app.storage.store import open_store
from tests.postgres import OWNER

BEFORE = "0003"
IDS = [f"{number:032x}" for number in range(1, 9)]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """The URL of a database without any table, as its owner."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'before.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    server.create_database("before")
    yield server.url("before", OWNER)
    server.drop_database("before")


@pytest.fixture
async def store(empty):
    opened = open_store(empty)
    await migrate.upgrade(opened, BEFORE)
    await fill(opened)
    yield opened
    await opened.close()


def key(store, number):
    """Write an id as the database wants it."""
    return f"x'{IDS[number]}'" if store.dialect == "sqlite" else f"'{IDS[number]}'"


def raw(store, hexadecimal):
    """Write bytes as the database wants them."""
    return f"x'{hexadecimal}'" if store.dialect == "sqlite" else f"'\\x{hexadecimal}'"


async def run(store, *statements):
    async with store.engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def fill(store):
    """Write rows of the schema of before: two organizations that much points to, a group, and a log of two entries."""
    ngo, bank, group, one, two = (key(store, number) for number in range(5))
    no, ab, leaf = ("0", raw(store, "ab"), raw(store, "00" * 32)) if store.dialect == "sqlite" else (
        "false", raw(store, "ab"), raw(store, "00" * 32)
    )  # fmt: skip
    records = ", ".join(
        f"({item}, 'report', {ngo}, 'node', 1, 2, 1, {no}, 'TLP:CLEAR', 'PAP:CLEAR', NULL, {digest}, {ab}, 'k', {ab},"
        f" 'node', {leaf})"
        for item, digest in ((one, raw(store, "01")), (two, raw(store, "02")))
    )
    await run(
        store,
        f"INSERT INTO organizations VALUES ({ngo}, 'an ngo', 'ngo', 'node', {no}, 1, 5)",
        f"INSERT INTO organizations VALUES ({bank}, 'a bank', 'bank', 'node', {no}, 2, 6)",
        f"INSERT INTO organization_keys VALUES ('k', {ngo}, {ab}, 'node', NULL, 5, NULL)",
        f"INSERT INTO credentials VALUES ('c', {bank}, 'name', {ab}, '[]', '[]', 5, NULL, NULL, NULL)",
        f"INSERT INTO groups VALUES ({group}, 'a group', {ngo}, 3, 7)",
        f"INSERT INTO group_members VALUES ({group}, {ngo}, 8), ({group}, {bank}, 9)",
        f"INSERT INTO audiences VALUES (1, 'public', 'public', {no}, NULL, '{{}}')",
        f"INSERT INTO introductions VALUES (1, {ngo}, 1)",
        f"INSERT INTO records VALUES {records}",
        "INSERT INTO logs VALUES ('log', 'node', 1, 1)",
        f"INSERT INTO log_entries VALUES ('log', 0, {leaf}, {one}, 1), ('log', 1, {leaf}, {two}, 2)",
        f"INSERT INTO checkpoints VALUES ('log', 2, {leaf}, {ab}, 'note', 4)",
    )


OLD_TABLES = {
    "organizations": "id, name, kind, home, trusted, version, created_at",
    "organization_keys": "keyid, organization_id",
    "credentials": "id, organization_id",
    "groups": "id, name, steward, version, created_at",
    "group_members": "group_id, organization_id, joined_at",
    "introductions": "audience_id, organization_id, version",
    "records": "id, issuer, digest, payload, leaf_hash",
    "log_entries": 'log_id, "index", leaf_hash, record_id',
    "checkpoints": "log_id, size, root, note",
}


async def held(store):
    async with store.engine.connect() as connection:
        return {
            table: sorted(map(tuple, await connection.execute(text(f"SELECT {columns} FROM {table}"))), key=repr)
            for table, columns in OLD_TABLES.items()
        }


async def refused(store, statement):
    async with store.engine.connect() as connection:
        with pytest.raises(DBAPIError) as said:
            await connection.execute(text(statement))
        await connection.rollback()
    return str(said.value.orig)


async def test_every_row_outlives_the_migration(store):
    before = await held(store)
    await migrate.upgrade(store)
    assert await held(store) == before
    assert len(before["organizations"]) == len(before["log_entries"]) == 2
    async with store.engine.connect() as connection:
        found = await connection.execute(text('SELECT arrival FROM log_entries ORDER BY "index"'))
        first, second = (row[0] / 1_000_000 for row in found)  # numbers have become times, in the same order
    assert first < second - 0.5
    assert time.time() - 60 < second <= time.time()
    assert await migrate.drift(store) == []
    assert await condition.missing_triggers(store) == []
    assert await condition.damage(store) == []
    async with store.engine.connect() as connection:
        rules = (await connection.execute(text("SELECT history, on_leave FROM groups"))).one()
        if store.dialect == "sqlite":
            assert (await connection.execute(text("PRAGMA foreign_key_check"))).all() == []
    assert tuple(rules) == ("full", "purge")


async def test_what_points_to_a_table_that_was_made_anew_points_to_it_still(store):
    await migrate.upgrade(store)
    ngo = key(store, 0)
    said = await refused(store, f"DELETE FROM organizations WHERE id = {ngo}")
    assert "foreign key" in said.lower()
    nobody = key(store, 7)
    said = await refused(store, f"INSERT INTO introductions VALUES (1, {nobody}, 1)")
    assert "foreign key" in said.lower()


async def test_names_are_unique_at_each_home(store):
    await migrate.upgrade(store)
    other, third = key(store, 5), key(store, 6)
    no = "0" if store.dialect == "sqlite" else "false"
    columns = "id, name, kind, home, trusted, version, created_at"
    await run(store, f"INSERT INTO organizations ({columns}) VALUES ({other}, 'an ngo', 'ngo', 'there', {no}, 1, 5)")
    again = f"INSERT INTO organizations ({columns}) VALUES ({third}, 'an ngo', 'ngo', 'there', {no}, 1, 5)"
    assert "unique" in (await refused(store, again)).lower()


async def test_a_group_may_name_whom_nobody_here_knows(store):
    await migrate.upgrade(store)
    group, nobody = key(store, 2), key(store, 7)
    await run(store, f"INSERT INTO group_members VALUES ({group}, {nobody}, 10)")


async def test_an_entry_gets_its_record_and_its_arrival_number_once_and_nothing_else_ever(store):
    await migrate.upgrade(store)
    leaf, other = raw(store, "11" * 32), raw(store, "12" * 32)
    three = key(store, 5)
    frame = "kind, issuer, origin, issued_at, received_at, audience_id, tlp, pap, digest, keyid, signature, custody"
    await run(
        store,
        f"INSERT INTO records (id, {frame}, leaf_hash) SELECT {three}, {frame.replace('digest', raw(store, '03'))}, "
        f"leaf_hash FROM records WHERE id = {key(store, 3)}",
        f"INSERT INTO log_entries VALUES ('log', 2, {leaf}, NULL, NULL), ('log', 3, {leaf}, NULL, NULL)",
    )
    at = "WHERE \"index\" = 2 AND log_id = 'log'"
    changes = [
        "log_id = 'other'",
        '"index" = 9',
        f"leaf_hash = {other}",
        f"record_id = {three}, leaf_hash = {other}",
        "record_id = NULL",
        "log_id = log_id",
    ]
    for change in changes:
        assert "log_entries is insert-only" in await refused(store, f"UPDATE log_entries SET {change} {at}"), change
    assert "log_entries is insert-only" in await refused(store, f"DELETE FROM log_entries {at}")
    await run(store, f"UPDATE log_entries SET record_id = {three} {at}")
    await run(store, f"UPDATE log_entries SET arrival = 3 {at}")
    for change in (f"record_id = {key(store, 4)}", "record_id = NULL", "arrival = 4", "arrival = NULL", "arrival = 3"):
        assert "log_entries is insert-only" in await refused(store, f"UPDATE log_entries SET {change} {at}"), change


async def test_the_app_may_fill_an_entry_and_change_nothing_else_of_it(store, request):
    if store.dialect == "sqlite":
        return
    await migrate.upgrade(store)
    server = request.getfixturevalue("postgres_server")
    app = open_store(server.url("before"))
    try:
        assert await condition.missing_rights(app) == []
        assert await condition.excess_rights(app) == []
        await run(store, f"INSERT INTO log_entries VALUES ('log', 2, {raw(store, '11' * 32)}, NULL, NULL)")
        assert "permission denied" in await refused(
            app, 'UPDATE log_entries SET leaf_hash = leaf_hash WHERE "index" = 2'
        )
        await run(app, 'UPDATE log_entries SET arrival = 3 WHERE "index" = 2')
        assert "insert-only" in await refused(app, 'UPDATE log_entries SET arrival = 4 WHERE "index" = 2')
        await run(store, "GRANT UPDATE (leaf_hash) ON log_entries TO watchfire_app")
        await run(store, "REVOKE UPDATE (arrival) ON log_entries FROM watchfire_app")
        assert await condition.missing_rights(app) == ["UPDATE on log_entries.arrival"]
        assert await condition.excess_rights(app) == ["UPDATE on log_entries.leaf_hash"]
    finally:
        await app.close()
