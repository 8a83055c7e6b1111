"""Peers over HTTP: what a node's operator decides about other nodes, and what it is shown of them.

The rule here: two nodes on one network; each is operated by a strong token at its own API, and every answer is held to
the OpenAPI document.
"""

from dataclasses import dataclass

import httpx
import pytest

from app.domain import audience as audiences
from app.domain import signing
from app.domain.marking import Pap, Tlp
from app.services import groups, membership, pull
from app.services.groups import Change, Charter
from tests.api.conftest import assertion, conform
from tests.joined import node_id, publish, pull_all
from tests.network import Network, Site, add_site
from tests.world import World

ABSENT = "wf" + "a" * 32
RECORD = "019de369-1158-7e96-8138-000000000000"


@dataclass
class Operated:
    """A node, and its operator's client."""

    site: Site
    api: httpx.AsyncClient

    @property
    def id(self):
        return node_id(self.site)

    async def decide(self, other, deed, status=200):
        answer = await self.api.post(f"/v1/peers/{other.id}/{deed}")
        assert answer.status_code == status, answer.text
        return answer.json()

    async def peer(self, other):
        return (await self.api.get(f"/v1/peers/{other.id}")).json()

    async def logs(self, other):
        """Give the logs between this node and a peer, by audience."""
        return {row["audience"]: row for row in (await self.api.get(f"/v1/peers/{other.id}/logs")).json()["logs"]}

    async def explain(self, record, other):
        answer = await self.api.get(f"/v1/peers/{other.id}/explain", params={"record": str(record)})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["peer"], told["record"]) == (other.id, str(record))
        assert all(sentence[0].isupper() and sentence.endswith((".", ")")) for sentence in told["because"])
        return told["verdict"], told["because"][-1]

    async def deeds(self):
        """List what the audit says of peers, in order: deed and subject."""
        self.site.home.tick()
        await self.site.home.sequence()
        rows = await self.site.home.rows("SELECT deed, subject FROM audit WHERE deed LIKE '%peer%' ORDER BY \"index\"")
        return [tuple(row) for row in rows]


async def operate(site):
    """Sign the operator in with a key of its own."""
    home, seed = site.home, site.home.random(32)
    owner = home.operator.organization
    await membership.enrol_key(home.node, home.operator, owner, signing.public_key(seed), home.tick())
    said = assertion(owner, seed, node_id(site), home.tick())
    token = await site.hall.authenticator.exchange_assertion(said, [node_id(site)], [], home.world.clock())
    return Operated(site, client(site, token.text))


def client(site, credential):
    return httpx.AsyncClient(
        transport=site.network.apps[site.host],
        base_url="http://node",
        headers={"authorization": f"Bearer {credential}"},
        trust_env=False,
        event_hooks={"response": [conform]},
    )


@pytest.fixture
async def strangers(database, fresh_sqlite):
    """Two nodes that do not know each other, the first on each kind of database."""
    world, network = World(5), Network()
    sites = [await add_site(world, network, url, name) for name, url in (("a", database), ("b", fresh_sqlite()))]
    yield [await operate(site) for site in sites]
    await world.close()


@pytest.fixture
async def peers(strangers):
    a, b = strangers
    await a.api.post("/v1/peers", json={"url": b.site.url})
    await b.decide(a, "accept")
    for one, other in ((a, b), (b, a)):
        await pull_all(one.site, other.site)
    return a, b


