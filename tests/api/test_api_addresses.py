"""Look-ups: every status, at once after every deed, as of any time; and proofs that outlive an erasure."""

import base64

import pytest

from app.domain import checkpoint, merkle, signing
from app.domain.marking import Tlp
from tests.api.conftest import BITCOIN, address
from tests.world import Partner


@pytest.fixture
async def three(site):
    return [await site.partner(name) for name in "ABC"]


async def statuses(party, item, **params):
    """Give the status by look-up and by screening, which must agree."""
    found = await party.look_up(item, **params)
    answer = await party.api.post("/v1/screenings", json={"addresses": [{"address": item}], "detail": "full"})
    row = answer.json()["results"][0]
    same = ("status", "confidence", "organizations", "categories", "because")
    assert [row[name] for name in same] == [found[name] for name in same]
    assert [item["report"] for item in row["indicators"]] == [item["report"] for item in found["indicators"]]
    return found["status"]


async def test_each_status(site, three):
    a, b, c = three
    item = address(1)
    assert await statuses(c, item) == "not_listed"
    made = await a.submit(item)
    assert await statuses(c, item) == "listed"
    found = await c.look_up(item)
    assert (found["confidence"], found["confidence_label"], found["corroborated"]) == (70, "high", False)
    await b.submit(item, method="hotline_tip", confidence=20)
    found = await c.look_up(item)
    assert (found["confidence"], found["organizations"], found["corroborated"]) == (76, 2, True)
    opinion = await b.follow(made["id"], "opinions", opinion="disagree", reason="service_address")
    assert await statuses(c, item) == "disputed"
    held = next(row for row in (await c.look_up(item))["indicators"] if row["report"] == made["id"])
    assert [(row["id"], row["opinion"], row["issuer"]) for row in held["opinions"]] == [
        (opinion["id"], "disagree", b.id)
    ]
    sighting = await c.follow(made["id"], "sightings", chain="ethereum", address=item, count=3)
    held = next(row for row in (await b.look_up(item))["indicators"] if row["report"] == made["id"])
    assert [(row["id"], row["count"], row["issuer"]) for row in held["sightings"]] == [(sighting["id"], 3, c.id)]
    site.clock.tick()
    await b.follow(made["id"], "opinions", opinion="agree", reason="own_evidence")
    assert await statuses(c, item) == "listed", "the last opinion of an organization counts"
    await a.follow(made["id"], "revocation", reason="mistaken")
    assert (await c.look_up(item))["organizations"] == 1
    other = await a.submit(address(2))
    await a.follow(other["id"], "revocation", reason="mistaken")
    assert await statuses(c, address(2)) == "revoked"
    assert await statuses(c, "non sense") == "invalid"
    found = await c.look_up(BITCOIN[:-1] + "b", chain="bitcoin")
    assert (found["status"], found["error"]["code"] != "", found["readings"]) == ("invalid", True, [])
    assert (await c.look_up(BITCOIN))["status"] == "not_listed"


async def test_each_deed_shows_at_once_everywhere(site, three):
    a, _, c = three
    item = address(1)

    async def listed():
        return {row["id"]: row["state"] for row in (await c.api.get("/v1/reports")).json()["reports"]}

    first = (await a.submit(item, address(2)))["id"]
    assert (await listed())[first] == "live"
    second = (await a.submit(item, supersedes=first))["id"]
    assert await listed() == {first: "superseded", second: "live"}
    read = (await c.api.get(f"/v1/reports/{first}")).json()
    assert (read["state"], read["history"]["superseded_by"]) == ("superseded", [second])
    assert (await c.look_up(address(2)))["status"] == "revoked"
    withdrawn = {"chain": "ethereum", "address": item}
    await a.follow(second, "revocation", reason="protected_person", addresses=[withdrawn])
    assert (await c.look_up(item))["status"] == "revoked"
    assert (await listed())[second] == "live", "only one address was taken back"
    third = (await a.submit(item, address(3)))["id"]
    revocation = await a.follow(third, "revocation", reason="mistaken")
    assert (await listed())[third] == "revoked"
    read = (await c.api.get(f"/v1/reports/{third}")).json()
    assert [row["id"] for row in read["history"]["revocations"]] == [revocation["id"]]
    for state, expected in (("live", {second}), ("superseded", {first}), ("revoked", {third}), ("erased", set())):
        answer = await c.api.get("/v1/reports", params={"state": state})
        assert {row["id"] for row in answer.json()["reports"]} == expected, state
    await site.settle()
    log = read["log"]["id"]
    kinds = [row["kind"] for row in (await c.api.get(f"/v1/logs/{log}/entries")).json()["entries"]]
    assert kinds == ["organization", "report", "report", "revocation", "report", "revocation"]
    read = (await c.api.get(f"/v1/reports/{third}")).json()
    assert [(row["id"], row["log"]["index"]) for row in read["history"]["revocations"]] == [(revocation["id"], 5)]


