"""Three nodes that are peers of each other, a partner at each of them that wishes to be found, and what each sees.

The rule here: what a partner asks, it asks over HTTP at its own node; what a node gets, it gets from another by the
product's own client.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import combinations, permutations

import httpx

from app.domain import audience as audiences
from app.domain import signing
from app.domain.checkpoint import log_id
from app.services import groups, membership
from app.services.groups import Change, Charter
from app.services.membership import PARTNER_SCOPES
from tests.api.conftest import assertion
from tests.engines import one_thread
from tests.federation.inline import Inline
from tests.joined import join, node_id, pull_all
from tests.network import Network, Site, add_site
from tests.world import Partner, World

AT_LAST = 12  # rounds after which everything has come, or never will


@dataclass(eq=False)
class Place:
    """A node of the circle: its site, the partner at home there, and its clients."""

    site: Site
    partner: Partner
    clients: list = field(default_factory=list)
    told: dict = field(default_factory=dict)  # by node: how often something had moved there when it was last asked

    @property
    def id(self):
        return node_id(self.site)

    @property
    def home(self):
        return self.site.home

    def log(self, group=None):
        """Give the id of this node's own log, the public one unless a group is named."""
        return log_id(self.id, "public" if group is None else f"group:{group.id}", 1)

    async def api(self, partner=None):
        """Speak HTTP with the node, as the partner at home here."""
        made = await self.home.credential(partner or self.partner, *PARTNER_SCOPES)
        return self._client(made.text)

    async def strong(self):
        """Speak with the node by a token that the partner got for its own key."""
        seed = self.home.random(32)
        public = signing.public_key(seed)
        await membership.enrol_key(self.home.node, self.partner.strong, self.partner.id, public, self.home.tick())
        said = assertion(self.partner.id, seed, self.id, self.home.tick())
        token = await self.site.hall.authenticator.exchange_assertion(said, [self.id], [], self.home.world.clock())
        return self._client(token.text)

    def _client(self, credential):
        transport = self.site.network.apps[self.site.host]
        headers = {"authorization": f"Bearer {credential}"}
        made = httpx.AsyncClient(transport=transport, base_url="http://node", headers=headers, trust_env=False)
        self.clients.append(made)
        return made

    async def rows(self, statement, **values):
        return [tuple(row) for row in await self.home.rows(statement, **values)]

    async def sees(self, *addresses):
        """Give the status of each address for the partner at home here."""
        return [await self.home.status(self.partner, item) for item in addresses]

    async def submit(self, *addresses, group=None, **said):
        """Submit a report and sequence it."""
        if group is not None:
            said["audience"] = audiences.group(group.id)
        made = await self.home.submit(self.partner, *addresses, **said)
        await self.home.sequence()
        return made.id

    async def follow(self, report, kind, **said):
        made = await self.home.follow(self.partner, report, kind, **said)
        await self.home.sequence()
        return made.id

    async def found(self, *members, nodes=(), **rules):
        """Make a group that the partner at home here leads."""
        charter = Charter("circle", [item.partner.id for item in members], [item.id for item in nodes], **rules)
        made = await groups.add_group(self.home.node, self.partner.actor, charter, self.home.tick())
        await self.home.sequence()
        return made

    async def change(self, group, *, add=(), remove=(), add_nodes=(), remove_nodes=()):
        change = Change(
            [item.partner.id for item in add],
            [item.partner.id for item in remove],
            [item.id for item in add_nodes],
            [item.id for item in remove_nodes],
        )
        changed = await groups.change_members(
            self.home.node, self.partner.actor, group.id, change, self.home.tick(), remote=self.site.client
        )
        await self.home.sequence()
        return changed

    async def group(self, group):
        """Give a group as this node knows it."""
        async with self.home.node.store.read(self.home.operator) as tx:
            return await groups.groups.find(tx, group.id)


@asynccontextmanager
async def open_circle(*urls, seed=23):
    """Start nodes on empty databases, each a peer of every other, with a partner at home that wishes to be found."""
    world, network, places = World(seed), Network(), []
    asyncio.get_running_loop().set_default_executor(Inline(1))
    with one_thread():
        for name, url in zip("abc", urls, strict=False):
            site = await add_site(world, network, url, name)
            places.append(Place(site, await listed(site, f"partner of {name}")))
        try:
            for one, other in combinations(places, 2):
                await join(one.site, other.site)
            yield places
        finally:
            for place in places:
                for client in place.clients:
                    await client.aclose()
                await place.site.client.close()
            await world.close()


async def listed(site, name, **said):
    """Add an organization that other nodes may find."""
    made = await membership.add_organization(
        site.home.node, site.home.operator, name, "ngo", site.home.tick(), trusted=True, listed=True, **said
    )
    return Partner(made.id, made.name)


async def spread(*places):
    """Let each node pull from every other in which something has moved since, until nothing more comes."""
    roads, still = list(permutations(places, 2)), 0
    for one, other in roads * AT_LAST:
        number = other.home.node.moved.number
        moved = 0
        if one.told.get(other) != number:
            one.told[other] = number
            got = await pull_all(one.site, other.site)
            moved = got.entries + got.filled
        still = 0 if moved else still + 1
        if still == len(roads):
            return
    raise AssertionError("it does not come to an end")
