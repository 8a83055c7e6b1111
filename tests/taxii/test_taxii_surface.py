"""The surface itself: its one media type, its errors, who is let in, and that no request breaks it."""

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.taxii.routes import OPERATIONS, ROOT
from tests.api.conftest import address, open_site
from tests.conftest import EXAMPLES
from tests.taxii.reader import TYPE, Reader, api, check_answer

ID = "indicator--11111111-1111-5111-8111-111111111111"
PATHS = ["/taxii2/" + "".join(f"{part}/" for part in shape) for shape in OPERATIONS]


async def test_discovery_root_and_collections_are_what_clients_need(lite):
    ngo, bank = await lite.partner("an ngo"), await lite.partner("a bank")
    group = await lite.home.group(ngo.partner, bank.partner)
    client = api(ngo)
    discovery = check_answer(await client.get("/taxii2/")).json()
    assert discovery["default"] in discovery["api_roots"]
    assert discovery["default"].rstrip("/").rpartition("/")[2] == ROOT
    root = check_answer(await client.get(discovery["default"])).json()
    assert root["versions"] == [TYPE]
    assert root["max_content_length"] == 2 * 1024 * 1024
    listed = check_answer(await client.get(f"/taxii2/{ROOT}/collections/")).json()["collections"]
    titles = [item["title"] for item in listed]
    assert len(set(titles)) == len(titles) == 4
    assert not any(mark in title for title in titles for mark in ".,")
    assert [item["id"] for item in listed] == sorted(item["id"] for item in listed)
    assert {item["title"]: item["can_write"] for item in listed if item.get("alias")} == {"All": False, "Public": True}
    assert sum(group.name in title for title in titles) == 2
    for item in listed:
        assert check_answer(await client.get(f"/taxii2/{ROOT}/collections/{item['id']}/")).json() == item
    by_alias = check_answer(await client.get(f"/taxii2/{ROOT}/collections/all")).json()
    assert by_alias["title"] == "All"


async def test_a_stranger_gets_401_for_everything_and_in_form(lite):
    stranger = lite.client(check=False)
    for path in (*PATHS, "/taxii2", "/taxii2/nothing/here", f"/taxii2/{ROOT}/collections/x/y/"):
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            answer = check_answer(await stranger.request(method, path))
            assert (answer.status_code, answer.json()["error_code"]) == (401, "unauthenticated"), (method, path)
            assert "Basic" in answer.headers["www-authenticate"]


async def test_every_shape_of_the_key_is_understood(lite):
    ngo = await lite.partner("an ngo")
    basic = base64.b64encode(f"{ngo.key_id}:{ngo.key}".encode()).decode()
    shapes = [
        {"authorization": f"Bearer {ngo.key}"},
        {"authorization": f"Token {ngo.key}"},
        {"authorization": f"Basic {basic}"},
        {"authorization": f"basic {basic}"},
        {"authorization": ngo.key},
        {"x-api-key": ngo.key},
    ]
    for headers in shapes:
        answer = check_answer(await lite.client(check=False, **headers).get("/taxii2/"))
        assert answer.status_code == 200, headers
    for headers in ({"authorization": "Bearer x"}, {"authorization": f"Token {ngo.key}x"}, {"x-api-key": ""}):
        assert check_answer(await lite.client(check=False, **headers).get("/taxii2/")).status_code == 401


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (TYPE, 200),
        ("application/taxii+json; version=2.1", 200),
        ("application/taxii+json", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("text/html,application/xhtml+xml,*/*;q=0.8", 200),
        ("", 200),
        ("application/taxii+json;version=2.0", 406),
        ("text/html", 406),
        ("application/json;q=0", 406),
        (";;;,,=", 406),
    ],
)
async def test_accept_is_taken_leniently(lite, accept, status):
    ngo = await lite.partner("an ngo")
    answer = check_answer(await api(ngo).get("/taxii2/", headers={"accept": accept}))
    assert answer.status_code == status


async def test_hidden_and_absent_are_one_answer_and_a_wrong_method_is_named(lite):
    ngo, bank, other = [await lite.partner(name) for name in ("an ngo", "a bank", "another")]
    group = await lite.home.group(ngo.partner, bank.partner)
    await ngo.submit(address(1), audience={"kind": "group", "group": str(group.id)}, tlp="TLP:AMBER")
    await lite.settle()
    listed = (await api(ngo).get(f"/taxii2/{ROOT}/collections/")).json()["collections"]
    hidden = next(item["id"] for item in listed if group.name in item["title"] and "strict" not in item["title"])
    flag = next(item for item in await Reader(api(ngo), hidden).everything() if item["type"] == "indicator")
    absent = "11111111-1111-4111-8111-111111111111"
    for tail in ("", "objects/", "manifest/", f"objects/{flag['id']}/", f"objects/{flag['id']}/versions/"):
        for method in ("GET", "POST", "DELETE"):
            answers = [
                check_answer(await api(other).request(method, f"/taxii2/{ROOT}/collections/{name}/{tail}"))
                for name in (hidden, absent)
            ]
            assert answers[0].json() == answers[1].json()
            assert answers[0].status_code == answers[1].status_code
            assert answers[0].status_code in {404, 405, 415}
    answer = check_answer(await api(ngo).put(f"/taxii2/{ROOT}/collections/{hidden}/objects/"))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_key_without_the_scope_is_refused_in_form(lite):
    ngo = await lite.partner("an ngo")
    key = await lite.home.credential(ngo.partner, "audit")
    client = lite.client(key.text, check=False)
    for path in ("collections/", "collections/all/", "collections/all/objects/"):
        answer = check_answer(await client.get(f"/taxii2/{ROOT}/{path}"))
        assert (answer.status_code, answer.json()["error_code"]) == (403, "forbidden")


