"""Sign-in over HTTP: every shape that real clients send, and everything that must not open the door."""

import asyncio
import base64

import pytest

from app.domain import signing
from app.services import membership
from tests.api.conftest import JWT_BEARER, address, open_site
from tests.world import Partner

SELF = "/v1/organizations/self"
FORM = {"grant_type": "client_credentials"}


def basic(user, password, scheme="Basic"):
    return f"{scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def shapes(party):
    """List the ways in which real clients present one API key."""
    secret = party.key.split("_")[2]
    return {
        "bearer": {"authorization": f"Bearer {party.key}"},
        "lower-case bearer": {"authorization": f"bearer {party.key}"},
        "taxii2-client": {"authorization": f"Token {party.key}"},
        "Sentinel": {"authorization": basic(party.key_id, party.key)},
        "MISP": {"authorization": basic(party.key_id, party.key, "basic")},
        "id and secret": {"authorization": basic(party.key_id, secret)},
        "PyMISP": {"authorization": party.key},
        "X-API-Key": {"x-api-key": party.key},
        "the same in both": {"authorization": f"Bearer {party.key}", "x-api-key": party.key},
    }


@pytest.fixture
async def a(lite):
    return await lite.partner("A")


async def test_each_shape_of_a_key_is_understood(lite, a):
    for name, headers in shapes(a).items():
        answer = await lite.client(**headers).get(SELF)
        assert answer.status_code == 200, name
        assert answer.json()["id"] == a.id


async def test_what_contradicts_itself_is_refused(lite, a):
    b = await lite.partner("B")
    client = lite.client()
    both = {"authorization": f"Bearer {a.key}", "x-api-key": b.key}
    twice = [("authorization", f"Bearer {a.key}"), ("authorization", f"Bearer {b.key}")]
    same_twice = [("x-api-key", a.key), ("x-api-key", a.key)]
    other_user = {"authorization": basic(b.key_id, a.key)}
    for headers in (both, twice, same_twice, other_user, {"authorization": f"Digest {a.key}"}, {"authorization": "x"}):
        answer = await client.get(SELF, headers=headers)
        assert answer.status_code == 401, headers
    form = {**FORM, "client_secret": a.key}
    assert (await client.post("/v1/token", data=form, headers={"x-api-key": b.key})).status_code == 401
    assert (await client.get(f"{SELF}?access_token={a.key}&api_key={a.key}")).status_code == 401
    assert (await client.get(SELF, headers={"authorization": "Bearer " + "x" * 9_000})).status_code == 401
    assert (await client.get(SELF, headers={"authorization": b"Bearer \xff\xfe"})).status_code == 401


async def test_a_key_is_exchanged_for_a_token(site):
    a = await site.partner("A")
    nobody = site.client()
    ways = [
        {"data": FORM, "headers": {"authorization": basic(a.key_id, a.key)}},
        {"json": FORM, "headers": {"x-api-key": a.key}},
        {"data": {**FORM, "client_id": a.key_id, "client_secret": a.key}},
        {"json": {**FORM, "client_secret": a.key, "scope": "query submit"}},
    ]
    for way in ways:
        answer = await nobody.post("/v1/token", **way)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        said = answer.json()
        assert (said["token_type"], said["expires_in"]) == ("Bearer", 900)
        assert (await site.client(said["access_token"]).get(SELF)).json()["id"] == a.id
    assert said["scope"] == "query submit"
    narrowed = site.client(said["access_token"])
    assert (await narrowed.get("/v1/audit")).status_code == 403
    again = await narrowed.post("/v1/token", data=FORM)
    assert again.status_code == 401, "a token is not exchanged for another"
    wide = await nobody.post("/v1/token", json={**FORM, "client_secret": a.key, "scope": "administer"})
    assert wide.status_code == 403
    site.clock.tick(minutes=15)
    assert (await narrowed.get(SELF)).status_code == 401


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", "application/x-www-form-urlencoded", 422),
        (b"grant_type=password", "application/x-www-form-urlencoded", 422),
        (b"grant_type", "application/x-www-form-urlencoded", 422),
        (b"\xff=1", "application/x-www-form-urlencoded", 422),
        (b"", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"a%d=1" % n for n in range(20)), "application/x-www-form-urlencoded", 422),
        (b'{"grant_type": "client_credentials", "extra": 1}', "application/json", 422),
        (b'["client_credentials"]', "application/json", 422),
        (b"grant_type=client_credentials", "multipart/form-data", 415),
        (b"{" + b" " * 70_000 + b"}", "application/json", 413),
        (b'{"grant_type": "client_credentials"}', "Application/JSON; charset=utf-8", 401),
    ],
)
async def test_a_token_request_is_read_strictly(lite, body, media_type, status):
    answer = await lite.client().post("/v1/token", content=body, headers={"content-type": media_type})
    assert answer.status_code == status


