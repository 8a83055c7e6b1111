"""What a peer or a stranger can do to the serving side: tokens that are not theirs, bodies without end, proposals.

Each is refused with a status that says so, within bounds, and leaves nothing behind.
"""

import asyncio
import base64
import json
from dataclasses import replace

import httpx
import pytest

from app.domain import audience as audiences
from app.domain import node_record
from app.domain.marking import Pap, Tlp
from app.services import gossip, groups, identity, peer_tokens, peering
from app.services.remote import MAX_HELD, Destination, PeerRefused, Unreachable
from app.web import limits
from tests.federation.liar import open_nodes
from tests.joined import publish, pull_all, pull_once

API = "/federation/v1"


@pytest.fixture
async def nodes(fresh_sqlite):
    """An honest node, a liar, and an honest peer of the first."""
    async with open_nodes(*(fresh_sqlite() for _ in range(3))) as made:
        yield made


@pytest.fixture
async def two(fresh_sqlite):
    """An honest node and a liar."""
    async with open_nodes(fresh_sqlite(), fresh_sqlite()) as made:
        yield made


async def call(caller, to, method, target, body=b"", *, token=None, node=None, **headers):
    """Send a request, signed by a node for what it is unless a token is given."""
    token = token or peer_tokens.mint(node or caller.home.node, to.id, method, target, body, caller.world.clock())
    fields = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(base_url=to.url, trust_env=False) as http:
        return await http.request(method, target, content=body, headers=fields)


def stranger(stand):
    """Make a node that nobody knows."""
    made = identity.new(*(stand.home.random(32) for _ in range(3)))
    return replace(stand.home.node, identity=made)


async def propose(stand, to, node, *, accepted=True):
    """Let a node propose itself, as its own program would."""
    record = await peering.own_record(node, stand.home.tick())
    body = b'{"node":%s,"accepted":%s}' % (record, b"true" if accepted else b"false")
    return await call(stand, to, "POST", f"{API}/peering", body, node=node)


def heads_body(logs=(), gossip=()):
    return json.dumps({"logs": list(logs), "gossip": list(gossip)}).encode()


async def test_a_token_is_good_for_the_request_it_was_made_for_and_no_other(nodes):
    honest, liar, other = nodes
    liar.lies.append(lambda _, reply: reply)
    await pull_once(honest, liar)
    taken = [asked.headers["authorization"].partition(" ")[2] for asked in liar.asked]
    for token in taken:  # made by the honest node for the liar, and shown to the honest peer
        assert (await call(liar, other, "POST", f"{API}/heads", heads_body(), token=token)).status_code == 401
    body, target = heads_body(), f"{API}/heads"
    good = peer_tokens.mint(liar.home.node, honest.id, "POST", target, body, liar.world.clock())
    assert (await call(liar, honest, "POST", target, body, token=good)).status_code == 200
    assert (await call(liar, honest, "POST", target, body, token=good)).status_code == 200  # may be repeated
    assert (await call(liar, honest, "POST", target, heads_body(gossip=["x"]), token=good)).status_code == 401
    assert (await call(liar, honest, "POST", f"{API}/checkpoints", body, token=good)).status_code == 401
    assert (await call(liar, honest, "POST", f"{target}?x=1", body, token=good)).status_code == 401
    assert (await call(liar, honest, "GET", f"{API}/refusals", token=good)).status_code == 401
    liar.world.clock.tick(seconds=200)
    assert (await call(liar, honest, "POST", target, body, token=good)).status_code == 401
    liar.world.clock.tick(seconds=-400)
    assert (await call(liar, honest, "POST", target, body, token=good)).status_code == 401
    liar.world.clock.tick(seconds=200)

    said = json.loads(base64.urlsafe_b64decode(good.split(".")[1] + "=="))
    for claims in (said | {"iss": other.id, "sub": other.id}, said | {"sub": other.id}, said | {"aud": other.id}):
        forged = peer_tokens.tokens.sign(claims, peer_tokens.TYP, liar.home.seed)
        assert (await call(liar, honest, "POST", target, body, token=forged)).status_code == 401
    assert await honest.faults() == []


async def test_strangers_and_garbage_get_one_answer_and_run_out_of_tries(fresh_sqlite):
    async with open_nodes(fresh_sqlite(), fresh_sqlite(), failures_per_minute=20) as (honest, liar):
        await publish(honest, await honest.home.organization())
        unknown = stranger(liar)
        answers = []
        for path in (
            "/refusals",
            f"/logs/{honest.log}/entries?from=0",
            f"/logs/{'0' * 32}/entries?from=0",
            "/wait?state=",
        ):
            answers += [
                await call(liar, honest, "GET", API + path, token=token, node=unknown)
                for token in (None, "x", "a.b.c", "e30.e30.")
            ]
        assert {(answer.status_code, answer.json()["detail"]) for answer in answers} == {
            (401, answers[0].json()["detail"])
        }
        while answers[-1].status_code == 401 and len(answers) < 100:
            answers.append(await call(liar, honest, "GET", f"{API}/refusals", token="x"))
        assert answers[-1].status_code == 429
        assert (await pull_all(liar, honest)).accepted == 2  # a peer is not a stranger at the same address