async def test_a_peering_is_made_and_ended_by_two_operators_and_each_deed_is_in_the_audit(strangers):
    a, b = strangers
    record = (await httpx_get(b.site, "/v1/node")).json()
    wrong = await a.api.post("/v1/peers", json={"url": b.site.url, "fingerprint": "0" * 32})
    assert (wrong.status_code, record["fingerprint"] in wrong.json()["detail"]) == (422, True)
    assert (await a.api.get("/v1/peers")).json() == {"peers": []}
    made = await a.api.post("/v1/peers", json={"url": b.site.url, "fingerprint": record["fingerprint"]})
    assert (made.status_code, made.headers["location"]) == (201, f"/v1/peers/{b.id}")
    said = made.json()
    assert (said["state"], said["accepted_here"], said["accepted_there"]) == ("proposed", True, False)
    assert (said["fingerprint"], said["url"], said["generation"]) == (record["fingerprint"], b.site.url, 0)
    [seen] = (await b.api.get("/v1/peers")).json()["peers"]
    assert (seen["id"], seen["state"], seen["accepted_there"]) == (a.id, "proposed", True)
    assert (await b.decide(a, "accept"))["state"] == (await a.peer(b))["state"] == "active"
    for deed, here, there in (
        ("suspend", "suspended", "proposed"),
        ("resume", "active", "active"),
        ("end", "ended", "proposed"),
    ):
        assert (await a.decide(b, deed))["state"] == here
        assert (await b.peer(a))["state"] == there
    refused = await a.decide(b, "resume", 409)
    assert refused["code"] == "not_next"
    assert await a.deeds() == [(deed, b.id) for deed in ("add_peer", "suspend_peer", "resume_peer", "end_peer")]
    assert await b.deeds() == [("accept_peer", a.id)]


async def httpx_get(site, path):
    async with client(site, "") as nobody:
        return await nobody.get(path, headers={"authorization": ""})


async def test_what_cannot_be_added_leaves_nothing_behind(strangers):
    a, b = strangers
    for said, status in (
        ({"url": a.site.url}, 422),
        ({"url": "http://nobody.test"}, 503),
        ({"url": "ftp://b.test"}, 422),
        ({"url": b.site.url, "state": "active"}, 422),
    ):
        answer = await a.api.post("/v1/peers", json=said)
        assert answer.status_code == status, answer.text
    assert (await a.api.get("/v1/peers")).json() == {"peers": []}
    for deed in ("accept", "suspend", "resume", "end"):
        assert (await a.api.post(f"/v1/peers/{ABSENT}/{deed}")).status_code == 404
    for path in ("", "/logs", f"/explain?record={RECORD}"):
        assert (await a.api.get(f"/v1/peers/{ABSENT}{path}")).status_code == 404
    assert (await a.api.patch(f"/v1/peers/{ABSENT}", json={"review": True})).status_code == 404
    assert await a.deeds() == []


async def test_a_peer_that_is_not_reached_is_noted_in_words(peers):
    a, b = peers
    a.site.network.cut.add(frozenset({a.site.host, b.site.host}))
    said = await a.decide(b, "suspend")
    assert said["state"] == "suspended"
    assert said["error"]
    a.site.network.cut.clear()
    assert (await a.decide(b, "resume"))["error"] is None


async def test_a_policy_is_changed_in_part_and_judges_what_comes(peers):
    a, b = peers
    path = f"/v1/peers/{a.id}"
    before = (await b.peer(a))["policy"]
    changed = await b.api.patch(path, json={"categories": ["csam"], "relay": "none"})
    assert changed.json()["policy"] == {**before, "categories": ["csam"], "relay": "none"}
    for wrong in ({"categories": ["no such"]}, {"relay": "all"}, {"indicators_per_day": -1}, {"trust": True}):
        assert (await b.api.patch(path, json=wrong)).status_code == 422
    ngo = await a.site.home.organization()
    refused = (await publish(a.site, ngo)).id
    await pull_all(b.site, a.site)
    await pull_all(b.site, a.site)
    await pull_all(a.site, b.site)
    verdict, why = await a.explain(refused, b)
    assert verdict == "refused"
    assert "category_refused" in why
    assert (await a.logs(b))["public"]["refused_there"] == 1
    assert (await b.logs(a))["public"]["refused"] == 1
    everything = await b.api.patch(path, json={"categories": None})
    assert everything.json()["policy"]["categories"] is None
    await pull_all(b.site, a.site)
    assert (await b.logs(a))["public"]["refused"] == 0
    assert [deed for deed, _ in await b.deeds()].count("set_peer_policy") == 2


