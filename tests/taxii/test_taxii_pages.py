"""Paging: whatever the limit and whoever writes meanwhile, each object comes once and with what it names."""

import itertools
import random
from collections import Counter

import pytest

from app.formats import stix
from app.storage.stamps import STRIDE
from tests.api.conftest import address
from tests.taxii.reader import Reader, api, missing_refs, shown, strong, versions_of

OWN = {"indicator", "relationship", "opinion", "sighting"}


async def told(site):
    """Let two partners say, dispute, see and take back; give them and their reports."""
    ngo, bank = await site.partner("an ngo"), await site.partner("a bank")
    made = [await ngo.submit(*(address(100 * number + place) for place in range(1, 4))) for number in range(6)]
    made.append(await bank.submit(address(7_000), summary="seen"))
    await site.settle()
    await bank.follow(made[0]["id"], "opinions", opinion="disagree", reason="wrong_address")
    await bank.follow(made[1]["id"], "sightings", chain="ethereum", address=address(101))
    await ngo.follow(made[2]["id"], "revocation", reason="mistaken")
    await site.settle()
    named = [{"chain": "ethereum", "address": address(302)}]
    await ngo.follow(made[3]["id"], "revocation", reason="mistaken", addresses=named)
    await ngo.submit(address(9_000), supersedes=made[4]["id"])
    await site.settle()
    await ngo.follow(made[5]["id"], "erasure", reason="personal_data")
    await site.settle()
    return ngo, bank, made


async def test_a_collection_holds_each_object_once_in_its_newest_version(site):
    _ngo, bank, _made = await told(site)
    reader = Reader(api(bank))
    objects = await reader.everything()
    assert missing_refs(objects) == set()
    flags = {item["id"]: item for item in objects if item["type"] == "indicator"}
    revoked = [item for item in flags.values() if item.get("revoked")]
    assert len(flags) == 6 * 3 + 1 + 1
    # Of the revoked report three, one that was named, three superseded, three erased.
    assert len(revoked) == 3 + 1 + 3 + 3
    assert Counter(item["type"] for item in objects)["opinion"] == 1
    assert Counter(item["type"] for item in objects)["sighting"] == 1
    assert max(Counter(item["id"] for item in objects).values()) == 1  # of one page that holds all of it
    erased = [item for item in objects if item["type"] == "indicator" and item["name"] == "erased"]
    assert len(erased) == 3
    assert not any(address(500 + place) in shown(objects) for place in range(1, 4))
    pages = await reader.walk(7)
    assert {shown(item) for page in pages for item in page} == {shown(item) for item in objects}
    assert all(missing_refs(page) == set() for page in pages)


@pytest.mark.parametrize("limit", [1, 4, 7, 100])
async def test_pages_of_any_size_make_the_same_collection(lite, limit):
    _, bank, _ = await told(lite)
    reader = Reader(api(bank))
    whole = await reader.everything()
    pages = await reader.walk(limit)
    assert all(0 < len(page) <= limit for page in pages)
    objects = [item for page in pages for item in page]
    assert {shown(item) for item in objects} == {shown(item) for item in whole}
    counts = Counter(item["id"] for item in objects if item["type"] in OWN)
    seen = {item["sighting_of_ref"] for item in whole if item["type"] == "sighting"}
    assert {name for name, count in counts.items() if count > 1} <= seen
    if limit >= 7:
        for page in pages:
            assert missing_refs(page) == set()