@pytest.mark.parametrize(
    ("who", "what", "said", "status"),
    [
        ("a", "opinions", {"opinion": "agree", "reason": "other"}, 409),
        ("b", "revocation", {"reason": "mistaken"}, 409),
        ("b", "erasure", {"reason": "personal_data"}, 409),
        ("b", "opinions", {"opinion": "maybe", "reason": "other"}, 422),
        ("b", "opinions", {"opinion": "agree"}, 422),
        ("b", "sightings", {"chain": "ethereum", "address": address(9)}, 422),
        ("b", "sightings", {"chain": "ethereum", "address": address(1), "count": 0}, 422),
        ("a", "revocation", {"reason": "mistaken", "addresses": [{"chain": "ethereum", "address": address(9)}]}, 422),
        ("a", "revocation", {"reason": "mistaken", "report": "x"}, 422),
    ],
)
async def test_what_may_not_follow_is_refused(lite, who, what, said, status):
    parties = {"a": await lite.partner("A"), "b": await lite.partner("B")}
    made = await parties["a"].submit(address(1))
    answer = await parties[who].api.post(f"/v1/reports/{made['id']}/{what}", json=said)
    assert answer.status_code == status, answer.text
    assert (await parties["b"].look_up(address(1)))["status"] == "listed"


async def test_the_past_is_answered_as_it_was_known(site, three):
    a, b, c = three
    item = address(1)
    stamps = {}

    def stamp(name):
        stamps[name] = site.clock.now.isoformat().replace("+00:00", "Z")
        site.clock.tick()

    site.clock.tick()
    stamp("before")
    made = await a.submit(item)
    stamp("listed")
    await b.follow(made["id"], "opinions", opinion="disagree", reason="other")
    stamp("disputed")
    await a.follow(made["id"], "revocation", reason="mistaken")
    stamp("revoked")
    expected = {"before": "not_listed", "listed": "listed", "disputed": "disputed", "revoked": "revoked"}
    for name, status in expected.items():
        found = await c.look_up(item, as_of=stamps[name])
        assert found["status"] == status, name
        assert found["as_of"].startswith(stamps[name][:19])
    for wrong in ("2999-01-01T00:00:00Z", "yesterday", "2026-13-01", "", "2026-05-01T12:00:00+99:99"):
        answer = await c.api.get(f"/v1/addresses/{item}", params={"as_of": wrong})
        assert answer.status_code == 422, wrong
    for wrong in ("nowhere", "", "eip155:", "\x00"):
        answer = await c.api.get(f"/v1/addresses/{item}", params={"chain": wrong})
        assert answer.status_code == 422, wrong


async def test_one_account_has_one_answer(lite):
    """Every spelling and every chain of a family finds the same claims."""
    a = await lite.partner("A")
    mixed = "0x52908400098527886E0F7030069857D2E4169EE7"
    await a.submit(mixed, chain="polygon")
    for spelling in (mixed, mixed.lower(), mixed.replace("0x", "0X")):
        found = await a.look_up(spelling)
        assert found["status"] in {"listed", "invalid"}
        assert found["status"] == "listed" or spelling.startswith("0X")
    other = await a.look_up(mixed, chain="eip155:1")
    assert [row["same_chain"] for row in other["indicators"]] == [False]
    same = await a.look_up(mixed, chain="eip155:137")
    assert [row["same_chain"] for row in same["indicators"]] == [True]


