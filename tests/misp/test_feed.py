"""The MISP feed: what each reader finds in it, how it changes, and that it tells nothing else."""

import base64
import hashlib
import io
import json
from pathlib import Path
from uuid import UUID

import pymisp
import pytest
from pymisp import MISPEvent

from app.formats.misp import events_of, read_misp
from app.formats.rows import TAKEN_BACK, RefusedRow, Row
from app.storage import misp
from tests.api.conftest import BITCOIN, address

TEMPLATE = "d0e6997e-78da-4815-a6a1-cfc1c1cb8a46"
BTC2 = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"

TEMPLATES = Path(pymisp.__file__).parent / "data" / "misp-objects" / "objects"
COIN_ADDRESS = json.loads((TEMPLATES / "coin-address" / "definition.json").read_text())


class Reader:
    """A MISP server: it reads the manifest, and each event whose timestamp is greater than its own copy's."""

    def __init__(self, site, credential, folder="feed"):
        self.api, self.folder = site.client(credential, check=False), f"/misp/{folder}"
        self.timestamps, self.values, self.last, self.read = {}, {}, 0, []

    async def get(self, name, status=200, **headers):
        answer = await self.api.get(f"{self.folder}/{name}", headers=headers)
        assert answer.status_code == status, answer.text
        return answer

    async def manifest(self):
        return (await self.get("manifest.json")).json()

    async def event(self, uuid):
        answer = await self.get(f"{uuid}.json")
        made = MISPEvent()
        made.load(answer.text)
        for item in made.attributes:
            assert item.category in made.describe_types["categories"]
            assert item.type in made.describe_types["category_type_mappings"][item.category]
        for item in made.objects:
            for part in item.attributes:
                assert COIN_ADDRESS["attributes"][part.object_relation]["misp-attribute"] == part.type
            assert {part.object_relation for part in item.attributes} & set(COIN_ADDRESS["requiredOneOf"])
            assert (item.template_uuid, int(item.template_version)) == (COIN_ADDRESS["uuid"], COIN_ADDRESS["version"])
        assert made.to_feed()["Event"]["uuid"] == uuid
        return answer.json()["Event"]

    async def pull(self):
        """Take in what is newer; give the uuids of what was read."""
        found = await self.manifest()
        stamps = [entry["timestamp"] for entry in found.values()]
        assert len(set(stamps)) == len(stamps), "timestamps are unique"
        newer = [uuid for uuid, entry in found.items() if entry["timestamp"] > self.timestamps.get(uuid, -1)]
        assert newer == [uuid for uuid, entry in found.items() if entry["timestamp"] > self.last], "nothing slips by"
        for uuid in newer:
            event = await self.event(uuid)
            assert int(event["timestamp"]) == found[uuid]["timestamp"]
            self.timestamps[uuid] = found[uuid]["timestamp"]
            for item in [*event["Attribute"], *event["Object"]]:
                known = self.values.get(item["uuid"])
                if known is None or int(item["timestamp"]) > int(known["timestamp"]):
                    self.values[item["uuid"]] = item
        self.last = max([self.last, *stamps])
        self.read.append(newer)
        return newer

    def listed(self):
        """Give the addresses that stand, as this MISP has them."""
        found = []
        for item in self.values.values():
            if not item["deleted"]:
                parts = item.get("Attribute", [item])
                found += [part["value"] for part in parts if part.get("object_relation") != "symbol"]
        return sorted(found)


async def reader(site, party, folder="feed"):
    return Reader(site, party.key, folder)


