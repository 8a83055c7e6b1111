"""What a peer is offered: by its audiences, by what it was served before, and by nothing that it may not know."""

from contextlib import suppress
from datetime import timedelta

import pytest

from app.domain import actor as actors
from app.domain import audience as audiences
from app.domain import node_record, page
from app.domain.entry_rules import LogName
from app.domain.errors import NotFound, Unavailable
from app.domain.marking import Pap, Tlp
from app.domain.merkle import Frontier
from app.domain.peer import MEMBERSHIP_MAX_AGE
from app.services import groups, offer, peering, pull
from app.services.remote import Held, PeerRefused
from app.storage import deliveries, logs, peers
from tests.federation.pair import befriend, open_sides
from tests.world import Trouble


@pytest.fixture
async def pair(database, fresh_sqlite):
    async with open_sides(database, fresh_sqlite()) as sides:
        await befriend(*sides)
        yield sides


@pytest.fixture
async def three(database, fresh_sqlite):
    """Three nodes; the middle one is the peer of both others, which do not know each other."""
    async with open_sides(fresh_sqlite(), database, fresh_sqlite()) as sides:
        await befriend(sides[0], sides[1])
        await befriend(sides[1], sides[2])
        yield sides


async def submit(side, partner, group=None, **said):
    marking = {"tlp": Tlp.AMBER, "pap": Pap.AMBER} if group else {"tlp": Tlp.CLEAR, "pap": Pap.CLEAR}
    audience = audiences.group(group.id) if group else audiences.PUBLIC
    made = await side.home.submit(partner, **({"audience": audience} | marking | said))
    await side.home.sequence()
    return made


async def shared(a, b, history="full", **charter):
    """Make a group at one node of an organization there and the other node's operator; give both and the log's id."""
    ours = await a.home.organization()
    theirs = b.home.operator.organization
    made = groups.Charter("task force", [ours.id, theirs], history=history, **charter)
    group = await groups.add_group(a.node, ours.actor, made, a.home.tick())
    await a.home.sequence()
    return ours, group, a.log(f"group:{group.id}")


async def let_go(a, ours, group, *members):
    change = groups.Change(remove=members)
    await groups.change_members(a.node, ours.actor, group.id, change, a.home.tick())
    await a.home.sequence()


async def bodies(b, a, log, start=0):
    """Give for each entry of a page the kind of its record, or why it is bare."""
    got = await b.page(a, log, start)
    kinds = [row[0] for row in await a.home.rows(
        "SELECT r.kind FROM log_entries e LEFT JOIN records r ON r.id = e.record_id WHERE e.log_id = :log "
        'ORDER BY e."index"', log=log,
    )]  # fmt: skip
    return [item.why if item.envelope is None else kinds[item.index] for item in got.entries]


async def holding(b, a, log, refused=0):
    """Give what a peer holds that has all of a log."""
    got = await b.page(a, log)
    return Held(log, got.stop, Frontier().extend(item.leaf_hash for item in got.entries).root().hex(), refused)


async def ended(b, a, log):
    return {head.log_id: head.ended for head in (await b.heads(a)).heads}[log]


# who has left


async def test_who_has_left_gets_what_undoes_what_it_had_and_nothing_new(pair):
    a, b = pair
    ours, group, log = await shared(a, b)
    had, erased = [await submit(a, ours, group) for _ in range(2)]
    assert await bodies(b, a, log) == ["organization", "group", "report", "report"]
    missed = await submit(a, ours, group)
    await let_go(a, ours, group, b.home.operator.organization)
    newer = await submit(a, ours, group)
    for report, kind in ((had, "revocation"), (erased, "erasure"), (missed, "revocation"), (newer, "revocation")):
        await a.home.follow(ours, report.id, kind)
    await a.home.sequence()
    await a.home.rotate(ours)
    await a.home.sequence()
    after = [
        *("organization", "ended", "ended", "erased"),  # what it had, but for who vouches for it
        *("ended", "ended", "ended"),  # the report that it missed, the group without it, and a newer report
        *("revocation", "erasure", "ended", "ended"),  # of what it had, and of the two that it had not
        *("organization", "organization"),  # the keys by which it verifies those
    ]
    assert [await bodies(b, a, log) for _ in range(2)] == [after, after]
    assert await ended(b, a, log)


