"""Groups: who founds and leads one, who joins and leaves, what it takes - at one node, and asked by another."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from app.domain import actor as actors
from app.domain import audience as audiences
from app.domain import record
from app.domain.actor import Actor, Scope
from app.domain.errors import ContradictoryMarking, Forbidden, Invalid, NotFound, PreconditionFailed
from app.domain.marking import Pap, Tlp
from app.services import groups, membership, pull, read_log
from app.services.groups import Change, Charter
from app.services.repeats import repeat_of
from tests.federation.pair import befriend, open_sides
from tests.world import faults

NO_PEER = "wf" + "a" * 32


async def group_records(home, partner):
    said = []
    for log, _ in await read_log.list_logs(home.node, partner.actor, "", 100):
        page, _ = await read_log.list_entries(home.node, partner.actor, log.id, 0, 100, 2**24)
        said += [record.parse(entry.payload) for entry in page if entry.kind == "group"]
    return said


async def test_only_the_operator_founds_a_group_for_another(home):
    ngo, bank = await home.organization(), await home.organization()
    weak = Actor(bank.id, "key:x", "machine", frozenset({Scope.GROUP, Scope.OPERATE}))
    for actor in (bank.actor, bank.strong, weak):
        with pytest.raises(Forbidden):
            await groups.add_group(home.node, actor, groups.Charter("g", [bank.id]), home.tick(), steward=ngo.id)
    repeat = repeat_of("key", "group", b"body")
    first = [
        await groups.add_group(
            home.node, home.operator, groups.Charter("g", [ngo.id, bank.id]), home.tick(), steward=ngo.id, repeat=repeat
        )
        for _ in range(2)
    ]
    assert first[0] == first[1]
    await home.sequence()
    assert [item.issuer for item in await group_records(home, bank)] == [ngo.id]
    assert await faults(home) == []


async def test_the_steward_changes_members_and_a_member_leaves(home):
    lead, one, two, out = [await home.organization() for _ in range(4)]
    group = await home.group(one, steward=lead)
    with pytest.raises(Forbidden):
        await home.change(one, group, add=[two])
    with pytest.raises(NotFound):
        await home.change(out, group, add=[out])
    changed = await home.change(lead, group, add=[two])
    assert (changed.version, set(changed.members)) == (2, {one.id, two.id})
    assert await home.change(lead, group, add=[two]) == changed, "nothing changes, so there is no new version"
    left = await home.change(one, group, remove=[one])
    assert (left.version, left.members) == (3, (two.id,))
    with pytest.raises(NotFound):
        await groups.get_group(home.node, one.actor, group.id)
    with pytest.raises(Invalid, match="empty group"):
        await home.change(lead, group, remove=[two])
    change = groups.Change(add=(home.node.new_id(home.tick()),))
    with pytest.raises(Invalid, match="not known"):
        await groups.change_members(home.node, lead.actor, group.id, change, home.tick())
    await home.sequence()
    said = await group_records(home, two)
    assert [item.body.version for item in said] == [1, 2, 3]
    assert await group_records(home, lead) == [], "a steward that is no member reads nothing of the group"
    assert await faults(home) == []


async def test_a_hidden_group_is_as_one_that_does_not_exist(home):
    lead, out = await home.organization(), await home.organization()
    group = await home.group(lead)
    heard = []
    for group_id in (group.id, home.node.new_id(home.tick())):
        with pytest.raises(NotFound) as refused:
            await groups.get_group(home.node, out.actor, group_id)
        heard.append(refused.value.detail)
        with pytest.raises(NotFound) as refused:
            await groups.change_members(home.node, out.actor, group_id, groups.Change(remove=(out.id,)), home.tick())
        heard.append(refused.value.detail)
    assert len(set(heard)) == 1
    assert await groups.list_groups(home.node, out.actor, None, 10) == []


async def test_members_that_change_at_once_all_count(home):
    lead, *others = [await home.organization() for _ in range(6)]
    group = await home.group(lead)
    await asyncio.gather(*(home.change(lead, group, add=[other]) for other in others))
    found = await groups.get_group(home.node, lead.actor, group.id)
    assert (found.version, len(found.members)) == (6, 6)
    await home.sequence()
    assert [item.body.version for item in await group_records(home, lead)] == [1, 2, 3, 4, 5, 6]
    assert await faults(home) == []


async def test_a_steward_with_its_own_key_has_the_node_vouch(home):
    lead = await home.organization(own_key=True)
    group = await home.group(lead)
    await home.submit(lead, audience=audiences.group(group.id))
    await home.sequence()
    assert len(await group_records(home, lead)) == 1
    assert await faults(home) == []


async def test_a_group_is_founded_while_keys_change(home):
    """What a group's log says of its steward has the number of the keys that it names."""
    lead = await home.organization()
    for _ in range(4):
        await asyncio.gather(
            *(home.group(lead) for _ in range(3)),
            membership.enrol_key(home.node, lead.strong, lead.id, None, home.tick()),
        )
    await home.sequence()
    assert await faults(home) == []
    versions = {}
    for log, _ in await read_log.list_logs(home.node, lead.actor, "", 100):
        page, _ = await read_log.list_entries(home.node, lead.actor, log.id, 0, 100, 2**24)
        for said in [record.parse(entry.payload) for entry in page if entry.kind == "organization"]:
            versions.setdefault(said.body.version, set()).add(said.body.keys)
    assert {version: len(bodies) for version, bodies in versions.items()} == dict.fromkeys(versions, 1)


