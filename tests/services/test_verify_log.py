"""Whatever is changed in the store behind the program's back, the checker finds it and names it."""

import contextlib
import hashlib
import json
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import asyncpg
import pytest

from app import bootstrap
from app.domain import audience as audiences
from app.domain import merkle, signing
from app.domain.actor import Actor, Scope, operator
from app.domain.ids import uuid7
from app.domain.marking import Pap, Tlp
from app.domain.record import Record
from app.domain.report import read_report
from app.services import follow, groups, membership, sequence, submit, verify_log
from app.services.submit import Draft
from app.services.verdict import MAX_FAULTS, Verdict
from app.settings import Settings
from app.storage.tables import INSERT_ONLY, metadata
from tests.conftest import EXAMPLES
from tests.postgres import APP, OWNER, SUPERUSER

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
FEW, MANY = 0, 260  # reports beside the special ones; many make the public log longer than a tile

# No signature and no chain speaks of these: the first are this node's own remarks about when and for whom it worked.
SILENT = {
    "records": {"received_at"},
    "checkpoints": {"made_at"},
    "log_entries": {"arrival"},  # a time of receipt, too: that it falls, or stands in another's room, is found
    "log_pending": {"id", "owed_at"},
    "organizations": {"trusted", "created_at", "listed"},
    "organization_keys": {"sealed_seed", "enrolled_at", "revoked_at"},  # that it is revoked is stated, not when
    "groups": {"created_at"},
    "group_members": {"joined_at"},
    "audiences": {"id"},  # where it is used, it is found: see the tables that point to it
}
SILENT_TABLES = {"credentials", "assertions", "idempotency", "audit_pending", "registry"}
SILENT_TABLES |= {"nodes", "peers", "peer_logs", "peer_refusals", "shown_heads", "evidence"}  # of others
SILENT_TABLES |= {"misp_feeds", "misp_events"}  # what was given out when; it says nothing of anybody
SILENT_TABLES |= {"replicas", "log_holes"}  # of other nodes' logs: see tests/federation/test_verify_replicas.py
SILENT_TABLES |= {
    "feed",
    "taxii_statuses",
    "taxii_objects",
}  # derived from what is checked: see tests/services/test_feed.py; answers
# Without the bytes that an erasure took away, a record's own columns have nothing to be compared with but the leaf.
CHECKED = [
    (table.name, column.name)
    for table in metadata.sorted_tables
    if table.name not in SILENT_TABLES
    for column in table.columns
    if column.name not in SILENT.get(table.name, set())
]


def bitcoin(number):
    """Make a P2PKH address."""
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    raw = b"\x00" + hashlib.sha256(b"%d" % number).digest()[:20]
    raw += hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4]
    value, text = int.from_bytes(raw, "big"), ""
    while value:
        value, rest = divmod(value, 58)
        text = alphabet[rest] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\x00"))) + text


def fields(*numbers, **more):
    rows = [
        {
            "chain": "bitcoin",
            "address": bitcoin(number),
            "role": "operator_receiving",
            "relation": "controlled_by",
            "asset": "BTC",
            "first_seen": "2025-11-02T00:00:00Z",
            "last_seen": "2025-12-02",
            "tag": "77",
            "transactions": ["ab" * 32, "cd" * 32],
            "confidence": 50,
        }
        for number in numbers
    ]
    claim = {"category": "sex_trafficking", "subcategory": "escort_ad_payment", "method": "advert", "confidence": 60}
    marks = {"reliability": "B", "credibility": 2, "valid_from": "2025-11-01", "summary": "Seen in an advert."}
    return claim | marks | {"indicators": rows} | more


