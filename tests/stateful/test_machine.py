"""A machine that tells random stories to a real node, and a model in plain Python that says what everybody may know.

After each rule the node is asked as every partner (visible reports, their states, the status of each address) and as
the model; at the end the logs are verified from the rows. `WATCHFIRE_TEST_EXAMPLES` tells more and longer stories.
"""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.domain import audience as audiences
from app.domain.audience import Audience
from app.domain.errors import Invalid, NotFound, NotNext, Unavailable
from app.domain.marking import Tlp
from app.services import read_reports
from app.services.repeats import repeat_of
from app.storage.records import Filters
from tests.conftest import EXAMPLES
from tests.world import CHAIN, Partner, Trouble, World, faults


@dataclass
class Told:
    """A report as the model knows it."""

    issuer: UUID
    audience: Audience
    addresses: tuple[str, ...]
    quarantined: bool
    revoked: set[str] = field(default_factory=set)
    whole: bool = False
    erased: bool = False
    superseded: bool = False
    opinions: dict[UUID, bool] = field(default_factory=dict)
    late: list[tuple[UUID, bool]] = field(default_factory=list)  # opinions of who is under review
    stuck: bool = False  # it waits, and the key that signed it was revoked meanwhile: it is never shown
    elsewhere: list["Told"] = field(default_factory=list)  # successors in other audiences, of who revokes itself

    @property
    def state(self) -> str:
        if self.erased:
            return "erased"
        if self.quarantined:
            return "quarantined"
        return "revoked" if self.whole else "superseded" if self.superseded else "live"

    def status(self, address: str, state: str) -> str | None:
        """Say what this report makes of an address, in its state for the asker: None when it says nothing."""
        if self.erased or address not in self.addresses:
            return None
        if self.quarantined:
            return "waits"
        if state != "live" or address in self.revoked:
            return "revoked"
        return "disputed" if any(self.opinions.values()) else "listed"


