"""Peering: both operators decide, each word reaches the other side, and a stranger makes no rows without bound."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import node_record, signing
from app.domain.actor import Scope
from app.domain.errors import Forbidden, Invalid, NotFound, NotNext
from app.services import identity, membership, peer_tokens, peering, turns
from app.services.remote import PeerRefused, Unreachable
from tests.federation.pair import befriend, open_sides

TARGET = "/federation/v1/peering"


@pytest.fixture
async def sides(database, fresh_sqlite):
    async with open_sides(database, fresh_sqlite()) as made:
        yield made


@pytest.fixture
async def lite(fresh_sqlite):
    async with open_sides(fresh_sqlite(), fresh_sqlite()) as made:
        yield made


async def test_both_operators_must_accept(sides):
    a, b = sides
    made = await a.propose(b)
    assert (made.state, made.accepted_here, made.accepted_there) == ("proposed", True, False)
    heard = await b.peer(a)
    assert (heard.state, heard.accepted_here, heard.accepted_there) == ("proposed", False, True)
    assert (await a.call(b, "GET", "/federation/v1/refusals")).status_code == 403
    assert (await b.decide(a, "accept")).state == "active"
    assert await a.state(b) == "active"
    assert (await a.call(b, "GET", "/federation/v1/refusals")).status_code == 200


async def test_both_may_propose_and_it_is_one_peering(lite):
    a, b = lite
    await a.propose(b)
    assert (await b.propose(a)).state == "active"
    assert await a.state(b) == "active"
    assert (await a.propose(b)).state == "active"
    assert [item.node_id for item, _ in await peering.list_peers(a.node, a.home.operator)] == [b.id]


@pytest.mark.parametrize("deed", ["suspend", "end"])
async def test_what_one_side_decides_holds_there_at_once_and_the_other_side_hears_it(sides, deed):
    a, b = sides
    await befriend(a, b)
    here = await a.decide(b, deed)
    assert (here.state, here.accepted_here) == ({"suspend": "suspended", "end": "ended"}[deed], False)
    there = await b.peer(a)
    assert (there.state, there.accepted_there) == ("proposed", False)
    assert (await b.call(a, "GET", "/federation/v1/refusals")).status_code == 403
    assert (await b.decide(a, "accept")).state == "proposed"
    assert await a.state(b) == here.state
    again = await (a.decide(b, "resume") if deed == "suspend" else a.propose(b))
    assert (again.state, await b.state(a)) == ("active", "active")


async def test_who_was_not_reached_is_told_later(lite):
    a, b = lite
    await a.propose(b)
    reached = b.client._outbound._http._transport.apps.pop("a.example")
    told = await b.decide(a, "accept")
    assert (told.state, told.error is not None) == ("active", True)
    assert await a.state(b) == "proposed"
    b.client._outbound._http._transport.apps["a.example"] = reached
    told = await peering.tell(b.node, b.client, a.id, b.home.tick())
    assert told.error is None
    assert await a.state(b) == "active"


async def test_a_node_is_pinned_by_its_fingerprint(lite):
    a, b = lite
    right = (await b.record()).fingerprint
    with pytest.raises(Invalid, match="another fingerprint"):
        await a.propose(b, fingerprint=(await a.record()).fingerprint)
    assert await peering.list_peers(a.node, a.home.operator) == []
    assert (await a.propose(b, fingerprint=f" {right.upper()} ")).accepted_here
    b.client._outbound._http._transport.apps["b.example"] = a.app
    with pytest.raises(Invalid, match="this node itself"):
        await a.propose(b)


async def test_nothing_is_kept_of_a_node_that_does_not_answer(lite):
    a, b = lite
    del a.client._outbound._http._transport.apps["b.example"]
    with pytest.raises(Unreachable):
        await a.propose(b)
    with pytest.raises(PeerRefused):
        await peering.propose(a.node, a.home.operator, a.client, "ftp://b.example", a.home.tick())
    with pytest.raises(NotFound):
        await a.decide(b, "accept")
    assert await peering.list_peers(a.node, a.home.operator) == []


async def test_a_deed_must_fit(lite):
    a, b = lite
    await befriend(a, b)
    with pytest.raises(Invalid):
        await a.decide(b, "propose")
    await a.decide(b, "suspend")
    with pytest.raises(NotNext):
        await a.decide(b, "accept")
    with pytest.raises(NotNext):
        await a.propose(b)


async def test_only_the_operator_decides_and_only_with_a_strong_credential(lite):
    a, b = lite
    await befriend(a, b)
    weak = replace(a.home.operator, strong=False)
    partner = (await a.home.organization()).strong
    for actor in (weak, partner):
        for deed in (
            peering.propose(a.node, actor, a.client, b.home.at, a.home.tick()),
            peering.decide(a.node, actor, a.client, b.id, "end", a.home.tick()),
            peering.set_policy(a.node, actor, b.id, {"review": True}, a.home.tick()),
        ):
            with pytest.raises(Forbidden):
                await deed
    assert len(await peering.list_peers(a.node, weak)) == 1
    with pytest.raises(Forbidden):
        await peering.list_peers(a.node, replace(weak, scopes=frozenset(Scope) - {Scope.OPERATE}))


async def test_what_is_left_out_of_a_policy_stays_as_it_is(sides):
    a, b = sides
    await befriend(a, b)
    operator = a.home.operator
    await peering.set_policy(a.node, operator, b.id, {"review": True}, a.home.tick())
    changed = await peering.set_policy(a.node, operator, b.id, {"categories": ["csam"]}, a.home.tick())
    assert (changed.policy["review"], changed.policy["categories"]) == (True, ["csam"])
    assert (await a.peer(b)).policy == changed.policy
    with pytest.raises(Invalid):
        await peering.set_policy(a.node, operator, b.id, {"categories": ["weather"]}, a.home.tick())
    assert (await a.peer(b)).policy == changed.policy


# strangers


def stranger(side, number, **said):
    """Make a node that nobody knows, with its signed record."""
    seed = bytes([number]) * 32
    made = replace(side.node, identity=identity.new(seed, seed, seed), name=f"stranger {number}", **said)
    return replace(side, home=replace_home(side.home, made))


def replace_home(home, node):
    class Home:
        def __getattr__(self, name):
            return node if name == "node" else getattr(home, name)

    return Home()


async def knock(one, other, *, accepted=True, record=None):
    raw = record or await peering.own_record(one.node, one.home.world.clock())
    said = {"node": json.loads(raw), "accepted": accepted}
    return await one.call(other, "POST", TARGET, said)


async def test_strangers_make_a_bounded_number_of_rows(lite, monkeypatch):
    a, b = lite
    monkeypatch.setattr(peering, "MAX_STRANGERS", 2)
    answers = [await knock(stranger(a, number), b) for number in (1, 2, 3, 1)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert answers[0].json()["accepted"] is False
    assert int(answers[2].headers["retry-after"]) > 0
    assert len(await peering.list_peers(b.node, b.home.operator)) == 2
    first = stranger(a, 1)
    await b.decide(first, "end")
    assert (await knock(stranger(a, 3), b)).status_code == 200


async def test_who_refuses_before_it_was_known_leaves_no_trace(lite):
    a, b = lite
    answer = await knock(stranger(a, 1), b, accepted=False)
    assert (answer.status_code, answer.json()["accepted"]) == (200, False)
    assert await b.home.rows("SELECT count(*) FROM peers") == [(0,)]
    assert await b.home.rows("SELECT count(*) FROM nodes") == [(0,)]


async def test_knocking_has_a_budget_before_anything_is_read(fresh_sqlite):
    async with open_sides(fresh_sqlite(), fresh_sqlite()) as (a, b):
        b.hall.budgets._quotas["failures"] = 2
        nonsense = [await a.call(b, "POST", TARGET, {"node": {}, "accepted": True}) for _ in range(3)]
        assert [answer.status_code for answer in nonsense] == [422, 422, 429]


async def test_a_record_of_another_node_proves_nothing(lite):
    a, b = lite
    theirs = await peering.own_record(b.node, b.home.tick())
    other = stranger(a, 1)
    assert (await knock(other, b, record=await peering.own_record(a.node, a.home.tick()))).status_code == 401
    assert (await knock(other, b, record=theirs)).status_code == 401
    assert await b.home.rows("SELECT count(*) FROM peers") == [(0,)]


async def test_a_key_that_was_replaced_speaks_for_nobody(sides):
    a, b = sides
    await befriend(a, b)
    old, said = a.node, await a.record()
    stolen = await peering.own_record(old, a.home.tick())
    seed = bytes([9]) * 32
    handover = node_record.hand_over(a.id, 1, signing.public_key(seed), old.identity.seed)
    renewed = identity.new(seed, seed, seed, said.keys, (handover,))
    assert renewed.node_id == a.id
    after = replace(a, home=replace_home(a.home, replace(old, identity=renewed)))
    assert (await after.call(b, "GET", "/federation/v1/refusals")).status_code == 401
    a.home.tick()
    assert (await knock(after, b)).status_code == 200
    assert (await after.call(b, "GET", "/federation/v1/refusals")).status_code == 200
    assert (await a.call(b, "GET", "/federation/v1/refusals")).status_code == 401
    assert (await knock(a, b, record=stolen)).status_code == 401
    a.home.world.clock.tick(days=1)
    assert (await knock(a, b)).status_code == 401
    assert (await b.peer(a)).state == "active"


async def test_a_node_at_the_url_that_is_not_the_pinned_one_changes_nothing(lite):
    a, b = lite
    await befriend(a, b)
    a.client._outbound._http._transport.apps["b.example"] = a.app
    told = await peering.tell(a.node, a.client, b.id, a.home.tick())
    assert told.error
    assert told.state == "active"


async def test_the_record_names_who_wishes_to_be_found_and_nobody_else(lite):
    a, _ = lite
    hidden = await a.home.organization("hidden")
    said = await a.record()
    assert [item.name for item in said.organizations] == ["operator of a"]
    assert str(hidden.id) not in (await peering.own_record(a.node, a.home.tick())).decode()
    assert (said.id, said.url, said.newest) == (a.id, "https://a.example", a.node.identity.public_key)


async def test_who_is_listed_is_found_at_an_accepted_peer_and_nobody_at_a_stranger(sides):
    a, b = sides
    shown = await a.home.organization("shown")
    await membership.set_listed(a.node, a.home.operator, shown.id, a.home.tick(), listed=True)

    async def found():
        rows = await membership.list_organizations(b.node, b.home.operator, None, 100)
        return {item.name for item in rows if item.home == a.id}

    await a.propose(b)
    assert await found() == set()
    await b.decide(a, "accept")
    assert await found() == {"operator of a", "shown"}
    await membership.set_listed(a.node, a.home.operator, shown.id, a.home.tick(), listed=False)
    await peering.tell(b.node, b.client, a.id, b.home.tick())
    assert await found() == {"operator of a"}
    await membership.set_listed(a.node, a.home.operator, shown.id, a.home.tick(), listed=True)
    await peering.tell(a.node, a.client, b.id, a.home.tick())
    assert await found() == {"operator of a", "shown"}


async def test_the_own_record_is_kept_for_who_starts_next(lite):
    a, _ = lite
    async with a.node.store.write(a.home.operator) as tx:
        await peering.keep_own_record(a.node, tx, a.home.tick())
    [(generation,)] = await a.home.rows("SELECT generation FROM nodes")
    assert generation == 0


async def test_a_token_may_be_used_again_for_the_same_call_and_no_longer_than_a_minute(lite):
    a, b = lite
    await befriend(a, b)
    target = "/federation/v1/refusals"
    token = peer_tokens.mint(a.node, b.id, "GET", target, b"", a.home.world.clock())
    statuses = []
    for seconds in (0, 59, 1):
        a.home.world.clock.now += timedelta(seconds=seconds)
        statuses.append((await a.call(b, "GET", target, token=token)).status_code)
    assert statuses == [200, 200, 401]


class Overtaken:
    """A remote whose answers are overtaken by something else."""

    def __init__(self, client, meanwhile):
        self.client, self.meanwhile = client, meanwhile

    async def node_record(self, url):
        answer = await self.client.node_record(url)
        await self.meanwhile()
        return answer

    async def peering(self, to, record, *, accepted):
        answer = await self.client.peering(to, record, accepted=accepted)
        await self.meanwhile()
        return answer


async def test_an_answer_that_was_overtaken_by_a_newer_word_changes_nothing(sides):
    a, b = sides
    await a.propose(b)
    late = Overtaken(a.client, lambda: b.decide(a, "accept"))

    assert (await peering.tell(a.node, late, b.id, a.home.tick())).state == "active"
    assert await a.state(b) == "active"


async def test_a_record_that_was_overtaken_by_a_newer_one_is_no_fault(sides):
    a, b = sides

    late = Overtaken(a.client, lambda: b.propose(a))
    assert (await peering.propose(a.node, a.home.operator, late, b.home.at, a.home.tick())).state == "active"


async def test_who_has_just_accepted_is_not_left_alone(sides):
    a, b = sides
    asked = await a.propose(b)
    await b.decide(a, "accept")

    await turns.postpone(a.node, asked, a.home.tick() + timedelta(minutes=1))
    assert (await a.peer(b)).next_try_at is None