async def test_who_was_turned_away_learns_of_a_public_report_that_another_took_its_place(pair):
    a, b = pair
    ours = await a.home.organization()
    had = await submit(a, ours)
    assert await bodies(b, a, a.log()) == ["organization", "report"]
    await a.decide(b, "suspend")
    await submit(a, ours)
    await submit(a, ours, supersedes=str(had.id))
    assert await bodies(b, a, a.log()) == ["organization", "ended", "ended", "report"]


async def test_what_undoes_is_served_again_when_the_answer_was_lost(pair):
    a, b = pair
    ours, group, log = await shared(a, b)
    report = await submit(a, ours, group)
    await bodies(b, a, log)
    await a.home.follow(ours, report.id, "revocation")
    await a.home.sequence()
    await bodies(b, a, log)
    await let_go(a, ours, group, b.home.operator.organization)
    assert (await bodies(b, a, log))[3] == "revocation"


async def test_who_never_was_served_finds_nothing_when_it_has_left(pair):
    a, b = pair
    ours, group, log = await shared(a, b)
    await submit(a, ours, group)
    await let_go(a, ours, group, b.home.operator.organization)
    assert [head.log_id for head in (await b.heads(a)).heads] == []
    with pytest.raises(PeerRefused, match="404"):
        await b.page(a, log)


async def test_who_comes_back_is_told_until_it_reads_again(pair):
    a, b = pair
    ours, group, log = await shared(a, b)
    theirs = b.home.operator.organization
    await submit(a, ours, group)
    await bodies(b, a, log)
    await let_go(a, ours, group, theirs)
    await submit(a, ours, group)
    assert (await bodies(b, a, log))[-1] == "ended"
    held = await holding(b, a, log)
    assert [head.ended for head in (await b.heads(a, [held])).heads] == [True]
    await groups.change_members(a.node, ours.actor, group.id, groups.Change(add=(theirs,)), a.home.tick())
    for _ in range(2):
        assert [head.ended for head in (await b.heads(a, [held])).heads] == [False]
    assert "ended" not in await bodies(b, a, log)
    assert (await b.heads(a, [held])).heads == ()


@pytest.mark.parametrize("deed", ["suspend", "end"])
async def test_a_peering_that_is_over_still_takes_back_what_was_served(pair, deed):
    a, b = pair
    partner = await a.home.organization()
    report = await submit(a, partner)
    assert await bodies(b, a, a.log()) == ["organization", "report"]
    await a.decide(b, deed)
    await submit(a, partner)
    await a.home.follow(partner, report.id, "revocation")
    await a.home.sequence()
    assert await bodies(b, a, a.log()) == ["organization", "ended", "ended", "revocation"]
    assert [head.ended for head in (await b.heads(a)).heads] == [True]


async def test_a_peering_that_goes_on_is_told_until_the_peer_reads_again(pair):
    a, b = pair
    await submit(a, await a.home.organization())
    held = await holding(b, a, a.log())
    await a.decide(b, "suspend")
    assert [head.ended for head in (await b.heads(a, [held])).heads] == [True]
    await a.decide(b, "resume")
    for _ in range(2):
        assert [head.ended for head in (await b.heads(a, [held])).heads] == [False]
    assert await bodies(b, a, a.log()) == ["organization", "report"]
    assert (await b.heads(a, [held])).heads == ()


async def test_under_from_join_what_came_before_is_withheld(pair):
    a, b = pair
    ours = await a.home.organization()
    theirs = b.home.operator.organization
    charter = groups.Charter("task force", [ours.id], history="from_join")
    group = await groups.add_group(a.node, ours.actor, charter, a.home.tick())
    log = a.log(f"group:{group.id}")
    await submit(a, ours, group)
    await groups.change_members(a.node, ours.actor, group.id, groups.Change(add=(theirs,)), a.home.tick())
    await submit(a, ours, group)
    before = await bodies(b, a, log)
    assert before == ["organization", "group", "withheld", "group", "report"]
    [head] = (await b.heads(a, [Held(log, 1, "0" * 64, 0)])).heads
    assert (head.start, head.ended) == (3, False)
    await let_go(a, ours, group, theirs)
    await submit(a, ours, group)
    await groups.change_members(a.node, ours.actor, group.id, groups.Change(add=(theirs,)), a.home.tick())
    await submit(a, ours, group)
    assert (await bodies(b, a, log))[4:] == ["withheld", "group", "withheld", "group", "report"]


async def test_who_founds_a_group_under_from_join_reads_all_of_it(pair):
    a, b = pair
    ours, group, log = await shared(a, b, "from_join")
    await submit(a, ours, group)
    assert sorted(await bodies(b, a, log)) == ["group", "organization", "report"]


