"""Lag: how far two nodes are apart, log by log and exactly, and what either refused."""

from dataclasses import replace

import pytest

from app.domain import audience as audiences
from app.domain.actor import Scope
from app.domain.errors import Forbidden
from app.domain.marking import Pap, Tlp
from app.services import lag, peering
from tests.joined import add_pair, node_id, publish, pull_all, pull_once
from tests.network import Network
from tests.world import World


@pytest.fixture
async def pair(database, fresh_sqlite):
    """An origin on SQLite, and a peer of it on each kind of database."""
    world = World(3)
    made = await add_pair(world, Network(), [fresh_sqlite(), database])
    yield made
    await world.close()


async def told(site, other=None):
    home = site.home
    peer_id = None if other is None else node_id(other)
    rows = await lag.of_peer(home.node, home.operator, peer_id, home.world.clock.now)
    assert rows == sorted(rows, key=lambda row: (row.peer, row.log))
    return rows


async def test_what_is_missing_is_counted_in_entries_and_since_when_in_seconds(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    await publish(origin, ngo)
    await pull_all(peer, origin)
    [row] = await told(peer, origin)
    level_at = row.level_at
    assert (row.head, row.pulled, row.behind, row.lag_seconds, row.audience) == (2, 2, 0, 0, "public")
    for _ in range(2):
        await publish(origin, ngo)
    await pull_once(peer, origin, pages=0)
    now = peer.home.world.clock.tick(minutes=5)
    [row] = await told(peer, origin)
    assert (row.head, row.pulled, row.behind, row.level_at) == (4, 2, 2, level_at)
    assert row.lag_seconds == int((now - level_at).total_seconds())
    assert lag.totals([row]) == {
        "logs": 1,
        "behind": 2,
        "lag_seconds": row.lag_seconds,
        "refused": 0,
        "refused_there": 0,
    }
    await pull_all(peer, origin)
    [row] = await told(peer, origin)
    assert (row.behind, row.lag_seconds) == (0, 0)
    assert row.level_at > level_at
    assert row.to_document()["level_at"].endswith("Z")


async def test_a_log_of_which_nothing_came_yet_is_behind_since_it_was_shown(pair):
    origin, peer = pair
    await publish(origin, await origin.home.organization())
    await pull_once(peer, origin, pages=0)
    peer.home.world.clock.tick(seconds=30)
    [row] = await told(peer, origin)
    assert (row.origin, row.audience, row.head, row.pulled, row.behind) == (None, None, 2, 0, 2)
    assert 30 <= row.lag_seconds < 40


async def test_the_other_side_says_what_it_has_and_what_it_refused(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    await peering.set_policy(
        peer.home.node, peer.home.operator, node_id(origin), {"categories": ["csam"]}, peer.home.tick()
    )
    await publish(origin, ngo)
    await publish(origin, ngo, category="csam")
    await pull_all(peer, origin)
    [row] = await told(peer)
    assert (row.refused, row.bare, row.served, row.held) == (1, 0, 0, 0)
    [row] = await told(origin)
    assert (row.served, row.held, row.refused_there) == (3, 0, 0)
    await pull_all(peer, origin)
    [row] = await told(origin)
    assert (row.served, row.held, row.refused_there, row.head) == (3, 3, 1, 0)


async def test_what_was_erased_at_its_origin_is_bare_and_not_refused(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    report = await publish(origin, ngo)
    await origin.home.follow(ngo, report.id, "erasure")
    await origin.home.sequence()
    await pull_all(peer, origin)
    [row] = await told(peer, origin)
    assert (row.pulled, row.refused, row.bare) == (3, 0, 1)


async def test_a_log_that_was_ended_says_so(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    named = audiences.organizations(ngo.id, peer.home.operator.organization)
    await publish(origin, ngo, audience=named, tlp=Tlp.AMBER, pap=Pap.AMBER)
    await pull_all(peer, origin)
    assert [row.ended for row in await told(peer, origin)] == [False]
    home = origin.home
    await peering.decide(home.node, home.operator, origin.client, node_id(peer), "suspend", home.tick())
    await pull_once(peer, origin)
    assert [row.ended for row in await told(peer, origin)] == [True]


async def test_the_figures_are_those_of_the_rows(pair):
    origin, peer = pair
    await publish(origin, await origin.home.organization())
    await pull_once(peer, origin, pages=0)
    now = peer.home.world.clock.tick(seconds=10)
    [row] = await told(peer)
    rows, forks = await lag.figures(peer.home.node, now)
    figures = {(name, labels): value for name, labels, value in rows}
    of_log = (node_id(origin), row.log)
    assert figures["behind", of_log] == row.behind == 2
    assert figures["lag_seconds", of_log] == row.lag_seconds == 10
    assert figures["unheard_seconds", of_log[:1]] == 10
    assert (figures["failures", of_log[:1]], forks) == (0, 0)


async def test_only_the_operator_is_told(pair):
    _, peer = pair
    ngo = await peer.home.organization()
    for actor in (ngo.actor, ngo.strong, replace(peer.home.operator, scopes=frozenset(Scope) - {Scope.OPERATE})):
        with pytest.raises(Forbidden):
            await lag.of_peer(peer.home.node, actor, None, peer.home.tick())