async def proof_of(client, log, index, size=None):
    """Fetch and verify a proof of inclusion; give its parts."""
    params = {"index": index} | ({} if size is None else {"size": size})
    said = (await client.get(f"/v1/logs/{log}/proof", params=params)).json()
    parts = (
        bytes.fromhex(said["leaf_hash"]),
        index,
        said["size"],
        [base64.b64decode(item) for item in said["hashes"]],
        base64.b64decode(said["root"]),
    )
    merkle.verify_inclusion(*parts)
    return parts


async def test_old_proofs_outlive_an_erasure(site, three):
    """What was saved before still verifies, the log only grows, and the content is in no answer any more."""
    a, b, _ = three
    secret = address(0x5EC2E7)
    made = await a.submit(secret, summary="a word about it", case="CASE-SECRET")
    await b.follow(made["id"], "opinions", opinion="disagree", reason="other", summary="another word about it")
    await b.submit(address(2))
    await site.settle()
    read = (await b.api.get(f"/v1/reports/{made['id']}?envelope=true")).json()
    log, index = read["log"]["id"], read["log"]["index"]
    node = (await site.client().get("/v1/node")).json()
    public_key = base64.b64decode(node["keys"][0]["public_key"])
    note = (await b.api.get(f"/v1/logs/{log}/checkpoint")).text
    saved = checkpoint.parse_checkpoint(note, node["id"], public_key)
    proof = await proof_of(b.api, log, index)
    assert (saved.size, saved.root) == (proof[2], proof[4])
    entries = (await b.api.get(f"/v1/logs/{log}/entries")).json()["entries"]
    envelope = signing.parse_envelope(entries[index]["envelope"])
    assert merkle.leaf_hash(envelope.to_bytes()) == proof[0]
    await a.follow(made["id"], "erasure", reason="personal_data")
    assert (await b.look_up(secret))["status"] == "not_listed"
    await site.settle()
    merkle.verify_inclusion(*proof)
    assert (await proof_of(b.api, log, index, saved.size)) == proof
    newer = checkpoint.parse_checkpoint((await b.api.get(f"/v1/logs/{log}/checkpoint")).text, node["id"], public_key)
    said = (await b.api.get(f"/v1/logs/{log}/proof", params={"from": saved.size})).json()
    hashes = [base64.b64decode(item) for item in said["hashes"]]
    merkle.verify_consistency(saved.size, saved.root, newer.size, newer.root, hashes)
    tile = (await b.api.get(f"/v1/logs/{log}/tile/0/000.p/{newer.size}")).content
    assert merkle.root_of(tile) == newer.root
    entries = (await b.api.get(f"/v1/logs/{log}/entries")).json()["entries"]
    assert entries[index]["envelope"] is None
    assert entries[index]["leaf_hash"] == proof[0].hex()
    read = (await b.api.get(f"/v1/reports/{made['id']}?envelope=true")).json()
    assert (read["state"], read["body"], read["envelope"], read["indicators"]) == ("erased", None, None, None)
    everything = [
        await client.get(path)
        for client in (a.api, b.api, await a.strong())
        for path in (
            f"/v1/reports/{made['id']}?envelope=true", "/v1/reports", "/v1/reports?state=erased", "/v1/audit",
            f"/v1/logs/{log}/entries", f"/v1/addresses/{address(2)}", "/v1/logs", "/metrics",
        )
    ]  # fmt: skip
    for answer in everything:
        for word in (secret[2:], "about it", "CASE-SECRET", base64.b64encode(b"CASE-SECRET").decode()[4:12]):
            assert word not in answer.text, answer.request.url
    again = await a.api.post(f"/v1/reports/{made['id']}/revocation", json={"reason": "mistaken"})
    assert again.status_code == 409