class Stories(RuleBasedStateMachine):
    """The rules of the story. `fresh` makes the empty database."""

    fresh = None
    reports = Bundle("reports")
    who = st.integers(0, 3)
    where = st.integers(0, 2)

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.told: dict[UUID, Told] = {}
        self.number = 0

    def do(self, deed):
        return self.loop.run_until_complete(deed)

    @initialize()
    def begin(self):
        self.world = World(seed=3)
        self.home = self.do(self.world.add_home(type(self).fresh()))
        self.partners: list[Partner] = [
            self.do(self.home.organization(own_key=number == 1, trusted=number != 3)) for number in range(4)
        ]
        self.trusted = [True, True, True, False]
        self.members = {0, 1, 3}
        self.group = self.do(self.home.group(*(self.partners[n] for n in self.members), steward=self.partners[0]))
        self.addresses = [self.home.address() for _ in range(3)]
        self.trouble = Trouble(self.home.node.store)

    def audience(self, who: int, where: int) -> tuple[Audience, Tlp]:
        if where == 0:
            return audiences.PUBLIC, Tlp.CLEAR
        if where == 1:
            return audiences.group(self.group.id), Tlp.AMBER
        return audiences.organizations(self.partners[who].id, self.partners[(who + 1) % 4].id), Tlp.AMBER

    def may_read(self, who: int, report: Told) -> bool:
        if report.quarantined:
            return report.issuer == self.partners[who].id
        if report.audience.kind == "group":
            return who in self.members
        return report.audience.kind == "public" or self.partners[who].id in report.audience.organizations

    def lost(self, deed, step: int, when: str):
        """Do a deed while a step of the driver fails; the client repeats it until it is answered."""
        self.trouble.strike(step, when)
        try:
            return self.do(deed())
        except Unavailable:
            self.trouble.strike(None)
            return self.do(deed())
        finally:
            self.trouble.strike(None)

    def state_for(self, who: int, told: Told) -> str:
        replaced = any(self.may_read(who, other) and not other.quarantined for other in told.elsewhere)
        return "superseded" if told.state == "live" and replaced else told.state

    @rule(
        target=reports,
        who=who,
        where=where,
        about=st.sets(st.integers(0, 2), min_size=1),
        step=st.integers(1, 40),
        when=st.sampled_from(["before", "after"]),
    )
    def submit(self, who, where, about, step, when):
        partner, (audience, tlp) = self.partners[who], self.audience(who, where)
        self.number += 1
        repeat = repeat_of(f"key {self.number}", "submit", b"body")
        named = tuple(self.addresses[n] for n in sorted(about))

        def deed():
            return self.home.submit(partner, *named, audience=audience, tlp=tlp, repeat=repeat)

        if where == 1 and who not in self.members:
            with pytest.raises(Invalid):
                self.do(deed())
            return multiple()
        made = self.lost(deed, step, when)
        self.told[made.id] = Told(partner.id, audience, named, quarantined=not self.trusted[who])
        assert self.do(deed()).id == made.id  # and once more, late
        return made.id

    @rule(target=reports, report=reports, where=where)
    def supersede(self, report, where):
        told = self.told[report]
        who = next(n for n, partner in enumerate(self.partners) if partner.id == told.issuer)
        partner = self.partners[who]
        if where == 1 and who not in self.members:
            return multiple()
        audience, tlp = self.audience(who, where)

        def deed():
            return self.home.submit(partner, *told.addresses, audience=audience, tlp=tlp, supersedes=str(report))

        if told.erased or told.whole or told.superseded:
            with pytest.raises(NotNext):
                self.do(deed())
            return multiple()
        made = self.do(deed())
        self.told[made.id] = Told(told.issuer, audience, told.addresses, quarantined=not self.trusted[who])
        if audience == told.audience:
            told.superseded = True
        elif partner.seed is None:
            told.whole = True
        else:
            told.elsewhere.append(self.told[made.id])
        return made.id

    @rule(report=reports, who=who, kind=st.sampled_from(["revocation", "erasure", "opinion", "part"]),
          agrees=st.booleans())  # fmt: skip
    def follow(self, report, who, kind, agrees):
        told, partner = self.told[report], self.partners[who]
        own = told.issuer == partner.id
        said = {"opinion": "agree" if agrees else "disagree"} if kind == "opinion" else {}
        if kind == "part":
            said = {"addresses": [{"chain": CHAIN, "address": told.addresses[0]}]}
        name = "revocation" if kind == "part" else kind
        deed = self.home.follow(partner, report, name, **said)
        if not own and not self.may_read(who, told):
            with pytest.raises(NotFound):
                self.do(deed)
        elif own == (kind == "opinion") or (told.erased and kind != "erasure"):
            with pytest.raises(NotNext):
                self.do(deed)
        else:
            self.do(deed)
            self.apply(told, who, kind, agrees=agrees)

    def apply(self, told, who, kind, *, agrees):
        if kind == "opinion":
            if self.trusted[who]:
                told.opinions[self.partners[who].id] = not agrees
            else:
                told.late.append((self.partners[who].id, not agrees))
        elif kind == "erasure":
            told.erased = True
        elif kind == "revocation":
            told.whole = True
        else:
            told.revoked.add(told.addresses[0])

    @precondition(lambda self: not self.trusted[3])
    @rule()
    def trust(self):
        self.do(self.home.trust(self.partners[3]))
        self.trusted[3] = True
        for told in self.told.values():
            if told.issuer == self.partners[3].id and not told.erased and not told.stuck:
                told.quarantined = False
            for issuer, disagrees in told.late:
                told.opinions[issuer] = disagrees

    @rule(who=st.integers(1, 3))
    def join_or_leave(self, who):
        if who in self.members:
            self.group = self.do(self.home.change(self.partners[who], self.group, remove=[self.partners[who]]))
        else:
            self.group = self.do(self.home.change(self.partners[0], self.group, add=[self.partners[who]]))
        self.members ^= {who}

    @rule(who=who)
    def rotate(self, who):
        self.partners[who] = self.do(self.home.rotate(self.partners[who]))
        for told in self.told.values():
            told.late = [] if who == 3 else told.late
            told.stuck |= told.quarantined and who == 3

    @rule(step=st.integers(1, 30), when=st.sampled_from(["before", "after"]))
    def sequence(self, step, when):
        self.lost(self.home.sequence, step, when)

    @rule()
    def restart(self):
        self.do(self.home.restart())
        self.trouble = Trouble(self.home.node.store)

    @invariant()
    def everybody_knows_what_the_model_says(self):
        if not hasattr(self, "partners"):
            return
        self.do(self.compare())

    async def compare(self):
        for who, partner in enumerate(self.partners):
            mine = {report: told for report, told in self.told.items() if self.may_read(who, told)}
            found = await read_reports.list_reports(self.home.node, partner.actor, Filters(), 1000)
            assert {item.id: read_reports.state_of(item) for item in found} == {
                report: told.state for report, told in mine.items()
            }
            for report in self.told:
                try:
                    state = (await read_reports.get_report(self.home.node, partner.actor, report)).state
                except NotFound:
                    assert report not in mine
                else:
                    assert report in mine
                    assert state == self.state_for(who, mine[report])
            for address in self.addresses:
                said = {told.status(address, self.state_for(who, told)) for told in mine.values()} - {None}
                expected = next((word for word in ("disputed", "listed", "revoked") if word in said), "not_listed")
                assert await self.home.status(partner, address) == expected

    def teardown(self):
        if hasattr(self, "home"):
            self.do(self.finish())
        self.loop.close()

    async def finish(self):
        try:
            for _ in range(2):
                found = await faults(self.home)
                assert found == [], found
                await self.home.sequence()
        finally:
            await self.world.close()


def tell(kind, request, examples, steps):
    machine = type(f"Stories_{kind}", (Stories,), {"fresh": staticmethod(request.getfixturevalue(f"fresh_{kind}"))})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples * EXAMPLES, stateful_step_count=steps * min(EXAMPLES, 3))
    )


def test_stories_on_sqlite(request):
    tell("sqlite", request, 5, 12)


def test_stories_on_postgresql(request):
    tell("postgresql", request, 2, 12)