async def test_an_assertion_gives_a_strong_token_once(site):
    a = await site.partner("A")
    signed = a.assertion()
    answer = await a.exchange(client_assertion=signed)
    assert answer.status_code == 200
    assert answer.json()["scope"] == "administer audit group query submit"
    strong = site.client(answer.json()["access_token"])
    assert (await strong.get(f"/v1/organizations/{a.id}/credentials")).status_code == 200
    again = await a.exchange(client_assertion=signed)
    assert again.status_code == 401
    assert "used before" in again.json()["detail"]
    at_url = await a.exchange(client_assertion=a.assertion(audience="http://127.0.0.1:8000/v1/token"))
    assert at_url.status_code == 200
    one, other = await asyncio.gather(*[a.exchange(client_assertion=a.assertion(jti="at-once")) for _ in range(2)])
    assert sorted([one.status_code, other.status_code]) == [200, 401]
    narrowed = await a.exchange(scope="query")
    assert narrowed.json()["scope"] == "query"
    assert (await a.exchange(scope="query operate")).status_code == 403


async def test_no_other_assertion_is_accepted(lite, a):
    b = await lite.partner("B")
    now = int(lite.clock.now.timestamp())
    stranger = lite.home.random(32)
    wrong = {
        "another audience": a.assertion(audience="wfanothernode"),
        "audiences": a.assertion(audience=[lite.node.identity.node_id]),
        "a stranger's key": a.assertion(seed=stranger),
        "a stranger's key under our id": a.assertion(seed=stranger, keyid=signing.key_id(signing.public_key(a.seed))),
        "another organization's key": a.assertion(seed=b.seed),
        "for another": a.assertion(sub=b.id),
        "from another": a.assertion(iss=b.id, sub=b.id),
        "too long": a.assertion(exp=now + 301),
        "expired": a.assertion(iat=now - 100, exp=now),
        "of the future": a.assertion(iat=now + 60, exp=now + 120),
        "no jti": a.assertion(jti=None),
        "another type": a.assertion(header={"typ": "at+jwt"}),
        "a key to fetch": a.assertion(header={"jku": "https://example.org/keys"}),
        "garbage": "a.b.c",
    }
    details = set()
    for name, text in wrong.items():
        answer = await a.exchange(client_assertion=text)
        assert answer.status_code == 401, name
        details.add(answer.json()["detail"])
    assert len(details) == 1, "the answer tells what was wrong"
    answer = await a.exchange(client_assertion_type="other")
    assert answer.status_code == 422
    forged = await lite.client(a.assertion()).get(SELF)
    assert forged.status_code == 401, "an assertion is no access token"


async def test_red_is_submitted_by_a_key_and_read_by_a_strong_token(site):
    a = await site.partner("A")
    b = await site.partner("B")
    named = {"kind": "organizations", "organizations": [b.id]}
    made = await a.submit(address(1), tlp="TLP:RED", audience=named)
    assert made["state"] == "live"
    await site.settle()
    for party in (a, b):
        strong = await party.strong()
        assert (await party.look_up(address(1)))["status"] == "not_listed"
        assert (await strong.get(f"/v1/addresses/{address(1)}")).json()["status"] == "listed"
        assert (await party.api.get(f"/v1/reports/{made['id']}")).status_code == 404
        assert (await strong.get(f"/v1/reports/{made['id']}")).json()["tlp"] == "TLP:RED"
        assert (await party.api.get("/v1/logs")).json()["logs"] == []
        weak = (await party.site.client().post("/v1/token", json={**FORM, "client_secret": party.key})).json()
        found = await site.client(weak["access_token"]).get(f"/v1/addresses/{address(1)}")
        assert found.json()["status"] == "not_listed", "a token for an API key is no stronger than the key"


async def test_a_revoked_key_ends_its_tokens_at_once(site):
    a = await site.partner("A")
    strong = await a.strong()
    made = await strong.post(f"/v1/organizations/{a.id}/credentials", json={"name": "k", "scopes": ["query"]})
    key = made.json()["api_key"]
    listed = (await strong.get(f"/v1/organizations/{a.id}/credentials")).json()["credentials"]
    assert all("api_key" not in item for item in listed)
    token = (await site.client(key).post("/v1/token", data=FORM)).json()["access_token"]
    clients = [site.client(key), site.client(token)]
    for client in clients:
        assert (await client.get(SELF)).status_code == 200
    asking = [asyncio.create_task(client.get(SELF)) for client in clients * 10]
    await asyncio.sleep(0)
    gone = await strong.delete(f"/v1/organizations/{a.id}/credentials/{made.json()['id']}")
    assert gone.status_code == 204
    for client in clients:
        assert (await client.get(SELF)).status_code == 401
    await asyncio.gather(*asking)
    for client in clients:
        assert (await client.get(SELF)).status_code == 401, "a question under way was held for longer"
    kept = (await strong.get(f"/v1/organizations/{a.id}/credentials")).json()["credentials"]
    assert [item["id"] for item in kept if item["revoked_at"]] == [made.json()["id"]]


async def test_a_revoked_signing_key_ends_its_tokens_at_once(lite, a):
    strong = await a.strong()
    keyid = signing.key_id(signing.public_key(a.seed))
    assert (await strong.delete(f"/v1/organizations/{a.id}/keys/{keyid}")).status_code == 204
    assert (await strong.get(SELF)).status_code == 401
    assert (await a.exchange()).status_code == 401


