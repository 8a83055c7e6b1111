"""Posting and deleting: a post is a submission with every rule of one, and a deletion is the issuer's revocation."""

import asyncio
import json

import pytest
from sqlalchemy import text

from app.domain.timestamps import format_time
from app.formats import stix_ids
from app.services import expire
from tests import make
from tests.api.conftest import address
from tests.taxii.reader import ROOT, TYPE, Reader, api, check_answer

BITCOIN = make.bitcoin(1)
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"


def flag(number=1, value=BITCOIN, **fields):
    """Make an indicator as another platform writes it."""
    uuid = stix_ids.of_ordinal(stix_ids.base_of(make.ident("posted")), number)
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "pattern": f"[cryptocurrency-wallet:value = '{value}']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        "labels": ["sex_trafficking"],
        **fields,
    }


async def send(client, objects, collection="public", kind=TYPE, bundle=False):
    body = {"objects": objects} | ({"type": "bundle", "id": "bundle--x"} if bundle else {})
    path = f"{ROOT}/collections/{collection}/objects/"
    return check_answer(await client.post(path, content=json.dumps(body), headers={"content-type": kind}))


def adds_up(status, objects):
    assert status["status"] == "complete"
    assert status["total_count"] == len(objects) == status["success_count"] + status["failure_count"]
    assert (status["pending_count"], status["pendings"]) == (0, [])
    assert len(status["successes"]) == status["success_count"]
    assert len(status["failures"]) == status["failure_count"]
    assert all(entry["message"] and entry["version"] for entry in status["failures"])


@pytest.mark.parametrize(
    ("kind", "bundle"),
    [
        (TYPE, False),
        ("application/taxii+json; version=2.1", False),
        ("application/stix+json; version=2.1", True),
        ("application/vnd.oasis.stix+json", True),
    ],
)
async def test_what_is_posted_is_a_report_that_everybody_finds(lite, kind, bundle):
    ngo, bank = await lite.partner("an ngo"), await lite.partner("a bank")
    objects = [flag(), flag(2, address(5), labels=["csam"], confidence=90)]
    answer = await send(api(ngo), objects, kind=kind, bundle=bundle)
    assert answer.status_code == 202
    status = answer.json()
    adds_up(status, objects)
    assert status["success_count"] == 2
    kept = check_answer(await api(ngo).get(f"{ROOT}/status/{status['id']}/")).json()
    assert kept == status
    assert check_answer(await api(bank).get(f"{ROOT}/status/{status['id']}/")).status_code == 404
    found = await bank.look_up(BITCOIN, chain="bitcoin")
    assert found["status"] == "listed"
    (indicator,) = found["indicators"]
    assert (indicator["category"], indicator["method"], indicator["tlp"]) == (
        "sex_trafficking",
        "unspecified",
        "TLP:CLEAR",
    )
    again = (await send(api(ngo), objects, kind=kind, bundle=bundle)).json()
    assert {entry["message"] for entry in again["successes"]} == {entry["message"] for entry in status["successes"]}
    await lite.settle()
    assert len([item for item in await Reader(api(bank)).everything() if item["type"] == "indicator"]) == 2


async def test_each_failure_says_why_and_the_rest_is_taken(lite):
    ngo = await lite.partner("an ngo")
    objects = [
        flag(1),
        flag(2, address(2), labels=["malware"]),
        flag(3, address(3), object_marking_refs=[RED]),
        flag(4, "1BoatSLRHtKNngkdXEeobR76b53LETtpyX"),  # a character is wrong
        flag(5, address(5), object_marking_refs=[GREEN]),
        flag(6, address(6), revoked=True, modified=None),
        {
            "type": "malware",
            "id": "malware--11111111-1111-4111-8111-111111111111",
            "created": "2026-01-01T00:00:00.000Z",
        },
        {"type": "identity", "id": "identity--11111111-1111-4111-8111-111111111111", "name": "x"},
        {"type": "indicator"},
        "nonsense",
    ]
    status = (await send(api(ngo), objects)).json()
    adds_up(status, objects)
    said = {entry["id"]: entry["message"] for entry in status["failures"]}
    assert {entry["id"] for entry in status["successes"]} == {objects[0]["id"], objects[7]["id"]}
    assert "add a label" in said[objects[1]["id"]]
    assert "TLP:RED" in said[objects[2]["id"]]
    assert "chain" in said[objects[3]["id"]]
    assert "TLP:GREEN" in said[objects[4]["id"]]
    assert "revoked" in said[objects[5]["id"]]
    assert "no address" in said[objects[6]["id"]]


