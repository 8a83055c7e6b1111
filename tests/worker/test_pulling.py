"""The pulling loop, step by step: whose turn it is, how a failing peer is left alone, and how it comes back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from app.services import peering, turns
from app.storage import peers
from app.worker.pulling import Puller, pull_all, pull_loop, step
from tests.joined import add_pair, node_id, publish, pull_once
from tests.network import Network
from tests.world import World


@pytest.fixture
async def pair(mixed, fresh_sqlite):
    """An origin on SQLite, and a peer of it on PostgreSQL."""
    world = World(19)
    made = await add_pair(world, Network(), [fresh_sqlite(), mixed])
    yield made
    await world.close()


def puller_of(site, name="here", chance=0.5):
    return Puller(site.home.node, site.client, site.home.world.clock, lambda: chance, name, wait=0.0)


async def peer_row(site, other):
    async with site.home.node.store.read(site.home.operator) as tx:
        return await peers.get(tx, node_id(other))


def cut_off(_name, _to, request, answer):
    """Cut long polls off."""
    if request.url.path.endswith("/wait"):
        raise httpx.ReadError("cut off", request=request)
    return answer


async def entries(site):
    return (await site.home.rows("SELECT count(*) FROM log_entries"))[0][0]


async def test_a_step_pulls_what_is_there_and_a_long_poll_that_is_cut_off_is_no_failure(pair):
    origin, peer = pair
    await publish(origin, await origin.home.organization())
    origin.network.meddle = cut_off

    assert await step(puller_of(peer), node_id(origin)) == 1.0
    assert await entries(peer) == 2
    assert (await peer_row(peer, origin)).failures == 0


async def test_a_peer_that_fails_is_asked_less_and_less_often_with_full_jitter(pair):
    origin, peer = pair
    origin.network.cut.add(frozenset({origin.host, peer.host}))
    pauses = []
    for _ in range(12):
        pauses.append(await step(puller_of(peer), node_id(origin)))
        peer.home.world.clock.tick(seconds=pauses[-1])

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 450, 450, 450]
    row = await peer_row(peer, origin)
    assert row.failures == 12
    assert "did not answer" in row.error


async def test_a_peer_is_not_asked_before_its_time_and_a_good_answer_forgets_the_failures(pair):
    origin, peer = pair
    cut = frozenset({origin.host, peer.host})
    origin.network.cut.add(cut)
    await step(puller_of(peer, chance=0.99), node_id(origin))
    origin.network.cut.clear()
    before = origin.network.calls

    assert 0 < await step(puller_of(peer), node_id(origin)) < 2
    assert origin.network.calls == before
    peer.home.world.clock.tick(seconds=2)
    await step(puller_of(peer), node_id(origin))

    row = await peer_row(peer, origin)
    assert (row.failures, row.error, row.next_try_at) == (0, None, None)


async def test_a_peer_that_is_heard_again_is_asked_at_once(pair):
    origin, peer = pair
    cut = frozenset({origin.host, peer.host})
    origin.network.cut.add(cut)
    for _ in range(8):
        await turns.fail(peer.home.node, await peer_row(peer, origin), "away", peer.home.world.clock(), chance=0.99)
    origin.network.cut.clear()
    await publish(origin, await origin.home.organization())
    assert await step(puller_of(peer), node_id(origin)) > 200

    await pull_once(origin, peer)
    await step(puller_of(peer), node_id(origin))
    assert await entries(peer) == 2


async def test_a_node_that_starts_asks_every_peer_soon_whatever_was_before(pair):
    origin, peer = pair
    for _ in range(8):
        await turns.fail(peer.home.node, await peer_row(peer, origin), "away", peer.home.world.clock(), chance=0.99)
    await turns.begin(peer.home.node, peer.home.world.clock(), chance=0.5)

    assert await step(puller_of(peer), node_id(origin)) == 1
    assert (await peer_row(peer, origin)).failures == 8


async def test_what_a_busy_peer_asks_for_is_respected(pair):
    origin, peer = pair

    def busy(_name, _to, request, answer):
        return httpx.Response(503, headers={"Retry-After": "120"}, stream=httpx.ByteStream(b"{}"))

    origin.network.meddle = busy
    assert await step(puller_of(peer), node_id(origin)) == 120


async def test_one_process_at_a_time_pulls_from_a_peer_until_its_lease_ends(pair):
    origin, peer = pair
    await publish(origin, await origin.home.organization())
    now = peer.home.world.clock()
    assert (await turns.take(peer.home.node, node_id(origin), "another", now)).pulls
    before = origin.network.calls

    assert await step(puller_of(peer), node_id(origin)) == turns.BUSY
    assert origin.network.calls == before
    peer.home.world.clock.now = now + turns.LEASE + timedelta(seconds=1)
    await step(puller_of(peer), node_id(origin))
    assert await entries(peer) == 2


async def test_a_turn_that_its_process_keeps_is_not_free_when_the_lease_would_have_ended(pair):
    origin, peer = pair
    clock = peer.home.world.clock
    for moment in range(4):
        assert moment or await turns.claim(peer.home.node, node_id(origin), "another", clock())
        clock.tick(seconds=turns.RENEW_EVERY)
        await turns.keep(peer.home.node, "another", clock())
        await turns.keep(peer.home.node, "here", clock())
        assert not await turns.claim(peer.home.node, node_id(origin), "here", clock())

    clock.tick(seconds=turns.LEASE.total_seconds())
    assert await turns.claim(peer.home.node, node_id(origin), "here", clock())


async def test_a_turn_that_is_given_back_is_free_at_once(pair):
    origin, peer = pair
    now = peer.home.world.clock()
    await turns.take(peer.home.node, node_id(origin), "another", now)
    await turns.give(peer.home.node, node_id(origin), "another")

    assert (await turns.take(peer.home.node, node_id(origin), "here", now)).pulls


async def test_a_peer_that_has_not_accepted_yet_is_told_again_now_and_then(pair):
    origin, peer = pair
    async with origin.home.node.store.write(origin.home.operator) as tx:
        await peers.change(tx, node_id(peer), accepted_here=False, state="ended")
    assert (await peering.tell(peer.home.node, peer.client, node_id(origin), peer.home.tick())).state == "proposed"
    before = origin.network.calls

    assert await step(puller_of(peer), node_id(origin)) == 60
    assert origin.network.calls == before + 1
    assert 0 < await step(puller_of(peer), node_id(origin)) <= 60
    assert origin.network.calls == before + 1


async def test_a_peer_that_did_not_hear_that_it_is_accepted_is_told_when_it_turns_this_node_away(pair):
    origin, peer = pair
    async with origin.home.node.store.write(origin.home.operator) as tx:
        await peers.change(tx, node_id(peer), accepted_there=False, state="proposed")

    assert await step(puller_of(peer), node_id(origin)) == 1
    assert (await peer_row(origin, peer)).state == "active"


async def test_a_peer_that_has_no_url_is_looked_at_now_and_then(pair):
    origin, peer = pair
    async with peer.home.node.store.write(peer.home.operator) as tx:
        await peers.change(tx, node_id(origin), url=None)
        known = await peers.find_node(tx, node_id(origin))
        await peers.save_node(tx, replace(known, url=None))

    assert await step(puller_of(peer), node_id(origin)) == 60


async def test_a_peer_that_is_gone_costs_nothing(pair):
    assert await step(puller_of(pair[1]), "wf" + "a" * 32) == turns.BUSY


async def test_pulling_to_the_end_gives_every_round(pair):
    origin, peer = pair
    await publish(origin, await origin.home.organization())
    rounds = [item async for item in pull_all(peer.home.node, peer.client, node_id(origin), peer.home.world.clock)]

    assert [item.accepted for item in rounds] == [2]


async def test_the_loop_pulls_by_itself_and_gives_its_turn_back_when_it_is_stopped(pair):
    origin, peer = pair
    await publish(origin, await origin.home.organization())
    running = asyncio.create_task(pull_loop(peer.home.node, peer.client, peer.home.world.clock, lambda: 0.5))
    while await entries(peer) < 2:
        assert await peer.home.node.moved.wait(20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert (await peer_row(peer, origin)).puller is None
