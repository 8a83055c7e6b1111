"""A peer beside a site: what comes from another node, some of it for everybody and some for a few only.

The rule here: the neighbour's records reach the site by the product's own pull.
"""

from app.domain import audience as audiences
from app.domain.marking import Pap, Tlp
from app.services import groups, membership
from app.services.groups import Charter
from tests.federation.circle import listed
from tests.joined import join, publish, pull_all
from tests.network import Network, Site, add_site


class Neighbour:
    """A node that is a peer of a site, and a partner at home there that wishes to be found."""

    @classmethod
    async def open(cls, site, url, member):
        """Start it on an empty database, and let the two be peers; `member` of the site wishes to be found there."""
        home = site.home
        await membership.set_listed(home.node, home.operator, member.id, home.tick(), listed=True)
        made, network = cls(), Network()
        made.here = Site(site.home, network, "here.test")
        made.there = await add_site(site.home.world, network, url, "there")
        made.partner = await listed(made.there, "neighbour")
        await join(made.here, made.there)
        return made

    async def publish(self, *addresses):
        """Say something that is for everybody."""
        made = await publish(self.there, self.partner, *addresses)
        await pull_all(self.here, self.there)
        return made

    async def hide(self, member, *addresses):
        """Say something in a group and by name, to a partner at home at the site; tell what is hidden from others."""
        home = self.there.home
        stranger = await home.organization("nobody knows me")
        charter = Charter("across", [stranger.id, member.id])
        group = await groups.add_group(home.node, stranger.actor, charter, home.tick())
        named = audiences.organizations(stranger.id, member.id)
        made = []
        for audience, tlp in ((audiences.group(group.id), Tlp.AMBER), (named, Tlp.AMBER), (named, Tlp.RED)):
            said = await home.submit(stranger, *addresses, audience=audience, tlp=tlp, pap=Pap(f"PAP:{tlp[4:]}"))
            made.append(str(said.id))
        await home.sequence()
        await pull_all(self.here, self.there)
        await self.here.home.submit(member, *addresses, audience=audiences.group(group.id))
        await self.here.home.sequence()
        await pull_all(self.there, self.here)
        return {"reports": made, "groups": [str(group.id)], "organizations": [str(stranger.id)]}

    async def close(self):
        await self.here.client.close()
        await self.there.client.close()
