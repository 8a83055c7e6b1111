"""Groups across nodes: who joins gets the past, who leaves gets what undoes it, and nobody else gets anything.

The rule here: three nodes that are peers of each other, and all that moves between them moves over their real surfaces.
"""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import httpx
import pytest

from app.domain import audience as audiences
from app.domain import record
from app.domain.actor import Scope
from app.domain.errors import ContradictoryMarking, Forbidden
from app.domain.marking import Pap, Tlp
from app.domain.peer import MEMBERSHIP_MAX_AGE
from app.services import admit, audit, explain, groups, membership, peering
from app.services.groups import Change
from app.storage import logs
from app.storage.columns import to_microseconds
from app.storage.stamps import STRIDE
from tests.federation.circle import open_circle, spread
from tests.joined import pull_all, pull_once

PUBLIC = {"audience": audiences.PUBLIC, "tlp": Tlp.CLEAR, "pap": Pap.CLEAR}
GREEN = {"tlp": Tlp.GREEN, "pap": Pap.GREEN}
BODIES = "SELECT count(*) FROM records WHERE kind = 'report' AND payload IS NOT NULL"


@pytest.fixture
async def circle(mixed, fresh_sqlite):
    """The first node on PostgreSQL, the others on SQLite."""
    async with open_circle(mixed, fresh_sqlite(), fresh_sqlite()) as places:
        yield places


@pytest.fixture
async def lite_circle(fresh_sqlite):
    """Three nodes on SQLite, for what does not depend on the database."""
    async with open_circle(*(fresh_sqlite() for _ in range(3))) as places:
        yield places


@pytest.fixture
async def lite_two(fresh_sqlite):
    """Two nodes on SQLite."""
    async with open_circle(fresh_sqlite(), fresh_sqlite()) as places:
        yield places


@pytest.fixture
async def two(mixed, fresh_sqlite):
    """Two nodes, the first on PostgreSQL."""
    async with open_circle(mixed, fresh_sqlite()) as places:
        yield places


DAYS = 10 * 86_400_000_000  # microseconds


async def holes(place, log):
    return dict(await place.rows('SELECT "index", reason FROM log_holes WHERE log_id = :log', log=log))


async def arrivals_are_times(place):
    found = [row[0] for row in await place.rows("SELECT arrival FROM log_entries WHERE arrival IS NOT NULL ORDER BY 1")]
    now = to_microseconds(place.home.world.clock.now)
    return all(later - earlier >= STRIDE for earlier, later in pairwise([now - DAYS, *found, now + DAYS]))


# joining


async def test_who_is_invited_gets_the_past_of_every_member_and_nothing_before(circle):
    a, b, c = circle
    group = await a.found(a, b)
    await spread(a, b)
    early = [a.home.address(), b.home.address()]
    for place, address in zip((a, b), early, strict=True):
        await place.submit(address, group=group)
    await spread(*circle)
    assert await c.group(group) is None
    assert await c.sees(*early) == ["not_listed"] * 2

    await a.change(group, add=[c])
    await spread(*circle)
    late = c.home.address()
    await c.submit(late, group=group)
    await spread(*circle)
    outsider = await a.home.organization()
    for place in circle:
        assert await place.sees(*early, late) == ["listed"] * 3
        assert await arrivals_are_times(place)
        assert await place.rows("SELECT count(*) FROM log_holes") == [(0,)]
    assert await a.home.status(outsider, late) == "not_listed"


async def test_under_from_join_what_came_before_is_bare_from_every_member(circle):
    a, b, c = circle
    group = await a.found(a, b, history="from_join")
    await spread(*circle)
    early, late = [[place.home.address() for place in (a, b)] for _ in range(2)]
    for place, address in zip((a, b), early, strict=True):
        await place.submit(address, group=group)
    await spread(*circle)
    await a.change(group, add=[c])
    await spread(*circle)
    for place, address in zip((a, b), late, strict=True):
        await place.submit(address, group=group)
    await spread(*circle)
    assert await c.sees(*early) == ["not_listed"] * 2
    assert await c.sees(*late) == ["listed"] * 2
    for origin in (a, b):
        assert set((await holes(c, origin.log(group))).values()) == {"withheld"}


