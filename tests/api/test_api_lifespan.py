"""The application's life: its loops start with it, and end when it ends, whatever they are doing."""

import asyncio

from app.worker import loops
from tests.api.conftest import address, open_site


async def test_a_loop_ends_though_its_bell_rings_at_that_moment(lite):
    """A cancellation that meets the bell must not be swallowed: the node would never stop."""
    node = lite.node
    for ticks in range(5):
        loop = asyncio.create_task(loops.sequence_loop(node, lite.clock))
        while not node.bell._waiters:  # noqa: ASYNC110 - nothing tells that the loop waits
            await asyncio.sleep(0.001)
        node.ring()
        for _ in range(ticks):
            await asyncio.sleep(0)
        loop.cancel()
        done, _ = await asyncio.wait([loop], timeout=1)
        loop.cancel()
        await asyncio.wait([loop], timeout=1)
        assert done, f"the loop went on, cancelled {ticks} steps after the bell"


async def test_what_waits_is_written_and_sequenced_when_the_node_stops(fresh):
    url = fresh()
    async with open_site(url) as site:
        a = await site.partner("A")
        made = await a.submit(address(1))
        await a.look_up(address(1))
        stopped = site
    home = stopped.home
    home.open()
    rows = await home.rows("SELECT count(*) FROM log_pending")
    audit = await home.rows("SELECT count(*) FROM audit WHERE deed = 'look_up'")
    placed = await home.rows("SELECT count(*) FROM log_entries")
    await home.close()
    assert (rows[0][0], audit[0][0], placed[0][0]) == (0, 1, 2)
    assert made["state"] == "live"
