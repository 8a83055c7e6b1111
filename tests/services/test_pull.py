"""Pulling: what a peer shows and this node may have arrives once, whatever goes wrong on the way."""

import asyncio
from contextlib import suppress

import httpx
import pytest

from app.domain import audience as audiences
from app.domain import merkle, page
from app.domain.errors import Unavailable
from app.domain.marking import Pap, Tlp
from app.domain.peer import State
from app.services import pull
from app.services.remote import PeerRefused, Unreachable
from app.storage import peers
from tests.joined import add_pair, node_id, publish, pull_all, pull_once
from tests.network import Network
from tests.world import Trouble, World

EVERYTHING = (
    'SELECT log_id, "index", leaf_hash, record_id, arrival FROM log_entries ORDER BY 1, 2',
    "SELECT id, digest, payload, subject, quarantined FROM records ORDER BY 1",
    "SELECT record_id, ordinal, address FROM indicators ORDER BY 1, 2",
    "SELECT record_id, state, followed FROM reports ORDER BY 1",
    "SELECT log_id, size, root, note FROM replicas ORDER BY 1",
    'SELECT log_id, level, "index", hashes FROM log_tiles ORDER BY 1, 2, 3',
    'SELECT log_id, "index", reason FROM log_holes ORDER BY 1, 2',
)


@pytest.fixture
async def pair(database, fresh_sqlite):
    """An origin on SQLite, and a peer of it on each kind of database."""
    world = World(7)
    made = await add_pair(world, Network(), [fresh_sqlite(), database])
    yield made
    await world.close()


async def rows(site, *statements):
    return [[tuple(row) for row in await site.home.rows(statement)] for statement in statements or EVERYTHING]


async def test_a_public_report_is_listed_at_the_peer_after_one_round(pair):
    origin, peer = pair
    ngo, bank = await origin.home.organization(), await peer.home.organization()
    address = origin.home.address()
    await publish(origin, ngo, address)

    got = await pull_once(peer, origin)

    assert (got.pages, got.entries, got.accepted, got.refused, got.more) == (1, 2, 2, 0, False)
    assert await peer.home.status(bank, address) == "listed"