async def test_under_from_join_the_order_of_entries_counts_and_no_clock(lite_circle):
    a, b, c = lite_circle
    group = await a.found(a, b, history="from_join")
    await spread(*lite_circle)
    early = [a.home.address(), b.home.address()]
    await a.submit(early[0], group=group)
    await b.submit(early[1], group=group)
    a.home.world.clock.tick(days=-1)
    await a.change(group, add=[c])
    await spread(*lite_circle)
    a.home.world.clock.tick(days=2)
    await spread(*lite_circle)
    assert await c.sees(*early) == ["not_listed"] * 2


async def test_what_was_said_before_somebody_joined_is_withheld_also_while_the_joining_is_in_no_log_yet(lite_circle):
    a, b, c = lite_circle
    group = await a.found(a, b, history="from_join")
    logged, owed = a.home.address(), a.home.address()
    await a.submit(logged, group=group)
    await a.home.submit(a.partner, owed, audience=audiences.group(group.id))
    await groups.change_members(
        a.home.node, a.partner.actor, group.id, Change(add=(c.partner.id,)), a.home.tick(), remote=a.site.client
    )
    await pull_all(c.site, a.site)
    assert set((await holes(c, a.log(group))).values()) == {"withheld"}
    await a.home.sequence()
    await spread(*lite_circle)
    assert await c.sees(logged, owed) == ["not_listed"] * 2
    assert await b.sees(logged, owed) == ["listed"] * 2


# leaving


async def test_a_member_leaves_by_its_own_node(lite_circle):
    a, b, c = lite_circle
    group = await a.found(a, b, c)
    address = a.home.address()
    await a.submit(address, group=group)
    await spread(*lite_circle)
    api = await b.api()
    members = f"/v1/groups/{group.id}/members"
    assert (await api.post(members, json={"remove": [str(c.partner.id)]})).status_code == 403
    assert (await api.post(members, json={"add": [str(b.partner.id)]})).status_code == 403
    answer = await api.post(members, json={"remove": [str(b.partner.id)]})
    assert (answer.status_code, str(b.partner.id) in answer.json()["members"]) == (200, False)
    assert (await api.get(members)).status_code == 404
    assert set((await a.group(group)).members) == {a.partner.id, c.partner.id}
    await a.home.sequence()
    await spread(*lite_circle)
    assert set((await c.group(group)).members) == {a.partner.id, c.partner.id}
    assert await b.sees(address) == ["not_listed"]
    assert await c.sees(address) == ["listed"]
    assert await b.rows(BODIES) == [(0,)]


async def test_a_member_does_not_leave_while_the_stewards_node_cannot_be_asked(lite_two):
    a, b = lite_two
    group = await a.found(a, b)
    await spread(a, b)
    a.site.network.cut.add(frozenset({a.site.host, b.site.host}))
    answer = await (await b.api()).post(f"/v1/groups/{group.id}/members", json={"remove": [str(b.partner.id)]})
    assert answer.status_code == 503
    assert b.partner.id in (await b.group(group)).members
    change = Change(remove=(b.partner.id,))
    with pytest.raises(Forbidden, match="by the API"):
        await groups.change_members(b.home.node, b.partner.actor, group.id, change, b.home.tick())


