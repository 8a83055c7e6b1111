"""What a node knows of other nodes: agreements, turns, positions, holes, evidence; each the same on both databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import event, text

from app.domain import audience as audiences
from app.domain import checkpoint, merkle, record
from app.domain.actor import peer, system
from app.domain.checkpoint import Checkpoint
from app.domain.errors import NotFound
from app.domain.ids import uuid7
from app.domain.marking import Tlp
from app.domain.merkle import Frontier
from app.storage import (
    arriving,
    deliveries,
    evidence,
    groups,
    holes,
    lags,
    logs,
    peers,
    records,
    replicas,
    stamps,
)
from app.storage.deliveries import Receipt, Refused
from app.storage.evidence import Evidence
from app.storage.holes import Filled, Hole
from app.storage.logs import Pending
from app.storage.peers import KnownNode, Peer
from app.storage.replicas import NewEntry, Replica
from app.storage.store import DuplicateRow, open_store
from tests.storage.origin import US, Origin
from tests.storage.origin import arriving as as_it_arrives
from tests.world import START

pytestmark = pytest.mark.usefixtures("threads")  # SQLite's driver as in use

ME = system(UUID(int=7))
HOUR = timedelta(hours=1)
SEED = bytes(range(32))


@pytest.fixture
async def store(database):
    opened = open_store(database)
    async with opened.write(ME) as tx:
        for name in ("here", "there", "elsewhere"):
            await peers.save_node(tx, KnownNode(name, f"the {name}", None, 0, b"{}", START, START))
        for name in ("there", "elsewhere"):
            await peers.add(tx, a_peer(name))
    yield opened
    await opened.close()


def a_peer(name, **fields):
    return replace(Peer(name, None, True, True, "active", {}, START, START), **fields)


async def a_log(tx, name="log", origin="there", size=0, audience=audiences.PUBLIC, epoch=1, **fields):
    """Make a log of another node, of entries without bodies."""
    audience_id = await records.ensure_audience(tx, audience, fields.pop("tlp", Tlp.CLEAR))
    await logs.ensure(tx, name, origin, audience_id, epoch)
    leaves = [merkle.leaf_hash(bytes([place])) for place in range(size)]
    await replicas.add_entries(tx, name, [NewEntry(place, leaf, None, None) for place, leaf in enumerate(leaves)])
    if size:
        await replicas.save(tx, Replica(name, Frontier().extend(leaves), "note", fields.get("cover_size", size)))
    return leaves


async def an_own_log(tx, name, size, origin="here", audience=audiences.PUBLIC):
    audience_id = await records.ensure_audience(tx, audience, Tlp.CLEAR)
    await logs.ensure(tx, name, origin, audience_id, 1)
    for reached in range(1, size + 1):
        frontier = Frontier().extend(merkle.leaf_hash(bytes([place])) for place in range(reached))
        await logs.add_checkpoint(tx, name, frontier, f"note {reached}", START)
    return audience_id


async def test_a_node_is_known_by_its_newest_record(store):
    newer = KnownNode("there", "renamed", "https://there", 3, b"[]", START + HOUR, START + HOUR)
    async with store.write(ME) as tx:
        await peers.save_node(tx, newer)
        assert await peers.find_node(tx, "there") == newer
        assert await peers.find_node(tx, "nowhere") is None
        assert [node.id for node in await peers.search_nodes(tx)] == ["elsewhere", "here", "there"]
        assert await peers.search_nodes(tx, {"there", "nowhere"}) == [newer]


async def test_a_peer_is_added_once_and_changed(store):
    with pytest.raises(DuplicateRow):
        async with store.write(ME) as tx:
            await peers.add(tx, a_peer("there"))
    async with store.write(ME) as tx:
        await peers.change(tx, "there", state="suspended", policy={"review": True}, failures=2, error="down")
        changed = a_peer("there", state="suspended", policy={"review": True}, failures=2, error="down")
        assert await peers.get(tx, "there", for_change=True) == await peers.find(tx, "there") == changed
        assert await peers.search(tx) == [a_peer("elsewhere"), changed]
        with pytest.raises(NotFound):
            await peers.get(tx, "here")


async def test_strangers_are_those_who_proposed_themselves(store):
    async with store.write(ME) as tx:
        assert await peers.count_strangers(tx) == 0
        await peers.change(tx, "there", state="proposed", accepted_here=False)
        await peers.change(tx, "elsewhere", state="proposed")
        assert await peers.count_strangers(tx) == 1


async def test_one_process_pulls_from_a_peer_at_a_time(store, database):
    other = open_store(database)
    now = START

    async def take(process, who, moment=now):
        async with process.write(ME) as tx:
            return await peers.take_turn(tx, "there", who, moment, moment + timedelta(seconds=60))

    async def give(process, who):
        async with process.write(ME) as tx:
            await peers.give_turn(tx, "there", who)

    taken = await asyncio.gather(*(take(process, who) for who, process in (("one", store), ("two", other)) * 3))
    winners = {who for who, got in zip(("one", "two") * 3, taken, strict=True) if got}
    assert len(winners) == 1
    winner = winners.pop()
    loser = {"one": "two", "two": "one"}[winner]
    assert await take(store, winner, now + timedelta(seconds=30))  # the same process goes on
    assert not await take(other, loser, now + timedelta(seconds=89))
    await give(other, loser)  # who has no turn gives none away
    assert not await take(other, loser, now + timedelta(seconds=89))
    assert await take(other, loser, now + timedelta(seconds=90))
    await give(other, loser)
    assert await take(store, winner, now + timedelta(seconds=91))
    await other.close()


async def test_what_was_served_and_what_is_held_only_grow(store):
    async with store.write(ME) as tx:
        await deliveries.note_served(tx, "there", "log", 10, from_index=3, visible=True)
        await deliveries.note_served(tx, "there", "log", 7)
        assert (await deliveries.find(tx, "there", "log")).served == 10
        await deliveries.note_rights(tx, "there", "log", from_index=4, visible=False)
        await deliveries.note_held(tx, "there", [Receipt("log", 5, 0), Receipt("other", 2, 1)], START)
        await deliveries.note_held(tx, "there", [Receipt("log", 4, 2), Receipt("other", 3, 1)], START + HOUR)
        await deliveries.note_served(tx, "elsewhere", "log", 1)
        found = await deliveries.of_peer(tx, "there")
        log, other = found["log"], found["other"]
        assert (log.served, log.held, log.refused_there, log.from_index, log.was_visible) == (10, 5, 2, 4, False)
        assert (other.served, other.held, other.held_at, other.refused_there) == (0, 3, START + HOUR, 1)


async def test_a_receipt_that_tells_nothing_new_writes_nothing(store):
    receipts = [Receipt(f"log {number}", number, 0) for number in range(100)]
    async with store.write(ME) as tx:
        await deliveries.note_held(tx, "there", receipts, START)
    told = []
    event.listen(store.engine.sync_engine, "before_cursor_execute", lambda *call: told.append(call[2]))
    async with store.write(ME) as tx:
        told.clear()
        await deliveries.note_held(tx, "there", receipts, START + HOUR)
    assert [statement.split()[0] for statement in told] == ["SELECT"]


async def test_lag_is_exact_and_level_is_when_nothing_was_missing(store):
    async with store.write(ME) as tx:
        await a_log(tx, "short", size=2)
        await a_log(tx, "full", size=3, audience=audiences.group(US), tlp=Tlp.AMBER)
        for name, head in (("short", 5), ("full", 3), ("unknown", 1)):
            await deliveries.note_head(tx, "there", name, head, START, access_from=1, ended=name == "unknown")
        await deliveries.note_error(tx, "there", "full", "too slow", START)
        await deliveries.note_error(tx, "there", "short", "forked", START)
        await deliveries.note_level(tx, "there", START + HOUR)
        found = await lags.search(tx, "there")
        assert await lags.search(tx, "elsewhere") == []
    shown = {item.between.log_id: item.between for item in found}
    assert [(item.between.head, item.size, item.origin) for item in found] == [
        (3, 3, "there"),
        (5, 2, "there"),
        (1, 0, None),
    ]
    assert [shown[name].level_at for name in ("full", "short", "unknown")] == [START + HOUR, None, None]
    assert [shown[name].error for name in ("full", "short")] == [None, "forked"]
    assert [shown[name].ended for name in ("full", "unknown")] == [False, True]


async def test_what_a_peer_refused_is_listed_in_order_and_the_newest_word_counts(store):
    said = [Refused("log", index, "over_quota", "much", START) for index in (2, 0, 1)]
    async with store.write(ME) as tx:
        await deliveries.save_refusals(tx, "there", said)
        changed = Refused("log", 1, "chain_refused", "no", START + HOUR)
        await deliveries.save_refusals(tx, "there", [changed])
        assert await deliveries.refusals(tx, "there", None, 2) == [said[1], changed]
        assert await deliveries.refusals(tx, "there", ("log", 1), 5) == [said[0]]
        assert await deliveries.find_refusal(tx, "there", "log", 1) == changed
        assert await deliveries.find_refusal(tx, "there", "log", 3) is None
        assert await deliveries.find_refusal(tx, "elsewhere", "log", 1) is None


async def test_holdings_are_one_statement_and_leave_out_what_a_peer_may_not_read(store):
    async with store.write(ME) as tx:
        await an_own_log(tx, "a own", 3)
        leaves = await a_log(tx, "b pulled", size=5, cover_size=9)
        await a_log(tx, "c hidden", "elsewhere", 2, audiences.group(US), tlp=Tlp.AMBER)
        await a_log(tx, "d theirs", "there", 1, audiences.group(US), tlp=Tlp.AMBER)
        await a_log(tx, "e empty")
        await an_own_log(tx, "f back", 2, "here", audiences.organizations(US))
        await holes.add(tx, [hole("b pulled", 0, "over_quota"), hole("b pulled", 1, "erased")])
    store.audiences.forget()
    told = []
    event.listen(store.engine.sync_engine, "before_cursor_execute", lambda *call: told.append(call[2]))
    async with store.read(peer("there")) as tx:
        told.clear()
        held = await replicas.holdings(tx, 100)
        assert len(told) == 1
        assert [(item.log_id, item.size, item.refused) for item in held] == [
            ("a own", 3, 0),
            ("b pulled", 5, 1),
            ("d theirs", 1, 0),
        ]
        assert held[1].root == Frontier().extend(leaves).root()
        assert [item.log_id for item in await replicas.holdings(tx, 1, "a own")] == ["b pulled"]
        heads = await replicas.heads_visible(tx, 100)
        assert [(head.log.id, head.note, head.cover_size) for head in heads] == [
            ("a own", "note 3", 3),
            ("b pulled", "note", 9),
            ("d theirs", "note", 1),
        ]
        assert [head.log.id for head in await replicas.heads_visible(tx, 100, origin="here")] == ["a own"]
        assert (await logs.get_visible(tx, "d theirs")).origin == "there"
        with pytest.raises(NotFound):
            await logs.get_visible(tx, "c hidden")


async def test_a_log_that_is_pulled_back_has_the_greater_of_its_heads(store):
    async with store.write(ME) as tx:
        await an_own_log(tx, "own", 2)
    async with store.write(ME) as tx:
        frontier = Frontier().extend(merkle.leaf_hash(bytes([place])) for place in range(4))
        for size, covers in ((1, 9), (4, 9)):
            part = Frontier().extend(merkle.leaf_hash(bytes([place])) for place in range(size))
            await replicas.save(tx, Replica("own", part, "pulled", covers))
            head = await logs.head(tx, "own")
            assert (head.size, head.cover_size) == ((2, 2) if size == 1 else (4, 9))
            [seen] = await replicas.heads_visible(tx, 10)
            assert (seen.size, seen.root, seen.note) == (head.size, head.root, head.note)
        assert await replicas.find(tx, "own") == Replica("own", frontier, "pulled", 9)
        assert (await logs.head(tx, "nothing")).size == 0


def hole(log_id, index, reason, next_try=None, **fields):
    return Hole(log_id, index, reason, "why", "there", START, next_try, **fields)


async def test_holes_are_due_in_time_and_postponed(store):
    async with store.write(ME) as tx:
        await a_log(tx, size=4)
        noted = [
            hole("log", 0, "erased"),
            hole("log", 1, "damaged", START + HOUR),
            hole("log", 2, "bad_signature", START),
        ]
        await holes.add(tx, noted)
        assert await holes.due(tx, "log", "there", START, 10) == [noted[2]]
        assert await holes.due(tx, "log", "there", START + HOUR, 10) == noted[1:]
        assert await holes.due(tx, "log", "there", START + HOUR, 1) == noted[1:2]
        assert await holes.logs_due(tx, "there", START) == ["log"]
        later = replace(noted[2], reason="refused", next_try=START + 2 * HOUR, tries=1)
        await holes.postpone(tx, later)
        assert await holes.logs_due(tx, "there", START) == []
        assert await holes.find(tx, "log", 2) == later
        assert await holes.due(tx, "log", "another", START, 10) == [noted[1], later], (
            "who was not asked yet is, at once"
        )
        await holes.postpone(tx, replace(later, tries=holes.OTHERS))
        assert await holes.due(tx, "log", "another", START, 10) == [noted[1]]
        await holes.postpone(tx, later)
        assert await holes.find(tx, "log", 3) is None
        assert await holes.search(tx, "log", 0, 1) == [noted[1]]
    with pytest.raises(DuplicateRow):
        async with store.write(ME) as tx:
            await holes.add(tx, [hole("log", 0, "erased")])


async def test_what_is_refused_is_told_to_its_origin_and_may_be_tried_again(store):
    async with store.write(ME) as tx:
        leaves = await a_log(tx, size=4)
        await a_log(tx, "other", "elsewhere", 1, audiences.group(US), tlp=Tlp.AMBER)
        await holes.add(tx, [hole("log", 3, "not_at_home"), hole("log", 1, "over_quota"), hole("log", 0, "refused")])
        await holes.add(tx, [hole("other", 0, "over_quota")])
        told = await holes.refused_of_origin(tx, "there", None, 10)
        assert [(item.index, item.code, item.leaf_hash) for item in told] == [
            (1, "over_quota", leaves[1]),
            (3, "not_at_home", leaves[3]),
        ]
        assert await holes.refused_of_origin(tx, "there", ("log", 1), 10) == told[1:]
        assert await holes.retry_refused(tx, ["log"], START) == 2
        assert [item.index for item in await holes.due(tx, "log", "there", START, 10)] == [1, 3]


async def test_what_was_withheld_is_asked_for_when_access_opens(store):
    async with store.write(ME) as tx:
        await a_log(tx, size=5)
        reasons = ("withheld", "ended", "purged", "erased", "over_quota")
        await holes.add(tx, [hole("log", index, reason) for index, reason in enumerate(reasons)])
        assert await holes.open_access(tx, "log", START, start=1) == 2
        assert [item.index for item in await holes.due(tx, "log", "there", START, 10)] == [1, 2]
        assert await holes.open_access(tx, "log", START) == 3


async def test_a_hole_is_filled_once_and_a_record_that_waits_arrives_later(store):
    origin = Origin(dice=Random(1))
    said = [origin.report() for _ in range(3)]
    async with store.write(ME) as tx:
        await a_log(tx, size=3)
        await holes.add(tx, [hole("log", index, "damaged", START) for index in range(3)])
        await arriving.add_page(tx, [await as_it_arrives(tx, item) for item in said])
        await holes.fill(tx, "log", [Filled(0, said[0].id, 1), Filled(1, said[1].id, None)])
        await holes.fill(tx, "log", [Filled(0, said[0].id, 1), Filled(1, said[1].id, None)])  # said again: as it was
        await holes.fill(tx, "log", [])
        assert [item.index for item in await holes.due(tx, "log", "there", START, 10)] == [2]
        assert await stamps.last(tx) == 1
        await logs.arrive(tx, {said[1].id: 2})
        assert await stamps.last(tx) == 2
        await logs.arrive(tx, {said[1].id: 3})  # it has arrived already
        await logs.arrive(tx, {})
        found = await logs.entries(tx, await logs.find(tx, "log"), 0, 10)
        assert [(entry.record_id, entry.hole) for entry in found] == [
            (said[0].id, None),
            (said[1].id, None),
            (None, "damaged"),
        ]
        rows = await tx.execute(text('SELECT arrival FROM log_entries ORDER BY "index"'))
        assert [row[0] for row in rows] == [1, 2, None]


async def test_entries_show_no_body_that_waits_and_their_sizes_stand_at_their_places(store):
    origin = Origin(dice=Random(1))
    waits, plain = origin.report(), origin.report()
    async with store.write(ME) as tx:
        await arriving.add_page(
            tx, [await as_it_arrives(tx, waits, quarantined=True), await as_it_arrives(tx, plain)]
        )  # fmt: skip
        audience_id = await records.ensure_audience(tx, audiences.PUBLIC, Tlp.CLEAR)
        await logs.ensure(tx, "log", "there", audience_id, 1)
        ids = [None, waits.id, plain.id]
        await replicas.add_entries(tx, "log", [NewEntry(at, bytes(32), item, None) for at, item in enumerate(ids)])
        log = await logs.find(tx, "log")
        found = await logs.entries(tx, log, 0, 10)
        sizes = await logs.entry_sizes(tx, log, 0, 10)
    payload = plain.sign(bytes(32)).payload
    assert [entry.payload for entry in found] == [None, None, payload]
    assert [entry.issuer for entry in found] == [None, plain.issuer, plain.issuer]
    assert sizes == [0, 0, len(payload)]


async def test_evidence_is_kept_once_and_freezes_its_log(store):
    found = Evidence("e1", "log", "there", "fork", b"proof", "elsewhere", START)
    async with store.write(ME) as tx:
        assert await evidence.add(tx, found)
        assert not await evidence.add(tx, replace(found, document=b"another"))
        assert await evidence.search(tx) == [found]
        assert await evidence.search(tx, "e1") == []
        assert await evidence.find(tx, "e1") == found
        assert await evidence.find(tx, "e2") is None
        assert await evidence.is_frozen(tx, "log")
        assert not await evidence.is_frozen(tx, "other")
        assert await evidence.frozen(tx) == {"log"}


def a_note(name, audience_key, epoch, size):
    said = Checkpoint(checkpoint.origin_line(name, audience_key, epoch), size, bytes(32))
    return checkpoint.sign_checkpoint(said, name, SEED)


async def test_nothing_is_appended_to_a_log_that_somebody_has_seen_longer(store):
    async with store.write(ME) as tx:
        audience_id = await an_own_log(tx, "own", 2)
        grouped = await records.ensure_audience(tx, audiences.group(US), Tlp.AMBER)
        assert await logs.shown_ahead(tx) == []
        await logs.show(tx, "own", 2, a_note("here", "public", 1, 2), "file", START)
        assert await logs.shown_ahead(tx) == []
        await logs.show(tx, "own", 5, a_note("here", "public", 1, 5), "there", START)
        await logs.show(tx, "own", 3, a_note("here", "public", 1, 3), "elsewhere", START)
        await logs.show(tx, "lost", 1, a_note("here", f"group:{US}", 1, 1), "there", START)
        assert [(item.log_id, item.size, item.shown_by) for item in await logs.shown(tx)] == [
            ("lost", 1, "there"),
            ("own", 5, "there"),
        ]
        assert sorted(place for _, place in await logs.shown_ahead(tx)) == sorted([audience_id, grouped])
        await logs.ensure(tx, "second", "here", grouped, 2)
        assert [place for _, place in await logs.shown_ahead(tx)] == [audience_id]
        assert [log.id for log in await logs.of_origin(tx, "here")] == ["own", "second"]
        assert await logs.of_origin(tx, "there") == []


async def test_what_is_owed_is_listed_without_audiences_and_struck_out(store):
    origin = Origin(dice=Random(1))
    grouped = replace(origin, audience=audiences.group(US), tlp=Tlp.GREEN)
    said = [origin.report(), grouped.report()]
    async with store.write(ME) as tx:
        items = [await as_it_arrives(tx, item) for item in said]
        await arriving.add_page(tx, items)
        for item in items:
            await logs.owe(tx, item.local_id, item.audience_id, item.leaf_hash, START)
        [left] = await logs.pending(tx, 10, without=[items[1].audience_id])
        assert isinstance(left, Pending)
        assert left.record_id == said[0].id
        assert await logs.pending_statements(tx, items[0].audience_id) == []  # they are reports
        await logs.strike(tx, [said[0].id])
        assert [item.record_id for item in await logs.pending(tx, 10)] == [said[1].id]
        assert await logs.hold_sequencer(tx, wait=True)


async def test_whoever_waits_for_the_sequencer_gets_it(store, database):
    other = open_store(database)
    order = []

    async def second():
        async with other.write(ME) as tx:
            assert await logs.hold_sequencer(tx, wait=True)
            order.append("second")

    async with store.write(ME) as tx:
        assert await logs.hold_sequencer(tx)
        task = asyncio.create_task(second())
        if tx.dialect == "postgresql":
            async with other.write(ME) as third:
                assert not await logs.hold_sequencer(third)
        order.append("first")
    await task
    assert order == ["first", "second"]
    await other.close()


async def test_whom_a_group_ever_named_is_known_from_its_records(store):
    origin = Origin(dice=Random(1), audience=audiences.group(US), tlp=Tlp.AMBER)
    first, left, never = (uuid7(START, bytes(9) + bytes([number])) for number in range(3))
    said = [
        origin.record("group", record.Group(US, "g", origin.issuer, members, version))
        for version, members in ((1, (first, left)), (2, (first,)))
    ]
    async with store.write(ME) as tx:
        await arriving.add_page(tx, [await as_it_arrives(tx, item) for item in said])
        found = [await groups.was_member(tx, US, name) for name in (first, left, never)]
        assert found == [True, True, False]
        assert not await groups.was_member(tx, origin.issuer, first)
