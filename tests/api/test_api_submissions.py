"""Submissions: the names on the wire, idempotency, batches, envelopes, and lists while others write."""

import asyncio
import base64
import json

import httpx
import pytest

from app.api import examples
from app.domain import audience as audiences
from app.domain.marking import Tlp
from tests.api.conftest import BITCOIN, address, claim, open_site

# Fixed by the design: more may be added, none renamed.
SUBMITTED = {
    "id", "kind", "digest", "issuer", "origin", "issued_at", "state", "custody", "log", "indicators", "links",
}  # fmt: skip
REPUTATION = {
    "query", "readings", "status", "confidence", "confidence_label", "organizations", "corroborated", "categories",
    "because", "first_reported", "last_confirmed", "indicators", "as_of", "freshness", "notice",
}  # fmt: skip
INDICATOR = {
    "report", "issuer", "category", "role", "relation", "method", "confidence", "reliability", "credibility", "tlp",
    "audience", "first_seen", "valid_until", "state", "same_chain", "signature", "custody", "log", "opinions",
    "sightings",
}  # fmt: skip
SCREENED = {
    "ref", "address", "chain", "canonical", "cleaned", "status", "confidence", "organizations", "categories", "reports",
    "error",
}  # fmt: skip


async def test_the_names_on_the_wire_are_those_of_the_design(site):
    a, b = await site.partner("A"), await site.partner("B")
    group = await site.home.group(a.partner, b.partner)
    fields = {
        "category": "sex_trafficking", "subcategory": "escort_ad_payment", "method": "advert", "confidence": 60,
        "reliability": "B", "credibility": 2, "tlp": "TLP:AMBER", "pap": "PAP:AMBER",
        "audience": {"kind": "group", "group": str(group.id)}, "case": "OP-2026-17", "legal_basis": "mou",
        "summary": "what was seen",
        "evidence": [{"kind": "advert", "reference": "archive:1", "sha256": "e" * 64,
                      "observed_at": "2026-05-01T00:00:00Z"}],
        "valid_until": "2028-05-01T00:00:00Z",
        "indicators": [{"chain": "bitcoin", "address": BITCOIN, "asset": None, "role": "operator_receiving",
                        "relation": "controlled_by", "first_seen": "2025-11-02T00:00:00Z", "last_seen": None,
                        "transactions": [], "ref": "row-1"}],
    }  # fmt: skip
    answer = await a.api.post("/v1/reports", json=fields)
    assert answer.status_code == 201
    made = answer.json()
    assert made.keys() >= SUBMITTED
    assert answer.headers["location"] == made["links"]["report"] == f"/v1/reports/{made['id']}"
    assert (made["kind"], made["state"], made["custody"], made["indicators"]) == ("report", "live", "node", 1)
    assert (made["issuer"], made["origin"]) == (a.id, site.node.identity.node_id)
    await site.settle()
    for name, link in (await a.api.get(made["links"]["report"])).json()["links"].items():
        assert (await b.api.get(link)).status_code == 200, name
    found = await b.look_up(BITCOIN, chain="bitcoin")
    assert found.keys() >= REPUTATION
    assert found["query"] == {"address": BITCOIN, "chain": "bip122:000000000019d6689c085ae165831e93"}
    assert found["readings"] == [
        {"chain": "bip122:000000000019d6689c085ae165831e93", "chain_slug": "bitcoin", "family": "bitcoin",
         "canonical": BITCOIN, "kind": "p2pkh", "checksum": "verified",
         "why": "The checksum verifies for this p2pkh of Bitcoin."}
    ]  # fmt: skip
    assert found["cleaned"] == []
    assert found["notice"] == "Not listed is not the same as clean."
    assert found["categories"] == [{"category": "sex_trafficking", "organizations": 1, "confidence": 60}]
    one = found["indicators"][0]
    assert one.keys() >= INDICATOR
    assert one["issuer"] == {"id": a.id, "name": "A", "kind": "ngo", "home": site.node.identity.node_id}
    assert one["audience"]["group"] == str(group.id)
    assert one["log"]["index"] >= 1
    wanted = {"first_seen": "2025-11-02T00:00:00.000000Z", "valid_until": "2028-05-01T00:00:00.000000Z"}
    assert {name: one[name] for name in wanted} == wanted
    screening = {"addresses": [{"address": BITCOIN, "chain": "bitcoin", "ref": "42"}], "detail": "summary"}
    answer = (await b.api.post("/v1/screenings", json=screening)).json()
    assert answer["results"][0].keys() == SCREENED
    assert answer["results"][0]["ref"] == "42"
    assert answer["results"][0]["reports"] == [made["id"]]
    assert answer["counts"] == {"listed": 1, "disputed": 0, "revoked": 0, "not_listed": 0, "invalid": 0}