async def test_who_was_put_out_gets_bare_leaves_and_what_undoes_what_it_had(circle):
    a, b, c = circle
    group = await a.found(a, b, c, on_leave="keep")
    await spread(*circle)
    had = {place: await place.submit(place.home.address(), group=group) for place in (a, b)}
    more = await a.submit(a.home.address(), group=group)
    await spread(*circle)
    await a.change(group, remove=[c])
    await spread(a, b)
    after = {place: place.home.address() for place in (a, b)}
    new = {place: await place.submit(address, group=group) for place, address in after.items()}
    for place in (a, b):
        await place.follow(had[place], "revocation")
        await place.follow(new[place], "revocation")
    await b.follow(more, "opinion")
    await a.follow(more, "erasure")
    await spread(*circle)

    assert dict(await c.rows("SELECT state, count(*) FROM reports GROUP BY state")) == {"revoked": 2}
    assert await c.sees(*after.values()) == ["not_listed"] * 2
    kinds = "SELECT kind, count(*) FROM records WHERE issuer <> :own AND payload IS NOT NULL GROUP BY kind"
    held = dict(await c.rows(kinds, own=c.partner.id.bytes))
    assert (held["revocation"], held["erasure"], "opinion" in held) == (2, 1, False)
    # of A the new version of the group, the new report and what revokes it; of B the opinion instead, which is erased
    assert sorted((await holes(c, a.log(group))).values()) == ["ended", "ended", "ended"]
    assert sorted((await holes(c, b.log(group))).values()) == ["ended", "ended", "erased"]


async def test_who_left_and_purges_has_leaves_only_and_gets_all_of_it_back_when_it_is_let_in_again(circle):
    a, b, c = circle
    group = await a.found(a, b, c)
    await spread(*circle)
    said = [place.home.address() for place in (a, b)]
    for place, address in zip((a, b), said, strict=True):
        await place.submit(address, group=group)
    await spread(*circle)
    leaves = await c.rows('SELECT log_id, "index", leaf_hash FROM log_entries ORDER BY 1, 2')
    await a.change(group, remove=[c])
    await spread(*circle)
    assert await c.sees(*said) == ["not_listed"] * 2
    assert await c.rows(BODIES) == [(0,)]
    assert await c.rows("SELECT count(*) FROM indicators") == [(0,)]
    now = await c.rows('SELECT log_id, "index", leaf_hash FROM log_entries ORDER BY 1, 2')
    assert set(leaves) <= set(now)

    while_away = b.home.address()
    await b.submit(while_away, group=group)
    await a.change(group, add=[c])
    await spread(*circle)
    assert await c.sees(*said, while_away) == ["listed"] * 3
    assert await arrivals_are_times(c)
    assert await c.rows("SELECT count(*) FROM log_holes") == [(0,)]


async def test_who_knows_to_have_left_takes_nothing_from_one_who_has_not_heard_of_it(circle):
    a, b, c = circle
    group = await a.found(a, b, c)
    await spread(*circle)
    await b.submit(b.home.address(), group=group)
    await spread(*circle)
    await a.change(group, remove=[b, c])
    await pull_all(c.site, a.site)
    await b.submit(b.home.address(), group=group)
    for _ in range(2):
        await pull_all(c.site, b.site)
    assert await c.rows(BODIES) == [(0,)]
    await a.change(group, add=[b, c])
    await spread(*circle)
    assert await c.rows(BODIES) == [(2,)]


async def test_a_page_that_was_on_its_way_when_its_reader_was_put_out_is_gone_at_the_next_round(lite_two):
    a, c = lite_two
    group = await a.found(a, c)
    await spread(a, c)
    address = a.home.address()
    await a.submit(address, group=group)

    async def put_out():
        await a.change(group, remove=[c])

    on_its_way(c, a, put_out)
    await pull_once(c.site, a.site)
    assert await c.sees(address) == ["listed"]
    await spread(a, c)
    assert await c.sees(address) == ["not_listed"]
    assert await c.rows(BODIES) == [(0,)]


def on_its_way(reader, server, happens):
    """Let something happen between the making of the next page of a group's log and its arrival."""
    carry = server.site.network.apps[server.site.host]

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            answer = await carry.handle_async_request(request)
            if "/entries" in request.url.path:
                server.site.network.apps[server.site.host] = carry
                await happens()
            return answer

    server.site.network.apps[server.site.host] = Slow()


# the steward


