"""A simulation: nodes that exchange their logs over bad roads, crash, are restored, and one of which may lie.

The rule here: one deed at a time, by the product's own services, drawn from one seed; after each the checker looks at
every node that changed. `heal` ends the faults, and counts the rounds until nothing moves any more.

    simulation = await Simulation.begin(seed, template, folder)
    for _ in range(60):
        await simulation.step()
    await simulation.heal()
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from app.domain import audience as audiences
from app.domain import signing
from app.domain.audience import Audience
from app.domain.errors import Meaning
from app.domain.marking import Pap, Tlp
from app.domain.record import Unknown
from app.services import admit, epoch, groups, membership, peering, pull, signers
from app.services.groups import Change, Charter
from app.storage import logs
from app.storage import organizations as organization_rows
from app.worker import pulling
from tests.federation.checker import Checker
from tests.federation.crook import Crook, shadow_of
from tests.federation.roads import Land, Roads, Stand, add_stand, crash
from tests.world import CHAIN, Clock, Partner

NODES = 5
DEEDS = {
    "submit": 12, "follow": 14, "supersede": 4, "newer kind": 1, "sequence": 14, "pull": 34, "loop": 4, "group": 3,
    "change group": 5, "leave group": 2, "rotate": 2, "trust": 1, "peering": 3, "crash": 10, "roads": 3, "cut": 3,
    "back up": 4, "restore": 2, "clock": 2, "lie": 8,
}  # fmt: skip
SPEAKING = frozenset({"submit", "follow", "supersede", "group", "change group"})  # often published at once
FOLLOWING = ("revocation", "revocation", "part", "erasure", "opinion", "opinion", "sighting")
MARKINGS = {
    "public": (Tlp.CLEAR,),
    "community": (Tlp.GREEN, Tlp.CLEAR),
    "group": (Tlp.AMBER, Tlp.AMBER, Tlp.GREEN),
    "organizations": (Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED),
}
PAPS = {Tlp.CLEAR: Pap.CLEAR, Tlp.GREEN: Pap.GREEN, Tlp.RED: Pap.RED}
LONGEST_PAUSE = timedelta(hours=25)  # after which every entry that did not come is asked for again
RETRY_PAUSE = timedelta(hours=6)  # after which one is asked for again that did not come in a few tries
CONSTANT = 3  # rounds beyond two journeys across the network: see `Simulation.bound`


@dataclass(frozen=True)
class Kept:
    """A copy of a node's database, and which records had been acknowledged by then."""

    path: Path
    acknowledged: frozenset[UUID]


