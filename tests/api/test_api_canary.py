"""I11, the canary: no address, secret, token or text of a request shows in a log, a metric or another's answer."""

import json
from urllib.parse import quote

from app.services import groups, read_log, read_reports
from tests.api.conformity import operations
from tests.api.conftest import address, claim
from tests.world import Partner

ADDRESS = "0xCaNa".lower().replace("n", "9") + "7b" * 18
TEXT = "canarysummary"
REPEAT = "canary-idempotency-key"
CASE = "CANARY-CASE"
WRONG_KEY = "wfk_canarycanarycana_" + "0" * 52 + "_0000000"
WRONG_TOKEN = "eyJjYW5hcnkiOjF9.Y2FuYXJ5Y2FuYXJ5." + "A" * 86


def bodies():
    """Make bodies that are accepted, refused by a rule, refused by their form, and not JSON."""
    report = claim(ADDRESS, summary=TEXT, case=CASE)
    return [
        report,
        report | {"confidence": 99},
        report | {TEXT: TEXT},
        report | {"supersedes": TEXT},
        report | {"audience": {"kind": "group", "group": "019de369-1158-7e96-8138-000000000000"}},
        {"addresses": [{"address": ADDRESS, "ref": TEXT}, {"address": TEXT}], "detail": "full"},
        {"reason": "mistaken"},
        {"reason": TEXT},
        {"opinion": "agree", "reason": "other", "summary": TEXT},
        {"chain": "ethereum", "address": ADDRESS, "count": 1},
        {"name": TEXT, "members": []},
        {"name": TEXT, "scopes": [TEXT]},
        {"grant_type": "client_credentials", "client_secret": WRONG_KEY, "scope": TEXT},
        {"grant_type": "client_credentials", "client_assertion": WRONG_TOKEN},
        {"public_key": TEXT},
        TEXT,
    ]


async def drive(site, a, made):
    """Send the canary through every operation, by every way in, with credentials that open and that do not."""
    values = [ADDRESS, made, TEXT, f"{TEXT}\x00"]
    credentials = [a.key, await a.token(), WRONG_KEY, WRONG_TOKEN]
    seen = set()
    for method, _, path, operation in operations():
        for credential in credentials:
            client = site.client(credential)
            for value in values:
                filled = path
                while "{" in filled:
                    name = filled.partition("{")[2].partition("}")[0]
                    filled = filled.replace("{" + name + "}", quote(value, safe=""))
                params = dict.fromkeys(("chain", "as_of", "cursor", "deed", "q", "category", "since"), TEXT)
                params["address"] = ADDRESS
                if value == ADDRESS:
                    params = {"address": ADDRESS} if "audit" in path else {}
                said = [None] if method == "GET" else bodies() if value in {made, TEXT} else bodies()[:1]
                for body in said:
                    headers = {"idempotency-key": REPEAT} if method == "POST" else {}
                    content = None if body is None else json.dumps(body)
                    headers |= {"content-type": "application/json"}
                    answer = await client.request(method, filled, params=params, content=content, headers=headers)
                    seen.add((operation["operationId"], answer.status_code))
    return seen


async def test_the_canary_is_nowhere_else(lite, house_logs, monkeypatch, caplog):
    read_output = house_logs()
    caplog.set_level("INFO")
    for client in ("httpx", "httpcore"):
        caplog.set_level("WARNING", client)  # the test's own client tells what it asks
    a, b = await lite.partner("A"), await lite.partner("B")
    named = {"kind": "organizations", "organizations": [a.id]}
    made = await a.submit(ADDRESS, summary=TEXT, case=CASE, tlp="TLP:AMBER", audience=named)
    seen = await drive(lite, a, made["id"])
    assert {name for name, _ in seen} == {item["operationId"] for _, _, _, item in operations()}
    assert len({status for _, status in seen} & {200, 201, 400, 401, 403, 404, 409, 413, 415, 422}) >= 7

    async def fail(*arguments, **_named):
        raise RuntimeError(ADDRESS, TEXT, a.key, arguments)

    for module, name in ((read_reports, "get_report"), (read_log, "list_logs"), (groups, "list_groups")):
        monkeypatch.setattr(module, name, fail)
    for path in (f"/v1/reports/{made['id']}", f"/v1/logs?x={TEXT}", f"/v1/groups?address={ADDRESS}"):
        assert (await a.api.get(path)).status_code == 500
    monkeypatch.undo()
    await lite.settle()
    operator = lite.client((await lite.home.credential(Partner(lite.node.operator, "operator"))).text)
    others = []
    for client in (b.api, await b.strong(), operator, lite.client()):
        for path in (
            "/v1/audit?limit=1000", "/v1/reports", "/v1/logs", "/v1/groups", "/v1/organizations", "/metrics",
            "/readyz", "/v1/node", "/.well-known/watchfire.json", "/v1/peers",
            f"/v1/reports/{made['id']}", f"/v1/addresses/{address(1)}",
        ):  # fmt: skip
            others += [await client.get(path)]
        repeat = {"idempotency-key": REPEAT}
        others.append(await client.post("/v1/reports", json=claim(address(1)) | {"more": 1}, headers=repeat))
    printed = read_output()
    texts = {str(answer.request.url): answer.text for answer in others}
    texts |= {"standard error": printed.err, "standard output": printed.out, "logging": caplog.text}
    texts["own audit"] = (await a.api.get("/v1/audit?limit=1000")).text
    secrets = [ADDRESS, ADDRESS[2:], a.key, a.key.split("_")[2], WRONG_KEY, WRONG_TOKEN, TEXT, CASE, REPEAT]
    for where, text in texts.items():
        for secret in secrets:
            assert secret.lower() not in text.lower(), f"{secret} in {where}"
    assert printed.err.count("unexpected fault") == 3
    for line in printed.err.splitlines():
        assert json.loads(line).keys() <= {"event", "level", "timestamp", "fault", "route", "exception", "loop"}


async def test_metrics_are_for_loopback_or_the_token(lite):
    for ip, headers, status in (
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.1", {}, 404),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, 404),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, 404),
    ):
        answer = await lite.client(ip=ip).get("/metrics", headers=headers)
        assert answer.status_code == status, (ip, headers)
    a = await lite.partner("A")
    await a.api.get(f"/v1/addresses/{ADDRESS}")
    await a.api.request("CANARY", f"/v1/{TEXT}")
    text = (await lite.client().get("/metrics")).text
    assert 'route="/v1/addresses/{address}"' in text
    assert 'watchfire_requests_total{method="OTHER",route="-",status="404"}' in text
    assert a.id not in text