async def test_a_node_that_joins_a_community_under_from_join_reads_on_from_there(pair):
    a, b = pair
    ours = await a.home.organization()
    charter = groups.Charter("community", [], [a.id], history="from_join")
    group = await groups.add_group(a.node, ours.actor, charter, a.home.tick())
    green = {"tlp": Tlp.GREEN, "pap": Pap.GREEN}
    await submit(a, ours, group, **green)
    await groups.change_members(a.node, ours.actor, group.id, groups.Change(add_nodes=(b.id,)), a.home.tick())
    await submit(a, ours, group, **green)
    assert (await bodies(b, a, a.log(f"group:{group.id}")))[2:] == ["withheld", "group", "report"]


# bodies that are not there


async def test_what_was_erased_or_damaged_is_its_leaf_hash(pair):
    a, b = pair
    partner = await a.home.organization()
    erased, damaged, _ = [await submit(a, partner) for _ in range(3)]
    await a.home.follow(partner, erased.id, "erasure")
    await a.home.sequence()
    async with a.node.store.write(a.home.operator) as tx:
        tables = peers.nodes.metadata.tables["records"]
        await tx.execute(tables.update().where(tables.c.id == damaged.id).values(payload=b'{"flipped":1}'))
    assert await bodies(b, a, a.log()) == ["organization", "erased", "damaged", "report", "erasure"]
    log = LogName.of(a.id, audiences.PUBLIC, red=False, epoch=1)
    got = await b.page(a, a.log())
    assert page.verify(got, log, page.Held(Frontier()), await a.record()).frontier.size == 5


# receipts


async def test_what_a_peer_holds_is_its_receipt(pair):
    a, b = pair
    partner = await a.home.organization()
    for _ in range(3):
        await submit(a, partner)

    async def held():
        async with a.node.store.read(a.home.operator) as tx:
            found = await deliveries.find(tx, b.id, a.log())
            return None if found is None else (found.served, found.held, found.refused_there)

    assert await held() is None
    early = await b.page(a, a.log(), 0, 2)
    root = Frontier().extend(item.leaf_hash for item in early.entries).root().hex()
    assert await held() == (2, 0, 0)
    await b.heads(a, [Held(a.log(), 2, "0" * 64, 0)])
    assert await held() == (2, 0, 0)
    await b.heads(a, [Held(a.log(), 2, root, 1)])
    assert await held() == (2, 2, 1)
    await b.heads(a, [await holding(b, a, a.log(), refused=2)])
    assert await held() == (4, 4, 2)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_nothing_leaves_that_is_not_noted_as_served(pair, when):
    a, b = pair
    await submit(a, await a.home.organization())
    trouble, given = Trouble(a.node.store), None
    for number in range(1, 40):
        trouble.strike(number, when)
        with suppress(Unavailable):
            given = await offer.entries(a.node, b.actor, a.log(), 0, None, a.home.tick())
        struck = trouble.count >= number
        trouble.strike(None)
        noted = await a.home.rows("SELECT served FROM peer_logs WHERE peer_id = :peer", peer=b.id)
        if given is not None:
            assert noted == [(2,)]
            break
    assert given is not None
    assert number > 3
    assert not struck


async def test_a_peer_that_holds_more_or_otherwise_is_asked_to_show_it(pair):
    a, b = pair
    partner = await a.home.organization()
    await submit(a, partner)
    held = await holding(b, a, a.log())
    other = "0" * 64
    for size, root, shows in (
        (0, other, ()),
        (1, other, (a.log(),)),
        (held.size, other, (a.log(),)),
        (held.size + 1, other, (a.log(),)),
        (held.size, held.root, ()),
    ):
        assert (await b.heads(a, [Held(a.log(), size, root, 0)])).show == shows, size


async def test_a_node_takes_its_own_newer_checkpoint_and_no_forgery(pair):
    a, b = pair
    partner = await a.home.organization()
    await submit(a, partner)
    [head] = (await b.heads(a)).heads
    assert await b.client.checkpoints(a.to, [head.note, head.note.replace("1\n", "9\n", 1), "x"]) == 0
    async with a.node.store.read(a.home.operator) as tx:
        assert await logs.shown(tx) == []


# logs of others


