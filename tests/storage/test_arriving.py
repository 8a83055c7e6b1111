"""A page of another node's records: written by the thousand as one by one, and settled in any order to the same."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, text

from app.domain import audience as audiences
from app.domain.actor import system
from app.domain.history import LIVE, REVOKED, SUPERSEDED
from app.domain.ids import derived_id
from app.domain.marking import Tlp
from app.storage import arriving, holes, logs, records, replicas
from app.storage.replicas import NewEntry
from app.storage.store import DuplicateRow, open_store
from app.storage.tables import indicators, metadata
from tests.conftest import EXAMPLES
from tests.storage.origin import THEM, US, Origin, reports_of
from tests.storage.origin import arriving as as_it_arrives
from tests.world import START

pytestmark = pytest.mark.usefixtures("threads")  # SQLite's driver as in use

ME = system(UUID(int=7))
CONTENT = ("audiences", "records", "reports", "indicators")


@pytest.fixture
async def store(database):
    opened = open_store(database)
    yield opened
    await opened.close()


@pytest.fixture
def origin():
    return Origin(dice=Random(1))


async def take(store, *said, **fields):
    """Add records and settle what they touch, each call in its own transaction."""
    async with store.write(ME) as tx:
        await arriving.add_page(tx, [await as_it_arrives(tx, record, **fields) for record in said])
        await arriving.settle(tx, [item.id for item in said] + [item.subject for item in said if item.subject])


async def states(store):
    async with store.read(ME) as tx:
        return await reports_of(tx)


async def count(store, table, where="true"):
    async with store.engine.connect() as connection:
        return (await connection.execute(text(f"SELECT count(*) FROM {table} WHERE {where}"))).scalar()


async def rows(connection):
    return {
        name: sorted(map(tuple, await connection.execute(select(metadata.tables[name]))), key=repr) for name in CONTENT
    }


class Statements:
    """The statements that a store runs, COPY and executemany of the driver left out."""

    def __init__(self, store):
        self.told = []
        event.listen(store.engine.sync_engine, "before_cursor_execute", self._tell)

    def _tell(self, _connection, _cursor, statement, *_more):
        self.told.append(statement)


def story(origin):
    """Make one record of every sort: more than COPY needs, and a report of many addresses."""
    made = [origin.report(number % 4 + 1) for number in range(60)]
    made.append(origin.report(200, tlp=Tlp.GREEN, audience=audiences.group(US)))
    made += [origin.revocation(made[0]), origin.opinion(made[1], issuer=US), origin.erasure(made[2])]
    return [*made, origin.report(1, supersedes=made[3].id)]


class UndoneError(Exception):
    """Raised to take a transaction back."""


@pytest.mark.parametrize("quarantined", [False, True])
async def test_a_page_gives_the_rows_that_adding_one_by_one_gives(store, origin, quarantined):
    said = story(origin)
    async with store.write(ME) as tx:
        items = [replace(await as_it_arrives(tx, record), quarantined=quarantined) for record in said]

    async def in_bulk(tx):
        await arriving.add_page(tx, items)

    async def one_by_one(tx):
        for item in items:
            await records.add(tx, item)

    found = []
    for add in (in_bulk, one_by_one):
        with suppress(UndoneError):
            async with store.write(ME) as tx:
                await add(tx)
                found.append(await rows(tx.connection))
                raise UndoneError
    assert found[0] == found[1]
    assert len(found[0]["records"]) == len(said)
    assert len(found[0]["indicators"]) == sum(len(item.body.indicators) for item in said if item.kind == "report")


async def test_a_page_of_a_thousand_reports_is_a_handful_of_statements(store, origin):
    said = [origin.report() for _ in range(1_000)]
    async with store.write(ME) as tx:
        items = [await as_it_arrives(tx, record) for record in said]
        spoken = Statements(store).told
        await arriving.add_page(tx, items)
        await arriving.settle(tx, [item.local_id for item in items])
    assert len(spoken) <= 2, spoken
    assert await count(store, "indicators") == 1_000


async def test_what_is_there_twice_takes_the_whole_page_back(store, origin):
    report, other = origin.report(), origin.report()
    await take(store, report)
    with pytest.raises(DuplicateRow):
        await take(store, other, report)
    assert await count(store, "records") == 1


async def test_digests_and_ids_that_are_taken_are_known(store, origin):
    report, other = origin.report(), origin.report()
    await take(store, report)
    digest = report.sign(bytes(32)).digest
    async with store.read(ME) as tx:
        assert await arriving.taken_ids(tx, [report.id, other.id]) == {report.id: ("there", digest)}


async def test_only_the_issuer_and_origin_of_a_report_end_it(store, origin):
    report = origin.report()
    stranger = replace(origin, issuer=US)
    elsewhere = replace(origin, name="elsewhere")
    await take(store, report, stranger.revocation(report), elsewhere.revocation(report), stranger.erasure(report))
    assert await states(store) == {report.id: (LIVE, True)}
    await take(store, origin.revocation(report, part=True))
    assert await states(store) == {report.id: (LIVE, True)}
    await take(store, origin.revocation(report))
    assert await states(store) == {report.id: (REVOKED, True)}


async def test_a_newer_report_ends_the_old_one_for_the_same_readers_only(store, origin):
    report, other = origin.report(), origin.report()
    elsewhere = replace(origin, audience=audiences.group(US), tlp=Tlp.GREEN)
    newer, hidden = origin.report(supersedes=report.id), elsewhere.report(supersedes=other.id)
    foreign = replace(origin, issuer=US).report(supersedes=newer.id)
    await take(store, report, other, newer, hidden, foreign)
    found = await states(store)
    assert found[report.id] == (SUPERSEDED, True)
    assert found[other.id] == (LIVE, True)
    assert found[newer.id] == (LIVE, False)


async def test_an_erasure_takes_the_content_of_a_report_and_of_what_comes_late(store, origin):
    report, kept = origin.report(3), origin.report()
    await take(store, report, kept, origin.revocation(report, part=True))
    await take(store, origin.erasure(report))
    late = origin.opinion(report, issuer=US)
    await take(store, late)
    assert await states(store) == {kept.id: (LIVE, False)}
    assert await count(store, "indicators") == 1
    assert await count(store, "records", "payload IS NULL") == 3
    async with store.read(ME) as tx:
        assert await arriving.taken_ids(tx, [late.id])


async def test_an_erasure_that_comes_first_counts_when_the_report_comes(store, origin):
    report = origin.report()
    await take(store, origin.erasure(report))
    await take(store, report)
    assert await states(store) == {}
    assert await count(store, "indicators") == 0


async def test_an_erasure_in_another_log_does_not_empty_this_one(store, origin):
    report = origin.report()
    await take(store, report, origin.erasure(report, audience=audiences.group(US)))
    assert await states(store) == {report.id: (LIVE, True)}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_settling_does_not_depend_on_order_repetition_or_pages(kind, request):
    fresh = request.getfixturevalue(f"fresh_{kind}")
    origin = Origin(dice=Random(2))
    first = origin.report(2)
    second = origin.report(supersedes=first.id)
    third = origin.report()
    told = [
        first, second, third, origin.revocation(first, part=True), origin.revocation(second), origin.erasure(third),
        origin.opinion(third, issuer=US), origin.opinion(second, issuer=US),
        replace(origin, issuer=US).revocation(first),
    ]  # fmt: skip

    async def settled(pages):
        store = open_store(fresh())
        for page in pages:
            await take(store, *page)
        async with store.write(ME) as tx:
            await arriving.settle(tx, [item.id for item in told])
        found = await states(store), await count(store, "records", "payload IS NULL"), await count(store, "indicators")
        await store.close()
        return found

    expected = asyncio.run(settled([told]))
    assert expected == ({first.id: (SUPERSEDED, True), second.id: (REVOKED, True)}, 2, 3)

    @settings(max_examples=15 * EXAMPLES)
    @given(st.permutations(told), st.lists(st.integers(0, len(told)), max_size=4))
    def prove(order, cuts):
        places = sorted({0, *cuts, len(order)})
        pages = [order[start:stop] for start, stop in pairwise(places)]
        assert asyncio.run(settled(pages)) == expected

    prove()


async def test_two_who_follow_a_report_at_once_both_count(store, origin, database):
    """On PostgreSQL the second waits for the first and then sees what it wrote; on SQLite they never meet."""
    report = origin.report()
    await take(store, report)
    other = open_store(database)
    async with store.write(ME) as tx:
        await arriving.add_page(tx, [await as_it_arrives(tx, origin.revocation(report))])
        await arriving.settle(tx, [report.id])
        second = asyncio.create_task(take(other, origin.opinion(report, issuer=US)))
        if tx.dialect == "postgresql":
            waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            for _ in range(10_000):
                await tx.execute(text("SELECT pg_stat_clear_snapshot()"))
                if (await tx.execute(waiting)).scalar():
                    break
            else:
                pytest.fail("the second does not wait")
    await second
    assert await states(store) == {report.id: (REVOKED, True)}
    await other.close()


async def test_an_id_that_another_origin_has_taken_takes_nothing_away(store, origin):
    """The other origin's report, and what its issuer says of it, live under an id of their own; first or last."""
    ours, theirs = origin.report(), replace(origin, name="elsewhere", issuer=US)
    early = theirs.report(id=ours.id)
    follower = theirs.revocation(early)
    here = derived_id("elsewhere", ours.id)
    await take(store, follower)  # it came before either report
    await take(store, ours)
    async with store.write(ME) as tx:
        assert await arriving.local_ids(tx, "there", [ours.id]) == {ours.id: ours.id}
        assert await arriving.local_ids(tx, "elsewhere", [ours.id, US]) == {ours.id: here, US: US}
        await arriving.add_page(tx, [await as_it_arrives(tx, early, local_id=here)])
        await arriving.settle(tx, [here, ours.id])
    assert await states(store) == {ours.id: (LIVE, False), here: (REVOKED, True)}
    async with store.read(ME) as tx:
        become = await records.histories(tx, {ours.id: THEM, here: US})
    assert become[ours.id].state == LIVE
    assert (become[here].state, become[here].revocations[0].id) == (REVOKED, follower.id)


