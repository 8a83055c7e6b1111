"""Taking in: ids that two origins use, relays, groups that are left and joined again, forks, and a restored origin."""

import shutil
from uuid import UUID

import pytest

from app.domain import audience as audiences
from app.domain import evidence as proofs
from app.domain.ids import uuid7
from app.domain.marking import Pap, Tlp
from app.domain.record import Revocation
from app.services import follow, groups, submit, verify_log
from app.services.groups import Change, Charter
from app.storage import peers
from tests.joined import add_pair, node_id, publish, pull_all
from tests.network import Network
from tests.world import World


@pytest.fixture
async def trio(database, fresh_sqlite):
    """A hub on each kind of database, and two nodes on SQLite that are peers of the hub only."""
    world = World(11)
    made = await add_pair(world, Network(), [database, fresh_sqlite(), fresh_sqlite()])
    yield made
    await world.close()


async def rows(site, statement, **values):
    return [tuple(row) for row in await site.home.rows(statement, **values)]


async def set_policy(site, other, **policy):
    async with site.home.node.store.write(site.home.operator) as tx:
        held = (await peers.get(tx, node_id(other))).policy
        await peers.change(tx, node_id(other), policy={**held, **policy})


async def public_with_id(site, partner, record_id, address):
    envelope = site.home.envelope(
        partner, audiences.PUBLIC, site.home.claim(address), tlp=Tlp.CLEAR, pap=Pap.CLEAR, id=record_id
    )
    await submit.submit(site.home.node, partner.actor, envelope, site.home.tick())
    await site.home.sequence()


async def test_two_origins_that_use_one_id_take_nothing_from_each_other(trio):
    hub, one, two = trio
    bank = await hub.home.organization()
    first, second = await one.home.organization(own_key=True), await two.home.organization(own_key=True)
    record_id = uuid7(hub.home.world.clock.now, bytes(10))
    addresses = [hub.home.address(), hub.home.address()]
    await public_with_id(one, first, record_id, addresses[0])
    await public_with_id(two, second, record_id, addresses[1])
    await pull_all(hub, one)
    await pull_all(hub, two)
    assert [await hub.home.status(bank, item) for item in addresses] == ["listed", "listed"]

    taken_back = two.home.envelope(
        second, audiences.PUBLIC, Revocation(record_id, "mistaken"), kind="revocation", tlp=Tlp.CLEAR, pap=Pap.CLEAR
    )
    await follow.follow(two.home.node, second.actor, record_id, "revocation", taken_back, two.home.tick())
    await two.home.sequence()
    await pull_all(hub, two)

    states = await rows(hub, "SELECT r.origin, p.state FROM reports p JOIN records r ON r.id = p.record_id")
    assert dict(states) == {node_id(one): "live", node_id(two): "revoked"}


@pytest.mark.parametrize(("relay", "came"), [("any", 2), ("known", 0), ("none", 0)])
async def test_a_public_log_comes_by_a_relay_as_far_as_policy_lets_it(trio, relay, came):
    hub, one, two = trio
    address = one.home.address()
    await publish(one, await one.home.organization(), address)
    await pull_all(hub, one)
    await set_policy(two, hub, relay=relay)

    assert (await pull_all(two, hub)).accepted == came
    if came:
        assert await two.home.status(await two.home.organization(), address) == "listed"
        notes = "SELECT note FROM replicas"
        assert await rows(two, notes) == await rows(hub, notes)  # the origin's own checkpoint, unchanged


async def test_a_group_that_is_left_is_purged_and_comes_back_with_its_bodies_when_joined_again(trio):
    hub, one, _ = trio
    ngo = await hub.home.organization()
    member = one.home.operator.organization
    made = await groups.add_group(
        hub.home.node, ngo.actor, Charter("circle", members=[ngo.id, member]), hub.home.tick()
    )
    address = hub.home.address()
    await hub.home.submit(ngo, address, audience=audiences.group(made.id))
    await hub.home.sequence()
    await pull_all(one, hub)
    assert await one.home.status(one.home.operator, address) == "listed"

    await groups.change_members(hub.home.node, ngo.actor, made.id, Change(remove=[member]), hub.home.tick())
    await hub.home.sequence()
    await pull_all(one, hub)
    assert await one.home.status(one.home.operator, address) == "not_listed"
    assert await rows(one, "SELECT payload FROM records WHERE kind = 'report'") == [(None,)]
    assert await rows(one, "SELECT count(*) FROM indicators") == [(0,)]
    assert (
        await rows(one, "SELECT organization_id FROM group_members WHERE organization_id = :id", id=member.bytes) == []
    )

    await groups.change_members(hub.home.node, ngo.actor, made.id, Change(add=[member]), hub.home.tick())
    await hub.home.sequence()
    await pull_all(one, hub)
    await pull_all(one, hub)
    assert await one.home.status(one.home.operator, address) == "listed"
    held = await rows(one, "SELECT arrival FROM log_entries WHERE arrival IS NOT NULL")
    assert len(set(held)) == len(held) > 0
    assert (await verify_log.verify(one.home.node, one.home.tick())).faults == []


