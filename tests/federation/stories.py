"""Stories that are told on purpose: each leads straight to the place where a certain fault would show.

The rule here: a story asserts nothing; the checker looks while it is told and when all is quiet. So the same story
shows that the product holds, and that the checker finds the fault when it is planted.
"""

from typing import Any

from app.domain import audience as audiences
from app.domain import page
from app.domain.marking import Pap, Tlp
from app.services import groups
from app.services.groups import Change, Charter
from tests.federation.liar import Story
from tests.federation.roads import Stand, crash
from tests.federation.simulation import Simulation
from tests.world import Partner

PUBLIC: dict[str, Any] = {"audience": audiences.PUBLIC, "tlp": Tlp.CLEAR, "pap": Pap.CLEAR}


async def join_all(simulation: Simulation) -> None:
    """Let every node be a peer of every other."""
    for one in range(len(simulation.stands)):
        for other in range(one + 1, len(simulation.stands)):
            if (one, other) not in simulation.edges:
                await simulation.join(simulation.stands[one], simulation.stands[other])
                simulation.edges.add((one, other))


def partner(simulation: Simulation, stand: Stand) -> Partner:
    """Give the node's operator, whom everybody trusts and finds."""
    return next(one for at, one in simulation.partners if at is stand)


async def publish(simulation: Simulation, stand: Stand, **fields: Any) -> Any:
    """Let the operator submit a report, sequence it, and be checked."""
    made = await stand.home.submit(partner(simulation, stand), **(fields or PUBLIC))
    simulation.checker.acknowledge(stand, made.id)
    await stand.home.sequence()
    await simulation.checker.look("submit", simulation.stands)
    return made


async def pulled(simulation: Simulation, stand: Stand, *others: Stand, pages: int = 64) -> None:
    """Pull a round from each, and be checked."""
    for other in others:
        await simulation.checker.look("story", simulation.stands)
        simulation.trace.append(f"{stand.home.name} {await simulation.pull(stand, other, pages)}")
        await simulation.checker.look("pull", simulation.stands)


async def put_back(simulation: Simulation, stand: Stand, path: Any, *, heads: bool = True) -> None:
    """Restore a node from a copy, with the file of known heads or without it."""
    await simulation.checker.look("story", simulation.stands)
    if not heads and stand.home.heads is not None:
        stand.home.heads.unlink(missing_ok=True)
    await stand.reopen(path)
    simulation.checker.restored(stand, set())
    await simulation.checker.look("restore", simulation.stands)


async def crashes_at_every_turn(simulation: Simulation) -> int:
    """Let a node die at every seventh turn in which it writes what it pulls, one after the other."""
    await join_all(simulation)
    origin, peer, _ = simulation.stands
    for turn in range(0, 400, 7):
        await publish(simulation, origin)
        came = await crash(peer, peer, simulation.pull(peer, origin), turn, writing=True)
        simulation.checker.reopen(peer)
        await simulation.checker.look("pull", simulation.stands)
        if isinstance(came, str):
            break
    return await simulation.heal()


async def shows_less_than_before(simulation: Simulation) -> int:
    """Let a liar show less of its log than it showed before, to one who has a part of it."""
    await join_all(simulation)
    reader, _, liar = simulation.stands
    assert simulation.crook is not None
    story = Story(liar.home)
    who = partner(simulation, liar)
    story.entries = await simulation.crook.entries(story.id)
    for _ in range(3 * page.MAX_PAGE_ENTRIES):
        story.report(Partner(who.id, who.name, liar.home.random(32)))
    simulation.crook.stories[story.id] = [story]
    await pulled(simulation, reader, liar, pages=1)
    story.covers = story.size - 2
    await pulled(simulation, reader, liar, pages=1)
    return await simulation.heal()


async def tells_two_stories(simulation: Simulation) -> int:
    """Let a liar tell one peer another story than the other."""
    await join_all(simulation)
    one, other, liar = simulation.stands
    assert simulation.crook is not None
    told = []
    for _ in range(2):
        story = Story(liar.home)
        who = Partner(partner(simulation, liar).id, "liar", liar.home.random(32))
        story.report(who)
        told.append(story)
    simulation.crook.stories[told[0].id] = told
    await pulled(simulation, one, liar)
    await pulled(simulation, other, liar)
    await pulled(simulation, one, other)
    return await simulation.heal()


async def is_restored(simulation: Simulation) -> int:
    """Restore an origin behind what its peers have, once with its file of heads and once without."""
    await join_all(simulation)
    origin, peer, other = simulation.stands
    await publish(simulation, origin)
    backup = origin.copy("before.db")
    for heads in (True, False):
        await publish(simulation, origin)
        await pulled(simulation, peer, origin)
        await put_back(simulation, origin, backup, heads=heads)
        await pulled(simulation, origin, other)
        await publish(simulation, origin)
        await pulled(simulation, peer, origin)
    return await simulation.heal()


async def leaves_a_group(simulation: Simulation) -> int:
    """Let an organization leave a group whose reports its node has."""
    await join_all(simulation)
    steward, member, _ = simulation.stands
    lead, one = partner(simulation, steward), partner(simulation, member)
    charter = Charter("group", [lead.id, one.id])
    group = await groups.add_group(steward.home.node, lead.actor, charter, steward.home.tick())
    await publish(simulation, steward, audience=audiences.group(group.id), tlp=Tlp.AMBER)
    await pulled(simulation, member, steward)
    out = Change(remove=(one.id,))
    await groups.change_members(steward.home.node, lead.actor, group.id, out, steward.home.tick())
    return await simulation.heal()


async def takes_back(simulation: Simulation) -> int:
    """Take back what a peer has that is turned away before it hears of that."""
    await join_all(simulation)
    origin, peer, _ = simulation.stands
    made = await publish(simulation, origin, audience=audiences.organizations(
        *(partner(simulation, stand).id for stand in (origin, peer))
    ), tlp=Tlp.AMBER)  # fmt: skip
    await pulled(simulation, peer, origin)
    await simulation.decide(origin, peer, "suspend")
    await origin.home.follow(partner(simulation, origin), made.id, "revocation")
    simulation.peace = False
    return await simulation.heal()