async def test_budgets_hold_here_too(fresh_sqlite):
    async with open_site(fresh_sqlite(), loops=False, requests_per_minute=3) as site:
        ngo = await site.partner("an ngo")
        answers = [check_answer(await api(ngo).get("/taxii2/")) for _ in range(4)]
        assert [item.status_code for item in answers] == [200, 200, 200, 429]
        assert answers[-1].headers["retry-after"]


async def test_a_fault_of_the_house_leaves_in_form(lite, monkeypatch):
    ngo = await lite.partner("an ngo")
    monkeypatch.setattr("app.taxii.routes.collecting.collections", None)
    answer = check_answer(await api(ngo).get(f"/taxii2/{ROOT}/collections/"))
    assert (answer.status_code, answer.json()["error_code"]) == (500, "internal")


async def test_polls_are_noted_in_the_audit(lite):
    ngo = await lite.partner("an ngo")
    await ngo.submit(address(1))
    await lite.settle()
    await Reader(api(ngo)).page()
    await lite.settle()
    rows = await lite.home.rows("SELECT deed, outcome, count FROM audit WHERE deed = 'poll'")
    assert [tuple(row) for row in rows] == [("poll", "done", 6)]


async def test_what_the_caller_may_not_read_changes_no_answer(fresh_sqlite):
    """Two stories that differ in what is hidden; masked are only the microseconds of stamps, which rooms move."""
    told = []
    for hides in (False, True):
        async with open_site(fresh_sqlite(), loops=False) as site:
            ngo, bank = await site.partner("an ngo"), await site.partner("a bank")
            reader, answers = Reader(api(bank)), []
            for number in range(4):
                if hides:
                    with site.home.aside(number):
                        named = {"kind": "organizations", "organizations": [ngo.id]}
                        hidden = await ngo.submit(address(1 + number), address(70), audience=named, tlp="TLP:AMBER")
                        await site.settle()
                        await ngo.follow(hidden["id"], "revocation", reason="mistaken")
                        await site.settle()
                site.clock.tick()
                await ngo.submit(address(1 + number))
                site.clock.tick()
                await site.settle()
                pages = [await reader.page(limit=5), await reader.get("manifest/", limit=5), await reader.get("")]
                listed = await reader.client.get("/taxii2/watchfire/collections/")
                answers += [masked(item) for item in (*pages, listed)]
            told.append(answers)
    assert told[0] == told[1]


def masked(answer):
    """Take out what rooms move: microseconds of stamps, and the cursors and ids that the dice make."""
    document = answer.json()
    document.pop("next", None)
    rows = document.get("objects", document.get("collections", []))
    kinds = [(row.get("type") or row["id"].partition("--")[0], row.get("name"), row.get("value")) for row in rows]
    dates = [answer.headers.get(f"x-taxii-date-added-{name}", "")[:-8] for name in ("first", "last")]
    return answer.status_code, kinds, sorted(document), dates


segments = st.sampled_from(
    [
        ROOT,
        "collections",
        "objects",
        "manifest",
        "versions",
        "status",
        "all",
        "public",
        ID,
        "x",
        "",
        "..",
        "%00",
        "\u4eba",
    ]
)
values = st.sampled_from(
    [
        "",
        "0",
        "1",
        "-1",
        "99999999999999999999999",
        "2026-05-01T00:00:00Z",
        "last",
        "all",
        ID,
        "identity",
        "2.1",
        "AAAA",
        ",",
    ]
) | st.text(max_size=8)
names = st.sampled_from(
    ["limit", "next", "added_after", "match[id]", "match[type]", "match[version]", "match[spec_version]"]
)
headers = st.dictionaries(
    st.sampled_from(["accept", "content-type", "content-encoding", "range"]),
    st.sampled_from(
        [TYPE, "application/json", "application/stix+json;version=2.1", "text/html", "*/*", "gzip", ";", "a/b"]
    ),
    max_size=3,
)
objects = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(ID),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "id", "pattern", "value", "labels", "extensions", "object_marking_refs", "confidence"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)
bodies = st.binary(max_size=20) | st.fixed_dictionaries({"objects": st.lists(objects, max_size=3)}).map(
    lambda document: json.dumps(document).encode()
)


@settings(max_examples=40 * EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.data())
async def test_no_request_breaks_the_surface(lite_once, data):
    client = lite_once
    path = "/taxii2/" + "/".join(data.draw(st.lists(segments, max_size=6)))
    if data.draw(st.booleans()):
        path = data.draw(st.sampled_from(PATHS)).replace("*", data.draw(st.sampled_from(["all", "public", ID])))
    answer = await client.request(
        data.draw(st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD"])),
        path,
        params=data.draw(st.dictionaries(names, values, max_size=4)),
        headers=data.draw(headers),
        content=data.draw(bodies),
    )
    assert answer.status_code < 500, answer.text
    if answer.request.url.path.startswith("/taxii2/"):  # as it was sent: `..` leads out
        assert answer.headers["content-type"] == TYPE


@pytest.fixture
async def lite_once(lite):
    ngo = await lite.partner("an ngo")
    await ngo.submit(address(1))
    await lite.settle()
    return api(ngo)