class World:
    """A node with everything on it that a store can hold."""

    def __init__(self, node):
        self.node = node
        self.now = NOW
        self.count = 0
        self.root = operator(node.operator)

    def tick(self):
        self.now += timedelta(seconds=1)
        return self.now

    async def organization(self, name, **options):
        options = {"trusted": True} | options
        made = await membership.add_organization(self.node, self.root, name, "ngo", self.tick(), **options)
        return Actor(made.id, "tests", "machine", frozenset(Scope) - {Scope.OPERATE}, strong=True)

    async def report(self, actor, audience=audiences.PUBLIC, tlp=Tlp.CLEAR, **more):
        self.count += 1
        draft = Draft(audience, tlp, Pap.AMBER, fields(self.count, self.count + 5_000, **more))
        return (await submit.submit(self.node, actor, draft, self.tick())).id

    async def follow(self, actor, report, kind, **said):
        return (await follow.follow(self.node, actor, report, kind, said, self.tick())).id

    async def sequence(self):
        while await sequence.run_once(self.node, self.tick()):
            pass

    async def sign(self, actor, seed, audience=audiences.PUBLIC, tlp=Tlp.CLEAR):
        """Submit a report that the organization signs itself."""
        self.count += 1
        body, *_ = read_report(fields(self.count))
        identity = (uuid7(self.tick(), secrets.token_bytes(10)), "report", actor.organization)
        frame = (self.node.identity.node_id, self.now, audience, tlp, Pap.CLEAR, secrets.token_bytes(16))
        envelope = Record(*identity, *frame, body).sign(seed)
        return (await submit.submit(self.node, actor, envelope, self.tick())).id


async def build(settings, reports=MANY):
    """Make a node and fill it; what came last is owed to the logs, not sequenced."""
    made = await bootstrap.initialize(settings, "Home", "other", NOW)
    node = bootstrap.open_node(settings)
    world = World(node)
    seed = secrets.token_bytes(32)
    first = await world.organization("First")
    own = await world.organization("Keeps its key", public_key=signing.public_key(seed))
    new = await world.organization("Under review", trusted=False)
    group = audiences.group(
        (
            await groups.add_group(
                node, first, groups.Charter("Circle", [first.organization, own.organization]), world.tick()
            )
        ).id
    )
    both = audiences.organizations(first.organization, own.organization)
    held = [await world.report(first) for _ in range(20)]
    for audience, tlp in ((group, Tlp.AMBER), (both, Tlp.RED), (both, Tlp.AMBER_STRICT)):
        held.append(await world.report(first, audience, tlp))
        await world.sign(own, seed, audience, tlp)
    community = groups.Charter("Community", nodes=[node.identity.node_id])
    await world.report(
        first, audiences.group((await groups.add_group(node, first, community, world.tick())).id), Tlp.GREEN
    )
    await world.sequence()
    await world.follow(first, held[0], "revocation", reason="mistaken")
    await world.follow(first, held[1], "revocation", reason="mistaken", addresses=[_named(2)])
    await world.report(first, supersedes=str(held[2]))
    await world.report(first, group, Tlp.AMBER, supersedes=str(held[3]))
    for number in (4, 5):
        await world.follow(new, held[number], "sighting", chain="bitcoin", address=bitcoin(number + 1))
    key = await membership.enrol_key(node, world.root, first.organization, None, world.tick())
    await membership.revoke_key(node, world.root, first.organization, key.keyid, world.tick())
    await membership.revoke_key(
        node, world.root, own.organization, signing.key_id(signing.public_key(seed)), world.tick()
    )
    await membership.enrol_key(node, world.root, own.organization, None, world.tick())
    await world.follow(own, held[6], "opinion", opinion="agree", reason="own_evidence")
    await world.follow(own, held[7], "opinion", opinion="agree", reason="own_evidence")
    await world.follow(first, held[7], "erasure", reason="personal_data")
    waiting = [await world.report(new) for _ in range(3)]
    await world.follow(new, waiting[1], "erasure", reason="personal_data")
    await groups.change_members(
        node, first, group.group, groups.Change((new.organization,), (own.organization,)), world.tick()
    )
    while world.count < reports:
        await world.report(first)
        if world.count % 50 == 0:
            await world.sequence()
    await world.sequence()
    return SimpleNamespace(node=node, world=world, first=first, new=new, own=own, held=held, made=made, seed=seed)