async def test_a_public_log_is_passed_on_with_its_origins_own_checkpoint(three):
    a, middle, c = three
    await submit(a, await a.home.organization())
    await pull.run_once(middle.node, middle.client, a.id, middle.home.world.clock)
    answer = await c.heads(middle)
    [head] = [item for item in answer.heads if item.origin == a.id]
    assert [node_record.parse(raw).id for raw in answer.nodes] == [a.id]
    got = await c.page(middle, a.log())
    log = LogName.of(a.id, audiences.PUBLIC, red=False, epoch=1)
    assert page.verify(got, log, page.Held(Frontier()), await a.record()).checkpoint.size == 2
    assert head.note == got.note
    assert all(item.envelope for item in got.entries)


async def test_nothing_amber_goes_through_a_node_that_is_not_its_origin(three):
    a, middle, c = three
    await a.propose(c)
    await c.decide(a, "accept")
    ours = await a.home.organization()
    everybody = [ours.id, middle.home.operator.organization, c.home.operator.organization]
    group = await groups.add_group(a.node, ours.actor, groups.Charter("task force", everybody), a.home.tick())
    await submit(a, ours, group)
    log = a.log(f"group:{group.id}")
    for side in (middle, c):
        await pull.run_once(side.node, side.client, a.id, side.home.world.clock)
    assert await middle.home.rows("SELECT 1 FROM logs WHERE id = :log", log=log)
    assert log not in {head.log_id for head in (await c.heads(middle)).heads}
    with pytest.raises(PeerRefused, match="404"):
        await c.page(middle, log)
    assert await a.page(middle, log)  # the origin itself: it may have lost it


async def test_a_communitys_log_is_passed_on_while_its_steward_is_heard(three):
    a, middle, c = three
    ours = await a.home.organization()
    charter = groups.Charter("community", [], [a.id, middle.id])
    group = await groups.add_group(a.node, ours.actor, charter, a.home.tick())
    await submit(a, ours, group, tlp=Tlp.GREEN, pap=Pap.GREEN)
    await pull.run_once(middle.node, middle.client, a.id, middle.home.world.clock)
    log = a.log(f"group:{group.id}")
    with pytest.raises(PeerRefused, match="404"):
        await c.page(middle, log)
    async with middle.node.store.write(middle.home.operator) as tx:
        nodes = peers.nodes.metadata.tables["group_nodes"]
        await tx.execute(nodes.insert().values(group_id=group.id, node_id=c.id))
        tx.audiences_changed = True
    assert await bodies(c, middle, log) == ["organization", "group", "report"]
    middle.home.world.clock.now += MEMBERSHIP_MAX_AGE + timedelta(seconds=1)
    assert await bodies(c, middle, log) == ["organization", "ended", "ended"]
    await pull.run_once(middle.node, middle.client, a.id, middle.home.world.clock)
    assert await bodies(c, middle, log) == ["organization", "group", "report"]


async def test_a_log_that_is_not_whole_here_is_not_offered(three):
    a, middle, c = three
    await submit(a, await a.home.organization())
    await pull.run_once(middle.node, middle.client, a.id, middle.home.world.clock)
    async with middle.node.store.write(middle.home.operator) as tx:
        positions = peers.nodes.metadata.tables["replicas"]
        await tx.execute(positions.update().values(cover_size=3))
    assert a.log() not in {head.log_id for head in (await c.heads(middle)).heads}
    with pytest.raises(Unavailable):
        await offer.entries(middle.node, c.actor, a.log(), 0, None, middle.home.tick())


async def test_a_node_that_is_no_peer_is_offered_nothing(pair):
    a, _ = pair
    stranger = actors.peer("wf" + "a" * 32)
    with pytest.raises(NotFound):
        await offer.heads(a.node, stranger, [], [], a.home.tick())


async def test_what_was_refused_of_a_peers_logs_is_told_to_that_peer_alone(three):
    a, middle, c = three
    partner = await a.home.organization()
    await submit(a, partner)
    operator = middle.home.operator
    await peering.set_policy(middle.node, operator, a.id, {"categories": ["csam"]}, middle.home.tick())
    await pull.run_once(middle.node, middle.client, a.id, middle.home.world.clock)
    told = await a.client.refusals(middle.to, None)
    assert [(row.log_id, row.index, row.code) for row in told.rows] == [(a.log(), 1, "category_refused")]
    assert told.next is None
    assert (await a.client.refusals(middle.to, f"{a.log()}:1")).rows == ()
    assert (await c.client.refusals(middle.to, None)).rows == ()
    answer = await a.call(middle, "GET", "/federation/v1/refusals?after=x")
    assert answer.status_code == 422
