"""GET /v1/exports: in every form, for a strong credential alone, by filters, nothing that is not for the asker."""

import csv
import io
import json

import pytest

from app.formats.misp import events_of, read_misp
from app.formats.tagpack import TagPack
from app.services import export
from tests.api.conftest import BITCOIN, address

FORMS = ("csv", "ndjson", "tagpack", "stix", "misp")


async def fetch(party, form, status=200, accept="*/*", **query):
    client = await party.strong()
    answer = await client.get("/v1/exports", params={"format": form, **query}, headers={"accept": accept})
    assert answer.status_code == status, answer.text
    return answer


async def rows(party, **query):
    answer = await fetch(party, "csv", **query)
    return list(csv.DictReader(io.StringIO(answer.text)))


async def listed(party, **query):
    return {row["address"]: row["state"] for row in await rows(party, **query)}


@pytest.fixture
async def three(lite):
    """A partner with a live, a partly revoked and an erased report."""
    ngo = await lite.partner("NGO")
    await ngo.submit(BITCOIN, chain="bitcoin")
    some = await ngo.submit(address(1), address(2), category="csam")
    gone = await ngo.submit(address(3))
    await lite.settle()
    revoked = [{"chain": "ethereum", "address": address(2)}]
    await ngo.follow(some["id"], "revocation", reason="mistaken", addresses=revoked)
    await ngo.follow(gone["id"], "erasure", reason="personal_data")
    await lite.settle()
    return ngo


async def test_every_form_holds_what_stands_and_says_what_does_not(three):
    assert await listed(three) == {BITCOIN: "live", address(1): "live", address(2): "revoked", "": "erased"}
    lines = [json.loads(line) for line in (await fetch(three, "ndjson")).text.splitlines()]
    assert {line.get("address", ""): line["state"] for line in lines} == await listed(three)
    pack = await fetch(three, "tagpack")
    assert {row.address for row in TagPack(io.BytesIO(pack.content))} == {BITCOIN, address(1)}
    assert "2 tags. Left out, because a tag cannot say it: 1 erased, 1 revoked." in pack.text
    objects = (await fetch(three, "stix")).json()["objects"]
    indicators = {item["name"]: item.get("revoked", False) for item in objects if item["type"] == "indicator"}
    assert (indicators[BITCOIN], indicators[address(1)], indicators[address(2)]) == (False, False, True)
    assert address(3) not in json.dumps(objects)
    events = await fetch(three, "misp")
    assert len(events_of(events.content)) >= 1
    read = {row.address: type(row).__name__ for row in read_misp(io.BytesIO(events.content))}
    assert (read[BITCOIN], read[address(1)], read[address(2)]) == ("Row", "Row", "RefusedRow")
    for form in FORMS:
        assert address(3) not in (await fetch(three, form)).text


async def test_stix_comes_as_lines_too(three):
    answer = await fetch(three, "stix", accept="application/x-ndjson")
    objects = [json.loads(line) for line in answer.text.splitlines()]
    bundled = (await fetch(three, "stix")).json()["objects"]
    assert objects == bundled
    assert len({(item["id"], item.get("modified")) for item in objects}) == len(objects), "each once"


async def test_filters(lite):
    ngo, other = await lite.partner("NGO"), await lite.partner("Other")
    await ngo.submit(address(1))
    await lite.settle()
    lite.clock.tick(hours=1)
    moment = lite.clock.now.isoformat()
    lite.clock.tick(hours=1)
    await ngo.submit(BITCOIN, chain="bitcoin", category="csam")
    made = await other.submit(address(2))
    await lite.settle()
    assert set(await listed(ngo, category="csam")) == {BITCOIN}
    assert set(await listed(ngo, chain="ethereum")) == {address(1), address(2)}
    assert set(await listed(ngo, issuer=other.id)) == {address(2)}
    assert set(await listed(ngo, since=moment)) == {BITCOIN, address(2)}
    await other.follow(made["id"], "revocation", reason="mistaken")
    await lite.settle()
    assert set(await listed(ngo, state="revoked")) == {address(2)}
    assert set(await listed(ngo, state="live")) == {address(1), BITCOIN}
    for form in FORMS:
        text = (await fetch(ngo, form, issuer=other.id, state="live")).text
        assert address(1) not in text
        assert address(2) not in text
    for wrong in ({"category": "x"}, {"chain": "x"}, {"since": "x"}, {"state": "x"}, {"issuer": "x"}):
        await fetch(ngo, "csv", 422, **wrong)
    await fetch(ngo, "xlsx", 422)


async def test_red_leaves_never_and_amber_strict_only_when_asked(site):
    ngo, other = await site.partner("NGO"), await site.partner("Other")
    named = {"kind": "organizations", "organizations": [ngo.id]}
    for number, tlp in enumerate(("TLP:RED", "TLP:AMBER+STRICT", "TLP:AMBER"), 1):
        await ngo.submit(address(number), tlp=tlp, audience=named)
    await site.settle()
    for form in FORMS:
        plain, strict = (await fetch(ngo, form)).text, (await fetch(ngo, form, strict=True)).text
        assert [address(number) in plain for number in (1, 2, 3)] == [False, False, True], form
        assert [address(number) in strict for number in (1, 2, 3)] == [False, True, True], form
        theirs = (await fetch(other, form, strict=True)).text
        assert not any(address(number) in theirs for number in (1, 2, 3)), form


async def test_it_is_noted_before_it_leaves(lite):
    ngo = await lite.partner("NGO")
    await fetch(ngo, "csv")
    await lite.settle()
    deeds = (await (await ngo.strong()).get("/v1/audit")).json()["audit"]
    assert any(row["deed"] == "export" and row["subject"] == "csv" for row in deeds)


async def test_pages_follow_each_other(lite, monkeypatch):
    monkeypatch.setattr(export, "PAGE", 2)
    ngo = await lite.partner("NGO")
    for number in range(1, 8):
        await ngo.submit(address(number))
    await lite.settle()
    assert [row["address"] for row in await rows(ngo)] == [address(number) for number in range(1, 8)]


async def test_an_empty_export_is_whole(lite):
    ngo = await lite.partner("NGO")
    texts = {form: (await fetch(ngo, form)).text for form in FORMS}
    assert texts["csv"].count("\n") == 1
    assert texts["ndjson"] == ""
    assert json.loads(texts["stix"])["objects"] == []
    assert json.loads(texts["misp"]) == {"response": []}
    assert list(TagPack(io.BytesIO(texts["tagpack"].encode()))) == []