async def test_a_node_that_has_not_heard_the_stewards_serves_only_what_undoes(lite_circle):
    a, b, c = lite_circle
    group = await a.found(a, b, c, on_leave="keep")
    await spread(*lite_circle)
    had = await b.submit(b.home.address(), group=group)
    await spread(*lite_circle)
    a.home.world.clock.tick(seconds=(MEMBERSHIP_MAX_AGE + timedelta(minutes=1)).total_seconds())
    late = b.home.address()
    new = await b.submit(late, group=group)
    await b.follow(had, "revocation")
    await pull_all(c.site, b.site)
    operator = replace(b.partner.strong, scopes=frozenset(Scope))
    told = await explain.explain(b.home.node, operator, new, c.id, b.home.tick())
    assert (told.verdict, "steward has not been heard" in told.sentences[2]) == ("may_not", True)
    assert await c.sees(late) == ["not_listed"]
    assert await c.rows("SELECT state FROM reports") == [("revoked",)]

    await spread(*lite_circle)
    assert await c.sees(late) == ["listed"]


async def test_a_stewards_node_that_is_silent_takes_nothing_away_from_who_is_still_in(lite_circle):
    a, b, c = lite_circle
    group = await a.found(a, b, c)
    await spread(*lite_circle)
    address = b.home.address()
    await b.submit(address, group=group)
    await spread(*lite_circle)
    a.home.world.clock.tick(seconds=(MEMBERSHIP_MAX_AGE + timedelta(minutes=1)).total_seconds())
    await pull_all(c.site, b.site)
    assert await c.sees(address) == ["listed"]


async def test_a_group_is_changed_by_its_steward_alone(lite_circle):
    """B's node forges a newer record of A's group, in its own log and in the steward's name."""
    a, b, c = lite_circle
    group = await a.found(a, b, c)
    await spread(*lite_circle)
    for place in (a, b):
        await place.submit(group=group)
    for issuer in (b.partner, a.partner):
        await forge(b, group, issuer.id, steward=issuer.id)
    await forge(b, group, b.partner.id, steward=a.partner.id)
    await spread(*lite_circle)
    for place in (a, c):
        known = await place.group(group)
        assert (known.version, known.steward, len(known.members)) == (1, a.partner.id, 3)
    assert sorted((await holes(c, b.log(group))).values()) == ["not_at_home", "not_steward", "not_steward"]


async def forge(place, group, issuer, *, steward):
    """Put a record of the group, signed by the node's own key, into the node's log of the group."""
    body = record.Group(group.id, "taken over", steward, (steward,), group.version + 7)
    node, audience, now = place.home.node, audiences.group(group.id), place.home.tick()
    stated = admit.frame(node, "group", issuer, audience, Tlp.AMBER, Pap.AMBER, body, now)
    async with node.store.write(place.home.operator) as tx:
        log = await logs.find(tx, place.log(group))
        await admit.vouch(tx, stated, stated.sign(node.identity.seed), log.audience_id, now)
        await audit.note(tx, "forge", now)
    await place.home.sequence()


# named organizations


async def test_what_is_for_named_organizations_reaches_their_nodes_only_and_red_only_a_strong_token_there(lite_circle):
    a, b, c = lite_circle
    amber, red = a.home.address(), a.home.address()
    named = audiences.organizations(a.partner.id, b.partner.id)
    made = {
        amber: await a.submit(amber, audience=named),
        red: await a.submit(red, audience=named, tlp=Tlp.RED, pap=Pap.RED),
    }
    await spread(*lite_circle)
    assert await b.sees(amber, red) == ["listed", "not_listed"]
    strong = await b.strong()
    for address, report in made.items():
        seen = (await strong.get(f"/v1/addresses/{address}")).json()
        assert [item["report"] for item in seen["indicators"]] == [str(report)]
        assert await b.home.status(await b.home.organization(), address) == "not_listed"
    assert await c.rows("SELECT count(*) FROM audiences WHERE kind = 'organizations'") == [(0,)]
    assert await c.rows("SELECT count(*) FROM records WHERE kind = 'report'") == [(0,)]


