"""Filling holes: a body that came bare by mischance is asked for again, and is taken only if it is the right one."""

import pytest
from sqlalchemy import text

from app.domain.marking import Tlp
from tests.joined import add_pair, join, node_id, publish, pull_all, pull_once
from tests.network import Network
from tests.world import World


@pytest.fixture
async def pair(database, fresh_sqlite):
    """An origin on SQLite, and a peer of it on each kind of database."""
    world = World(13)
    made = await add_pair(world, Network(), [fresh_sqlite(), database])
    yield made
    await world.close()


async def rows(site, statement):
    return [tuple(row) for row in await site.home.rows(statement)]


async def change(site, statement, **values):
    """Change rows past every rule, as a broken disk does."""
    async with site.home.node.store.engine.begin() as connection:
        return await connection.execute(text(statement), values)


async def damage(site, kind="report"):
    """Damage the stored body of the records of a kind; give what mends it."""
    held = await rows(site, f"SELECT id, payload FROM records WHERE kind = '{kind}'")
    for record_id, payload in held:
        await change(site, "UPDATE records SET payload = :new WHERE id = :id", new=payload[:-1] + b"?", id=record_id)

    async def mend():
        for record_id, payload in held:
            await change(site, "UPDATE records SET payload = :old WHERE id = :id", old=payload, id=record_id)

    return mend


async def test_a_damaged_body_is_a_hole_and_is_filled_when_it_is_mended(pair):
    origin, peer = pair
    ngo, bank = await origin.home.organization(), await peer.home.organization()
    address = origin.home.address()
    await publish(origin, ngo, address)
    mend = await damage(origin)
    await pull_all(peer, origin)
    assert await rows(peer, 'SELECT "index", reason FROM log_holes') == [(1, "damaged")]
    assert await peer.home.status(bank, address) == "not_listed"
    await mend()

    assert (await pull_once(peer, origin)).filled == 0  # not due yet
    peer.home.world.clock.tick(minutes=1)
    assert (await pull_once(peer, origin)).filled == 1

    assert await peer.home.status(bank, address) == "listed"
    assert await rows(peer, "SELECT 1 FROM log_holes") == []
    assert await rows(peer, 'SELECT "index" FROM log_entries ORDER BY arrival') == [(0,), (1,)]


async def test_a_body_that_stays_damaged_is_asked_for_less_and_less_often_and_never_given_up(pair):
    origin, peer = pair
    await publish(origin, await origin.home.organization())
    await damage(origin)
    await pull_all(peer, origin)
    waits = []
    for _ in range(13):
        peer.home.world.clock.tick(days=2)
        await pull_once(peer, origin)
        waits += await rows(peer, "SELECT (next_try - at) / 60000000 FROM log_holes")

    assert waits == [*((2**tries,) for tries in range(1, 11)), *[(24 * 60,)] * 3]


async def test_a_body_that_is_not_of_the_leaf_is_not_taken(pair):
    origin, peer = pair
    await publish(origin, await origin.home.organization())
    await damage(origin)
    await pull_all(peer, origin)
    other = await publish(origin, await origin.home.organization(), tlp=Tlp.CLEAR)
    swapped = await rows(origin, "SELECT payload, keyid, signature FROM records WHERE kind = 'report'")
    payload, keyid, signature = swapped[-1]
    await change(
        origin,
        "UPDATE records SET payload = :payload, keyid = :keyid, signature = :signature, leaf_hash = :leaf "
        "WHERE kind = 'report' AND id <> :other",
        payload=payload + b" ",
        keyid=keyid,
        signature=signature,
        leaf=bytes(32),
        other=other.id.bytes,
    )
    peer.home.world.clock.tick(days=1)

    assert (await pull_once(peer, origin)).filled == 0
    assert await rows(peer, 'SELECT "index", reason, tries FROM log_holes') == [(1, "damaged", 1)]


async def test_what_was_refused_for_want_of_a_statement_is_taken_when_the_statement_comes(pair):
    origin, peer = pair
    ngo, bank = await origin.home.organization(), await peer.home.organization()
    address = origin.home.address()
    await publish(origin, ngo, address)
    mend = await damage(origin, "organization")
    await pull_all(peer, origin)
    held = dict(await rows(peer, 'SELECT "index", reason FROM log_holes'))
    assert held[0] == "damaged"
    assert held[1] in {"invalid_signature", "not_at_home"}
    await mend()
    peer.home.world.clock.tick(days=1)
    await pull_once(peer, origin)
    await pull_once(peer, origin)

    assert await peer.home.status(bank, address) == "listed"
    assert await rows(peer, "SELECT 1 FROM log_holes") == []


async def test_any_peer_that_has_the_log_may_fill_a_hole(fresh_sqlite):
    world = World(17)
    network = Network()
    hub, origin, late = await add_pair(world, network, [fresh_sqlite() for _ in range(3)])
    await join(late, origin)
    ngo = await origin.home.organization()
    await publish(origin, ngo)
    await pull_all(hub, origin)
    mend = await damage(origin)
    await pull_all(late, origin)
    assert await rows(late, 'SELECT "index", reason FROM log_holes') == [(1, "damaged")]
    world.clock.tick(hours=1)

    assert (await pull_all(late, hub)).filled == 1
    assert node_id(hub) != node_id(origin)
    await mend()
    await world.close()


async def test_what_the_origin_has_erased_is_never_asked_for(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    report = await publish(origin, ngo)
    await origin.home.follow(ngo, report.id, "erasure")
    await origin.home.sequence()
    await pull_all(peer, origin)

    assert await rows(peer, 'SELECT "index", reason, next_try FROM log_holes') == [(1, "erased", None)]
    peer.home.world.clock.tick(days=30)
    before = origin.network.calls
    await pull_once(peer, origin)
    assert origin.network.calls <= before + 2  # heads, and the node record once in a while