def _named(number):
    return {"chain": "bitcoin", "address": bitcoin(number)}


async def owe(built):
    """Leave one report owed to its log."""
    return await built.world.report(built.first)


class Templates:
    """A filled store on each database, made once; tests take copies."""

    def __init__(self, folder, server):
        self.folder, self.server, self.made = folder, server, {}

    async def filled(self, dialect, reports):
        """Give the settings of the store itself: whoever changes it restores it."""
        template = f"verify_template_{reports}"
        fresh = (dialect, reports) not in self.made
        place = self.made.setdefault((dialect, reports), self.folder / f"{dialect}-{reports}")
        settings = self._settings(dialect, place, template, fresh=fresh)
        if fresh:
            await self._fill(settings, reports)
        return settings

    async def copy(self, dialect, target, reports):
        """Give the settings of a fresh copy."""
        template = f"verify_template_{reports}"
        await self.filled(dialect, reports)
        shutil.copytree(self.made[dialect, reports], target)
        name = f"verify_{secrets.token_hex(6)}"
        if dialect == "postgresql":
            self.server.create_database(name, template=template)
        return self._settings(dialect, target, name, fresh=False)

    def _settings(self, dialect, folder, database, *, fresh=True):
        if dialect == "sqlite":
            return Settings(data=folder)
        if fresh:
            self.server.create_database(database)
        urls = {"database_url": self.server.url(database, APP), "owner_database_url": self.server.url(database, OWNER)}
        return Settings(data=folder, **urls)

    async def _fill(self, settings, reports):
        built = await build(settings, reports)
        await owe(built)
        await built.node.close()


@pytest.fixture(scope="module")
def templates(tmp_path_factory, postgres_server):
    yield Templates(tmp_path_factory.mktemp("templates"), postgres_server)
    for reports in (FEW, MANY):
        postgres_server.drop_database(f"verify_template_{reports}")


class Store:
    """A filled store or a copy of it: its node, and a knife that cuts past the program."""

    def __init__(self, settings, server):
        self.settings, self.server = settings, server
        self.node = bootstrap.open_node(settings)
        self.dialect = self.node.store.dialect
        self._knife = None

    async def verify(self) -> Verdict:
        return await verify_log.verify(self.node, NOW)

    async def cut(self, sql, *values):
        """Run one statement with no trigger and no foreign key in its way; give its rows."""
        if self._knife is None:
            self._knife = await self._open_knife()
        if self.dialect == "postgresql":
            marks = (f"${number}" for number in range(1, 100))
            text = "".join(next(marks) if part == "?" else part for part in sql)
            return [tuple(row) for row in await self._knife.fetch(text, *values)]
        return self._knife.execute(sql, values).fetchall()

    async def _open_knife(self):
        if self.dialect == "postgresql":
            name = self.settings.store_url.split("/@/")[-1].split("@/")[-1].split("?")[0]
            knife = await asyncpg.connect(self.server.dsn(name, SUPERUSER))
            await knife.execute("SET session_replication_role = replica")
            return knife
        knife = sqlite3.connect(self.settings.data / "watchfire.db", isolation_level=None)
        knife.execute("PRAGMA foreign_keys = OFF")
        for table in INSERT_ONLY:
            for deed in ("update", "delete"):
                knife.execute(f"DROP TRIGGER IF EXISTS {table}_refuses_{deed}")
        return knife

    async def close(self):
        if self._knife is not None:
            closing = self._knife.close()
            if closing is not None:
                await closing
        await self.node.close()


@contextlib.asynccontextmanager
async def opened(templates, dialect, folder, reports=FEW) -> AsyncIterator[Store]:
    """Open a copy in a folder; without a folder the filled store itself."""
    settings = templates.copy(dialect, folder / "node", reports) if folder else templates.filled(dialect, reports)
    store = Store(await settings, templates.server)
    try:
        yield store
    finally:
        await store.close()