async def test_a_report_is_narrowed_and_widened_for_the_readers_it_has_then(lite_circle):
    a, b, c = lite_circle
    named = audiences.organizations(a.partner.id, b.partner.id)
    amber = {"audience": named, "tlp": Tlp.AMBER, "pap": Pap.AMBER}
    narrowed, widened = a.home.address(), a.home.address()
    wide = await a.submit(narrowed, **PUBLIC)
    narrow = await a.submit(widened, **amber)
    await spread(*lite_circle)
    assert [await place.sees(narrowed, widened) for place in (b, c)] == [["listed"] * 2, ["listed", "not_listed"]]
    hidden = await a.submit(narrowed, **amber, supersedes=str(wide))
    await a.submit(widened, **PUBLIC, supersedes=str(narrow))
    await spread(*lite_circle)
    assert [await place.sees(narrowed, widened) for place in (b, c)] == [["listed"] * 2, ["revoked", "listed"]]
    answer = await (await c.api()).get(f"/v1/reports/{wide}")
    assert answer.json()["state"] == "revoked"
    assert str(hidden) not in answer.text


# communities


async def test_a_community_is_passed_on_by_who_is_not_the_origin_and_takes_nothing_amber(lite_circle):
    a, b, c = lite_circle
    group = await a.found(nodes=[a, b, c])
    await spread(*lite_circle)
    address = a.home.address()
    await a.submit(address, group=group, **GREEN)
    with pytest.raises(ContradictoryMarking):
        await a.submit(group=group, tlp=Tlp.AMBER)
    await forge_report(a, group)
    await pull_all(b.site, a.site)
    a.site.network.cut.add(frozenset({a.site.host, c.site.host}))
    await pull_all(c.site, b.site)
    assert await c.sees(address) == ["listed"]
    assert await c.rows("SELECT id FROM records WHERE tlp NOT IN ('TLP:GREEN', 'TLP:CLEAR')") == []
    assert list((await holes(b, a.log(group))).values()) == ["contradictory_marking"]
    someone = await c.home.organization()
    assert await c.home.status(someone, address) == "listed"


async def forge_report(place, group):
    """Put an AMBER report into the node's log of a community, past its own rules."""
    partner = await place.home.organization(own_key=True)
    envelope = place.home.envelope(partner, audiences.group(group.id), place.home.claim())
    said = record.parse(envelope.payload)
    now = place.home.tick()
    async with place.home.node.store.write(partner.actor) as tx:
        issuer = await membership.organizations.get(tx, partner.id)
        await admit.admit(place.home.node, tx, issuer, said, envelope, "organization", now)
        await audit.note(tx, "forge", now)
    await place.home.sequence()


async def test_a_group_of_organizations_is_not_passed_on(lite_circle):
    a, b, c = lite_circle
    group = await a.found(a, b, c)
    await spread(*lite_circle)
    a.site.network.cut.add(frozenset({a.site.host, c.site.host}))
    address = a.home.address()
    await a.submit(address, group=group, **GREEN)
    await pull_all(b.site, a.site)
    await pull_all(c.site, b.site)
    assert [await place.sees(address) for place in (b, c)] == [["listed"], ["not_listed"]]


async def test_a_node_that_leaves_a_community_is_out_with_everybody_at_home_there(lite_circle):
    a, b, c = lite_circle
    group = await a.found(nodes=[a, b, c])
    await spread(*lite_circle)
    addresses = [a.home.address(), b.home.address()]
    await a.submit(addresses[0], group=group, **GREEN)
    await b.submit(addresses[1], group=group, **GREEN)
    await spread(*lite_circle)
    assert await c.sees(*addresses) == ["listed"] * 2
    await a.change(group, remove_nodes=[c])
    await spread(*lite_circle)
    assert await c.sees(*addresses) == ["not_listed"] * 2
    assert await c.rows(BODIES) == [(0,)]