async def test_strangers_can_propose_themselves_only_so_often(fresh_sqlite, monkeypatch):
    monkeypatch.setattr(peering, "MAX_STRANGERS", 5)
    async with open_nodes(fresh_sqlite(), fresh_sqlite()) as (honest, liar):
        crowd = [stranger(liar) for _ in range(8)]
        answers = [await propose(liar, honest, node) for node in crowd]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
        assert int(answers[-1].headers["retry-after"]) > 0
        assert (await propose(liar, honest, crowd[0])).status_code == 200  # the same again is no new row
        assert (await propose(liar, honest, stranger(liar), accepted=False)).status_code == 200
        assert await honest.rows("SELECT count(*) FROM peers") == [(6,)]
        assert await honest.rows("SELECT count(*) FROM nodes") == [(6,)]
        assert (await propose(liar, honest, liar.home.node)).status_code == 200  # a peer is not a stranger
        forbidden = await call(liar, honest, "GET", f"{API}/refusals", node=crowd[0])
        assert forbidden.status_code == 403
        assert await honest.faults() == []


async def test_bodies_that_are_too_large_too_deep_or_of_another_form_are_refused_before_they_are_read(two):
    honest, liar = two
    target = f"{API}/heads"
    large = b" " * (limits.LARGE_BODY + 1)
    row = ["0" * 32, 2**63 - 1, "0" * 64, 2**31 - 1]
    expected = (
        (large, {}, 413),
        (heads_body(), {"content_encoding": "gzip"}, 415),
        (heads_body(), {"content_type": "text/plain"}, 415),
        (b'{"logs":' + b"[" * 100_000, {}, 422),
        (b'{"logs":[],"gossip":[],"gossip":[]}', {}, 422),
        (b"\xff", {}, 422),
        (heads_body([["0" * 32, 0, "0" * 64, 0]] * (MAX_HELD + 1)), {}, 422),
        (heads_body([["x", 0, "0" * 64, 0]]), {}, 422),
        (heads_body([["0" * 32, 2**63, "0" * 64, 0]]), {}, 422),
        (heads_body([["0" * 32, -1, "0" * 64, 0]]), {}, 422),
        (heads_body([["0" * 32, 1.5, "0" * 64, 0]]), {}, 422),
        (heads_body([["0" * 32, 1, "0" * 64, 2**31]]), {}, 422),
        (heads_body(gossip=["x" * 100_000]), {}, 422),
        (heads_body(gossip=["x"] * 101), {}, 422),
        (heads_body([row] * MAX_HELD), {}, 200),
        (heads_body(gossip=["", "\x00", "x/y/1\n0\n\n", "\ud7ff"] * 25), {}, 200),
    )
    for body, headers, status in expected:
        answer = await call(liar, honest, "POST", target, body, **headers)
        assert answer.status_code == status, (body[:60], answer.text)
    for path in (
        "/logs/x/entries?from=0",
        f"/logs/{honest.log}/entries?from=-1",
        f"/logs/{honest.log}/entries?from=9e9",
    ):
        assert (await call(liar, honest, "GET", API + path)).status_code == 422
    for path in (f"/logs/{honest.log}/entries?from={2**63}", "/refusals?after=x", f"/wait?state={'x' * 65}"):
        assert (await call(liar, honest, "GET", API + path)).status_code == 422
    assert await honest.faults() == []


async def test_absurd_receipts_are_taken_for_what_they_are(database, fresh_sqlite):
    async with open_nodes(database, fresh_sqlite()) as (honest, liar):
        await publish(honest, await honest.home.organization())
        await pull_all(liar, honest)
        [(root,)] = await liar.rows("SELECT root FROM replicas")
        for size, refused in ((2, 2**31 - 1), (2**63 - 1, 2**31 - 1), (2, 7), (0, 0)):
            body = heads_body([[honest.log, size, root.hex(), refused]])
            assert (await call(liar, honest, "POST", f"{API}/heads", body)).status_code == 200
        held = "SELECT held FROM peer_logs WHERE log_id = :log AND peer_id = :peer"
        assert await honest.rows(held, log=honest.log, peer=liar.id) == [(2,)]
        assert await honest.faults() == []