DIALECTS = ("sqlite", "postgresql")
databases = pytest.mark.parametrize("dialect", DIALECTS)


@databases
async def test_a_sound_store_has_no_fault(templates, dialect):
    async with opened(templates, dialect, None, MANY) as store:
        verdict = await store.verify()
        assert [str(fault) for fault in verdict.faults] == []
        assert verdict.ok
        assert verdict.at == NOW
        assert verdict.logs == 5
        assert verdict.entries > MANY
        assert verdict.checkpoints >= 8
        assert verdict.signatures >= verdict.records - 3
        assert verdict.indicators > MANY
        assert verdict.audit_rows > MANY
        # Every table that is cut below holds something.
        for table in TABLES:
            assert (await store.cut(f"SELECT count(*) FROM {table}"))[0][0] > 0, table


SMALL = {"confidence", "credibility"}  # columns of two bytes


def damaged(value, name):
    """Change one byte of a value as the driver gives it."""
    if isinstance(value, bool) or name in {"quarantined", "red", "followed"}:
        return not value
    if isinstance(value, int):
        return value + (1 if name in SMALL else 1_000_003)
    if isinstance(value, bytes):
        middle = len(value) // 2
        return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]
    if isinstance(value, str):
        middle = len(value) // 2
        return value[:middle] + ("b" if value[middle] == "a" else "a") + value[middle + 1 :]
    return UUID(int=value.int ^ 1)


# Rows that a check can be asked about: erased ones have nothing left but their leaf, and of an organization that
# never spoke no log says anything.
COMPARED = {
    "records": "payload IS NOT NULL",
    "organizations": "id IN (SELECT organization_id FROM introductions)",
    "organization_keys": "organization_id IN (SELECT organization_id FROM introductions)",
}