async def test_the_examples_of_the_document_are_accepted(lite):
    a, b = await lite.partner("A"), await lite.partner("B")
    made = (await a.api.post("/v1/reports", json=examples.REPORT)).json()
    path = f"/v1/reports/{made['id']}"
    assert (await b.api.post(f"{path}/opinions", json=examples.OPINION)).status_code == 201
    assert (await b.api.post(f"{path}/sightings", json=examples.SIGHTING)).status_code == 201
    answer = await b.api.post("/v1/screenings", json=examples.SCREENING)
    assert [row["status"] for row in answer.json()["results"]] == ["disputed", "not_listed"]
    strong = await a.strong()
    own = f"/v1/organizations/{a.id}"
    assert (await strong.post(f"{own}/keys", json=examples.KEY)).status_code == 201
    assert (await strong.post(f"{own}/credentials", json=examples.CREDENTIAL)).status_code == 201
    group = await a.api.post("/v1/groups", json=examples.GROUP)
    assert group.headers["location"] == f"/v1/groups/{group.json()['id']}"
    assert (await a.api.post(f"{group.headers['location']}/members", json=examples.MEMBERS)).status_code == 200
    for what, said in (("revocation", examples.REVOCATION), ("erasure", examples.ERASURE)):
        assert (await a.api.post(f"{path}/{what}", json=said)).status_code == 201


async def test_a_repeated_request_is_one_deed(site):
    """The same key and the same request: one report, whether asked again later or at the same moment."""
    a, b = await site.partner("A"), await site.partner("B")
    repeat = {"idempotency-key": "once"}
    first = await a.submit(address(1), headers=repeat)
    again = await a.submit(address(1), headers=repeat, status=200)
    assert first["id"] == again["id"]
    quoted = await a.submit(address(1), headers={"idempotency-key": '"once"'}, status=200)
    assert quoted["id"] == first["id"]
    other = await a.api.post("/v1/reports", json=claim(address(2)), headers=repeat)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    partly = await a.api.post("/v1/reports?partial=true", json=claim(address(1)), headers=repeat)
    assert partly.status_code == 422, "another query is another request"
    others = await b.submit(address(1), headers=repeat)
    assert others["id"] != first["id"], "a key is an organization's own"
    body = json.dumps(claim(address(3))).encode()
    headers = {"content-type": "application/json", "idempotency-key": "at once"}
    assert (await a.api.post("/v1/reports", content=body, headers=headers)).status_code == 422
    headers["idempotency-key"] = "at-once"
    at_once = await asyncio.gather(*[a.api.post("/v1/reports", content=body, headers=headers) for _ in range(6)])
    assert {answer.status_code for answer in at_once} <= {200, 201}
    assert len({answer.json()["id"] for answer in at_once}) == 1
    assert [answer.status_code for answer in at_once].count(201) == 1
    await site.settle()
    assert len((await a.api.get("/v1/reports", params={"issuer": a.id})).json()["reports"]) == 2


@pytest.mark.parametrize("value", ["", "x" * 256, "a b", "\x7f", '"'])
async def test_an_idempotency_key_is_checked(lite, value):
    a = await lite.partner("A")
    answer = await a.api.post("/v1/reports", json=claim(address(1)), headers={"idempotency-key": value})
    assert answer.status_code == 422
    assert (await a.api.get("/v1/reports")).json()["reports"] == []