async def test_a_poll_since_any_moment_is_whole_by_itself_and_begins_where_the_last_ended(lite):
    _, bank, _ = await told(lite)
    reader = Reader(api(bank))
    rows = await reader.manifest()
    added = [row["date_added"] for row in rows]
    assert added == sorted(set(added))
    for row in rows:
        answer = await reader.page(limit=1_000, added_after=row["date_added"])
        objects = answer.json().get("objects", [])
        assert missing_refs(objects) == set()
        if objects:
            assert answer.headers["x-taxii-date-added-first"] > row["date_added"]
            rest = {item["id"] for item in rows[rows.index(row) + 1 :]}
            assert rest <= {item["id"] for item in objects}
        else:
            assert row == rows[-1]
    for _ in range(20):  # and between the stamps
        stamp = random.Random(len(added)).choice(added)
        moment = f"{stamp[:-4]}{random.Random(1).randrange(1000):03}Z"
        objects = (await reader.page(limit=1_000, added_after=moment)).json().get("objects", [])
        assert missing_refs(objects) == set()


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_walking_while_others_write_loses_nothing_and_gives_nothing_twice(lite, limit):
    site = lite
    ngo, bank = await site.partner("an ngo"), await site.partner("a bank")
    for number in range(4):
        await ngo.submit(*(address(100 * number + place) for place in range(1, 4)))
    await site.settle()
    written = []

    async def write():
        if len(written) < 6:
            written.append(await ngo.submit(address(50_000 + len(written))))
            await site.settle()

    reader = Reader(api(bank))
    pages = await reader.walk(limit, between=write)
    objects = [item for page in pages for item in page]
    found = Counter(versions_of(objects))
    assert max(found.values()) == 1
    since = await reader.everything()
    missed = {item["id"] for item in since} - {item["id"] for item in objects}
    rest = [item for page in await reader.walk(limit, added_after=await last_of(reader, objects)) for item in page]
    assert missed <= {item["id"] for item in rest}
    assert not {item["id"] for item in objects if item["type"] == "indicator"} & {item["id"] for item in rest}


async def last_of(reader, objects):
    """Give the stamp of the last object that was read."""
    added = {row["id"]: row["date_added"] for row in await reader.manifest()}
    return max(added[item["id"]] for item in objects if item["type"] in OWN | {"cryptocurrency-wallet"})


class Ingester:
    """OpenCTI's built-in ingester: a page a run, the cursor and added_after together; then the header, else now."""

    def __init__(self, reader):
        self.reader, self.cursor, self.after, self.got = reader, None, None, []

    async def run(self):
        params = {name: value for name, value in (("next", self.cursor), ("added_after", self.after)) if value}
        answer = await self.reader.page(**params)
        document = answer.json()
        self.got += document.get("objects", [])
        if document.get("more") and document.get("next"):
            self.cursor = document["next"]
            return True
        self.cursor = None
        last = answer.headers.get("x-taxii-date-added-last")
        self.after = last or self.after
        return bool(last)


class Connector:
    """OpenCTI's connector: added_after on the first page only, then `next` alone; the stale one goes on."""

    def __init__(self, reader):
        self.reader, self.filters, self.got = reader, {}, []

    async def run(self, since):
        self.filters["added_after"] = since
        while True:
            document = (await self.reader.page(**self.filters)).json()
            self.got += document.get("objects", [])
            if not document.get("more"):
                return
            self.filters.pop("added_after", None)
            self.filters["next"] = document["next"]


async def test_opencti_as_it_is_gets_every_object_of_every_collection_once(lite):
    site = lite
    ngo, bank = await site.partner("an ngo"), await site.partner("a bank")
    group = await site.home.group(ngo.partner, bank.partner)
    audience = {"kind": "group", "group": str(group.id)}
    reader = Reader(api(bank))
    listed = (await reader.client.get("/taxii2/watchfire/collections/")).json()["collections"]
    readers = [Reader(reader.client, item["id"]) for item in listed]
    ingesters, connectors = [Ingester(item) for item in readers], [Connector(item) for item in readers]
    for number in range(32):
        if number % 4 == 0:
            await ngo.submit(*(address(1_000 * number + place) for place in range(1, 12)))
            await ngo.submit(address(500_000 + number), audience=audience, tlp="TLP:AMBER")
            await site.settle()
        for item in ingesters:
            await item.run()
        if number == 16:
            for item in connectors:
                await item.run("2020-01-01T00:00:00Z")
                item.filters.pop("next", None)
    for item in ingesters:
        while await item.run():
            pass
        whole = await item.reader.everything()
        assert Counter(versions_of(item.got)) == Counter(versions_of(whole))
        assert {part["id"] for part in item.got} == {part["id"] for part in whole}
    for item in connectors:
        before = len(item.got)
        await item.run("2020-01-01T00:00:00Z")
        whole = await item.reader.everything()
        assert Counter(versions_of(item.got[before:])) == Counter(versions_of(whole))


