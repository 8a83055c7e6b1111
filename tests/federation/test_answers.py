"""What a partner is told of records that came from another node: from which node, and how fresh."""

import pytest

from app.services.freshness import Freshness
from tests.joined import add_pair, node_id, publish, pull_all
from tests.network import Network
from tests.world import World


@pytest.fixture
async def pair(fresh_sqlite):
    """Two nodes that are peers."""
    world = World(seed=3)
    yield await add_pair(world, Network(), [fresh_sqlite(), fresh_sqlite()])
    await world.close()


async def test_nobody_passes_for_another_by_taking_its_name(pair):
    here, there = pair
    own = await here.home.organization("Hope Line")
    other = await there.home.organization("Hope Line")
    address = here.home.address()
    await publish(here, own, address)
    await publish(there, other, address)
    await pull_all(here, there)
    answer = await here.home.look_up(own, address)
    told = sorted(line.partition(" claims")[0] for line in answer.reputation.because if " claims" in line)
    assert told == ["Hope Line", f"Hope Line (of node {node_id(there)})"]
    assert {item.hit.origin for item in answer.found} == {node_id(here), node_id(there)}


async def test_an_answer_tells_when_each_peer_was_last_heard(pair):
    here, there = pair
    await pull_all(here, there)
    heard = await Freshness().read(here.home.node)
    assert [name for name, _ in heard] == [node_id(there)]
    assert heard[0][1] <= here.home.world.clock.now
