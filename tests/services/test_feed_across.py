"""The stream of what other nodes say: the same things under the same ids, in any order in which they come."""

import pytest
from sqlalchemy import select, text

from app.domain import audience as audiences
from app.domain.actor import system
from app.domain.history import ERASED, LIVE, REVOKED, SUPERSEDED
from app.formats import stix
from app.services import feed, groups, refill, verify_log
from app.services.groups import Change, Charter
from app.storage import facts, stamps
from app.storage.tables import log_entries, records
from tests.joined import add_pair, publish, pull_all
from tests.network import Network
from tests.world import World


@pytest.fixture
async def pair(fresh_sqlite):
    world, network = World(), Network()
    made = await add_pair(world, network, [fresh_sqlite(), fresh_sqlite()])
    yield made
    for site in made:
        await site.client.close()
    await world.close()


async def leaving(site, who):
    return await feed.reports(site.home.node, who.actor, limit=100)


def ids(found):
    return {item["id"] for report in found for item in stix.whole(report)}


async def is_sound(site):
    return (await verify_log.verify(site.home.node, site.home.tick())).faults == []


async def test_what_is_pulled_leaves_under_the_ids_that_it_has_at_home(pair):
    origin, peer = pair
    ngo, bank = await origin.home.organization("an ngo"), await peer.home.organization("a bank")
    made = [await publish(origin, ngo) for _ in range(4)]
    await pull_all(peer, origin)
    assert ids(await leaving(peer, bank)) == ids(await leaving(origin, ngo))
    await origin.home.follow(ngo, made[0].id, "revocation")
    await origin.home.follow(ngo, made[1].id, "erasure")
    await publish(origin, ngo, supersedes=str(made[2].id))
    await origin.home.sequence()
    await pull_all(peer, origin)
    here, there = await leaving(peer, bank), await leaving(origin, ngo)
    assert {item.id: item.state for item in here} == {item.id: item.state for item in there}
    assert sorted(item.state for item in here) == sorted([REVOKED, ERASED, SUPERSEDED, LIVE, LIVE])
    assert ids(here) == ids(there)
    assert await is_sound(peer)


async def test_what_was_purged_comes_back_later_than_it_went(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    member = peer.home.operator
    made = await groups.add_group(
        origin.home.node, ngo.actor, Charter("circle", members=[ngo.id, member.organization]), origin.home.tick()
    )
    await origin.home.submit(ngo, audience=audiences.group(made.id))
    await origin.home.sequence()
    await pull_all(peer, origin)
    (before,) = await feed.reports(peer.home.node, member, limit=9)
    for change, expected in ((Change(remove=[member.organization]), 0), (Change(add=[member.organization]), 1)):
        await groups.change_members(origin.home.node, ngo.actor, made.id, change, origin.home.tick())
        await origin.home.sequence()
        await pull_all(peer, origin)
        await pull_all(peer, origin)
        found = await feed.reports(peer.home.node, member, limit=9)
        assert len(found) == expected
        assert (await peer.home.rows("SELECT count(*) FROM feed"))[0][0] == expected
    assert found[0].id == before.id
    assert found[0].changed > before.changed
    assert await is_sound(peer)


@pytest.mark.parametrize("order", [1, 2, 4])
async def test_the_order_of_arrival_decides_places_and_never_states(pair, order):
    """The same records placed in several orders: what stands in the stream says the same in the end."""
    origin, _ = pair
    ngo, bank = await origin.home.organization(), await origin.home.organization()
    home = origin.home
    addresses = [home.address() for _ in range(3)]
    one = await publish(origin, ngo, *addresses)
    two = await publish(origin, ngo, *addresses)
    named = [{"chain": "eip155:1", "address": addresses[1]}]
    await home.follow(ngo, one.id, "revocation", addresses=named)
    await home.follow(bank, one.id, "opinion")
    await home.follow(bank, two.id, "sighting", address=addresses[2])
    await home.follow(ngo, two.id, "revocation")
    await home.sequence()
    before = await summary(origin, bank)
    async with home.node.store.write(system(home.node.operator)) as tx:
        query = select(log_entries.c.record_id, records.c.kind).join(records, records.c.id == log_entries.c.record_id)
        arrived = [
            row[0] for row in await tx.execute(query.order_by(log_entries.c.arrival)) if row[1] != "organization"
        ]
        await stamps.forget(tx, arrived)
        turned = arrived[order:] + arrived[:order]
        known = await facts.of(tx, turned)
        await stamps.arrive(tx, [known[item] for item in (turned if order % 2 else reversed(turned))], home.tick())
    assert await summary(origin, bank) == before
    assert await is_sound(origin)


async def test_what_follows_a_report_in_the_same_page_and_before_it_counts(pair):
    origin, _ = pair
    home = origin.home
    ngo, bank = await home.organization(), await home.organization()
    made = await publish(origin, ngo, home.address())
    await home.follow(bank, made.id, "opinion")
    await home.follow(ngo, made.id, "revocation")
    await home.sequence()
    before = await summary(origin, bank)
    async with home.node.store.write(system(home.node.operator)) as tx:
        query = select(records.c.id).where(records.c.kind.in_(("report", "opinion", "revocation")))
        wanted = sorted([row[0] for row in await tx.execute(query)], key=lambda item: item == made.id)
        known = await facts.of(tx, wanted)
        named = await facts.named(tx, known.values())
        placing = stamps._Placing(await stamps.last(tx), known, {}, {}, named)
        for record_id in wanted:  # the report last
            placing.arrive(record_id)
        await stamps.forget(tx, wanted)
        await placing.write(tx)
    assert await summary(origin, bank) == before
    assert await is_sound(origin)


@pytest.mark.parametrize("batch", [1, 2_000])
async def test_a_revocation_that_arrived_before_its_report_counts_when_the_stream_is_made_anew(
    pair, monkeypatch, batch
):
    origin, peer = pair
    ngo = await origin.home.organization()
    made = await publish(origin, ngo)
    await origin.home.follow(ngo, made.id, "revocation")
    await origin.home.sequence()
    await pull_all(peer, origin)
    arrived = "SELECT arrival FROM log_entries e JOIN records r ON r.id = e.record_id WHERE r.kind = "
    (first,), (last,) = await peer.home.rows(f"{arrived}'report'"), await peer.home.rows(f"{arrived}'revocation'")
    async with peer.home.node.store.engine.begin() as connection:
        await connection.execute(text("DROP TRIGGER log_entries_refuses_update"))
        for now, before in ((1, first[0]), (first[0], last[0]), (last[0], 1)):
            await connection.execute(text(f"UPDATE log_entries SET arrival = {now} WHERE arrival = {before}"))
        await connection.execute(text("DELETE FROM feed"))
    monkeypatch.setattr(refill, "BATCH", batch)
    await refill.refill(peer.home.node.store)
    assert list(map(tuple, await peer.home.rows("SELECT kind, ended FROM feed"))) == [("report", stamps.TAKEN_BACK)]


async def summary(site, who):
    found = await leaving(site, who)
    return sorted(
        (
            str(item.id),
            item.state,
            sorted(item.withdrawn),
            [said.id for said in item.opinions],
            [said.ordinals for said in item.sightings],
        )
        for item in found
    )
