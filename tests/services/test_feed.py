"""The stream: a place for everything that has arrived, whatever the clock does, and what leaves by it."""

import random
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import delete

from app.domain import audience as audiences
from app.domain.errors import Forbidden
from app.domain.history import ERASED, LIVE, REVOKED, SUPERSEDED
from app.domain.marking import Tlp
from app.services import feed, refill, verify_log
from app.storage.columns import from_microseconds, to_microseconds
from app.storage.feed_tables import feed as table
from app.storage.stamps import STRIDE
from tests.world import CHAIN, faults

PUBLIC = {"audience": audiences.PUBLIC, "tlp": Tlp.CLEAR}


async def arrivals(home):
    return [row[0] for row in await home.rows("SELECT arrival FROM log_entries ORDER BY arrival")]


async def leaving(home, who, **how):
    return await feed.reports(home.node, who.actor, **{"limit": 100, **how})


async def states(home, who, **how):
    return {item.id: item.state for item in await leaving(home, who, **how)}


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1), timedelta(seconds=-1), timedelta(0)])
async def test_arrivals_are_times_that_rise_however_the_clock_jumps(home, jump):
    ngo = await home.organization()
    for number in range(6):
        if number == 3:
            home.world.clock.now += jump
        await home.submit(ngo, home.address(), home.address(), **PUBLIC)
        before = home.world.clock.now
        await home.sequence()
        last = from_microseconds((await arrivals(home))[-1])
        if jump >= timedelta(0) or number < 3:
            assert before <= last < before + timedelta(seconds=2)
    found = await arrivals(home)
    assert all(later - earlier >= STRIDE for earlier, later in pairwise(found))
    assert await faults(home) == []


async def test_a_report_has_room_for_each_of_its_units(home):
    ngo = await home.organization()
    await home.submit(ngo, **PUBLIC)
    await home.sequence()
    many = await home.submit(ngo, *(home.address() for _ in range(100)), **PUBLIC)
    await home.follow(ngo, many.id, "revocation")
    await home.sequence()
    *_, before, own, taken_back = await arrivals(home)
    assert own - before >= 100 * STRIDE
    assert taken_back - own >= 100 * STRIDE


async def test_what_leaves_is_each_report_once_in_the_order_of_its_newest_change(home):
    ngo, bank = await home.organization(), await home.organization()
    addresses = [home.address() for _ in range(3)]
    made = [await home.submit(ngo, *addresses, **PUBLIC) for _ in range(5)]
    await home.sequence()
    assert list(await states(home, bank)) == [item.id for item in made]
    await home.follow(ngo, made[0].id, "revocation")
    named = [{"chain": CHAIN, "address": addresses[1]}]
    await home.follow(ngo, made[1].id, "revocation", addresses=named)
    newer = await home.submit(ngo, supersedes=str(made[2].id), **PUBLIC)
    await home.follow(ngo, made[3].id, "erasure")
    await home.follow(bank, made[4].id, "opinion")
    await home.follow(bank, made[4].id, "sighting", address=addresses[2])
    await home.sequence()
    found = await leaving(home, bank)
    assert {item.id: item.state for item in found} == {
        made[0].id: REVOKED,
        made[1].id: LIVE,
        newer.id: LIVE,
        made[2].id: SUPERSEDED,
        made[3].id: ERASED,
        made[4].id: LIVE,
    }
    assert [item.changed for item in found] == sorted({item.changed for item in found})
    by_id = {item.id: item for item in found}
    assert by_id[made[0].id].withdrawn == {0, 1, 2}
    assert by_id[made[1].id].withdrawn == {1}
    assert [item.address for item in by_id[made[1].id].indicators] == addresses
    erased = by_id[made[3].id]
    assert (erased.record, erased.envelope, erased.count, erased.indicators) == (None, None, 3, ())
    (opinion,), (sighting,) = by_id[made[4].id].opinions, by_id[made[4].id].sightings
    assert (opinion.issuer.id, opinion.body.opinion) == (bank.id, "disagree")
    assert sighting.ordinals == (2,)
    assert by_id[made[0].id].envelope.payload == (await home.stored(made[0].id)).payload
    one, rest = found[0], await leaving(home, bank, after=found[0].changed)
    assert [item.id for item in rest] == [item.id for item in found if item is not one]
    assert [item.id for item in await leaving(home, bank, limit=2)] == [item.id for item in found[:2]]


async def test_red_never_leaves_and_strict_only_for_who_asks(home):
    ngo, bank = await home.organization(), await home.organization()
    both = audiences.organizations(ngo.id, bank.id)
    made = {tlp: await home.submit(ngo, audience=both, tlp=tlp) for tlp in (Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED)}
    await home.sequence()
    for who in (bank.actor, bank.strong):
        assert [item.id for item in await feed.reports(home.node, who, limit=9)] == [made[Tlp.AMBER].id]
        asked = await feed.reports(home.node, who, limit=9, strict=True)
        assert [item.id for item in asked] == [made[Tlp.AMBER].id, made[Tlp.AMBER_STRICT].id]
    assert await leaving(home, await home.organization()) == []


