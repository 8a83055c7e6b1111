"""Expire: what no promise speaks of is forgotten, and nothing else."""

from datetime import timedelta

from app.domain.actor import system
from app.services.expire import IDEMPOTENCY_KEPT, expire
from app.services.repeats import repeat_of
from app.storage import credentials
from tests.world import faults


async def test_answers_are_kept_twice_as_long_as_promised(home):
    ngo = await home.organization()
    address, repeat = home.address(), repeat_of("key", "submit", b"body")
    first = await home.submit(ngo, address, repeat=repeat)
    home.world.clock.now += IDEMPOTENCY_KEPT - timedelta(seconds=1)
    await expire(home.node, home.world.clock.now)
    assert (await home.submit(ngo, address, repeat=repeat)).id == first.id
    home.world.clock.now += timedelta(seconds=2)
    await expire(home.node, home.world.clock.now)
    assert (await home.submit(ngo, address, repeat=repeat)).created
    await home.sequence()
    assert await faults(home) == []


async def test_used_assertions_are_kept_as_long_as_they_count(home):
    ngo = await home.organization()
    now = home.tick()
    async with home.node.store.write(system(ngo.id)) as tx:
        assert await credentials.use_assertion(tx, ngo.id, "old", now - timedelta(seconds=1))
        assert await credentials.use_assertion(tx, ngo.id, "new", now)
        assert not await credentials.use_assertion(tx, ngo.id, "new", now)
    await expire(home.node, now)
    assert [row[0] for row in await home.rows("SELECT jti FROM assertions")] == ["new"]