async def test_a_lost_answer_is_asked_for_again(lite):
    """The caller hangs up while the deed is done; the same request finds what came of it."""
    a = await lite.partner("A")
    repeat = {"idempotency-key": "lost"}
    for place in range(12):
        task = asyncio.create_task(a.api.post("/v1/reports", json=claim(address(1)), headers=repeat))
        await asyncio.sleep(place * 0.0005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    answer = await a.api.post("/v1/reports", json=claim(address(1)), headers=repeat)
    assert answer.status_code in {200, 201}
    found = (await a.api.get("/v1/reports")).json()["reports"]
    assert [item["id"] for item in found] == [answer.json()["id"]]


async def test_what_follows_is_repeated_and_groups_too(lite):
    a = await lite.partner("A")
    made = await a.submit(address(1))
    repeat = {"idempotency-key": "k"}
    path = f"/v1/reports/{made['id']}/revocation"
    first = await a.api.post(path, json={"reason": "mistaken"}, headers=repeat)
    again = await a.api.post(path, json={"reason": "mistaken"}, headers=repeat)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert (await a.api.post(path, json={"reason": "outdated"}, headers=repeat)).status_code == 422
    groups = [await a.api.post("/v1/groups", json=examples.GROUP, headers={"idempotency-key": "g"}) for _ in range(2)]
    assert len({answer.json()["id"] for answer in groups}) == 1


async def test_ten_thousand_rows_and_not_one_more(lite):
    a = await lite.partner("A")
    rows = [address(number) for number in range(10_001)]
    made = await a.submit(*rows[:-1])
    assert made["indicators"] == 10_000
    refused = await a.api.post("/v1/reports", json=claim(*rows))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/indicators"
    body = {"addresses": [{"address": item, "ref": place} for place, item in enumerate(rows)]}
    assert (await a.api.post("/v1/screenings", json=body)).status_code == 413
    body["addresses"].pop()
    answer = (await a.api.post("/v1/screenings", json=body)).json()
    assert answer["counts"]["listed"] == 10_000
    assert [row["ref"] for row in answer["results"]] == list(range(10_000))
    lines = b"\n".join(json.dumps(row).encode() for row in body["addresses"])
    headers = {"content-type": "application/x-ndjson", "accept": "application/x-ndjson"}
    answer = await a.api.post("/v1/screenings", content=lines, headers=headers)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text.count("\n") == 10_000
    more = await a.api.post("/v1/screenings", content=lines + b'\n{"address": "x"}', headers=headers)
    assert more.status_code == 413


async def test_bad_rows_refuse_the_whole_or_are_listed(lite):
    a = await lite.partner("A")
    rows = [
        {"chain": "ethereum", "address": address(1), "ref": "good"},
        {"chain": "ethereum", "address": "0x12", "ref": "short"},
        {"chain": "nowhere", "address": address(1), "ref": 17},
        {"chain": "bitcoin", "address": BITCOIN[:-1] + "b"},
        {"chain": "bitcoin", "address": BITCOIN, "role": "boss"},
    ]
    whole = await a.api.post("/v1/reports", json=claim(indicators=rows))
    assert whole.status_code == 422
    errors = whole.json()["errors"]
    assert [item["pointer"] for item in errors] == [
        "/indicators/1/address", "/indicators/2/chain", "/indicators/3/address", "/indicators/4/role",
    ]  # fmt: skip
    assert [item.get("ref") for item in errors] == ["short", "17", None, None]
    assert all(item["code"] and item["detail"] for item in errors)
    repeat = {"idempotency-key": "partly"}
    partly = await a.submit(partial=True, headers=repeat, indicators=rows)
    assert (partly["indicators"], partly["refused"]) == (1, errors)
    again = await a.submit(partial=True, headers=repeat, indicators=rows, status=200)
    assert again["refused"] == errors
    none = await a.api.post("/v1/reports?partial=true", json=claim(indicators=rows[1:]))
    assert none.status_code == 422
    assert (await a.api.post("/v1/reports?partial=maybe", json=claim(address(1)))).status_code == 422


async def test_an_organization_signs_for_itself(site):
    d = await site.partner("D", own_key=True)
    b = await site.partner("B")
    assert (await d.api.post("/v1/reports", json=claim(address(1)))).status_code == 409
    home = site.home
    said = home.claim(address(1))
    signed = home.envelope(d.partner, audiences.PUBLIC, said, tlp=Tlp.CLEAR).to_document()
    first = await d.api.post("/v1/reports", json={"envelope": signed})
    again = await d.api.post("/v1/reports", json={"envelope": signed})
    assert (first.status_code, again.status_code) == (201, 200)
    made = first.json()
    assert (made["id"], made["custody"]) == (again.json()["id"], "organization")
    await site.settle()
    kept = (await b.api.get(f"/v1/reports/{made['id']}?envelope=true")).json()
    assert kept["envelope"] == signed
    assert (await b.look_up(address(1)))["indicators"][0]["custody"] == "organization"
    payload = bytearray(base64.b64decode(signed["payload"]))
    payload[-2] ^= 1
    wrong = [
        (signed | {"payload": base64.b64encode(payload).decode()}, 422),
        (signed | {"payload": signed["payload"][:-4]}, 422),
        (signed | {"payload_type": "text/plain"}, 422),
        (signed | {"signatures": []}, 422),
        (signed | {"signatures": signed["signatures"] * 2}, 422),
        (home.envelope(d.partner, audiences.PUBLIC, said, tlp=Tlp.CLEAR, seed=home.random(32)).to_document(), 422),
        (home.envelope(d.partner, audiences.PUBLIC, said, tlp=Tlp.CLEAR, issuer=b.partner.id).to_document(), 403),
        (home.envelope(d.partner, audiences.PUBLIC, said, tlp=Tlp.CLEAR, origin="wfelse").to_document(), 422),
        (home.envelope(d.partner, audiences.PUBLIC, said, tlp=Tlp.AMBER).to_document(), 422),
    ]
    for envelope, status in wrong:
        answer = await d.api.post("/v1/reports", json={"envelope": envelope})
        assert answer.status_code == status, answer.text
    mine = await b.submit(address(2))
    foreign = await d.api.post(f"/v1/reports/{mine['id']}/revocation", json={"envelope": signed})
    assert foreign.status_code == 422
    assert len((await b.api.get("/v1/reports")).json()["reports"]) == 2


async def follow_links(client, path, name):
    """Read a list to its end."""
    rows = []
    while True:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        rows += said[name]
        link = answer.headers.get("link")
        assert (link is None) == (said["next"] is None)
        if link is None:
            return rows
        assert link.endswith('>; rel="next"')
        assert said["next"] in link
        assert said[name], "an empty page has no successor"
        path = link.partition(">")[0][1:]


async def test_a_list_is_walked_while_others_write(site):
    """Nothing twice, and nothing lost of what was there when the walk began."""
    a, b = await site.partner("A"), await site.partner("B")
    before = []
    for number in range(12):
        before.append((await a.submit(address(number)))["id"])
        site.clock.tick()
    writing = True

    async def write():
        number = 100
        while writing:
            number += 1
            site.clock.tick()
            await b.submit(address(number))

    writer = asyncio.create_task(write())
    walks = [await follow_links(a.api, "/v1/reports?limit=2&category=sex_trafficking", "reports") for _ in range(2)]
    writing = False
    await writer
    for rows in walks:
        ids = [row["id"] for row in rows]
        assert len(ids) == len(set(ids))
        assert ids == sorted(ids, reverse=True)
        assert set(before) <= set(ids)
    await site.settle()
    audit = await follow_links(a.api, "/v1/audit?limit=3", "audit")
    assert [row["index"] for row in audit] == list(range(len(audit)))
    for name, query in (("organizations", ""), ("chains", "q=bitcoin&"), ("assets", "q=usdt&"), ("logs", "")):
        whole = (await a.api.get(f"/v1/{name}?{query}limit=1000")).json()[name]
        assert await follow_links(a.api, f"/v1/{name}?{query}limit=1", name) == whole


async def test_a_cursor_is_good_for_what_gave_it(lite):
    a, b = await lite.partner("A"), await lite.partner("B")
    for number in range(4):
        await a.submit(address(number))
    await lite.settle()
    lists = {
        "reports": "/v1/reports?limit=1",
        "filtered": "/v1/reports?limit=1&category=sex_trafficking",
        "since": "/v1/reports?limit=1&since=2026-01-01",
        "organizations": "/v1/organizations?limit=1",
        "audit": "/v1/audit?limit=1",
        "deeds": "/v1/audit?limit=1&deed=submit",
        "chains": "/v1/chains?limit=1",
        "some chains": "/v1/chains?limit=1&q=e",
        "assets": "/v1/assets?limit=1",
    }
    cursors = {name: (await a.api.get(path)).json()["next"] for name, path in lists.items()}
    assert all(cursors.values())
    for name, path in lists.items():
        for given, cursor in cursors.items():
            answer = await a.api.get(path, params={**dict(httpx.URL(path).params), "cursor": cursor})
            assert answer.status_code == (200 if given == name else 400), (name, given)
            if given != name:
                assert answer.json()["code"] == "invalid_cursor"
        own = cursors[name]
        flipped = ("A" if own[-3] != "A" else "B").join((own[:-3], own[-2:]))
        for cursor in (flipped, own[1:], own + "A", "x", "=", "null", "\u00e9", "A" * 5_000, "%00"):
            answer = await a.api.get(path, params={**dict(httpx.URL(path).params), "cursor": cursor})
            assert answer.status_code == 400, (name, cursor)
        another = await b.api.get(path, params={**dict(httpx.URL(path).params), "cursor": own})
        assert another.status_code == 400, f"{name}: another organization's cursor"
        empty = await a.api.get(path, params={**dict(httpx.URL(path).params), "cursor": ""})
        assert empty.status_code == 200
        larger = await a.api.get(path, params={**dict(httpx.URL(path).params), "limit": 3, "cursor": own})
        assert larger.status_code == 200, "a page may have another size"
    strong = await (await a.strong()).get("/v1/reports", params={"limit": 1, "cursor": cursors["reports"]})
    assert strong.status_code == 200, "another credential of the same organization goes on"


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "1.5", "9" * 40])
async def test_a_limit_has_bounds(lite, limit):
    a = await lite.partner("A")
    for name in ("reports", "organizations", "groups", "audit", "logs", "chains"):
        answer = await a.api.get(f"/v1/{name}", params={"limit": limit})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/limit")