async def test_lag_is_told_for_each_log_both_ways_and_in_the_metrics(peers):
    a, b = peers
    ngo = await a.site.home.organization()
    await publish(a.site, ngo)
    await pull_all(b.site, a.site)
    for _ in range(3):
        await publish(a.site, ngo)
    await pull.run_once(b.site.home.node, b.site.client, a.id, b.site.home.world.clock, pages=0)
    b.site.home.world.clock.tick(seconds=90)
    row = (await b.logs(a))["public"]
    assert (row["head"], row["pulled"], row["behind"], row["ended"], row["error"]) == (5, 2, 3, False, None)
    assert 90 <= row["lag_seconds"] < 120
    assert row["origin"] == row["peer"] == a.id
    figures = await metrics(b.site)
    labels = f'{{log="{row["log"]}",peer="{a.id}"}}'
    assert figures[f"watchfire_peer_log_behind{labels}"] == 3
    assert figures[f"watchfire_peer_log_lag_seconds{labels}"] >= 90
    assert figures[f'watchfire_peer_unheard_seconds{{peer="{a.id}"}}'] >= 90
    assert figures["watchfire_forks"] == 0
    sent = (await a.logs(b))["public"]
    assert (sent["served"], sent["held"], sent["refused_there"]) == (2, 2, 0)
    await pull_all(b.site, a.site)
    await pull_all(b.site, a.site)
    row = (await b.logs(a))["public"]
    assert (row["pulled"], row["behind"], row["lag_seconds"]) == (5, 0, 0)
    assert (await a.logs(b))["public"]["held"] == 5
    assert (await metrics(b.site))[f"watchfire_peer_log_behind{labels}"] == 0


async def metrics(site):
    """Read the figures as Prometheus does, on the same machine."""
    transport = httpx.ASGITransport(site.network.apps[site.host].app)
    async with httpx.AsyncClient(transport=transport, base_url="http://node", trust_env=False) as http:
        answer = await http.get("/metrics")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_why_a_peer_has_a_record_or_not_is_told_in_words(peers):
    a, b = peers
    owner, theirs = a.site.home.operator.organization, b.site.home.operator.organization
    ngo = await a.site.home.organization()
    record = (await a.site.home.submit(ngo, audience=audiences.PUBLIC, tlp=Tlp.CLEAR, pap=Pap.CLEAR)).id
    assert await a.explain(record, b) == ("may_not", "It stands in no log yet: it waits for its place, or for review.")
    await a.site.home.sequence()
    assert (await a.explain(record, b))[0] == "may_have"
    await pull_all(b.site, a.site)
    assert (await a.explain(record, b))[0] == "served"
    await pull_all(b.site, a.site)
    assert await a.explain(record, b) == ("has", "The peer acknowledged 2 entries of this log.")
    assert await b.explain(record, a) == ("has", "It comes from this peer.")
    group = await groups.add_group(
        a.site.home.node, ngo.actor, Charter("g", [ngo.id, owner], history="from_join"), a.site.home.tick()
    )
    inside = await publish(a.site, ngo, audience=audiences.group(group.id), tlp=Tlp.AMBER, pap=Pap.AMBER)
    verdict, why = await a.explain(inside.id, b)
    assert (verdict, "names nobody there" in why) == ("may_not", True)
    await groups.change_members(a.site.home.node, ngo.actor, group.id, Change(add=(theirs,)), a.site.home.tick())
    await a.site.home.sequence()
    assert await a.explain(inside.id, b) == (
        "may_not",
        "The peer gets its bare leaf hash: it stands where the peer does not read.",
    )
    erased = (await publish(a.site, ngo)).id
    await a.site.home.follow(ngo, erased, "erasure")
    assert (await a.explain(erased, b))[0] == "may_not"


async def test_a_record_that_the_operator_may_not_read_is_as_good_as_absent(peers):
    a, b = peers
    ngo = await a.site.home.organization()
    own = audiences.organizations(ngo.id)
    hidden = await publish(a.site, ngo, audience=own, tlp=Tlp.AMBER, pap=Pap.AMBER)
    answers = [
        await a.api.get(f"/v1/peers/{b.id}/explain", params={"record": str(record)}) for record in (hidden.id, RECORD)
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    for query in ("", "?record=x"):
        assert (await a.api.get(f"/v1/peers/{b.id}/explain{query}")).status_code == 422