async def test_the_collection_decides_who_reads(lite):
    ngo, bank, other = [await lite.partner(name) for name in ("an ngo", "a bank", "another")]
    group = await lite.home.group(ngo.partner, bank.partner)
    listed = (await api(ngo).get(f"{ROOT}/collections/")).json()["collections"]
    ids = {item["title"].rpartition(" ")[0]: item["id"] for item in listed}
    plain, strict = ids[group.name], ids[f"{group.name} strict"]
    amber_strict = stix_ids.MARKINGS["TLP:AMBER+STRICT"]
    status = (await send(api(ngo), [flag(), flag(2, address(2), object_marking_refs=[amber_strict])], plain)).json()
    assert (status["success_count"], status["failure_count"]) == (1, 1)
    status = (await send(api(ngo), [flag(2, address(2), object_marking_refs=[amber_strict])], strict)).json()
    assert status["success_count"] == 1
    assert (await bank.look_up(BITCOIN))["status"] == "listed"
    assert (await bank.look_up(address(2)))["status"] == "listed"
    assert (await other.look_up(BITCOIN))["status"] == "not_listed"
    for collection, code in (("all", 403), ("11111111-1111-4111-8111-111111111111", 404)):
        assert (await send(api(ngo), [flag()], collection)).status_code == code
    assert (await send(api(other), [flag()], plain)).status_code == 404


async def test_what_an_organization_under_review_posts_waits(lite):
    ngo, bank = await lite.partner("new here", trusted=False), await lite.partner("a bank")
    assert (await send(api(ngo), [flag()])).json()["success_count"] == 1
    await lite.settle()
    assert (await bank.look_up(BITCOIN))["status"] == "not_listed"
    assert await Reader(api(bank)).everything() == []
    await lite.home.trust(ngo.partner)
    await lite.settle()
    assert (await bank.look_up(BITCOIN))["status"] == "listed"
    assert len(await Reader(api(bank)).everything()) == 6


async def test_a_body_that_is_none_is_refused_in_form(lite):
    ngo = await lite.partner("an ngo")
    path, client = f"{ROOT}/collections/public/objects/", api(ngo)
    for kind, body, status in (
        ("text/plain", b"{}", 415),
        (TYPE, b"", 422),
        (TYPE, b"[]", 422),
        (TYPE, b'{"objects": 5}', 422),
        (TYPE, b'{"a": 1, "a": 2}', 422),
        (TYPE, b"x" * (2 * 1024 * 1024 + 1), 413),
    ):
        answer = check_answer(await client.post(path, content=body, headers={"content-type": kind}))
        assert answer.status_code == status, (kind, body[:20])
    zipped = await client.post(path, content=b"{}", headers={"content-type": TYPE, "content-encoding": "gzip"})
    assert check_answer(zipped).status_code == 415


async def test_the_issuer_takes_back_and_nobody_else(lite):
    ngo, bank = await lite.partner("an ngo"), await lite.partner("a bank")
    await ngo.submit(address(1), address(2), address(3))
    await lite.settle()
    reader = Reader(api(bank))
    flags = [item for item in await reader.everything() if item["type"] == "indicator"]
    path = f"{ROOT}/collections/public/objects"
    assert check_answer(await api(bank).delete(f"{path}/{flags[1]['id']}/")).status_code == 403
    other = await api(ngo).delete(f"{path}/{flags[1]['id']}/", params={"match[version]": "2001-01-01T00:00:00Z"})
    assert check_answer(other).status_code == 404
    for _ in range(2):
        answer = check_answer(await api(ngo).delete(f"{path}/{flags[1]['id']}/"))
        assert (answer.status_code, answer.content) == (200, b"")
        await lite.settle()
    assert len(await lite.home.rows("SELECT 1 FROM records WHERE kind = 'revocation'")) == 1
    assert (await bank.look_up(address(2)))["status"] == "revoked"
    assert (await bank.look_up(address(1)))["status"] == "listed"
    now = [item for item in await reader.everything() if item["type"] == "indicator"]
    assert {item["id"] for item in now if item.get("revoked")} == {flags[1]["id"]}
    claim = next(item for item in await reader.everything() if item["type"] == "report")
    assert check_answer(await api(ngo).delete(f"{path}/{claim['id']}/")).status_code == 200
    await lite.settle()
    now = [item for item in await reader.everything() if item["type"] in {"indicator", "report"}]
    assert all(item["revoked"] for item in now)
    for kind in ("identity", "relationship"):
        name = next(item["id"] for item in await reader.everything() if item["type"] == kind)
        assert check_answer(await api(ngo).delete(f"{path}/{name}/")).status_code == 403


