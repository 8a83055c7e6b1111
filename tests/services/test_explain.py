"""Explain: why a peer has a record or does not, in a word and in sentences."""

from dataclasses import replace

import pytest

from app.domain import audience as audiences
from app.domain.actor import Scope
from app.domain.errors import Forbidden, NotFound
from app.domain.marking import Pap, Tlp
from app.services import explain, groups, peering, pull
from tests.federation.pair import befriend, open_sides


@pytest.fixture
async def pair(database, fresh_sqlite):
    async with open_sides(database, fresh_sqlite()) as sides:
        await befriend(*sides)
        yield sides


async def told(a, b, record, actor=None):
    found = await explain.explain(a.node, actor or a.home.operator, record, b.id, a.home.tick())
    assert all(sentence[0].isupper() and sentence[-1] in ".)" for sentence in found.sentences)
    return found.verdict


async def publish(a, partner, **said):
    made = await a.home.submit(partner, **({"audience": audiences.PUBLIC, "tlp": Tlp.CLEAR, "pap": Pap.CLEAR} | said))
    return made.id


async def test_a_record_goes_its_way(pair):
    a, b = pair
    partner = await a.home.organization()
    record = await publish(a, partner)
    assert await told(a, b, record) == "may_not"
    await a.home.sequence()
    assert await told(a, b, record) == "may_have"
    await b.page(a, a.log())
    assert await told(a, b, record) == "served"
    for _ in range(2):
        await pull.run_once(b.node, b.client, a.id, b.home.world.clock)
    assert await told(a, b, record) == "has"
    assert await told(b, a, record) == "has"


async def test_a_record_that_the_peer_refused_says_why(pair):
    a, b = pair
    partner = await a.home.organization()
    await peering.set_policy(b.node, b.home.operator, a.id, {"categories": ["csam"]}, b.home.tick())
    record = await publish(a, partner)
    await a.home.sequence()
    for _ in range(2):
        await pull.run_once(b.node, b.client, a.id, b.home.world.clock)
    await pull.run_once(a.node, a.client, b.id, a.home.world.clock)
    found = await explain.explain(a.node, a.home.operator, record, b.id, a.home.tick())
    assert found.verdict == "refused"
    assert "category_refused" in found.sentences[-1]


async def test_what_the_peer_may_not_have(pair):
    a, b = pair
    ours = a.home.operator.organization
    partner = await a.home.organization()
    charter = groups.Charter("task force", [ours, partner.id], history="from_join")
    group = await groups.add_group(a.node, partner.actor, charter, a.home.tick())
    said = {"audience": audiences.group(group.id), "tlp": Tlp.AMBER, "pap": Pap.AMBER}
    hidden = await publish(a, partner, **said)
    erased = await publish(a, partner)
    await a.home.follow(partner, erased, "erasure")
    await a.home.sequence()
    assert [await told(a, b, record) for record in (hidden, erased)] == ["may_not", "may_not"]
    change = groups.Change(add=(b.home.operator.organization,))
    await groups.change_members(a.node, partner.actor, group.id, change, a.home.tick())
    newer = await publish(a, partner, **said)
    await a.home.sequence()
    assert [await told(a, b, record) for record in (hidden, newer)] == ["may_not", "may_have"]
    await b.page(a, a.log(f"group:{group.id}"))
    change = groups.Change(remove=(b.home.operator.organization,))
    await groups.change_members(a.node, partner.actor, group.id, change, a.home.tick())
    latest = await publish(a, partner, **said)
    await a.home.sequence()
    assert await told(a, b, latest) == "may_not"


async def test_a_record_is_as_hidden_as_anywhere_else(pair):
    a, b = pair
    partner = await a.home.organization()
    hidden = await publish(a, partner, audience=audiences.organizations(partner.id), tlp=Tlp.AMBER, pap=Pap.AMBER)
    shown = await publish(a, partner)
    with pytest.raises(NotFound):
        await told(a, b, hidden)
    with pytest.raises(NotFound):
        await told(a, a, shown)
    with pytest.raises(Forbidden):
        await told(a, b, shown, replace(a.home.operator, scopes=frozenset(Scope) - {Scope.OPERATE}))