async def test_a_body_that_drips_is_given_up(two, monkeypatch):
    honest, _ = two
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.1)
    host, port = honest.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [
        f"POST {API}/peering HTTP/1.1",
        f"Host: {host}",
        "Authorization: Bearer x",
        "Content-Type: application/json",
    ]
    writer.write("\r\n".join([*lines, "Content-Length: 1000", "", "{"]).encode())
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()

    assert status.split()[1] == b"422"


async def test_what_a_peer_may_not_touch_is_as_good_as_absent(two):
    honest, liar = two
    ngo = await honest.home.organization()
    named = audiences.organizations(ngo.id)
    await publish(honest, ngo, audience=named, tlp=Tlp.AMBER, pap=Pap.AMBER)
    group = await groups.add_group(
        honest.home.node,
        ngo.actor,
        groups.Charter("circle", [ngo.id, honest.home.operator.organization]),
        honest.home.tick(),
    )
    await honest.home.sequence()
    hidden = [log for (log,) in await honest.rows("SELECT id FROM logs")]
    for log in hidden:
        for path in ("entries?from=0", "entries?from=0&to=1", "tile/0/000.p/1", "proof?from=1"):
            there = await call(liar, honest, "GET", f"{API}/logs/{log}/{path}")
            absent = await call(liar, honest, "GET", f"{API}/logs/{'0' * 32}/{path}")
            assert there.status_code == absent.status_code == 404
            assert there.json()["detail"] == absent.json()["detail"]
    to = Destination(honest.id, honest.url)
    for organization in (ngo.id, liar.home.operator.organization):
        with pytest.raises(PeerRefused, match="404"):
            await liar.client.leave_group(to, group.id, organization)
    assert len(await honest.rows("SELECT 1 FROM group_members")) == 2
    before = (await liar.client.heads(to, [], [])).state
    await publish(honest, ngo, audience=named, tlp=Tlp.AMBER, pap=Pap.AMBER)
    assert (await liar.client.heads(to, [], [])).state == before
    assert await liar.client.wait(to, before, 0) == before


async def test_a_peer_that_was_ended_gets_nothing_new_and_still_what_undoes_what_it_has(two):
    honest, liar = two
    ngo = await honest.home.organization()
    first = await publish(honest, ngo)
    await pull_all(liar, honest)
    await peering.decide(honest.home.node, honest.home.operator, honest.client, liar.id, "end", honest.home.tick())
    await publish(honest, ngo)
    await honest.home.follow(ngo, first.id, "revocation")
    await honest.home.sequence()
    got = await pull_all(liar, honest)

    assert (got.entries, got.accepted) == (2, 1)
    assert await liar.rows("SELECT state FROM reports") == [("revoked",)]
    assert await liar.rows('SELECT "index", reason FROM log_holes') == [(2, "ended")]
    assert await liar.faults() == []


async def test_a_peering_that_was_stopped_for_a_while_gives_groups_back_as_they_were(two):
    honest, origin = two
    ngo, bank = await origin.home.organization(), await honest.home.organization()
    address = origin.home.address()
    await publish(honest, bank)
    await pull_all(origin, honest)
    charter = groups.Charter("task force", [ngo.id, bank.id])
    group = await groups.add_group(origin.home.node, ngo.actor, charter, origin.home.tick())
    await publish(origin, ngo, address, audience=audiences.group(group.id), tlp=Tlp.AMBER, pap=Pap.AMBER)
    await pull_all(honest, origin)
    assert await honest.home.status(bank, address) == "listed"
    for deed in ("suspend", "resume"):
        node = origin.home.node
        await peering.decide(node, origin.home.operator, origin.client, honest.id, deed, origin.home.tick())
        await pull_all(honest, origin)
        expected = {"suspend": "not_listed", "resume": "listed"}[deed]
        assert await honest.home.status(bank, address) == expected, deed
    assert await honest.faults() == []


async def test_many_checkpoints_of_one_node_cost_one_look_at_its_record(nodes, monkeypatch):
    honest, liar, origin = nodes
    ngo = await origin.home.organization()
    await publish(origin, ngo)
    await pull_all(honest, origin)
    [(note,)] = await honest.rows("SELECT note FROM replicas")
    read = []
    real = node_record.parse
    monkeypatch.setattr(gossip.node_record, "parse", lambda raw: read.append(1) or real(raw))
    answer = await call(liar, honest, "POST", f"{API}/heads", heads_body(gossip=[note] * 100))

    assert answer.status_code == 200
    assert len(read) <= 2


async def test_a_proposal_reaches_no_address_that_is_not_public_unless_that_is_allowed(two):
    honest, liar = two
    honest.outbound._http._transport._pool._network_backend._allow_private = False
    for url in (liar.url.replace("http://127.0.0.1", "https://localhost"), "https://169.254.169.254"):
        with pytest.raises(Unreachable, match="not public"):
            await peering.propose(honest.home.node, honest.home.operator, honest.client, url, honest.home.tick())