async def test_who_may_not_read_reports_gets_no_feed(home):
    ngo = await home.organization()
    actor = type(ngo.actor)(ngo.id, "key", "machine", frozenset())
    with pytest.raises(Forbidden):
        await feed.reports(home.node, actor, limit=1)


async def test_large_reports_come_a_few_at_once_and_at_least_one(home, monkeypatch):
    monkeypatch.setattr(feed, "MOST_INDICATORS", 4)
    ngo = await home.organization()
    for size in (3, 3, 5, 1, 1):
        await home.submit(ngo, *(home.address() for _ in range(size)), **PUBLIC)
    await home.sequence()
    after, counts = 0, []
    while found := await leaving(home, ngo, after=after):
        counts.append([item.count for item in found])
        after = found[-1].changed
    assert counts == [[3], [3], [5], [1, 1]]


async def test_a_later_opinion_of_one_organization_takes_the_place_of_the_earlier(home):
    ngo, bank = await home.organization(), await home.organization()
    made = await home.submit(ngo, **PUBLIC)
    await home.follow(bank, made.id, "opinion", opinion="disagree")
    await home.follow(bank, made.id, "opinion", opinion="agree")
    await home.sequence()
    (found,) = await leaving(home, ngo)
    assert [item.body.opinion for item in found.opinions] == ["agree"]


async def test_what_waits_for_review_is_in_no_stream_until_it_is_released(home):
    ngo, bank = await home.organization(trusted=False), await home.organization()
    made = await home.submit(ngo, **PUBLIC)
    await home.sequence()
    assert await leaving(home, bank) == await leaving(home, ngo) == []
    await home.trust(ngo)
    await home.sequence()
    assert list(await states(home, bank)) == [made.id]


async def rows(home):
    found = await home.rows("SELECT * FROM feed ORDER BY stamp")
    return [(row.report, row.record_id, row.kind, row.first, row.units, row.ended, row.changed_at) for row in found]


async def story(home, seed, steps=60):
    """Let two organizations say and take back at random."""
    dice = random.Random(seed)
    ngo, bank = await home.organization(), await home.organization()
    standing = []
    for _ in range(steps):
        kind = dice.choice(("report", "report", "supersede", "revocation", "part", "erasure", "opinion", "sighting"))
        if kind == "report" or not standing:
            addresses = [home.address() for _ in range(dice.randint(1, 6))]
            made = await home.submit(ngo, *addresses, **PUBLIC)
            standing.append((made.id, addresses))
            continue
        place = dice.randrange(len(standing))
        report, addresses = standing[place]
        if kind == "supersede":
            fresh = [home.address() for _ in range(dice.randint(1, 3))]
            made = await home.submit(ngo, *fresh, supersedes=str(report), **PUBLIC)
            standing[place] = (made.id, fresh)
        elif kind == "part":
            named = [
                {"chain": CHAIN, "address": item} for item in dice.sample(addresses, dice.randint(1, len(addresses)))
            ]
            await home.follow(ngo, report, "revocation", addresses=named)
        elif kind in {"revocation", "erasure"}:
            await home.follow(ngo, report, kind)
            standing.pop(place)
        elif kind == "sighting":
            await home.follow(bank, report, kind, address=dice.choice(addresses))
        else:
            await home.follow(bank, report, kind)
        if dice.random() < 0.3:
            await home.sequence()
    await home.sequence()
    return ngo


async def test_the_stream_stands_whole_and_is_made_anew_from_what_has_arrived(home):
    await story(home, 1)
    assert await faults(home) == []
    before = await rows(home)
    async with home.node.store.write(home.operator) as tx:
        await tx.execute(delete(table))
    assert (await verify_log.verify(home.node, home.world.clock.now)).faults != []
    await refill.refill(home.node.store)
    assert await faults(home) == []
    again = await rows(home)
    # What was erased before it was placed is not given out at all; the rest stands as it stood.
    assert [row for row in again if row[5] != 2] == [row for row in before if row[5] != 2]
    await refill.refill(home.node.store)
    assert await rows(home) == again


async def test_a_stream_that_was_tampered_with_is_found(home):
    await story(home, 3, steps=20)
    assert await faults(home) == []
    last = (await home.rows("SELECT max(stamp) FROM feed"))[0][0]
    for change in (table.c.stamp == last,):
        async with home.node.store.write(home.operator) as tx:
            await tx.execute(table.update().where(change).values(units=table.c.units + 1_000_000_000))
    assert any("stream" in str(fault) for fault in (await verify_log.verify(home.node, home.tick())).faults)


async def test_stamps_are_microseconds_of_the_node_s_clock(home):
    ngo = await home.organization()
    await home.submit(ngo, **PUBLIC)
    await home.sequence()
    (found,) = await leaving(home, ngo)
    assert abs(found.arrival - to_microseconds(home.world.clock.now)) < 60_000_000
    assert found.changed == found.arrival