async def test_an_own_object_posted_as_revoked_is_taken_back(lite):
    ngo, bank = await lite.partner("an ngo"), await lite.partner("a bank")
    await ngo.submit(address(1), address(2))
    await lite.settle()
    objects = await Reader(api(ngo)).everything()
    first = next(item for item in objects if item["type"] == "indicator")
    status = (await send(api(ngo), [{**first, "revoked": True}])).json()
    assert status["success_count"] == 1
    assert (await bank.look_up(address(1)))["status"] == "revoked"
    assert (await send(api(bank), [{**first, "revoked": True}])).json()["failure_count"] == 1


def version(day, number=1, value=BITCOIN, **fields):
    """Make a version of an indicator: of a day of January, and as sure as that day."""
    return flag(number, value, modified=f"2026-01-{day:02d}T00:00:00.000Z", confidence=day, **fields)


async def standing(lite, partner):
    """Give what stands of the address, and how sure each report is."""
    found = await partner.look_up(BITCOIN, chain="bitcoin")
    live = [item["confidence"] for item in found.get("indicators", ()) if item["state"] == "live"]
    return found["status"], live


STORY = (version(2), version(4), version(3), version(6, revoked=True), version(5))


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (3, 0, 4, 1, 2), (1, 1, 0, 2, 2)])
async def test_of_an_object_the_newest_version_counts_in_whatever_order_they_come(lite, order):
    ngo, bank = await lite.partner("an ngo"), await lite.partner("a bank")
    sent = []
    for place in order:
        sent.append(STORY[place])
        answer = (await send(api(ngo), [STORY[place]])).json()
        assert answer["success_count"] == 1, answer
        await lite.settle()
        newest = max(sent, key=lambda item: item["modified"])
        if not newest.get("revoked"):
            assert await standing(lite, bank) == ("listed", [newest["confidence"]])
        else:
            was_listed = sent[0] is not newest
            assert await standing(lite, bank) == ("revoked" if was_listed else "not_listed", [])


async def test_a_version_that_is_revoked_takes_its_own_address_out_of_a_report_of_several(lite):
    ngo, bank = await lite.partner("an ngo"), await lite.partner("a bank")
    await send(api(ngo), [version(2), version(2, number=2, value=address(2))])
    lite.clock.tick(hours=100)  # whatever is remembered of requests
    await send(api(ngo), [version(2)])
    assert len(await lite.home.rows("SELECT 1 FROM records WHERE kind = 'report'")) == 1
    await send(api(ngo), [version(2, revoked=True)])
    await lite.settle()
    assert await standing(lite, bank) == ("revoked", [])
    assert (await bank.look_up(address(2)))["status"] == "listed"
    assert await lite.home.rows("SELECT object_id, report FROM taxii_objects WHERE ordinals = '[]'") != []


A, B = address(11), address(12)
BOTH = {"pattern": f"[cryptocurrency-wallet:value = '{A}'] OR [cryptocurrency-wallet:value = '{B}']"}


async def states(partner, *addresses):
    return [(await partner.look_up(item))["status"] for item in addresses]


async def test_an_object_of_several_addresses_is_taken_back_as_one(lite):
    ngo = await lite.partner("an ngo")
    await send(api(ngo), [version(2, **BOTH), version(2, number=2)])
    for _ in range(2):
        assert (await send(api(ngo), [version(3, **BOTH, revoked=True)])).json()["success_count"] == 1
        assert await states(ngo, A, B, BITCOIN) == ["revoked", "revoked", "listed"]


async def test_a_version_that_says_again_what_an_earlier_one_said_stands(lite):
    ngo = await lite.partner("an ngo")
    for day, confidence in ((2, 2), (3, 3), (4, 2)):
        await send(api(ngo), [version(day) | {"confidence": confidence}])
    await lite.settle()
    assert await standing(lite, ngo) == ("listed", [2])


@pytest.mark.parametrize(
    "change",
    [{"labels": ["malware"]}, {"object_marking_refs": [RED]}, {"pattern": "[file:name = 'x']", "revoked": True}],
    ids=["another category", "a stricter marking", "another pattern"],
)
async def test_a_newer_version_that_no_report_may_say_takes_the_older_one_back(lite, change):
    ngo = await lite.partner("an ngo")
    await send(api(ngo), [version(2)])
    status = (await send(api(ngo), [version(3, **change)])).json()
    adds_up(status, [None])
    assert await standing(lite, ngo) == ("revoked", [])
    assert change.get("revoked") or "taken back" in status["failures"][0]["message"]


