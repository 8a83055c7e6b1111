"""Budgets, and the form of every refusal: an organization has its share, and is told when to come back."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services import read_reports
from tests.api.conftest import address, claim, open_site, wait_for
from tests.world import Trouble

SECRET = "what nobody else may read: wfk_secret 0xdeadbeef"


async def test_each_answer_says_what_is_left(lite):
    a, b = await lite.partner("A"), await lite.partner("B")
    left = []
    for client in (a.api, a.api, b.api, await a.strong()):
        answer = await client.get("/v1/chains")
        assert answer.headers["ratelimit-policy"] == '"requests";q=6000;w=60'
        name, rest, reset = answer.headers["ratelimit"].split(";")
        assert (name, reset.partition("=")[0]) == ('"requests"', "t")
        left.append(int(rest.removeprefix("r=")))
    if left[0] == 5_999:
        assert left in ([5_999, 5_998, 5_999, 5_997], [5_999] * 4) or len(set(left)) > 1
    answer = await a.api.get(f"/v1/addresses/{address(1)}")
    assert answer.headers["ratelimit-policy"] == '"look-ups";q=60000;w=60'


@pytest.mark.parametrize(
    ("setting", "ask"),
    [
        ("requests_per_minute", lambda api: api.get("/v1/chains")),
        ("look_ups_per_minute", lambda api: api.get(f"/v1/addresses/{address(1)}")),
        ("screened_per_minute", lambda api: api.post("/v1/screenings", json={"addresses": [{"address": "x"}] * 3})),
        ("submitted_per_minute", lambda api: api.post("/v1/reports", json=claim(*map(address, range(3))))),
    ],
)
async def test_a_budget_ends_and_says_when_to_come_back(fresh_sqlite, setting, ask):
    async with open_site(fresh_sqlite(), **{setting: 7}) as site:
        a, b = await site.partner("A"), await site.partner("B")
        answers = [await ask(a.api) for _ in range(20)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        for answer in refused:
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert answer.json()["code"] == "too_many"
        assert (await ask(b.api)).status_code in {200, 201}, "another organization does not feel it"


async def test_what_is_not_there_is_a_problem_too(lite):
    client = lite.client()
    a = await lite.partner("A")
    for path in ("/", "/v1", "/v2/reports", "/v1/reports/", "/v1/reportss", "/v1//reports", "/docs", "/redoc"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        assert path not in answer.json()["detail"] or path == "/"
    for method, path, allowed in (
        ("PUT", "/v1/reports", {"GET", "POST"}),
        ("DELETE", "/healthz", {"GET"}),
        ("OPTIONS", "/v1/reports", {"GET", "POST"}),
        ("PATCH", "/v1/token", {"POST"}),
        ("TRACE", "/v1/reports", {"GET", "POST"}),
        ("BREW", "/v1/reports", {"GET", "POST"}),
        ("HEAD", "/v1/reports", {"GET", "POST"}),
        ("HEAD", "/healthz", {"GET"}),
    ):
        answer = await a.api.request(method, path)
        assert answer.status_code == 405, (method, path)
        assert set(answer.headers["allow"].split(", ")) <= allowed
    answer = await lite.client(check=False).get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")


async def test_a_fault_of_the_node_tells_nothing(lite, monkeypatch, house_logs):
    read_output = house_logs()
    a = await lite.partner("A")

    async def fail(*_arguments):
        raise RuntimeError(SECRET)

    monkeypatch.setattr(read_reports, "list_reports", fail)
    answer = await a.api.get("/v1/reports", params={"category": "csam"})
    assert answer.status_code == 500
    assert answer.json() == {
        "type": "https://watchfire.dev/problems/internal",
        "code": "internal",
        "title": "The node failed",
        "status": 500,
        "detail": "This is a fault of the node; it was noted.",
        "instance": "/v1/reports",
    }
    monkeypatch.undo()
    assert (await a.api.get("/v1/reports")).status_code == 200
    text = (await lite.client().get("/metrics")).text
    assert 'watchfire_requests_total{method="GET",route="/v1/reports",status="500"} 1.0' in text
    printed = read_output()
    assert SECRET not in printed.err + printed.out
    noted = [json.loads(line) for line in printed.err.splitlines()]
    assert [(line["event"], line["fault"], line["route"]) for line in noted] == [
        ("unexpected fault", "RuntimeError", "/v1/reports")
    ]
    assert "RuntimeError at" in noted[0]["exception"]


async def test_an_unreachable_database_is_503(lite):
    a = await lite.partner("A")
    await a.api.get("/v1/chains")
    trouble = Trouble(lite.node.store, lambda: ConnectionResetError(SECRET))
    for path in ("/v1/reports", "/readyz", "/v1/groups"):

        async def is_away(path=path):
            trouble.strike(1)
            answer = await a.api.get(path)
            if answer.status_code != 503:
                return False  # the statement that failed was one of the loops
            assert answer.json()["code"] == "unavailable"
            assert SECRET not in answer.text
            return True

        await wait_for(is_away)
    trouble.strike(None)
    assert (await a.api.get("/v1/reports")).status_code == 200


@given(path=st.binary(max_size=40), method=st.sampled_from(["GET", "POST", "DELETE"]))
async def test_any_path_gets_an_answer(anybody, path, method):
    answer = await anybody.request(method, f"/v1/addresses/{quote(path, safe='/:?&=')}")
    assert answer.status_code < 500


@pytest.fixture
async def anybody(lite):
    return (await lite.partner("A")).api