async def test_who_left_a_group_still_gets_the_revocation_of_what_it_had(trio):
    hub, one, _ = trio
    ngo = await hub.home.organization()
    member = one.home.operator.organization
    charter = Charter("circle", members=[ngo.id, member], on_leave="keep")
    made = await groups.add_group(hub.home.node, ngo.actor, charter, hub.home.tick())
    report = await hub.home.submit(ngo, audience=audiences.group(made.id))
    await hub.home.sequence()
    await pull_all(one, hub)
    await groups.change_members(hub.home.node, ngo.actor, made.id, Change(remove=[member]), hub.home.tick())
    await hub.home.submit(ngo, audience=audiences.group(made.id))
    await hub.home.follow(ngo, report.id, "revocation")
    await hub.home.sequence()
    await pull_all(one, hub)

    assert await rows(one, "SELECT state FROM reports") == [("revoked",)]
    held = {row[0] for row in await rows(one, "SELECT id FROM records WHERE kind = 'report'")}
    assert {UUID(bytes=item) if isinstance(item, bytes) else item for item in held} == {report.id}
    assert {row[0] for row in await rows(one, "SELECT reason FROM log_holes")} == {"ended"}


def copy(site, name):
    """Copy a node's SQLite file, as a backup does; give the URL of the copy."""
    path = site.home.url.removeprefix("sqlite+aiosqlite:///")
    kept = path.replace(".db", f"-{name}.db")
    shutil.copyfile(path, kept)
    return f"sqlite+aiosqlite:///{kept}"


async def go_back(site, url):
    """Start a node again on an older copy of its database."""
    await site.home.close()
    site.home.url = url
    site.home.open()
    site.start()


async def test_an_origin_with_two_histories_is_found_and_its_log_frozen_while_others_go_on(trio):
    hub, one, _ = trio
    ngo = await one.home.organization()
    named = audiences.organizations(ngo.id, hub.home.operator.organization)
    await publish(one, ngo)
    await publish(one, ngo, audience=named, tlp=Tlp.AMBER, pap=Pap.AMBER)
    await one.home.node.store.scrub()
    older = copy(one, "older")
    await publish(one, ngo)
    await pull_all(hub, one)

    await go_back(one, older)
    one.home.node.heads.vouched = True  # it lies: it knows that it was restored
    await publish(one, ngo)
    await publish(one, ngo, audience=named, tlp=Tlp.AMBER, pap=Pap.AMBER)
    got = await pull_all(hub, one)

    assert got.accepted == 1
    found = await rows(hub, "SELECT document, origin FROM evidence")
    assert [(proofs.verify(bytes(document)).node_id, origin) for document, origin in found] == [(node_id(one),) * 2]
    await publish(one, ngo)
    assert (await pull_all(hub, one)).accepted == 0


async def test_a_restored_origin_pulls_its_own_entries_back_and_goes_on_behind_them(trio):
    hub, one, _ = trio
    ngo = await one.home.organization()
    await publish(one, ngo)
    await one.home.node.store.scrub()
    older = copy(one, "older")
    lost = one.home.address()
    await publish(one, ngo, lost)
    await pull_all(hub, one)

    await go_back(one, older)
    await one.home.submit(ngo, audience=audiences.PUBLIC, tlp=Tlp.CLEAR, pap=Pap.CLEAR)
    assert await one.home.sequence() <= 1  # the audit alone: nothing is appended yet
    assert (await pull_all(one, hub)).accepted == 1
    await one.home.sequence()

    assert await one.home.status(ngo, lost) == "listed"
    assert (await pull_all(hub, one)).accepted == 1
    heads = "SELECT size, root FROM {} ORDER BY size DESC LIMIT 1"
    assert await rows(hub, heads.format("replicas")) == await rows(one, heads.format("checkpoints"))
    assert await rows(hub, "SELECT count(*) FROM evidence") == [(0,)]