async def test_within_one_post_the_newest_version_is_that_of_the_latest_time(lite):
    ngo = await lite.partner("an ngo")
    early, late = flag(modified="2026-01-05T00:00:00Z"), flag(modified="2026-01-05T00:00:00.5Z", revoked=True)
    for objects in ([early, late], [late, early]):
        await send(api(ngo), [flag(), *objects])
        assert (await ngo.look_up(BITCOIN, chain="bitcoin"))["status"] == "not_listed"


async def test_an_object_of_this_node_that_is_posted_again_is_taken_back_with_what_was_posted(lite):
    ngo, bank = await lite.partner("an ngo"), await lite.partner("a bank")
    await ngo.submit(A)
    await lite.settle()
    item = next(item for item in await Reader(api(bank)).everything() if item["type"] == "indicator")
    for partner in (bank, ngo):
        await send(api(partner), [{**item, "modified": "2027-02-01T00:00:00.000Z"}])
        await lite.settle()
    assert len((await bank.look_up(A))["indicators"]) == 3
    for partner, left in ((bank, ["live", "live"]), (ngo, [])):
        gone = [{**item, "modified": "2027-03-01T00:00:00.000Z", "revoked": True}]
        assert (await send(api(partner), gone)).json()["success_count"] == 1
        found = await bank.look_up(A)
        assert [one["state"] for one in found["indicators"] if one["state"] == "live"] == left


async def test_what_two_objects_claim_stands_until_both_are_taken_back(lite):
    ngo = await lite.partner("an ngo")
    objects = [version(2, 1, A), version(2, 2, A), version(2, 3, B)]
    await send(api(ngo), objects)
    for number, status in ((1, "listed"), (2, "revoked")):
        await send(api(ngo), [version(3, number, A, revoked=True)])
        assert await states(ngo, A, B) == [status, "listed"]


async def test_an_object_of_which_a_part_was_refused_says_so_each_time(lite):
    ngo = await lite.partner("an ngo")
    wrong = BOTH["pattern"].replace(B, "1BoatSLRHtKNngkdXEeobR76b53LETtpyX")
    for _ in range(2):
        assert (await send(api(ngo), [version(2, pattern=wrong)])).json()["failure_count"] == 1
    assert await states(ngo, A) == ["listed"]
    assert len(await lite.home.rows("SELECT 1 FROM records WHERE kind = 'report'")) == 1


async def test_a_feed_that_is_revised_is_taken_back_by_one_revocation(lite):
    ngo = await lite.partner("an ngo")
    for day in (2, 3):
        await send(api(ngo), [version(day, number, address(number)) for number in range(20, 60)])
    assert len(await lite.home.rows("SELECT 1 FROM records WHERE kind = 'revocation'")) == 1
    assert await states(ngo, address(20), address(59)) == ["listed", "listed"]


@pytest.mark.parametrize("bad", ["indicator--\x00", "x" * 5_000, "indicator--" + "\ud800" * 36])
async def test_an_id_that_is_none_is_a_failure_and_no_fault(site, bad):
    ngo = await site.partner("an ngo")
    body = json.dumps({"objects": [version(2) | {"id": bad}]})
    path = f"{ROOT}/collections/public/objects/"
    answer = check_answer(await api(ngo).post(path, content=body, headers={"content-type": TYPE}))
    assert answer.status_code in {202, 422}


async def test_the_same_post_at_once_is_one(site):
    ngo = await site.partner("an ngo")
    posts = await asyncio.gather(*(send(api(ngo), [version(2, **BOTH)]) for _ in range(4)))
    assert {post.status_code for post in posts} == {202}
    assert len(await site.home.rows("SELECT 1 FROM records WHERE kind = 'report'")) == 1


async def test_what_one_organization_posts_takes_nothing_of_another_back(lite):
    ngo, bank = await lite.partner("an ngo"), await lite.partner("a bank")
    await send(api(ngo), [version(2)])
    assert (await send(api(bank), [version(3, revoked=True)])).json()["success_count"] == 1
    await lite.settle()
    assert await standing(lite, bank) == ("listed", [2])


async def test_statuses_are_forgotten_after_their_time(lite):
    ngo = await lite.partner("an ngo")
    status = (await send(api(ngo), [flag()])).json()
    assert status["request_timestamp"] <= format_time(lite.clock.now)
    lite.clock.tick(hours=30)
    await expire.expire(lite.node, lite.clock.now)
    assert (await api(ngo).get(f"{ROOT}/status/{status['id']}/")).status_code == 200
    lite.clock.tick(hours=30)
    await expire.expire(lite.node, lite.clock.now)
    answer = check_answer(await api(ngo).get(f"{ROOT}/status/{status['id']}/"))
    assert answer.status_code == 404
    async with lite.node.store.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM taxii_statuses"))).scalar() == 0