async def test_expiry_counts_at_the_second(lite, a):
    strong = await a.strong()
    path = f"/v1/organizations/{a.id}/credentials"
    asked = {"name": "short", "scopes": ["query"], "expires_at": "2026-05-01T12:30:00Z"}
    made = (await strong.post(path, json=asked)).json()
    client = lite.client(made["api_key"])
    assert (await client.get(SELF)).status_code == 200
    lite.clock.tick(seconds=(lite.clock.now.replace(hour=12, minute=30, second=0) - lite.clock.now).seconds)
    assert (await client.get(SELF)).status_code == 401


async def test_a_key_is_bound_to_its_networks(lite, a):
    made = await lite.home.credential(a.partner, networks=["192.0.2.0/24", "2001:db8::/32"])
    for ip, status in (("192.0.2.9", 200), ("192.0.3.9", 401), ("2001:db8::1", 200), ("::ffff:192.0.2.1", 200)):
        assert (await lite.client(made.text, ip=ip).get(SELF)).status_code == status, ip
        answer = await lite.client(ip=ip).post("/v1/token", data={**FORM, "client_secret": made.text})
        assert answer.status_code == status, ip
    token = (await lite.client(made.text, ip="192.0.2.9").post("/v1/token", data=FORM)).json()["access_token"]
    assert (await lite.client(token, ip="192.0.3.9").get(SELF)).status_code == 401, "nor are its tokens"
    strong = await a.strong()
    asked = {"name": "k", "scopes": ["query"], "networks": ["192.0.2.1/24"]}
    answer = await strong.post(f"/v1/organizations/{a.id}/credentials", json=asked)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/networks/0")


async def test_failures_use_up_the_address_and_not_the_good(fresh_sqlite):
    """A stranger is told to wait; whoever can prove who it is, from the same address, gets in all the same."""
    async with open_site(fresh_sqlite(), failures_per_minute=4) as site:
        a = await site.partner("A")
        guess = site.client(a.key[:-1], ip="192.0.2.1")
        statuses = [(await guess.get(SELF)).status_code for _ in range(8)]
        assert statuses in ([401] * 4 + [429] * 4, [401] * 8), "a minute may end in between"
        refused = await guess.post("/v1/token", data={**FORM, "client_secret": a.key[:-1]})
        assert refused.status_code in {429, 401}
        if refused.status_code == 429:
            assert 1 <= int(refused.headers["retry-after"]) <= 60
            assert refused.json()["code"] == "too_many"
        good = site.client(a.key, ip="192.0.2.1")
        assert (await good.get(SELF)).status_code == 200
        assert (await good.post("/v1/token", data=FORM)).status_code == 200
        form = {**FORM, "client_assertion_type": JWT_BEARER, "client_assertion": a.assertion()}
        assert (await site.client(ip="192.0.2.1").post("/v1/token", data=form)).status_code == 200
        assert (await site.client(a.key[:-1], ip="192.0.2.2").get(SELF)).status_code == 401, "elsewhere it is another"
        assert (await site.client(ip="192.0.2.1").get(SELF)).status_code == 401, "who presents nothing guesses nothing"


async def test_the_operator_adds_partners_and_ends_their_review(site):
    operator = Partner(site.node.operator, "operator")
    seed = site.home.random(32)
    await membership.enrol_key(site.node, site.home.operator, operator.id, signing.public_key(seed), site.clock.tick())
    a = await site.partner("A")
    party = type(a)(site, operator, "", "", seed, None)
    strong = await party.strong()
    body = {"name": "New", "kind": "bank"}
    repeat = {"idempotency-key": "add-1"}
    made = await strong.post("/v1/organizations", json=body, headers=repeat)
    assert (made.status_code, made.json()["trusted"]) == (201, False)
    assert (await strong.get(made.headers["location"])).json()["id"] == made.json()["id"]
    assert (await strong.post("/v1/organizations", json=body, headers=repeat)).json()["id"] == made.json()["id"]
    assert (await strong.post("/v1/organizations", json=body)).status_code == 409
    path = f"/v1/organizations/{made.json()['id']}"
    scopes = {"name": "first", "scopes": ["query", "submit"]}
    key = (await strong.post(f"{path}/credentials", json=scopes)).json()["api_key"]
    new = type(a)(site, Partner(made.json()["id"], "New"), key, "", seed, site.client(key))
    waiting = await new.submit(address(1))
    assert waiting["state"] == "quarantined"
    assert waiting["log"] == {"id": None, "index": None}
    assert (await a.look_up(address(1)))["status"] == "not_listed"
    assert (await a.api.get(f"/v1/reports/{waiting['id']}")).status_code == 404
    assert (await strong.post(f"{path}/trust")).json()["trusted"] is True
    await site.settle()
    assert (await a.look_up(address(1)))["status"] == "listed"
    assert (await a.api.get(f"/v1/reports/{waiting['id']}")).json()["state"] == "live"
