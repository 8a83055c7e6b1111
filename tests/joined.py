"""Two or more nodes on one network that are peers already: what a test of pulling begins with."""

from collections.abc import Sequence

from app.domain import audience as audiences
from app.domain.actor import system
from app.domain.marking import Pap, Tlp
from app.domain.peer import Policy, State
from app.services import peering, pull
from app.services.pull import Pulled
from app.services.submit import Submitted
from app.storage import peers
from app.storage.peers import Peer
from tests.network import Network, Site, add_site
from tests.world import Partner, World


async def join(one: Site, other: Site, **policy: object) -> None:
    """Let two nodes be active peers that have asked each other once; `policy` is that of `one` for `other`."""
    await _know(one, other, policy)
    await _know(other, one, {})
    await peering.tell(one.home.node, one.client, node_id(other), one.home.tick())
    await peering.tell(other.home.node, other.client, node_id(one), one.home.tick())
    await pull_once(one, other)
    await pull_once(other, one)


async def _know(site: Site, other: Site, policy: dict[str, object]) -> None:
    now = site.home.tick()
    raw = await peering.own_record(other.home.node, now)
    taken = Policy.parse({**Policy().to_document(), **policy}).to_document()
    async with site.home.node.store.write(system(site.home.node.operator)) as tx:
        await peering.learn(tx, raw, now)
        await peers.add(tx, Peer(node_id(other), other.url, True, True, State.ACTIVE, taken, now, now))


def node_id(site: Site) -> str:
    """Give the id of a site's node."""
    return site.home.node.identity.node_id


async def pull_once(site: Site, other: Site, pages: int = pull.PAGES) -> Pulled:
    """Pull one round."""
    site.home.tick()
    return await pull.run_once(site.home.node, site.client, node_id(other), site.home.world.clock, pages=pages)


async def pull_all(site: Site, other: Site) -> Pulled:
    """Pull until a round finds no more; give the sum."""
    total = Pulled()
    while True:
        got = await pull_once(site, other)
        total.pages += got.pages
        total.entries += got.entries
        total.accepted += got.accepted
        total.refused += got.refused
        total.filled += got.filled
        if not got.more:
            return total


async def publish(site: Site, partner: Partner, *addresses: str, **fields: object) -> Submitted:
    """Submit a public report and sequence it."""
    said = {"audience": audiences.PUBLIC, "tlp": Tlp.CLEAR, "pap": Pap.CLEAR} | fields
    made = await site.home.submit(partner, *addresses, **said)  # type: ignore[arg-type]
    await site.home.sequence()
    return made


async def add_pair(world: World, network: Network, urls: Sequence[str]) -> tuple[Site, ...]:
    """Put nodes on these empty databases: the first is a peer of every other."""
    sites = [await add_site(world, network, url, f"node{place}") for place, url in enumerate(urls)]
    for other in sites[1:]:
        await join(other, sites[0])
    return tuple(sites)