# what others say of a report


@pytest.mark.parametrize("first", ["report", "opinion"])
async def test_what_other_nodes_say_of_a_report_stands_beside_it_in_any_order_of_arrival(lite_circle, first):
    a, b, c = lite_circle
    address = a.home.address()
    report = await a.submit(address, **PUBLIC)
    await pull_all(b.site, a.site)
    await b.follow(report, "opinion")
    await b.follow(report, "sighting", address=address)
    await peering.set_policy(c.home.node, c.home.operator, b.id, {"relay": "none"}, c.home.tick())
    await pull_all(c.site, a.site if first == "report" else b.site)
    assert await c.sees(address) == ["listed" if first == "report" else "not_listed"]
    await spread(*lite_circle)
    for place in lite_circle:
        found = (await (await place.api()).get(f"/v1/addresses/{address}")).json()
        assert found["status"] == "disputed"
        [claim] = found["indicators"]
        assert [item["issuer"] for item in claim["opinions"]] == [str(b.partner.id)]
        assert [item["issuer"] for item in claim["sightings"]] == [str(b.partner.id)]


async def test_an_organization_at_home_elsewhere_changes_its_key(lite_circle):
    a, b, c = lite_circle
    group = await a.found(a, b)
    await spread(*lite_circle)
    addresses = [b.home.address() for _ in range(4)]
    await b.submit(addresses[0], **PUBLIC)
    await b.submit(addresses[1], group=group)
    await spread(*lite_circle)
    b.partner = await b.home.rotate(b.partner)
    await b.submit(addresses[2], **PUBLIC)
    await b.submit(addresses[3], group=group)
    await spread(*lite_circle)
    assert await a.sees(*addresses) == ["listed"] * 4
    assert await c.sees(*addresses) == ["listed", "not_listed"] * 2
    assert await a.rows("SELECT count(*) FROM log_holes") == [(0,)]


async def test_reports_that_wait_for_review_arrive_when_their_organization_is_trusted(two):
    a, b = two
    await peering.set_policy(a.home.node, a.home.operator, b.id, {"review": True}, a.home.tick())
    other = b.home.address()
    addresses = [b.home.address() for _ in range(3)]
    for address in addresses:
        await b.submit(address, **PUBLIC)
    stranger = await b.home.organization()
    await b.home.submit(stranger, other, **PUBLIC)
    await b.home.sequence()
    await spread(a, b)
    assert await a.sees(*addresses, other) == ["not_listed"] * 4
    assert await a.home.trust(b.partner) == 3
    assert await a.sees(*addresses, other) == [*["listed"] * 3, "not_listed"]
    assert await arrivals_are_times(a)
    assert await a.rows("SELECT count(*) FROM log_entries WHERE arrival IS NULL") == [(1,)]
    assert await a.home.trust(b.partner) == 0
    await spread(a, b)
    assert await arrivals_are_times(a)


async def test_an_erasure_takes_a_report_away_wherever_it_went(circle):
    a, b, c = circle
    group = await a.found(a, b, c)
    community = await a.found(nodes=[a, b, c])
    await spread(*circle)
    address = b.home.address()
    wheres: list[dict[str, object]] = [PUBLIC, {"group": group}, {"group": community, **GREEN}]
    made = [await b.submit(address, **where, summary="seen on a wall") for where in wheres]
    await spread(*circle)
    for report in made:
        await c.follow(report, "opinion", summary="seen on a wall")
    await spread(*circle)
    for report in made:
        await b.follow(report, "erasure")
    await spread(*circle)
    for place in circle:
        assert await place.sees(address) == ["not_listed"]
        assert await place.rows("SELECT count(*) FROM indicators") == [(0,)]
        assert await place.rows(BODIES) == [(0,)]
        left = await place.rows("SELECT payload FROM records WHERE payload IS NOT NULL")
        assert not any(b"on a wall" in bytes(row[0]) for row in left)