async def test_what_no_group_is(home, monkeypatch):
    ngo = await home.organization()
    for charter in (
        Charter("", [ngo.id]),
        Charter("g"),
        Charter("g", [home.node.new_id(home.tick())]),
        Charter("g", [ngo.id], [NO_PEER]),
        Charter("g", [ngo.id], history="from now on"),
        Charter("g", [ngo.id], on_leave="forget"),
    ):
        with pytest.raises(Invalid):
            await groups.add_group(home.node, ngo.actor, charter, home.tick())
    monkeypatch.setattr(record, "MAX_MEMBERS", 1)
    with pytest.raises(Invalid, match="1 to 1 members"):
        await groups.add_group(home.node, ngo.actor, Charter("g", [ngo.id], [home.node.identity.node_id]), home.tick())
    assert await groups.list_groups(home.node, ngo.actor, None, 10) == []


@pytest.mark.parametrize(("history", "on_leave"), [("full", "purge"), ("from_join", "keep")])
async def test_the_rules_of_a_group_stand_in_its_record(home, history, on_leave):
    ngo = await home.organization()
    charter = Charter("g", [ngo.id], [home.node.identity.node_id], history, on_leave)
    made = await groups.add_group(home.node, ngo.actor, charter, home.tick())
    await home.sequence()
    [said] = await group_records(home, ngo)
    assert (said.body.history, said.body.on_leave, said.body.nodes) == (history, on_leave, made.nodes)
    assert await groups.get_group(home.node, ngo.actor, made.id) == made


async def test_whoever_saw_an_older_version_changes_nothing(home):
    lead, one = await home.organization(), await home.organization()
    group = await home.group(lead)
    for expected in (0, 2):
        with pytest.raises(PreconditionFailed, match="version 1"):
            await groups.change_members(
                home.node, lead.actor, group.id, Change(add=(one.id,)), home.tick(), expected=expected
            )
    changed = await groups.change_members(
        home.node, lead.actor, group.id, Change(add=(one.id,)), home.tick(), expected=1
    )
    assert changed.version == 2


# communities


async def community(home, lead, **rules):
    charter = Charter("community", [], [home.node.identity.node_id], **rules)
    return await groups.add_group(home.node, lead.actor, charter, home.tick())


async def test_everybody_at_home_on_a_member_node_is_in_the_community_also_who_comes_later(home):
    lead = await home.organization()
    made = await community(home, lead)
    address = home.address()
    await home.submit(lead, address, audience=audiences.group(made.id), tlp=Tlp.GREEN, pap=Pap.GREEN)
    late = await home.organization()
    assert await home.status(late, address) == "listed"
    assert await groups.get_group(home.node, late.actor, made.id) == made
    await home.submit(late, address, audience=audiences.group(made.id), tlp=Tlp.GREEN, pap=Pap.GREEN)
    with pytest.raises(Forbidden):
        await home.change(late, made, remove=[lead])
    assert await faults(home) == []


async def test_a_group_takes_what_its_members_may_pass_on(home):
    lead, own_key = await home.organization(), await home.organization(own_key=True)
    taken = {
        await community(home, lead): {Tlp.CLEAR, Tlp.GREEN},
        await home.group(lead, own_key): {Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT},
    }
    for group, tlp, partner in itertools.product(taken, Tlp, (lead, own_key)):
        said = home.submit(partner, audience=audiences.group(group.id), tlp=tlp, pap=Pap.GREEN)
        if tlp in taken[group]:
            await said
        else:
            with pytest.raises(ContradictoryMarking):
                await said
    await home.sequence()
    assert await faults(home) == []


