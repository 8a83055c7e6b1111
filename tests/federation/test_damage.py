"""A damaged stored body: it is not passed on, and comes back from whoever has it."""

import pytest
from sqlalchemy import text

from app.services import verify_log
from tests.joined import add_pair, join, publish, pull_all
from tests.network import Network, add_site
from tests.world import World


@pytest.fixture
async def pair(database, fresh_sqlite):
    """An origin on each kind of database, and a peer of it."""
    world = World(seed=5)
    yield await add_pair(world, Network(), [database, fresh_sqlite()])
    await world.close()


async def verify(site):
    """Verify a node's store; give the reasons of its faults."""
    return [fault.reason for fault in (await verify_log.verify(site.home.node, site.home.tick())).faults]


async def damage(site, record_id):
    """Change one byte of a stored record, as a failing disk does."""
    key = record_id if site.home.node.store.dialect == "postgresql" else record_id.bytes
    async with site.home.node.store.engine.begin() as connection:
        found = (await connection.execute(text("SELECT payload FROM records WHERE id = :id"), {"id": key})).scalar_one()
        raw = bytearray(found)
        raw[-20] ^= 1
        await connection.execute(
            text("UPDATE records SET payload = :raw WHERE id = :id"), {"raw": bytes(raw), "id": key}
        )


async def test_damage_is_one_entrys_and_is_mended_by_a_peer(pair, fresh_sqlite):
    origin, peer = pair
    ngo = await origin.home.organization()
    addresses = [origin.home.address() for _ in range(3)]
    made = [await publish(origin, ngo, address) for address in addresses]
    await pull_all(peer, origin)
    await damage(origin, made[1].id)
    assert await verify(origin) != []

    late = await add_site(origin.home.world, origin.network, fresh_sqlite(), "late")
    await join(late, origin)
    await pull_all(late, origin)
    somebody = await late.home.organization()
    status = [await late.home.status(somebody, address) for address in addresses]
    assert status == ["listed", "not_listed", "listed"], "the others are there, and the damaged one is not believed"

    await pull_all(origin, peer)
    assert await verify(origin) == [], "its own record came back from the peer"
    origin.home.world.clock.tick(hours=2)
    await pull_all(late, origin)
    assert await late.home.status(somebody, addresses[1]) == "listed"
    assert await verify(late) == []