async def test_groups_are_led_by_their_steward(site):
    a, b, c = [await site.partner(name) for name in "ABC"]
    made = (await a.api.post("/v1/groups", json={"name": "trace", "members": [b.id]})).json()
    path = f"/v1/groups/{made['id']}"
    assert set(made["members"]) == {a.id, b.id}
    assert (await b.api.get(path)).json()["version"] == 1
    assert (await b.api.post(f"{path}/members", json={"add": [c.id]})).status_code == 403
    assert (await c.api.post(f"{path}/members", json={"add": [c.id]})).status_code == 404
    made = await b.submit(address(1), tlp="TLP:AMBER", audience={"kind": "group", "group": made["id"]})
    assert (await c.look_up(address(1)))["status"] == "not_listed"
    joined = (await a.api.post(f"{path}/members", json={"add": [c.id]})).json()
    assert (joined["version"], len(joined["members"])) == (2, 3)
    assert (await c.look_up(address(1)))["status"] == "listed", "who joins reads the group from its beginning"
    left = await c.api.post(f"{path}/members", json={"remove": [c.id]})
    assert left.status_code == 200
    assert (await c.look_up(address(1)))["status"] == "not_listed"
    assert (await c.api.get(path)).status_code == 404
    assert (await b.api.get(f"{path}/members")).json()["members"] == sorted([a.id, b.id])
    wrong = [{"add": ["x"]}, {"add": [made["id"]]}, {"more": 1}, {"remove": [a.id, b.id]}]
    for said in wrong:
        assert (await a.api.post(f"{path}/members", json=said)).status_code == 422, said


async def test_the_budget_of_submissions_counts_rows(fresh_sqlite):
    async with open_site(fresh_sqlite(), submitted_per_minute=10) as site:
        a = await site.partner("A")
        refused = await a.api.post("/v1/reports", json=claim(*map(address, range(11))))
        assert refused.status_code == 429
        await a.submit(*map(address, range(5)))