async def sample(store, table, column):
    """Give the names of the primary key, and key and value of a row that can be compared."""
    keys = [key.name for key in metadata.tables[table].primary_key]
    names = ", ".join(f'"{name}"' for name in keys)
    where = f'"{column}" IS NOT NULL AND {COMPARED.get(table, "1 = 1")}'
    rows = await store.cut(f'SELECT {names}, "{column}" FROM {table} WHERE {where} ORDER BY {names}')
    assert rows, f"nothing in {table}.{column}"
    return keys, rows[len(rows) // 2 if store.dialect == "sqlite" else -1]


TABLES = sorted({table for table, _ in CHECKED})


def share(dialect, items):
    """Give every other one to each database, for the statements that read them are the same; a long run gives all."""
    start, step = (DIALECTS.index(dialect), len(DIALECTS)) if EXAMPLES == 1 else (0, 1)
    return list(items)[start::step]


@pytest.mark.parametrize("table", TABLES)
@databases
async def test_one_changed_byte_is_found_and_named(templates, dialect, table):
    columns = share(dialect, (column for name, column in CHECKED if name == table))
    assert columns
    async with opened(templates, dialect, None, MANY if table == "log_tiles" else FEW) as store:
        for column in columns:
            keys, (*key, value) = await sample(store, table, column)
            await change_and_restore(store, table, column, dict(zip(keys, key, strict=True)), value)
        assert (await store.verify()).ok


async def change_and_restore(store, table, column, key, value):
    where = " AND ".join(f'"{name}" = ?' for name in key)
    changed = damaged(value, column)
    await store.cut(f'UPDATE {table} SET "{column}" = ? WHERE {where}', changed, *key.values())
    verdict = await store.verify()
    moved = key | ({column: changed} if column in key else {})
    await store.cut(f'UPDATE {table} SET "{column}" = ? WHERE {where}', value, *moved.values())
    assert not verdict.ok, f"{table}.{column} of {key} was changed, and nothing was found"
    assert names_the_place(verdict, table, key, changed), (column, key, [str(fault) for fault in verdict.faults])


def names_the_place(verdict, table, named, changed):
    """Tell whether the faults name the row, or the place where it is missed."""
    said = "\n".join(str(fault) for fault in verdict.faults)
    key = [str(UUID(bytes=part)) if isinstance(part, bytes) else part for part in named.values()]
    key = [str(part) if isinstance(part, UUID) else part for part in key]
    first, last = key[0], key[-1]
    words = {
        "log_entries": (f"log {first}, entry {last}", "comes next", f"'{changed}'"),
        "log_tiles": (f"log {first}: the tile {key[1:2]}/{last}".replace("[", "").replace("]", ""),),
        "checkpoints": (f"checkpoint of size {last}", f"of size {changed}", f"'{changed}'"),
        "organization_keys": ("organization_keys of", "the signature does not count"),
        "introductions": (f"of the organization {key[1:2]}".replace("[", "").replace("]", "").replace("'", ""),),
        "log_pending": ("owed to", "log_pending"),
        "audit": (f"audit row {last} of {first}", "comes next"),
    }
    return any(word in said for word in words.get(table, (str(first),)))


@databases
async def test_bytes_that_vanish_without_an_erasure_are_found(templates, dialect, tmp_path):
    async with opened(templates, dialect, tmp_path) as store:
        query = "SELECT records.id FROM records JOIN reports ON record_id = id WHERE state = 'live' LIMIT 1"
        ((key,),) = await store.cut(query)
        await store.cut("DELETE FROM indicators WHERE record_id = ?", key)
        await store.cut("DELETE FROM reports WHERE record_id = ?", key)
        await store.cut("UPDATE records SET payload = NULL WHERE id = ?", key)
        (fault,) = (await store.verify()).faults
        assert "asked for no erasure" in str(fault)


DELETIONS = {
    "records": "records, and everything that stands on it",
    "reports": "has no row in reports",
    "indicators": "is absent",
    "log_entries": "comes next",
    "log_tiles": "is absent",
    "checkpoints": "covers",
    "log_pending": "is owed to none",
    "logs": "does not exist",
    "audiences": "",
    "audience_organizations": "organizations",
    "introductions": "introductions",
    "organization_keys": "organization_keys",
    "group_members": "group_members",
    "audit": "comes next",
}


@pytest.mark.parametrize(("dialect", "table"), [(name, table) for name in DIALECTS for table in share(name, DELETIONS)])
async def test_a_row_that_is_taken_away_is_found(templates, dialect, tmp_path, table):
    async with opened(templates, dialect, tmp_path, MANY if table == "log_tiles" else FEW) as store:
        keys = [key.name for key in metadata.tables[table].primary_key]
        names = ", ".join(f'"{name}"' for name in keys)
        order = ", ".join(f'"{name}" DESC' for name in keys) if table == "checkpoints" else names
        ((*key,),) = await store.cut(
            f"SELECT {names} FROM {table} WHERE {COMPARED.get(table, '1 = 1')} ORDER BY {order} LIMIT 1"
        )
        await store.cut(f"DELETE FROM {table} WHERE " + " AND ".join(f'"{name}" = ?' for name in keys), *key)
        verdict = await store.verify()
        assert not verdict.ok
        if table != "records":
            assert DELETIONS[table] in "\n".join(map(str, verdict.faults))


@databases
async def test_a_revoked_key_that_is_made_valid_again_is_found(templates, dialect, tmp_path):
    async with opened(templates, dialect, tmp_path) as store:
        await store.cut("UPDATE organization_keys SET revoked_at = NULL WHERE revoked_at IS NOT NULL")
        assert "organization_keys of" in "\n".join(str(fault) for fault in (await store.verify()).faults)


async def test_content_that_outlives_its_erasure_is_found(templates, tmp_path):
    async with opened(templates, "sqlite", tmp_path) as store:
        ((key,),) = await store.cut(
            "SELECT id FROM records WHERE payload IS NULL AND kind = 'report' AND NOT quarantined"
        )
        await store.cut(
            "INSERT INTO indicators (record_id, ordinal, key, audience_id, chain, address) "
            "SELECT ?, 0, key, audience_id, chain, address FROM indicators LIMIT 1",
            key,
        )
        (fault,) = (await store.verify()).faults
        assert "indicators still holds its addresses" in str(fault)


async def test_what_is_not_even_text_is_named_and_not_a_crash(templates, tmp_path):
    async with opened(templates, "sqlite", tmp_path) as store:
        await store.cut("UPDATE reports SET category = CAST(x'ff00fe' AS TEXT)")
        await store.cut("UPDATE checkpoints SET note = CAST(x'ff00fe' AS TEXT), frontier = 7, root = 'x'")
        await store.cut("UPDATE records SET payload = 'text' WHERE kind = 'sighting'")
        await store.cut("UPDATE records SET signature = 5 WHERE kind = 'opinion'")
        await store.cut(
            "UPDATE log_entries SET arrival = 'soon' WHERE arrival IN (SELECT min(arrival) FROM log_entries)"
        )
        await store.cut("UPDATE log_entries SET leaf_hash = 'leaf' WHERE \"index\" = 2")
        await store.cut("UPDATE audiences SET document = '{' WHERE id = 1")
        await store.cut("UPDATE audit SET at = 'never', organization_id = x'00' WHERE \"index\" = 20")
        verdict = await store.verify()
        said = "\n".join(map(str, verdict.faults))
        for word in ("reports.category", "does not verify", "cannot be read", "audiences.document", "audit row 20"):
            assert word in said


async def test_a_store_in_pieces_has_a_bounded_list(templates, tmp_path):
    async with opened(templates, "sqlite", tmp_path, MANY) as store:
        await store.cut("UPDATE indicators SET chain = 'x', address = 'y', key = x'00'")
        verdict = await store.verify()
        assert len(verdict.faults) == MAX_FAULTS
        assert verdict.unnamed > 0
        assert json.dumps([fault.to_document() for fault in verdict.faults])


@databases
async def test_a_signature_by_a_stranger_is_found(templates, dialect, tmp_path):
    """The insider's case: the record, its leaf hash and its columns are all made to agree, by another key."""
    async with opened(templates, dialect, tmp_path) as store:
        ((key, payload),) = await store.cut("SELECT id, payload FROM records WHERE kind = 'sighting' LIMIT 1")
        envelope = signing.sign(bytes(payload), secrets.token_bytes(32))
        leaf = merkle.leaf_hash(envelope.to_bytes())
        await store.cut(
            "UPDATE records SET keyid = ?, signature = ?, leaf_hash = ? WHERE id = ?",
            envelope.keyid,
            envelope.signature,
            leaf,
            key,
        )
        assert any("a key that its issuer did not have" in str(fault) for fault in (await store.verify()).faults)


async def test_order_in_the_log_decides_which_key_counts(tmp_path):
    """A revoked key's record that stands after the revocation is a fault, though the key was good once."""
    settings = Settings(data=tmp_path / "node")
    await bootstrap.initialize(settings, "Home", "other", NOW)
    node = bootstrap.open_node(settings)
    world = World(node)
    seed = secrets.token_bytes(32)
    own = await world.organization("Own", public_key=signing.public_key(seed))
    await world.sign(own, seed)
    late = await world.sign(own, seed)
    await membership.revoke_key(
        node, world.root, own.organization, signing.key_id(signing.public_key(seed)), world.tick()
    )
    knife = sqlite3.connect(settings.data / "watchfire.db")
    with knife:  # as if it had been owed after the revocation
        knife.execute("UPDATE log_pending SET id = 99 WHERE record_id = ?", (late.bytes,))
    knife.close()
    await world.sequence()
    (fault,) = (await verify_log.verify(node, NOW)).faults
    assert (fault.index, fault.record) == (3, str(late))
    assert "revoked before it" in fault.reason
    await node.close()