@dataclass
class Simulation:
    """One story. `trace` says what was done and what came of it, the same for the same seed."""

    seed: int
    folder: Path
    network: Roads = field(default_factory=Roads)
    clock: Clock = field(default_factory=Clock)
    stands: list[Stand] = field(default_factory=list)
    lands: dict[str, Land] = field(default_factory=dict)
    edges: set[tuple[int, int]] = field(default_factory=set)
    partners: list[tuple[Stand, Partner]] = field(default_factory=list)
    groups: list[tuple[Stand, Partner, UUID]] = field(default_factory=list)
    backups: dict[str, list[Kept]] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)
    crook: Crook | None = None
    peace: bool = True
    deeds: dict[str, int] = field(default_factory=dict)

    @classmethod
    async def begin(
        cls,
        seed: int,
        template: Path,
        folder: Path,
        *,
        nodes: int = NODES,
        liar: bool | None = None,
        deeds: Mapping[str, int] | None = None,
        habits: Collection[str] = (),
        peace: bool | None = None,
    ) -> "Simulation":
        """Start nodes on copies of a migrated file, with partners, peered along a random connected graph.

        `deeds` weighs the deeds otherwise; those that it does not name weigh as ever. `habits` are what the liar does
        from the beginning. With `peace` all peerings are active in the end, without it they stay as they are.
        """
        made = cls(seed, folder, deeds=DEEDS | dict(deeds or {}))
        made.dice = Random(f"simulation {seed}")
        made.network = Roads(seed=seed)
        shared = Random(f"world {seed}")
        for place in range(nodes):
            land = Land(shared, made.clock)
            made.stands.append(await add_stand(land, made.network, template, folder, f"n{place}"))
            made.lands[made.stands[-1].host] = land
        lies = made.dice.random() < 0.6 if liar is None else liar
        made.peace = made.dice.random() < 0.7 if peace is None else peace
        if lies:
            made.crook = Crook(made.stands[-1], made.dice, habits=set(habits))
            made.network.meddle = made.crook.meddle
        made.checker = Checker(made.stands, made.crook)
        made.network.overhear = made.checker.overhear
        await made._settle_down()
        return made

    dice: Random = field(init=False)
    checker: Checker = field(init=False)

    @property
    def honest(self) -> list[Stand]:
        """The nodes that do not lie."""
        return [stand for stand in self.stands if self.crook is None or stand is not self.crook.stand]

    async def _settle_down(self) -> None:
        """Add partners, and join the nodes: a tree, and some edges that make cycles."""
        for stand in self.stands:
            self.checker.homes[stand.home.operator.organization] = stand.id
            self.partners.append((stand, Partner(stand.home.operator.organization, stand.home.name)))
            for _ in range(self.dice.randrange(1, 3)):
                self.partners.append((stand, await self._organization(stand)))
            await stand.home.sequence()
        order = self.dice.sample(range(len(self.stands)), len(self.stands))
        pairs = {tuple(sorted((at, self.dice.choice(order[:place])))) for place, at in enumerate(order) if place}
        while len(pairs) < len(order) + self.dice.randrange(3):
            pairs.add(tuple(sorted(self.dice.sample(order, 2))))
        for one, other in sorted(pairs):
            await self.join(self.stands[one], self.stands[other])
        self.edges = {(one, other) for one, other in pairs}
        if self.crook is not None:
            strangers = [(stand, one) for stand, one in self.partners if stand is not self.crook.stand]
            self.crook.known_everywhere = self.checker.known_everywhere
            self.crook.claimed = [shadow_of(stand, one.id, one.name) for stand, one in strangers]
        await self.checker.look("begin", self.stands)

    async def _organization(self, stand: Stand) -> Partner:
        seed = stand.home.random(32) if self.dice.random() < 0.3 else None
        made = await membership.add_organization(
            stand.home.node,
            stand.home.operator,
            f"partner {stand.home.random(4).hex()}",
            "ngo",
            stand.home.tick(),
            trusted=self.dice.random() < 0.85,
            listed=True,
            public_key=None if seed is None else signing.public_key(seed),
        )
        self.checker.homes[made.id] = stand.id
        return Partner(made.id, made.name, seed)

    async def join(self, one: Stand, other: Stand) -> None:
        """Let both operators accept each other."""
        for here, there in ((one, other), (other, one)):
            await peering.propose(here.home.node, here.home.operator, here.client, there.url, here.home.tick())
            relay = self.dice.choice(("known", "any", "any"))
            document = {"relay": relay}
            await peering.set_policy(here.home.node, here.home.operator, there.id, document, here.home.tick())

    async def step(self, name: str | None = None) -> None:
        """Do one random deed, and check what it left."""
        chosen = name or self.dice.choices(list(self.deeds), list(self.deeds.values()))[0]
        stand = self.dice.choice(self.stands)
        try:
            said = await self._deed(chosen, stand)
            if chosen in SPEAKING and self.dice.random() < 0.5:
                await stand.home.sequence()
        except Meaning as error:
            said = error.code
        self.trace.append(f"{len(self.trace)} {chosen} {stand.home.name}: {said}")
        await self.checker.look(chosen, self.stands)

    async def _deed(self, name: str, stand: Stand) -> str:
        done: Callable[[Stand], Coroutine[Any, Any, str]] = getattr(self, f"_{name.replace(' ', '_')}")
        return await done(stand)

    def _partner(self, stand: Stand) -> tuple[int, Partner]:
        return self.dice.choice([(n, one) for n, (home, one) in enumerate(self.partners) if home is stand])

    async def _audience(self, stand: Stand, partner: Partner) -> tuple[Audience, Tlp]:
        """Draw who may read: everybody, a group that the partner's node knows, or some organizations."""
        kind = self.dice.choice(("public", "public", "group", "group", "organizations"))
        audience = audiences.PUBLIC
        if kind == "group":
            known = await stand.home.rows("SELECT id FROM groups ORDER BY id")
            if not known:
                return audience, Tlp.CLEAR
            audience = audiences.group(_uuid(self.dice.choice(known)[0]))
            members = await stand.home.rows("SELECT 1 FROM group_members WHERE group_id = :id", id=audience.group.bytes)
            kind = "group" if members else "community"
        if kind == "organizations":
            others = self.dice.sample(self.partners, self.dice.randrange(1, 3))
            audience = audiences.organizations(partner.id, *(one.id for _, one in others))
        return audience, self.dice.choice(MARKINGS[kind])

    async def _submit(self, stand: Stand, **fields: Any) -> str:
        _, partner = self._partner(stand)
        audience, tlp = await self._audience(stand, partner)
        named = [self.dice.choice(self.checker.addresses), stand.home.address()]
        made = await stand.home.submit(
            partner, *named, audience=audience, tlp=tlp, pap=PAPS.get(tlp, Pap.AMBER), **fields
        )
        self.checker.acknowledge(stand, made.id)
        if self.crook is not None and stand is not self.crook.stand and tlp in {Tlp.CLEAR, Tlp.GREEN}:
            self.crook.victims.append((made.id, audience.group))
        return f"{audience.kind} {tlp} {made.id}"

    async def _reports(self, stand: Stand) -> list[tuple[UUID, UUID]]:
        query = "SELECT id, issuer FROM records WHERE kind = 'report' ORDER BY id"
        return [(_uuid(row[0]), _uuid(row[1])) for row in await stand.home.rows(query)]

    async def _follow(self, stand: Stand) -> str:
        """Let a partner say something of a report that its node has: mostly the issuer, for what only it may say."""
        reports = await self._reports(stand)
        if not reports:
            return await self._submit(stand)
        report, issuer = self.dice.choice(reports)
        kind = self.dice.choice(FOLLOWING)
        own = [one for home, one in self.partners if home is stand and one.id == issuer]
        mine = bool(own) and kind not in {"opinion", "sighting"}
        partner = own[0] if mine else self._partner(stand)[1]
        said: dict[str, Any] = {}
        if kind in {"part", "sighting"}:
            rows = await stand.home.rows(
                "SELECT address FROM indicators WHERE record_id = :id AND ordinal = 0", id=report.bytes
            )
            address = rows[0][0] if rows else stand.home.address()
            said = {"addresses": [{"chain": CHAIN, "address": address}]} if kind == "part" else {"address": address}
        made = await stand.home.follow(partner, report, "revocation" if kind == "part" else kind, **said)
        self.checker.acknowledge(stand, made.id)
        return f"{kind} {report}"

    async def _supersede(self, stand: Stand) -> str:
        mine = {one.id: one for home, one in self.partners if home is stand}
        reports = [(report, issuer) for report, issuer in await self._reports(stand) if issuer in mine]
        if not reports:
            return "nothing to supersede"
        report, issuer = self.dice.choice(reports)
        audience, tlp = await self._audience(stand, mine[issuer])
        made = await stand.home.submit(
            mine[issuer], self.dice.choice(self.checker.addresses), audience=audience, tlp=tlp,
            pap=PAPS.get(tlp, Pap.AMBER), supersedes=str(report),
        )  # fmt: skip
        self.checker.acknowledge(stand, made.id)
        return f"{report} by {made.id} to {audience.kind}"

    async def _newer_kind(self, stand: Stand) -> str:
        """Admit a record of a kind that only a newer version knows."""
        _, partner = self._partner(stand)
        audience, tlp = await self._audience(stand, partner)
        home, now = stand.home, stand.home.tick()
        async with home.node.store.write(partner.actor) as tx:
            await admit.check_audience(tx, audience, tlp)
            issuer = await organization_rows.get(tx, partner.id)
            body = Unknown({"certainty": "some", "of": home.random(4).hex()})
            made = admit.frame(home.node, "hunch", partner.id, audience, tlp, PAPS.get(tlp, Pap.AMBER), body, now)
            envelope = made.sign(partner.seed) if partner.seed else await signers.sign(home.node, tx, issuer, made)
            custody = await signers.verify(tx, issuer, envelope)
            await admit.admit(home.node, tx, issuer, made, envelope, custody, now)
        self.checker.acknowledge(stand, made.id)
        return f"{audience.kind} {made.id}"

    async def _sequence(self, stand: Stand) -> str:
        return str(await stand.home.sequence())

    def neighbours(self, stand: Stand) -> list[Stand]:
        """Name the nodes that were ever joined with one."""
        at = self.stands.index(stand)
        return [self.stands[b if a == at else a] for a, b in sorted(self.edges) if at in {a, b}]

    async def pull(self, stand: Stand, other: Stand, pages: int = pull.PAGES) -> str:
        """Pull one round."""
        stand.home.tick()
        try:
            got = await pull.run_once(stand.home.node, stand.client, other.id, stand.home.world.clock, pages=pages)
        except Meaning as error:
            return f"from {other.home.name}: {error.code}"
        return f"from {other.home.name}: {got.entries} {got.accepted} {got.refused} {got.filled}"

    async def _pull(self, stand: Stand) -> str:
        return await self.pull(stand, self.dice.choice(self.neighbours(stand)), self.dice.choice((1, 2, pull.PAGES)))

    async def _loop(self, stand: Stand) -> str:
        """Let the loop that pulls do one step, in its own way: leases, pauses after failures, a long poll."""
        other = self.dice.choice(self.neighbours(stand))
        stand.home.tick()
        puller = pulling.Puller(
            stand.home.node, stand.client, stand.home.world.clock, self.dice.random, f"{stand.host} {stand.life}"
        )
        return f"from {other.home.name}: {await pulling.step(puller, other.id):.1f}"

    async def _group(self, stand: Stand) -> str:
        _, steward = self._partner(stand)
        near = [stand, *self.neighbours(stand)]
        members = [one.id for home, one in self.partners if home in near and self.dice.random() < 0.5]
        nodes = [other.id for other in near if self.dice.random() < 0.6]
        kind = self.dice.choice(("group", "group", "both", "community"))
        charter = Charter(
            f"group {stand.home.random(3).hex()}",
            () if kind == "community" else [steward.id, *members],
            () if kind == "group" else [stand.id, *nodes],
            self.dice.choice(("full", "full", "from_join")),
            self.dice.choice(("purge", "purge", "keep")),
        )
        made = await groups.add_group(stand.home.node, steward.actor, charter, stand.home.tick())
        self.groups.append((stand, steward, made.id))
        return f"{kind} {made.id}"

    async def _change_group(self, stand: Stand) -> str:
        if not self.groups:
            return await self._group(stand)
        home, steward, group = self.dice.choice(self.groups)
        near = [home, *self.neighbours(home)]
        ones, nodes = [one.id for at, one in self.partners if at in near], [other.id for other in near]
        change = self.dice.choice(
            (
                Change(add=self.dice.sample(ones, 1)),
                Change(remove=self.dice.sample(ones, 2)),
                Change(add_nodes=self.dice.sample(nodes, 1)),
                Change(remove_nodes=self.dice.sample(nodes, 1)),
            )
        )
        made = await groups.change_members(home.home.node, steward.actor, group, change, home.home.tick())
        return f"{group} {made.version}"

    async def _leave_group(self, stand: Stand) -> str:
        _, partner = self._partner(stand)
        mine = await stand.home.rows(
            "SELECT group_id FROM group_members WHERE organization_id = :id ORDER BY 1", id=partner.id.bytes
        )
        if not mine:
            return "not in a group"
        group = _uuid(self.dice.choice(mine)[0])
        change = Change(remove=(partner.id,))
        now = stand.home.tick()
        made = await groups.change_members(stand.home.node, partner.actor, group, change, now, remote=stand.client)
        return f"{group} {made.version}"

    async def _rotate(self, stand: Stand) -> str:
        at, partner = self._partner(stand)
        self.partners[at] = (stand, await stand.home.rotate(partner))
        return partner.name

    async def _trust(self, stand: Stand) -> str:
        _, partner = self._partner(stand)
        return str(await stand.home.trust(partner))

    async def _peering(self, stand: Stand) -> str:
        other, deed = self.dice.choice(self.neighbours(stand)), self.dice.choice(("suspend", "resume", "end", "accept"))
        home = stand.home
        if deed == "accept" and self.dice.random() < 0.5:
            await peering.propose(home.node, home.operator, stand.client, other.url, home.tick())
        else:
            await self.decide(stand, other, deed)
        return f"{deed} {other.home.name}"

    async def decide(self, stand: Stand, other: Stand, deed: str) -> None:
        """Let an operator accept, suspend, resume or end a peering."""
        home = stand.home
        await peering.decide(home.node, home.operator, stand.client, other.id, deed, home.tick())

    async def _crash(self, stand: Stand) -> str:
        """Let a node die in the middle of a deed: its own, or one that asks it."""
        deed = self.dice.choice(("pull", "pull", "pull", "submit", "follow", "sequence", "change group"))
        turn, writing = self.dice.randrange(self.dice.choice((10, 60, 150))), self.dice.random() < 0.6
        victim = stand
        if deed == "pull":
            other = self.dice.choice(self.neighbours(stand))
            victim = self.dice.choice((stand, stand, other))
            if self.dice.random() < 0.5:  # so that there is something to pull
                await self._submit(other)
                await other.home.sequence()
            came = await crash(victim, stand, self.pull(stand, other), turn, writing=writing)
        else:
            came = await crash(victim, stand, self._deed(deed, stand), turn, writing=writing)
        self.checker.reopen(victim)
        if isinstance(came, Exception) and not isinstance(came, Meaning):
            raise came
        said = type(came).__name__ if isinstance(came, BaseException) else came
        return f"{victim.home.name} in {deed} at {turn}: {said}"

    async def _roads(self, _stand: Stand) -> str:
        self.network.trouble = self.dice.choice((0.0, 0.0, 0.1, 0.4))
        return str(self.network.trouble)

    async def _cut(self, stand: Stand) -> str:
        """Cut a road, or mend them all."""
        if self.network.cut and self.dice.random() < 0.6:
            self.network.cut.clear()
            return "mended"
        other = self.dice.choice(self.neighbours(stand))
        self.network.cut.add(frozenset({stand.host, other.host}))
        return other.home.name

    async def _back_up(self, stand: Stand) -> str:
        kept = self.backups.setdefault(stand.host, [])
        path = stand.copy(f"backup-{len(kept)}.db")
        kept.append(Kept(path, frozenset(self.checker.acknowledged[stand.host])))
        return path.name

    async def _restore(self, stand: Stand) -> str:
        """Put an older copy of the database in its place, with the file of known heads or without it."""
        if stand.host not in self.backups or (self.crook is not None and stand is self.crook.stand):
            return "no backup"
        kept = self.dice.choice(self.backups[stand.host])
        without = self.dice.random() < 0.4
        if without and stand.home.heads is not None:
            stand.home.heads.unlink(missing_ok=True)
        await stand.reopen(kept.path)
        self.checker.restored(stand, set(kept.acknowledged))
        if without:
            self.checker.forget_published(stand)
        return f"{kept.path.name} {'without' if without else 'with'} heads"

    async def _clock(self, stand: Stand) -> str:
        """Let a day pass, or let one clock be wrong by a day."""
        watch = self.lands[stand.host].watch
        days = self.dice.choice((-1, 1))
        if self.dice.random() < 0.5:
            self.clock.tick(days=1)
            return "a day passes"
        watch.skew = timedelta() if watch.skew else timedelta(days=days)
        return f"wrong by {watch.skew}"

    async def _lie(self, _stand: Stand) -> str:
        return "nobody lies" if self.crook is None else await self.crook.lie()

    # What follows ends the faults, and brings everybody level.

    async def heal(self) -> int:
        """End the faults, and pull in rounds until nothing moves; give how many rounds it took, at most `bound`."""
        self.network.trouble, self.network.cut = 0.0, set()
        for land in self.lands.values():
            land.watch.skew = timedelta()
        self.clock.tick(seconds=LONGEST_PAUSE.total_seconds())
        if self.peace:
            await self._make_peace()
        await self.checker.look("heal", self.stands)
        rounds = await self._rounds()
        if await self._open_epochs():
            await self.checker.look("epoch", self.stands)
            rounds = max(rounds, await self._rounds())
        await self.checker.settled(self)
        return rounds

    async def _make_peace(self) -> None:
        for one, other in sorted(self.edges):
            for here, there in ((one, other), (other, one)):
                home, client, at = self.stands[here].home, self.stands[here].client, self.stands[there]
                try:
                    await peering.decide(home.node, home.operator, client, at.id, "resume", home.tick())
                except Meaning:
                    await peering.propose(home.node, home.operator, client, at.url, home.tick())

    async def _rounds(self) -> int:
        """Pull in rounds until nothing moves, and again when bodies that a relay did not have yet are asked for again.

        Gives the most rounds of one such time; each hop of relays may need a time of its own.
        """
        most = await self._still()
        while self.checker.waits():
            self.clock.tick(seconds=RETRY_PAUSE.total_seconds())
            rounds = await self._still()
            if not rounds:
                break
            most = max(most, rounds)
        return most

    async def _still(self) -> int:
        """Let every node sequence, and pull from each of its peers, until a whole round moves nothing."""
        rounds = 0
        while True:
            before = self.checker.positions()
            for stand in self.honest:
                await stand.home.sequence()
            ways = [(stand, other) for stand in self.honest for other in self.neighbours(stand)]
            said = [
                f"{stand.home.name} {await self.pull(stand, other)}"
                for stand, other in self.dice.sample(ways, len(ways))
            ]
            self.trace.append(f"round {rounds + 1}: {'; '.join(said)}")
            await self.checker.look("round", self.stands)
            if self.checker.positions() == before:
                return rounds
            rounds += 1
            self.checker.check(rounds <= self.bound(), f"not settled after {rounds} rounds")

    def bound(self) -> int:
        """State in how many rounds everybody is level: twice the longest way through the honest nodes, and CONSTANT.

        Once for what the origins sign, hop by hop; once more for what hangs on a group's record that came by then.
        """
        return 2 * self._diameter() + CONSTANT

    def _diameter(self) -> int:
        longest = 0
        for start in self.honest:
            far, queue = {start.host: 0}, deque([start])
            while queue:
                at = queue.popleft()
                for other in self.neighbours(at):
                    if other in self.honest and other.host not in far:
                        far[other.host] = far[at.host] + 1
                        queue.append(other)
            longest = max(longest, *far.values())
        return longest

    async def _open_epochs(self) -> int:
        """Let operators open a new epoch of each log whose end nobody has any more."""
        opened = 0
        for stand in self.honest:
            async with stand.home.node.store.read(stand.home.operator) as tx:
                ahead = [item for item in await logs.shown(tx) if item.size > (await logs.head(tx, item.log_id)).size]
            for item in ahead:
                try:
                    await epoch.open_epoch(stand.home.node, stand.home.operator, item.log_id, stand.home.tick())
                except Meaning as error:
                    self.trace.append(f"no epoch at {stand.home.name}: {error.code} {error.detail}")
                else:
                    opened += 1
                    self.trace.append(f"new epoch at {stand.home.name} of {item.log_id[:6]}")
        return opened

    async def close(self) -> None:
        """Stop every node."""
        self.checker.close()
        await asyncio.gather(*(land.close() for land in self.lands.values()))


def _uuid(value: Any) -> UUID:
    return UUID(bytes=value) if isinstance(value, bytes) else UUID(str(value))
