"""The holes that a model of this protocol found in earlier designs, each told on purpose."""

from app.domain import audience as audiences
from app.domain.marking import Tlp
from app.services import epoch, groups
from app.services.groups import Change, Charter
from tests.federation.stories import PUBLIC, join_all, partner, pulled, put_back
from tests.federation.telling import play


def told(story, *, seed=1, nodes=3, **how):
    """Tell a story that somebody made up; every node is a peer of every other, and takes what each passes on."""

    async def whole(simulation):
        await join_all(simulation)
        await story(simulation)
        await simulation.checker.look("story", simulation.stands)
        return await simulation.heal()

    found = play(seed, whole, nodes=nodes, liar=how.pop("liar", False), **how)
    assert found.broken is None, "\n".join((*found.trace, found.broken))


async def state(stand, report):
    rows = await stand.home.rows("SELECT state FROM reports WHERE record_id = :id", id=report.bytes)
    return rows[0][0] if rows else None


def test_a_revocation_is_known_again_after_a_restore_of_who_had_pulled_it():
    async def story(simulation):
        origin, peer, _ = simulation.stands
        made = await origin.home.submit(partner(simulation, origin), **PUBLIC)
        await origin.home.sequence()
        await pulled(simulation, peer, origin)
        backup = peer.copy("before.db")
        await origin.home.follow(partner(simulation, origin), made.id, "revocation")
        await origin.home.sequence()
        await pulled(simulation, peer, origin)
        assert await state(peer, made.id) == "revoked"
        await put_back(simulation, peer, backup)
        assert await state(peer, made.id) == "live"
        await pulled(simulation, peer, origin)
        assert await state(peer, made.id) == "revoked"

    told(story)


def test_a_body_that_was_purged_comes_back_when_its_group_names_the_node_again():
    async def story(simulation):
        steward, member, other = simulation.stands
        lead, one = partner(simulation, steward), partner(simulation, member)
        charter = Charter("group", [lead.id, one.id, partner(simulation, other).id])
        group = await groups.add_group(steward.home.node, lead.actor, charter, steward.home.tick())
        await steward.home.sequence()
        for stand in (member, other):
            await pulled(simulation, stand, steward)
        about = {"audience": audiences.group(group.id), "tlp": Tlp.AMBER}
        made = await other.home.submit(partner(simulation, other), **about)
        await other.home.sequence()
        await pulled(simulation, member, other)
        out, back = Change(remove=(one.id,)), Change(add=(one.id,))
        await groups.change_members(steward.home.node, lead.actor, group.id, out, steward.home.tick())
        await steward.home.sequence()
        await pulled(simulation, member, steward)
        assert await state(member, made.id) is None
        await groups.change_members(steward.home.node, lead.actor, group.id, back, steward.home.tick())
        await steward.home.sequence()
        await pulled(simulation, member, other)  # before it hears from the steward that it is back
        await pulled(simulation, member, steward)
        await pulled(simulation, other, steward)
        await pulled(simulation, member, other)
        assert await state(member, made.id) == "live"

    told(story)


def test_an_owner_that_is_restored_does_not_fork_itself_with_its_file_or_by_its_peers():
    async def story(simulation):
        origin, peer, _ = simulation.stands
        who = partner(simulation, origin)
        await origin.home.submit(who, **PUBLIC)
        await origin.home.sequence()
        backup = origin.copy("before.db")
        for heads in (True, False):
            lost = await origin.home.submit(who, **PUBLIC)
            await origin.home.sequence()
            await pulled(simulation, peer, origin)
            await put_back(simulation, origin, backup, heads=heads)
            await origin.home.submit(who, **PUBLIC)
            await origin.home.sequence()
            assert [row[0] for row in await origin.home.rows("SELECT count(*) FROM log_pending")] == [1]
            await pulled(simulation, origin, peer)
            assert await state(origin, lost.id) == "live"

    told(story)


def test_an_owner_that_is_restored_states_nobody_twice():
    async def story(simulation):
        origin, peer, _ = simulation.stands
        backup = origin.copy("before.db")
        await origin.home.submit(partner(simulation, origin), **PUBLIC)
        await origin.home.sequence()
        await pulled(simulation, peer, origin)
        await put_back(simulation, origin, backup)
        await origin.home.submit(partner(simulation, origin), **PUBLIC)  # owes the log who is speaking, once more
        await pulled(simulation, origin, peer)
        await origin.home.sequence()
        await pulled(simulation, peer, origin)
        assert [tuple(row) for row in await peer.home.rows("SELECT reason FROM log_holes")] == []

    told(story)


def test_an_owner_whose_log_is_younger_than_its_backup_goes_on_in_a_new_epoch():
    async def story(simulation):
        origin, *_ = simulation.stands
        who = partner(simulation, origin)
        about = {"audience": audiences.organizations(who.id, partner(simulation, simulation.stands[1]).id)}
        backup = origin.copy("before.db")
        await origin.home.submit(who, **about)
        await origin.home.sequence()  # nobody has pulled it: only the file knows
        await put_back(simulation, origin, backup)
        await origin.home.submit(who, **about)
        await origin.home.sequence()
        (row,) = await origin.home.rows("SELECT log_id FROM shown_heads")
        await epoch.open_epoch(origin.home.node, origin.home.operator, row[0], origin.home.tick())
        await origin.home.sequence()
        assert [row[0] for row in await origin.home.rows("SELECT count(*) FROM log_pending")] == [0]

    told(story)


def test_neighbours_do_not_keep_withdrawn_copies_alive_among_themselves():
    async def story(simulation):
        origin, one, other = simulation.stands
        made = await origin.home.submit(partner(simulation, origin), **PUBLIC)
        await origin.home.sequence()
        await pulled(simulation, one, origin)
        await pulled(simulation, other, one)
        await origin.home.follow(partner(simulation, origin), made.id, "erasure")
        await origin.home.sequence()
        await pulled(simulation, one, origin)
        await pulled(simulation, one, other)  # which still has it, and is asked by one that has not
        await pulled(simulation, other, one)
        await pulled(simulation, one, other)
        for stand in (one, other):
            assert await state(stand, made.id) is None
            rows = await stand.home.rows("SELECT payload FROM records WHERE id = :id", id=made.id.bytes)
            assert [row[0] for row in rows] == [None]

    told(story)


def test_a_relay_that_hides_a_revocation_only_delays_it():
    async def story(simulation):
        origin, reader, liar = simulation.stands
        address = origin.home.address()
        made = await origin.home.submit(partner(simulation, origin), address, **PUBLIC)
        await origin.home.sequence()
        await pulled(simulation, reader, origin)
        await origin.home.follow(partner(simulation, origin), made.id, "revocation")
        await origin.home.sequence()
        await pulled(simulation, liar, origin)
        simulation.crook.habits.add("withhold")
        await pulled(simulation, reader, liar)
        assert await reader.home.status(partner(simulation, reader), address) == "listed"
        simulation.clock.tick(hours=2)
        await pulled(simulation, reader, origin)
        assert await reader.home.status(partner(simulation, reader), address) == "revoked"

    told(story, liar=True)