async def test_a_cursor_is_good_alone_and_with_added_after_and_for_its_collection_only(lite):
    ngo, bank = await lite.partner("an ngo"), await lite.partner("a bank")
    await ngo.submit(*(address(number) for number in range(1, 30)))
    await lite.settle()
    reader = Reader(api(bank))
    first = await reader.page(limit=6, **{"match[type]": "indicator"})
    cursor = first.json()["next"]
    alone = (await reader.page(limit=6, next=cursor)).json()
    both = (await reader.page(limit=6, next=cursor, **{"match[type]": "indicator"})).json()
    early = (await reader.page(limit=6, next=cursor, added_after="2020-01-01T00:00:00Z")).json()
    assert alone == both == early
    assert {item["type"] for item in alone["objects"]} == {"indicator"}
    late = (await reader.page(limit=6, next=cursor, added_after="2999-01-01T00:00:00Z")).json()
    assert late == {}
    assert (await reader.page(next="", limit=6)).json()["objects"] == (await reader.page(limit=6)).json()["objects"]
    for wrong in (
        Reader(reader.client, "public").get(next=cursor),
        reader.get(next=cursor, **{"match[type]": "identity"}),
        reader.get(next=cursor[:-2] + "AA"),
        reader.get(next="%00"),
        Reader(api(ngo)).get(next=cursor),
    ):
        assert (await wrong).status_code == 400


async def test_limits_are_clamped_and_what_is_no_limit_is_refused(lite):
    ngo = await lite.partner("an ngo")
    await ngo.submit(*(address(number) for number in range(1, 400)))
    await lite.settle()
    reader = Reader(api(ngo))
    assert len((await reader.page(limit=10**9)).json()["objects"]) in range(990, 1_001)
    assert len((await reader.page()).json()["objects"]) in range(96, 101)
    for wrong in ("0", "-1", "a", "1.5", "1e3", "\u0661"):
        assert (await reader.get(limit=wrong)).status_code == 400
    for wrong in ("yesterday", "2026-13-01T00:00:00Z", "1"):
        assert (await reader.get(added_after=wrong)).status_code == 400


async def test_filters_choose_by_type_id_version_and_spec_version(lite):
    _ngo, bank, _made = await told(lite)
    reader = Reader(api(bank))
    whole = await reader.everything()
    for kind in {item["type"] for item in whole}:
        some = [item for page in await reader.walk(3, **{"match[type]": kind}) for item in page]
        assert {item["type"] for item in some} == {kind}
        assert {item["id"] for item in some} == {item["id"] for item in whole if item["type"] == kind}
    two = await reader.everything(**{"match[type]": "opinion,sighting"})
    assert sorted(item["type"] for item in two) == ["opinion", "sighting"]
    for item in whole:
        (same,) = await reader.everything(**{"match[id]": item["id"]})
        assert same["id"] == item["id"]
        if item["type"] != "cryptocurrency-wallet":
            (same,) = await reader.everything(**{"match[id]": item["id"], "match[version]": version(item)})
            assert await reader.everything(**{"match[id]": item["id"], "match[version]": "2001-01-01T00:00:00Z"}) == []
    flag = next(item for item in whole if item["type"] == "indicator")
    by_version = await reader.everything(**{"match[version]": flag["modified"]})
    assert flag["id"] in {item["id"] for item in by_version}
    assert {version(item) for item in by_version if item["type"] != "cryptocurrency-wallet"} == {flag["modified"]}
    for words in ("last", "first", "all"):
        assert len(await reader.everything(**{"match[version]": words})) == len(whole)
    assert len(await reader.everything(**{"match[spec_version]": "2.1,2.0"})) == len(whole)
    assert await reader.everything(**{"match[spec_version]": "2.0"}) == []
    assert await reader.everything(**{"match[type]": "malware"}) == []


