"""The schemas of before are brought to the new one with everything that it holds, on both databases."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.domain import audience as audiences
from app.domain.marking import Pap, Tlp
from app.services import refill
from app.storage import condition, migrate
from app.storage.stamps import ERASED
from app.storage.store import open_store
from app.storage.tables import metadata
from tests.postgres import OWNER
from tests.world import CHAIN

BEFORE = "0003"
BEFORE_STREAM = "0004"
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


async def told(home):
    """Tell a node a bit of everything: reports that stand, were replaced, taken back in part and whole, erased."""
    ngo, bank = await home.organization(), await home.organization()
    group = await home.group(ngo, bank)
    addresses = [home.address() for _ in range(4)]
    public = {"audience": audiences.PUBLIC, "tlp": Tlp.CLEAR, "pap": Pap.CLEAR}
    reports = [await home.submit(ngo, *addresses, **public) for _ in range(5)]
    await home.submit(ngo, addresses[0], audience=audiences.group(group.id))
    await home.sequence()
    await home.follow(bank, reports[0].id, "opinion")
    await home.follow(bank, reports[1].id, "sighting", address=addresses[1])
    await home.follow(ngo, reports[1].id, "revocation", addresses=[{"chain": CHAIN, "address": addresses[2]}])
    await home.follow(ngo, reports[2].id, "revocation")
    await home.submit(ngo, addresses[3], supersedes=str(reports[3].id), **public)
    await home.sequence()
    await home.follow(ngo, reports[4].id, "erasure")
    await home.sequence()


async def rows_of(store):
    """Give every row of every table as the driver does, without the times of arrival, which the migration makes."""
    async with store.engine.connect() as connection:
        found = {}
        for table in metadata.sorted_tables:
            names = [column.name for column in table.columns if (table.name, column.name) not in ARRIVALS]
            columns = ", ".join(f'"{name}"' for name in names)
            order = "ORDER BY stamp" if table.name == "feed" else ""
            rows = [
                tuple(row) for row in await connection.execute(text(f'SELECT {columns} FROM "{table.name}" {order}'))
            ]
            found[table.name] = rows if order else sorted(rows, key=repr)
        return found


ARRIVALS = {("log_entries", "arrival"), ("feed", "stamp")}


async def columns_of(store, table):
    names = "SELECT name FROM pragma_table_info(:table)"
    if store.dialect == "postgresql":
        names = "SELECT column_name FROM information_schema.columns WHERE table_name = :table"
    async with store.engine.connect() as connection:
        return {row[0] for row in await connection.execute(text(names), {"table": table})}


@pytest.fixture
async def old(home, request, tmp_path):
    """A store of the schema before there was a stream, with all that the node holds."""
    if home.node.store.dialect == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path / 'old.db'}"
    else:
        server = request.getfixturevalue("postgres_server")
        server.create_database("old")
        url = server.url("old", OWNER)
    await told(home)
    opened = open_store(url)
    await migrate.upgrade(opened, BEFORE_STREAM)
    known = {table.name: await columns_of(opened, table.name) for table in metadata.sorted_tables}
    async with home.raw() as source, opened.engine.begin() as target:
        for table in metadata.sorted_tables:
            held = known[table.name]
            names = [column.name for column in table.columns if column.name in held]
            if not names:
                continue
            columns = ", ".join(f'"{name}"' for name in names)
            order = "ORDER BY arrival" if table.name == "log_entries" else ""
            rows = (await source.execute(text(f'SELECT {columns} FROM "{table.name}" {order}'))).mappings().all()
            written = [{f"v{at}": row[name] for at, name in enumerate(names)} for row in rows]
            if table.name == "log_entries":  # arrivals were numbers
                place = f"v{names.index('arrival')}"
                arrived = [row for row in written if row[place] is not None]
                for number, row in enumerate(arrived, 1):
                    row[place] = number
            if written:
                marks = ", ".join(f":v{at}" for at in range(len(names)))
                await target.execute(text(f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'), written)
    yield opened
    await opened.close()
    if home.node.store.dialect == "postgresql":
        server.drop_database("old")


async def test_a_store_of_before_the_stream_becomes_what_it_would_be_today(home, old):
    await migrate.upgrade(old)
    await refill.refill(old)
    wanted, found = await rows_of(home.node.store), await rows_of(old)
    # Nobody was told by a feed of what had been erased before there was one.
    ended = [column.name for column in metadata.tables["feed"].columns].index("ended") - 1
    wanted["feed"] = [row for row in wanted["feed"] if row[ended] != ERASED]
    assert len(wanted["feed"]) > len(wanted["reports"]) > 0
    for name in wanted:
        assert found[name] == wanted[name], name
    await refill.refill(old)
    assert await rows_of(old) == found