async def test_a_community_stays_one_and_a_group_of_organizations_too(home):
    lead = await home.organization()
    together, closed = await community(home, lead), await home.group(lead)
    node_id = home.node.identity.node_id
    for group, change in (
        (together, Change(add=(lead.id,))),
        (together, Change(add=(lead.id,), remove_nodes=(node_id,))),
        (closed, Change(remove=(lead.id,), add_nodes=(node_id,))),
    ):
        with pytest.raises(Invalid, match="make another group"):
            await groups.change_members(home.node, lead.actor, group.id, change, home.tick())
    with pytest.raises(Invalid, match="no peer"):
        await groups.change_members(home.node, lead.actor, together.id, Change(add_nodes=(NO_PEER,)), home.tick())
    mixed = await groups.change_members(home.node, lead.actor, closed.id, Change(add_nodes=(node_id,)), home.tick())
    assert (mixed.members, mixed.nodes) == ((lead.id,), (node_id,))


# asked by another node


@pytest.fixture
async def pair(database, fresh_sqlite):
    async with open_sides(database, fresh_sqlite()) as sides:
        await befriend(*sides)
        yield sides


async def test_a_member_at_home_at_a_peer_is_let_go_once_however_often_it_is_asked(pair):
    a, b = pair
    ours, theirs = await a.home.organization(), b.home.operator.organization
    group = await groups.add_group(a.node, ours.actor, Charter("g", [ours.id, theirs]), a.home.tick())
    for _ in range(3):
        await groups.let_go(a.node, b.actor, group.id, theirs, a.home.tick())
    left = await groups.get_group(a.node, ours.actor, group.id)
    assert (left.version, left.members) == (2, (ours.id,))
    back = await groups.change_members(a.node, ours.actor, group.id, Change(add=(theirs,)), a.home.tick())
    assert back.version == 3
    await groups.let_go(a.node, b.actor, group.id, theirs, a.home.tick())
    await a.home.sequence()
    assert [said.body.version for said in await group_records(a.home, ours)] == [1, 2, 3, 4]
    noted = await a.home.rows("SELECT principal FROM audit WHERE deed = 'change_group' ORDER BY \"index\"")
    assert [row[0] for row in noted].count(b.actor.principal) == 4
    assert await faults(a.home) == []


async def test_who_may_not_ask_gets_the_answer_of_a_group_that_does_not_exist(pair):
    a, b = pair
    ours, theirs = await a.home.organization(), b.home.operator.organization
    hidden = await a.home.group(ours)
    shared = await groups.add_group(a.node, ours.actor, Charter("g", [ours.id, theirs]), a.home.tick())
    absent, nobody = [a.node.new_id(a.home.tick()) for _ in range(2)]
    heard = set()
    for peer, group, organization in (
        (b.actor, absent, theirs),
        (b.actor, hidden.id, theirs),
        (b.actor, shared.id, ours.id),
        (b.actor, shared.id, nobody),
        (actors.peer(NO_PEER), shared.id, theirs),
    ):
        with pytest.raises(NotFound) as refused:
            await groups.let_go(a.node, peer, group, organization, a.home.tick())
        heard.add(refused.value.detail)
    assert len(heard) == 1
    assert (await groups.get_group(a.node, ours.actor, shared.id)).version == 1


async def test_the_last_member_cannot_leave(pair):
    a, b = pair
    ours, theirs = await a.home.organization(), b.home.operator.organization
    group = await groups.add_group(a.node, ours.actor, Charter("g", [theirs]), a.home.tick())
    with pytest.raises(Invalid, match="empty group"):
        await groups.let_go(a.node, b.actor, group.id, theirs, a.home.tick())
    assert (await groups.get_group(a.node, ours.actor, group.id)).members == (theirs,)


async def test_a_group_that_is_led_elsewhere_is_left_and_not_changed_here(pair):
    a, b = pair
    ours, theirs = await a.home.organization(), b.home.operator.organization
    group = await groups.add_group(a.node, ours.actor, Charter("g", [ours.id, theirs]), a.home.tick())
    await a.home.sequence()
    await pull.run_once(b.node, b.client, a.id, b.home.world.clock)
    member = replace(b.home.operator, scopes=frozenset({Scope.GROUP, Scope.QUERY}))
    other = await b.home.organization()
    for change in (Change(add=(other.id,)), Change(remove=(ours.id,)), Change(remove=(theirs, ours.id))):
        with pytest.raises(Forbidden, match="only its steward"):
            await groups.change_members(b.node, member, group.id, change, b.home.tick(), remote=b.client)
    with pytest.raises(NotFound):
        await groups.change_members(
            b.node, other.actor, group.id, Change(remove=(other.id,)), b.home.tick(), remote=b.client
        )
    left = await groups.change_members(
        b.node, member, group.id, Change(remove=(theirs,)), b.home.tick(), remote=b.client
    )
    assert left.members == (ours.id,)
    assert (await groups.get_group(a.node, ours.actor, group.id)).members == (ours.id,)
    with pytest.raises(NotFound):
        await groups.get_group(b.node, member, group.id)