def version(item):
    return item.get("modified") or item.get("created")


async def test_the_manifest_lists_what_the_pages_hold(lite):
    _, bank, _ = await told(lite)
    reader = Reader(api(bank))
    objects, rows = await reader.everything(), await reader.manifest()
    assert [item["id"] for item in objects] == [row["id"] for row in rows]
    assert all(row["media_type"] == "application/stix+json;version=2.1" for row in rows)
    for item, row in zip(objects, rows, strict=True):
        assert row["version"] == (version(item) or row["date_added"])


async def test_an_object_and_its_versions_by_its_id(lite):
    _, bank, _ = await told(lite)
    reader = Reader(api(bank))
    for item in await reader.everything():
        (same,) = (await reader.page(path=f"objects/{item['id']}/")).json()["objects"]
        assert shown(same) == shown(item)
        versions = (await reader.page(path=f"objects/{item['id']}/versions/")).json()["versions"]
        if item["type"] == "cryptocurrency-wallet":  # it has no version but the time at which it was added
            (row,) = await reader.manifest(**{"match[id]": item["id"]})
            assert versions == [row["version"]] == [row["date_added"]]
        else:
            assert versions == [version(item)]
        other = await reader.page(path=f"objects/{item['id']}/", **{"match[version]": "2001-01-01T00:00:00Z"})
        assert other.json() == {}
    for absent in ("indicator--11111111-1111-4111-8111-111111111111", "x", "identity--" + "0" * 36):
        assert (await reader.get(f"objects/{absent}/")).status_code == 404


async def test_a_wallet_is_found_by_its_id_where_its_report_may_be_read_and_nowhere_else(site):
    ngo, bank, other = [await site.partner(name) for name in ("an ngo", "a bank", "another")]
    group = await site.home.group(ngo.partner, bank.partner)
    for number in range(3):
        audience = {"kind": "group", "group": str(group.id)}
        await ngo.submit(address(1), address(number), audience=audience, tlp="TLP:AMBER")
    await site.settle()
    found = stix.wallet_id(address(1))
    absent = stix.wallet_id(address(77))
    (item,) = (await Reader(api(bank)).page(path=f"objects/{found}/")).json()["objects"]
    assert item["value"] == address(1)
    answers = [await Reader(api(who)).get(f"objects/{one}/") for who, one in ((other, found), (bank, absent))]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert (await Reader(api(other)).page(**{"match[id]": found})).json() == {}


async def test_strict_is_given_to_who_asks_and_red_to_nobody(lite):
    ngo, bank = await lite.partner("an ngo"), await lite.partner("a bank")
    group = await lite.home.group(ngo.partner, bank.partner)
    audience = {"kind": "group", "group": str(group.id)}
    named = {"kind": "organizations", "organizations": [ngo.id, bank.id]}
    await ngo.submit(address(1), audience=audience, tlp="TLP:AMBER")
    await ngo.submit(address(2), audience=audience, tlp="TLP:AMBER+STRICT")
    await ngo.submit(address(3), audience=named, tlp="TLP:RED")
    await lite.settle()
    for client in (api(bank), await strong(bank)):
        found = {}
        for item in (await client.get("/taxii2/watchfire/collections/")).json()["collections"]:
            objects = await Reader(client, item["id"]).everything()
            found[item["title"].rsplit(" ", 1)[0]] = {
                part["value"] for part in objects if part["type"] == "cryptocurrency-wallet"
            }
        name = group.name
        assert {key: value for key, value in found.items() if value} == {
            "All": {address(1)},
            name: {address(1)},
            f"{name} strict": {address(2)},
        }


async def test_every_unit_has_a_room_of_its_own(site):
    await told(site)
    rows = list(await site.home.rows("SELECT stamp, units FROM feed ORDER BY stamp"))
    for before, row in itertools.pairwise(rows):
        assert row.stamp - STRIDE * row.units >= before.stamp