async def test_an_address_is_an_attribute_or_an_object_and_never_both(site):
    ngo = await site.partner("NGO")
    xmr = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
    rows = [
        {"chain": "bitcoin", "address": BITCOIN, "first_seen": "2026-01-01", "last_seen": "2026-02-01"},
        {"chain": "monero", "address": xmr},
        {"chain": "dash", "address": "XdAUmwtig27HBG6WfYyHAzP8n6XC9jESEw"},
        {"chain": "ethereum", "address": address(1), "role": "victim_or_mule"},
        {"chain": "tron", "address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "relation": "paid_to"},
    ]
    await ngo.submit(indicators=rows, subcategory="escort_ad_payment")
    await site.settle()
    misp_server = await reader(site, ngo)
    manifest = await misp_server.manifest()
    ((uuid, entry),) = manifest.items()
    event = await misp_server.event(uuid)
    assert entry["Orgc"]["name"] == event["Orgc"]["name"] == "NGO"
    assert UUID(entry["Orgc"]["uuid"]).version == UUID(uuid).version == 5
    assert [tag["name"] for tag in entry["Tag"]] == ["tlp:clear"]
    assert [item["type"] for item in event["Attribute"]] == ["btc", "xmr", "dash"]
    assert all(item["to_ids"] for item in event["Attribute"])
    assert event["Attribute"][0]["first_seen"] == "2026-01-01T00:00:00.000000+00:00"
    assert {'watchfire:category="sex_trafficking"', 'watchfire:confidence="70"'} <= {
        tag["name"] for tag in event["Attribute"][0]["Tag"]
    }
    ethereum, tron = event["Object"]
    for item in event["Object"]:
        assert (item["name"], item["template_uuid"], item["template_version"]) == ("coin-address", TEMPLATE, "7")
        assert item["description"]
        assert not item["Attribute"][0]["to_ids"], "the protected and the mentioned are not hunted"
    assert [part["value"] for part in ethereum["Attribute"]] == [address(1), "ETH"]
    assert tron["Attribute"][1]["value"] == "TRX"
    values = [item["value"] for item in event["Attribute"]] + [
        item["Attribute"][0]["value"] for item in event["Object"]
    ]
    hashes = (await misp_server.get("hashes.csv")).text.splitlines()
    assert hashes == [f"{hashlib.md5(value.encode()).hexdigest()},{uuid}" for value in values]


async def test_what_is_read_back_is_what_was_said(lite):
    ngo = await lite.partner("NGO")
    await ngo.submit(address(1), address(2), reliability="B", credibility=2, confidence=61)
    await lite.settle()
    misp_server = await reader(lite, ngo)
    (uuid,) = await misp_server.manifest()
    document = await misp_server.get(f"{uuid}.json")
    (event,) = events_of(document.content)
    assert event["uuid"] == uuid
    rows = list(read_misp(io.BytesIO(document.content)))
    assert [(row.chain, row.address) for row in rows] == [("ethereum", address(1)), ("ethereum", address(2))]
    claims = dict(rows[0].claims)
    assert claims == {
        "category": "sex_trafficking",
        "method": "advert",
        "confidence": 61,
        "reliability": "B",
        "credibility": 2,
        "tlp": "TLP:CLEAR",
    }
    assert all(isinstance(row, Row) for row in rows)


@pytest.mark.parametrize("how", ["revocation", "superseding", "erasure"])
async def test_what_is_taken_back_is_deleted_and_its_event_stays(site, how):
    ngo = await site.partner("NGO")
    first = await ngo.submit(BITCOIN, chain="bitcoin")
    await site.settle()
    misp_server = await reader(site, ngo)
    assert len(await misp_server.pull()) == 1
    assert misp_server.listed() == [BITCOIN]
    if how == "revocation":
        await ngo.follow(first["id"], "revocation", reason="mistaken")
    elif how == "erasure":
        await ngo.follow(first["id"], "erasure", reason="personal_data")
    else:
        await ngo.submit(BTC2, chain="bitcoin", supersedes=first["id"])
    await site.settle()
    assert len(await misp_server.pull()) == 1
    assert misp_server.listed() == ([BTC2] if how == "superseding" else [])
    if how == "erasure":
        texts = json.dumps(list(misp_server.values.values()))
        assert BITCOIN not in texts
        assert "nobody" not in texts
    hashes = (await misp_server.get("hashes.csv")).text
    assert hashes.count("\n") == 1, "never an empty file"
    assert hashlib.md5(BITCOIN.encode()).hexdigest() not in hashes
    assert await misp_server.pull() == []
    rows = read_misp_event(await misp_server.get(f"{next(iter(misp_server.timestamps))}.json"))
    gone = [row for row in rows if isinstance(row, RefusedRow)]
    assert all(row.code == TAKEN_BACK for row in gone)
    assert gone


def read_misp_event(answer):
    return list(read_misp(io.BytesIO(answer.content)))


async def test_only_the_revoked_address_is_deleted_even_in_the_same_second(lite):
    ngo = await lite.partner("NGO")
    made = await ngo.submit(address(1), address(2), address(3))
    await lite.settle()
    misp_server = await reader(lite, ngo)
    await misp_server.pull()
    chain = {"chain": "ethereum"}
    await ngo.follow(made["id"], "revocation", reason="mistaken", addresses=[{**chain, "address": address(2)}])
    await lite.settle()
    await misp_server.pull()
    assert misp_server.listed() == [address(1), address(3)]


async def test_events_are_grouped_and_their_timestamps_only_rise(lite):
    ngo, other = await lite.partner("NGO"), await lite.partner("Other")
    misp_server = await reader(lite, other)
    assert await misp_server.manifest() == {}
    for number in range(1, 6):
        await ngo.submit(address(number))
        await other.submit(address(100 + number))
        await lite.settle()
        read = await misp_server.pull()
        assert len(read) == 2, "one event for each issuer and day"
    assert len(misp_server.timestamps) == 2
    lite.clock.tick(days=1)
    await ngo.submit(address(50))
    await lite.settle()
    assert len(await misp_server.pull()) == 1
    assert len(misp_server.timestamps) == 3
    lite.clock.tick(days=-3)  # the clock jumps back: nothing that is shown goes back
    await ngo.submit(address(51))
    await lite.settle()
    assert len(await misp_server.pull()) >= 1
    assert len(misp_server.listed()) == 12


async def test_a_large_report_has_events_of_its_own(lite, monkeypatch):
    monkeypatch.setattr(misp, "SIZES", ((1, 4), (2, 2)))
    monkeypatch.setattr(misp, "BIG", 3)
    monkeypatch.setattr(misp, "_BIG_SIZE", 2)
    monkeypatch.setattr("app.services.misp_feed.SIZES", misp.SIZES)
    monkeypatch.setattr("app.services.misp_feed.BIG", 3)
    ngo = await lite.partner("NGO")
    made = await ngo.submit(*(address(number) for number in range(1, 9)))
    await ngo.submit(address(20), address(21))
    await lite.settle()
    misp_server = await reader(lite, ngo)
    assert len(await misp_server.pull()) == 4
    assert misp_server.listed() == sorted(address(number) for number in [*range(1, 9), 20, 21])
    sizes = sorted([len((await misp_server.event(uuid))["Object"]) for uuid in misp_server.timestamps])
    assert sizes == [2, 2, 3, 3]
    chain = {"chain": "ethereum"}
    await ngo.follow(made["id"], "revocation", reason="mistaken", addresses=[{**chain, "address": address(5)}])
    await lite.settle()
    assert len(await misp_server.pull()) == 1, "only the part that has changed is read again"
    assert address(5) not in misp_server.listed()


async def test_a_manifest_that_is_the_same_is_not_sent_again(lite):
    ngo = await lite.partner("NGO")
    await ngo.submit(address(1))
    await lite.settle()
    misp_server = await reader(lite, ngo)
    tag = (await misp_server.get("manifest.json")).headers["etag"]
    again = await misp_server.get("manifest.json", 304, **{"If-None-Match": tag})
    assert again.content == b""
    assert again.headers["etag"] == tag
    await ngo.submit(address(2))
    await lite.settle()
    assert (await misp_server.get("manifest.json", **{"If-None-Match": tag})).headers["etag"] != tag


async def test_every_shape_of_a_key_is_accepted(lite):
    ngo = await lite.partner("NGO")
    basic = base64.b64encode(f"{ngo.key_id}:{ngo.key}".encode()).decode()
    shapes = [ngo.key, f"Bearer {ngo.key}", f"Token {ngo.key}", f"basic {basic}", f"Basic {basic}"]
    for shape in shapes:
        answer = await lite.client(check=False, authorization=shape).get("/misp/feed/manifest.json")
        assert answer.status_code == 200, shape
    assert (await lite.client(check=False, **{"x-api-key": ngo.key}).get("/misp/feed/manifest.json")).status_code == 200


async def test_a_stranger_learns_nothing(lite):
    ngo, other = await lite.partner("NGO"), await lite.partner("Other")
    named = {"kind": "organizations", "organizations": [ngo.id]}
    await ngo.submit(address(1), tlp="TLP:AMBER", audience=named)
    await lite.settle()
    (uuid,) = await (await reader(lite, ngo)).manifest()
    stranger = lite.client(check=False)
    for name in ("manifest.json", "hashes.csv", f"{uuid}.json", f"{UUID(int=0)}.json"):
        answer = await stranger.get(f"/misp/feed/{name}")
        assert answer.status_code == 401, name
    theirs = await reader(lite, other)
    hidden = await theirs.get(f"{uuid}.json", 404)
    absent = await theirs.get(f"{UUID(int=1)}.json", 404)
    assert hidden.json()["detail"] == absent.json()["detail"]
    assert await theirs.manifest() == {}
    assert (await theirs.api.get("/misp/other/manifest.json")).status_code == 422


async def test_red_is_never_in_it_and_amber_strict_only_where_it_is_asked_for(lite):
    ngo = await lite.partner("NGO")
    named = {"kind": "organizations", "organizations": [ngo.id]}
    for number, tlp in enumerate(("TLP:RED", "TLP:AMBER+STRICT", "TLP:AMBER"), 1):
        await ngo.submit(address(number), tlp=tlp, audience=named)
    await lite.settle()
    for credential in (ngo.key, await ngo.token()):
        plain, strict = Reader(lite, credential), Reader(lite, credential, "feed-strict")
        await plain.pull()
        await strict.pull()
        assert plain.listed() == [address(3)]
        assert strict.listed() == [address(2), address(3)]
        assert {tag["name"] for entry in (await strict.manifest()).values() for tag in entry["Tag"]} == {
            "tlp:amber+strict",
            "tlp:amber",
        }


async def test_nothing_hidden_changes_a_feed(site):
    """Two nodes' stories differ only in what the reader may not read; the reader's feed is the same to the byte."""
    ngo, other = await site.partner("NGO"), await site.partner("Reader")
    named = {"kind": "organizations", "organizations": [ngo.id]}
    await ngo.submit(address(1))
    await site.settle()
    misp_server = await reader(site, other)
    before = await everything(misp_server)
    for number, tlp in enumerate(("TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED", "TLP:GREEN"), 50):
        made = await ngo.submit(address(number), tlp=tlp, audience=named)
        await ngo.follow(made["id"], "revocation", reason="mistaken")
    await site.settle()
    await (await reader(site, ngo)).pull()  # another reader's feed moves on
    assert await everything(misp_server) == before
    await ngo.submit(address(2))
    await site.settle()
    assert len(await misp_server.pull()) == 1


async def everything(misp_server):
    manifest = await misp_server.get("manifest.json")
    found = [(manifest.headers["etag"], manifest.content), (await misp_server.get("hashes.csv")).content]
    return [*found, *[(await misp_server.get(f"{uuid}.json")).content for uuid in manifest.json()]]


async def test_who_joins_a_group_gets_what_was_there_and_who_leaves_sees_it_no_more(lite):
    ngo, other = await lite.partner("NGO"), await lite.partner("Other")
    await ngo.submit(address(1))
    group = (await ngo.api.post("/v1/groups", json={"name": "G", "members": [ngo.id]})).json()["id"]
    await ngo.submit(address(2), tlp="TLP:AMBER", audience={"kind": "group", "group": group})
    await lite.settle()
    misp_server = await reader(lite, other)
    await misp_server.pull()
    assert misp_server.listed() == [address(1)]
    await ngo.submit(address(3))
    await lite.settle()
    await misp_server.pull()
    assert (await ngo.api.post(f"/v1/groups/{group}/members", json={"add": [other.id]})).status_code == 200
    await lite.settle()
    await misp_server.pull()
    assert misp_server.listed() == [address(1), address(2), address(3)]
    before = await misp_server.manifest()
    assert (await ngo.api.post(f"/v1/groups/{group}/members", json={"remove": [other.id]})).status_code == 200
    await lite.settle()
    after = await misp_server.manifest()
    (gone,) = before.keys() - after.keys()
    await misp_server.get(f"{gone}.json", 404)


async def test_a_feed_is_taken_in_piece_by_piece(lite, monkeypatch):
    monkeypatch.setattr(misp, "TAKEN", 3)
    ngo = await lite.partner("NGO")
    for number in range(1, 11):
        await ngo.submit(address(number))
        lite.clock.tick(days=1)
        await lite.settle()
    misp_server = await reader(lite, ngo)
    sizes = []
    for _ in range(5):
        await misp_server.pull()
        sizes.append(len(misp_server.timestamps))
    assert sizes == [3, 6, 9, 10, 10]


async def test_a_reader_needs_the_scope(lite):
    ngo = await lite.partner("NGO")
    answer = await (await ngo.strong()).post(
        f"/v1/organizations/{ngo.id}/credentials", json={"name": "w", "scopes": ["submit"]}
    )
    weak = Reader(lite, answer.json()["api_key"])
    for name in ("manifest.json", "hashes.csv", f"{UUID(int=1)}.json"):
        await weak.get(name, 403)


async def test_a_report_in_review_is_in_nobodys_feed_until_it_is_released(lite):
    newcomer, other = await lite.partner("New", trusted=False), await lite.partner("Other")
    await newcomer.submit(address(1))
    await lite.settle()
    misp_server = await reader(lite, other)
    assert await misp_server.manifest() == {}