async def test_an_issuer_takes_back_what_it_may_not_read_any_more(lite):
    a, b = await lite.partner("A"), await lite.partner("B")
    group = await lite.home.group(b.partner, a.partner)
    made = await a.submit(address(1), tlp="TLP:AMBER", audience={"kind": "group", "group": str(group.id)})
    await b.api.post(f"/v1/groups/{group.id}/members", json={"remove": [a.id]})
    assert (await a.api.get(f"/v1/reports/{made['id']}")).status_code == 404
    await a.follow(made["id"], "revocation", reason="mistaken")
    assert (await b.look_up(address(1)))["status"] == "revoked"


async def test_audit_finds_who_asked_and_tells_nobody_what(site, three):
    a, b, _ = three
    await a.look_up(address(1))
    await a.look_up(address(2))
    await a.api.post("/v1/screenings", json={"addresses": [{"address": address(1)}]})
    await b.look_up(address(1))
    await site.settle()
    rows = (await a.api.get("/v1/audit")).json()["audit"]
    assert address(1)[2:] not in str(rows)
    asked = (await a.api.get("/v1/audit", params={"address": address(1)})).json()["audit"]
    assert [row["deed"] for row in asked] == ["look_up"]
    assert asked[0]["principal"] == f"key:{a.key_id}"
    deeds = (await a.api.get("/v1/audit", params={"deed": "screen"})).json()["audit"]
    assert [(row["count"], row["subject"]) for row in deeds] == [(1, None)]
    for params in (
        {"address": "non sense"},
        {"deed": "\x00"},
        {"deed": "x" * 65},
        {"address": "x", "chain": "nowhere"},
    ):
        assert (await a.api.get("/v1/audit", params=params)).status_code == 422, params
    operators = Partner(site.node.operator, "operator")
    text = (await site.home.credential(operators)).text
    rows = (await site.client(text).get("/v1/audit")).json()["audit"]
    assert not any(row["deed"] in {"look_up", "screen"} for row in rows), "the operator does not see what others ask"


async def test_logs_answer_strictly(site, three):
    a, _, _ = three
    await a.submit(address(1))
    await site.settle()
    log = (await a.api.get("/v1/logs")).json()["logs"][0]
    assert (log["size"], log["origin"], log["audience"]["kind"]) == (2, site.node.identity.node_id, "public")
    path = f"/v1/logs/{log['id']}"
    refused = {
        "proof": 422, "proof?index=0&from=1": 422, "proof?index=2": 422, "proof?index=-1": 422, "proof?from=0": 422,
        "proof?from=3": 422, "proof?index=0&size=3": 422, "proof?index=9999999999999999999999": 422,
        "tile/0/000": 404, "tile/0/000.p/3": 404, "tile/0/000.p/0": 422, "tile/0/000.p/256": 422, "tile/0/1": 422,
        "tile/64/000": 422, "tile/00/000": 422, "tile/0/x000/000": 422, "tile/0/x001/x234/067": 404, "tile/": 422,
        "tile/0/000.p/1/": 422, "tile/0/..%2f..%2f000": 422, "tile/entries/000": 422,
        "entries?from=-1": 422, "entries?limit=0": 422, "entries?limit=1001": 422, "entries?from=x": 422,
    }  # fmt: skip
    for what, status in refused.items():
        answer = await a.api.get(f"{path}/{what}")
        assert answer.status_code == status, what
    for wrong in ("0" * 31, "0" * 33, "A" * 32, "%00" * 32, "..", "%2e%2e", "0" * 31 + "\u00e9"):
        assert (await a.api.get(f"/v1/logs/{wrong}/checkpoint")).status_code in {404, 422}, wrong
    beyond = (await a.api.get(f"{path}/entries?from=99")).json()
    assert beyond == {"entries": [], "next": None}
    first = (await a.api.get(f"{path}/entries?limit=1")).json()
    assert (len(first["entries"]), first["next"]) == (1, 1)
    assert Tlp.RED not in str(first)