async def test_what_has_not_changed_costs_one_request_whatever_the_number_of_logs(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    for number in range(5):
        others = [await origin.home.organization() for _ in range(number)]
        named = audiences.organizations(ngo.id, peer.home.operator.organization, *(item.id for item in others))
        await publish(origin, ngo, audience=named, tlp=Tlp.AMBER, pap=Pap.AMBER)
    assert (await pull_all(peer, origin)).pages == 5
    before = origin.network.calls

    assert (await pull_once(peer, origin)).pages == 0

    assert origin.network.calls == before + 1


async def test_what_is_not_for_the_peer_does_not_come(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    await publish(origin, ngo, audience=audiences.organizations(ngo.id), tlp=Tlp.AMBER, pap=Pap.AMBER)

    assert (await pull_all(peer, origin)).entries == 0


async def test_a_log_of_several_pages_is_resumed_where_it_stopped(pair, monkeypatch):
    monkeypatch.setattr(page, "MAX_PAGE_ENTRIES", 200)
    origin, peer = pair
    ngo = await origin.home.organization()
    for _ in range(2 * merkle.TILE_WIDTH):
        await origin.home.submit(ngo, audience=audiences.PUBLIC, tlp=Tlp.CLEAR, pap=Pap.CLEAR)
    await origin.home.sequence()

    first = await pull_once(peer, origin, pages=1)
    await peer.restart()
    rest = await pull_all(peer, origin)

    assert (first.entries, first.more, rest.entries) == (200, True, 313)
    held = await rows(peer, 'SELECT "index" FROM log_entries ORDER BY arrival')
    assert held[0] == [(index,) for index in range(513)]
    tiles = 'SELECT level, "index", hashes FROM log_tiles ORDER BY 1, 2'
    assert await rows(peer, tiles) == await rows(origin, tiles)


@pytest.mark.usefixtures("threads")
async def test_two_processes_that_pull_one_log_write_each_entry_once(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    for _ in range(3):
        await publish(origin, ngo)
    second = peer.home.another()
    try:
        both = (
            pull.run_once(node, peer.client, node_id(origin), peer.home.world.clock)
            for node in (peer.home.node, second)
        )
        got = await asyncio.gather(*both)
    finally:
        await second.close()

    await pull_all(peer, origin)
    assert sum(item.entries for item in got) in {0, 4}
    assert await rows(peer, 'SELECT "index" FROM log_entries ORDER BY arrival') == [[(n,) for n in range(4)]]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_whatever_statement_fails_the_next_round_goes_on_to_the_same_rows(pair, when):
    origin, peer = pair
    ngo = await origin.home.organization()
    report = await publish(origin, ngo)
    await origin.home.follow(ngo, report.id, "revocation")
    await origin.home.sequence()
    trouble, failed, number = Trouble(peer.home.node.store), 0, 0
    while True:
        number += 1
        trouble.strike(number, when)
        with suppress(Unavailable):
            await pull_once(peer, origin)
        if trouble.count < number:
            break
        failed += 1
    trouble.strike(None)
    await pull_all(peer, origin)

    assert failed > 10
    held = await rows(peer, 'SELECT "index" FROM log_entries ORDER BY arrival', "SELECT state FROM reports")
    assert held == [[(0,), (1,), (2,)], [("revoked",)]]


async def test_a_bad_log_stops_no_other_and_its_error_is_kept_in_words_until_it_is_mended(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    named = audiences.organizations(ngo.id, peer.home.operator.organization)
    await publish(origin, ngo)
    await publish(origin, ngo, audience=named, tlp=Tlp.AMBER, pap=Pap.AMBER)
    public = (
        await rows(origin, "SELECT l.id FROM logs l JOIN audiences a ON a.id = audience_id WHERE key = 'public'")
    )[0]

    cut_off = page.header(public[0][0], 0, 2, 2, "note", []) + page.trailer(1)

    def cut(_name, _to, request, answer):
        if f"/logs/{public[0][0]}/entries" not in str(request.url):
            return answer
        return httpx.Response(200, headers={"content-type": "application/x-ndjson"}, stream=httpx.ByteStream(cut_off))

    origin.network.meddle = cut
    got = await pull_once(peer, origin)
    assert got.pages == 1
    errors = "SELECT log_id, error FROM peer_logs WHERE error IS NOT NULL"
    assert await rows(peer, errors) == [[(public[0][0], "The page is cut off.")]]

    origin.network.meddle = None
    assert (await pull_once(peer, origin)).pages == 1
    assert await rows(peer, errors) == [[]]


async def test_a_page_of_which_one_record_was_changed_is_refused_whole(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    await publish(origin, ngo)

    def change(_name, _to, request, answer):
        if "/entries" not in str(request.url):
            return answer
        raw = b"".join(answer.stream)
        assert answer.headers.get("content-encoding") == "zstd"
        from backports import zstd  # noqa: PLC0415

        said = zstd.decompress(raw).replace(b'"confidence":70', b'"confidence":71')
        return httpx.Response(200, stream=httpx.ByteStream(said))

    origin.network.meddle = change
    assert (await pull_once(peer, origin)).pages == 0
    assert await rows(peer, 'SELECT "index" FROM log_entries') == [[]]
    assert "proof" in (await rows(peer, "SELECT error FROM peer_logs WHERE head > 0"))[0][0][0]


async def test_an_origin_that_does_not_answer_is_told_apart_and_nothing_is_lost(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    await publish(origin, ngo)
    origin.network.cut.add(frozenset({origin.host, peer.host}))
    with pytest.raises(Unreachable):
        await pull_once(peer, origin)
    origin.network.cut.clear()

    assert (await pull_once(peer, origin)).entries == 2


async def test_a_network_that_loses_cuts_flips_and_repeats_only_delays(fresh_sqlite):
    world = World(3)
    network = Network(seed=3)
    origin, peer = await add_pair(world, network, [fresh_sqlite(), fresh_sqlite()])
    ngo = await origin.home.organization()
    report = await publish(origin, ngo)
    await origin.home.follow(ngo, report.id, "revocation")
    for _ in range(5):
        await publish(origin, ngo)
    network.trouble = 0.5
    for _ in range(40):
        try:
            await pull_once(peer, origin)
        except (Unreachable, PeerRefused):
            continue
    network.trouble = 0.0
    await pull_all(peer, origin)

    heads = "SELECT size, root FROM {} WHERE size = 8"
    assert await rows(peer, heads.format("replicas")) == await rows(origin, heads.format("checkpoints"))
    assert (await rows(peer, "SELECT count(*) FROM log_entries e JOIN records r ON r.id = e.record_id"))[0] == [(8,)]
    await world.close()


async def test_an_erasure_takes_the_body_and_what_followed_it_away_here_too(pair):
    origin, peer = pair
    ngo, bank = await origin.home.organization(), await peer.home.organization()
    address = origin.home.address()
    report = await publish(origin, ngo, address)
    await pull_all(peer, origin)
    await origin.home.follow(ngo, report.id, "erasure")
    await origin.home.sequence()
    await pull_all(peer, origin)

    assert await peer.home.status(bank, address) == "not_listed"
    bodies = await rows(peer, "SELECT kind FROM records WHERE payload IS NULL", "SELECT count(*) FROM indicators")
    assert bodies == [[("report",)], [(0,)]]


async def test_a_refused_report_is_a_hole_with_its_reason_that_the_origin_hears_of(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    async with peer.home.node.store.write(peer.home.operator) as tx:
        policy = (await peers.get(tx, node_id(origin))).policy
        await peers.change(tx, node_id(origin), policy={**policy, "categories": ["laundering"]})
    await publish(origin, ngo)

    got = await pull_once(peer, origin)
    assert (got.accepted, got.refused) == (1, 1)
    assert await rows(peer, 'SELECT "index", reason FROM log_holes') == [[(1, "category_refused")]]

    await pull_once(peer, origin)  # what is held is the receipt, and counts what was refused
    await pull_once(origin, peer)
    assert await rows(origin, 'SELECT "index", code FROM peer_refusals') == [[(1, "category_refused")]]


async def test_what_goes_beyond_a_quota_is_refused_for_the_day(pair):
    origin, peer = pair
    ngo = await origin.home.organization()
    async with peer.home.node.store.write(peer.home.operator) as tx:
        policy = (await peers.get(tx, node_id(origin))).policy
        await peers.change(tx, node_id(origin), policy={**policy, "indicators_per_day": 3})
    await publish(origin, ngo, origin.home.address(), origin.home.address())
    await pull_all(peer, origin)
    late = origin.home.address()
    await publish(origin, ngo, late, origin.home.address())
    await publish(origin, ngo)

    got = await pull_all(peer, origin)
    assert (got.accepted, got.refused) == (1, 1)
    peer.home.world.clock.tick(days=2)
    assert (await pull_all(peer, origin)).filled == 1
    assert await peer.home.status(await peer.home.organization(), late) == "listed"


async def test_reports_of_a_peer_under_review_wait_and_have_not_arrived(pair):
    origin, peer = pair
    ngo, bank = await origin.home.organization(), await peer.home.organization()
    async with peer.home.node.store.write(peer.home.operator) as tx:
        policy = (await peers.get(tx, node_id(origin))).policy
        await peers.change(tx, node_id(origin), policy={**policy, "review": True})
    address = origin.home.address()
    await publish(origin, ngo, address)
    await pull_all(peer, origin)

    assert await peer.home.status(bank, address) == "not_listed"
    assert await rows(peer, 'SELECT "index", arrival IS NULL FROM log_entries ORDER BY 1') == [[(0, 0), (1, 1)]]


async def test_a_suspended_peer_is_left_alone(pair):
    origin, peer = pair
    await publish(origin, await origin.home.organization())
    async with peer.home.node.store.write(peer.home.operator) as tx:
        await peers.change(tx, node_id(origin), state=State.SUSPENDED, accepted_here=False)
    before = origin.network.calls

    assert (await pull_once(peer, origin)).pages == 0
    assert origin.network.calls == before


async def test_what_a_report_replaced_that_was_erased_before_it_came_is_taken_back(pair):
    origin, peer = pair
    ngo, bank = await origin.home.organization(), await peer.home.organization()
    address = origin.home.address()
    older = await publish(origin, ngo, address)
    await pull_all(peer, origin)
    newer = await publish(origin, ngo, address, supersedes=str(older.id))
    await origin.home.follow(ngo, newer.id, "erasure")
    await origin.home.sequence()
    await pull_all(peer, origin)
    assert await peer.home.status(bank, address) == "revoked"