async def test_a_log_that_is_purged_keeps_its_leaves_and_gets_its_bodies_back(store, origin):
    """Purged: no content, and a hole for each body. Restored: the rows that were there before."""
    report, other = origin.report(2), origin.report()
    said = [report, other, origin.revocation(report), origin.erasure(other)]
    await take(store, *said)
    async with store.write(ME) as tx:
        log = await made_log(tx, [item.id for item in said])
    async with store.engine.connect() as connection:
        before = await rows(connection)
    async with store.write(ME) as tx:
        assert await arriving.purge_log(tx, log, START) == 2
        assert await arriving.purge_log(tx, log, START) == 0
    assert [await count(store, name) for name in ("reports", "indicators", "log_entries")] == [0, 0, 4]
    assert await count(store, "records", "payload IS NOT NULL") == 1
    async with store.write(ME) as tx:
        noted = await holes.search(tx, log, -1, 10)
        assert [(hole.index, hole.reason, hole.next_try) for hole in noted] == [
            (0, "purged", None),
            (2, "purged", None),
        ]
        await arriving.restore_bodies(tx, [await as_it_arrives(tx, item) for item in said])
        await arriving.settle(tx, [report.id, other.id])
    async with store.engine.connect() as connection:
        assert await rows(connection) == before


async def made_log(tx, ids):
    audience_id = await records.ensure_audience(tx, audiences.PUBLIC, Tlp.CLEAR)
    await logs.ensure(tx, "log", "there", audience_id, 1)
    entries = [NewEntry(index, bytes(32), item, index + 1) for index, item in enumerate(ids)]
    await replicas.add_entries(tx, "log", entries)
    return "log"


async def test_what_came_since_a_time_is_counted_by_issuer(store, origin):
    await take(
        store, origin.report(3), replace(origin, issuer=US).report(2), replace(origin, name="elsewhere").report()
    )
    async with store.read(ME) as tx:
        assert await arriving.indicators_since(tx, "there", START) == {THEM: 3, US: 2}
        assert await arriving.indicators_since(tx, "there", START.replace(year=2030)) == {}
        assert (await tx.execute(select(indicators.c.record_id))).all()
