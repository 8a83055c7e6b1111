"""Every operation of the OpenAPI document refuses who may not use it, and tells a stranger nothing.

The rule here: the document is the checklist. A new operation is public by name, or it has a case; otherwise this fails.
"""

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest

from app.domain.actor import Scope
from app.services import api_keys, membership
from tests.api.conformity import operations
from tests.api.conftest import EVERY_SCOPE, address, claim
from tests.world import Partner

PUBLIC = {"describe_node", "is_alive", "is_ready", "read_metrics", "exchange_token"}
OF_ANYBODY = {"list_chains", "list_assets", "read_vocabulary"}  # any credential, whatever its scope
ABSENT = "019de369-1158-7e96-8138-000000000000"


@dataclass(frozen=True)
class Case:
    """What an operation needs: a scope, and perhaps a strong token; and a body that it would accept."""

    scope: Scope | None
    body: dict | None = None
    strong: bool = False


CASES = {
    "look_up": Case(Scope.QUERY),
    "list_organizations": Case(Scope.QUERY),
    "add_organization": Case(Scope.OPERATE, {"name": "New", "kind": "ngo"}, strong=True),
    "read_own_organization": Case(Scope.QUERY),
    "read_organization": Case(Scope.QUERY),
    "trust_organization": Case(Scope.OPERATE, strong=True),
    "list_keys": Case(Scope.QUERY),
    "enrol_key": Case(Scope.ADMINISTER, {"public_key": None}, strong=True),
    "revoke_key": Case(Scope.ADMINISTER, strong=True),
    "list_credentials": Case(Scope.ADMINISTER, strong=True),
    "add_credential": Case(Scope.ADMINISTER, {"name": "bulk", "scopes": ["query"]}, strong=True),
    "revoke_credential": Case(Scope.ADMINISTER, strong=True),
    "list_groups": Case(Scope.QUERY),
    "add_group": Case(Scope.GROUP, {"name": "group", "members": []}),
    "read_group": Case(Scope.QUERY),
    "list_members": Case(Scope.QUERY),
    "change_members": Case(Scope.GROUP, {"add": []}),
    "submit_report": Case(Scope.SUBMIT, claim(address(1))),
    "list_reports": Case(Scope.QUERY),
    "read_report": Case(Scope.QUERY),
    "export_reports": Case(Scope.QUERY, strong=True),
    "revoke": Case(Scope.SUBMIT, {"reason": "mistaken"}),
    "erase": Case(Scope.SUBMIT, {"reason": "personal_data"}),
    "give_opinion": Case(Scope.SUBMIT, {"opinion": "disagree", "reason": "other"}),
    "add_sighting": Case(Scope.SUBMIT, {"chain": "ethereum", "address": address(1)}),
    "screen_addresses": Case(Scope.QUERY, {"addresses": []}),
    "list_logs": Case(Scope.QUERY),
    "read_checkpoint": Case(Scope.QUERY),
    "list_entries": Case(Scope.QUERY),
    "read_tile": Case(Scope.QUERY),
    "prove": Case(Scope.QUERY),
    "list_chains": Case(None),
    "list_assets": Case(None),
    "read_vocabulary": Case(None),
    "read_audit": Case(Scope.AUDIT),
    "list_peers": Case(Scope.OPERATE),
    "add_peer": Case(Scope.OPERATE, {"url": "https://node.example"}, strong=True),
    "read_peer": Case(Scope.OPERATE),
    "list_peer_logs": Case(Scope.OPERATE),
    "change_policy": Case(Scope.OPERATE, {"review": True}, strong=True),
    "decide_peering": Case(Scope.OPERATE, strong=True),
    "explain": Case(Scope.OPERATE),
}

PARAMETERS = {"node_id": "wf" + "a" * 32, "deed": "suspend"}
PARAMETERS |= {"path": "0/000", "keyid": "0" * 32, "credential_id": "0" * 16, "log_id": "0" * 32, "address": address(1)}
GUARDED = [(method, path, item["operationId"]) for method, _, path, item in operations()]
GUARDED = [item for item in GUARDED if item[2] not in PUBLIC]


QUERIES = {"prove": "?index=0", "explain": f"?record={ABSENT}", "export_reports": "?format=csv"}


def fill(path, **values):
    """Give a path with these parameters, else with ones of which there is nothing."""
    for word in path.split("{")[1:]:
        name = word.partition("}")[0]
        path = path.replace("{" + name + "}", str(values.get(name) or PARAMETERS.get(name, ABSENT)))
    return path


async def send(client, method, path, name, **values):
    """Ask as the case would: with a body that would be accepted."""
    body = CASES[name].body
    content = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"content-type": "application/json"}
    return await client.request(method, fill(path, **values) + QUERIES.get(name, ""), content=content, headers=headers)


def test_every_operation_is_public_by_name_or_has_a_case():
    named = {item["operationId"] for _, _, _, item in operations()}
    assert named == CASES.keys() | PUBLIC
    assert CASES.keys() & PUBLIC == set()


def test_what_is_public_says_so_in_the_document():
    for _, _, path, item in operations():
        guarded = any(item.get("security", ()))
        assert guarded == (item["operationId"] not in PUBLIC), path
        assert ("401" in item["responses"]) == (guarded or item["operationId"] == "exchange_token"), path


@pytest.fixture
async def strangers(lite):
    """Credentials that open nothing, by name, with the address they come from."""
    a = await lite.partner("A")
    partner = a.partner
    revoked = await lite.home.credential(partner)
    await membership.revoke_credential(lite.node, partner.strong, partner.id, revoked.credential.id, lite.clock.tick())
    expired = await lite.home.credential(partner, expires_at=lite.clock.now + timedelta(seconds=5))
    elsewhere = await lite.home.credential(partner, networks=["192.0.2.0/24"])
    other = await lite.home.credential(partner)
    token = await a.token()
    lite.clock.tick(minutes=20)
    wrong = f"wfk_{other.credential.id}_{a.key.split('_')[2]}"
    texts = {
        "nothing": None,
        "a wrong key": f"{wrong}_{api_keys._check_digits(wrong)}",
        "an unknown key": api_keys.mint(lite.home.random(42)).text,
        "an unreadable key": a.key[:-1],
        "a revoked key": revoked.text,
        "an expired key": expired.text,
        "a key from elsewhere": elsewhere.text,
        "an expired token": token,
        "a token of nobody": token[:-4] + "AAAA",
    }
    return {name: lite.client(text, ip=f"10.0.0.{place}") for place, (name, text) in enumerate(texts.items())}


async def test_a_stranger_gets_401_before_anything_else(strangers):
    """Before 404, 413, 415, 422 and whatever the path or body is about, and the same for each credential of a kind."""
    seen = {}
    for method, path, name in GUARDED:
        for kind, client in strangers.items():
            if kind not in {"nothing", "an expired key"} and name not in {"look_up", "submit_report", "revoke_key"}:
                continue
            answer = await send(client, method, path, name)
            assert answer.status_code == 401, (kind, name)
            assert answer.json()["code"] == "unauthenticated"
            assert "ratelimit" not in answer.headers
            seen.setdefault(kind, set()).add(answer.json()["detail"])
    assert all(len(details) == 1 for details in seen.values()), "the answer depends on what was asked"
    kinds = ("a wrong key", "an unknown key", "a revoked key", "an expired key", "a key from elsewhere")
    assert len({frozenset(seen[kind]) for kind in kinds}) == 1, "the answer tells what is wrong with a key"


async def test_a_stranger_learns_nothing_from_a_bad_request(strangers):
    client = strangers["nothing"]
    for method, path, name in GUARDED:
        wrong = fill(path, report_id="x", organization_id="x", group_id="x", log_id="x") + "?limit=zero&cursor=x"
        large = b"[" * 3_000_000 if method == "POST" else None
        for headers in ({"content-type": "application/json"}, {"content-type": "text/csv"}):
            answer = await client.request(method, wrong, content=large, headers=headers)
            assert answer.status_code == 401, name


async def test_a_key_without_the_scope_is_refused(lite):
    a = await lite.partner("A")
    for scope in Scope:
        others = [item for item in EVERY_SCOPE if item != scope]
        client = lite.client((await lite.home.credential(a.partner, *others)).text)
        for method, path, name in GUARDED:
            if CASES[name].scope == scope:
                answer = await send(client, method, path, name)
                assert answer.status_code == 403, name
                assert answer.json()["detail"] == f"This credential does not have the scope '{scope}'.", name
            if name in OF_ANYBODY:
                assert (await send(client, method, path, name)).status_code == 200, name


@pytest.fixture
async def three(lite):
    """A and B of one group, and C; each with a strong token; and what A has that others may not touch."""
    a, b, c = [await lite.partner(name) for name in "ABC"]
    group = await lite.home.group(a.partner, b.partner)
    made = await a.submit(
        address(1), tlp="TLP:AMBER", audience={"kind": "group", "group": str(group.id)}, summary="hidden"
    )
    await lite.settle()
    log = (await a.api.get(f"/v1/reports/{made['id']}")).json()["log"]["id"]
    held = (await (await a.strong()).get("/v1/organizations/self")).json()["keys"]
    things = {
        "report_id": made["id"],
        "group_id": str(group.id),
        "log_id": log,
        "organization_id": a.id,
        "keyid": held[0]["keyid"],
        "credential_id": a.key_id,
    }
    return a, b, c, things


async def test_an_api_key_never_does_what_needs_a_strong_token(lite, three):
    a, _, _, things = three
    whole = lite.client((await lite.home.credential(a.partner, *EVERY_SCOPE)).text)
    operator = Partner(lite.node.operator, "operator")
    operators = lite.client((await lite.home.credential(operator, *Scope)).text)
    for method, path, name in GUARDED:
        if CASES[name].strong:
            for client in (whole, operators):
                answer = await send(client, method, path, name, **things)
                assert answer.status_code == 403, name
                may = CASES[name].scope in (Scope if client is operators else EVERY_SCOPE)
                assert ("private_key_jwt" in answer.json()["detail"]) == may, name


async def test_only_the_operator_operates(three):
    a, _, _, things = three
    for method, path, name in GUARDED:
        if CASES[name].scope is Scope.OPERATE:
            answer = await send(await a.strong(), method, path, name, **things)
            assert answer.status_code == 403, name
    answer = await a.exchange(scope="operate")
    assert answer.status_code == 403, "nobody but the operator gets the scope"


async def test_another_organizations_keys_and_credentials_are_out_of_reach(three):
    """The same refusal for an organization that is known and one that is not, for a key that exists and one not."""
    a, _, c, things = three
    client = await c.strong()
    before = (await (await a.strong()).get(f"/v1/organizations/{a.id}/credentials")).json()
    for method, path, name in GUARDED:
        if CASES[name].scope is Scope.ADMINISTER:
            answers = [
                await send(client, method, path, name, **things),
                await send(client, method, path, name, organization_id=ABSENT),
                await send(client, method, path, name, organization_id=a.id),
            ]
            assert {answer.status_code for answer in answers} == {403}, name
            assert len({answer.json()["detail"] for answer in answers}) == 1, name
    own = await client.delete(f"/v1/organizations/{c.id}/credentials/{things['credential_id']}")
    absent = await client.delete(f"/v1/organizations/{c.id}/credentials/{'0' * 16}")
    assert (own.status_code, own.json()["detail"]) == (404, absent.json()["detail"])
    own = await client.delete(f"/v1/organizations/{c.id}/keys/{things['keyid']}")
    absent = await client.delete(f"/v1/organizations/{c.id}/keys/{'0' * 32}")
    assert (own.status_code, own.json()["detail"]) == (404, absent.json()["detail"])
    after = (await (await a.strong()).get(f"/v1/organizations/{a.id}/credentials")).json()
    assert before == after
    assert (await a.api.get("/v1/logs")).status_code == 200


async def test_what_is_hidden_is_answered_as_what_is_absent(three):
    """For every operation with the id of a thing: same status, same body, same headers, with each credential."""
    _, _, c, things = three
    hidden = {name: things[name] for name in ("report_id", "group_id", "log_id")}
    absent = {"report_id": ABSENT, "group_id": ABSENT, "log_id": "1" * 32}
    asked = 0
    for client in (c.api, await c.strong()):
        for method, path, name in GUARDED:
            for what, value in hidden.items():
                if "{" + what + "}" in path:
                    asked += 1
                    one = await send(client, method, path, name, **{what: value})
                    other = await send(client, method, path, name, **{what: absent[what]})
                    assert one.status_code == other.status_code == 404, name
                    assert one.text.replace(value, "ID") == other.text.replace(absent[what], "ID"), name
                    assert answer_headers(one, value) == answer_headers(other, absent[what]), name
    assert asked == 24


def answer_headers(answer, value):
    changing = {"ratelimit", "content-length", "date"}
    return sorted((key, text.replace(value, "ID")) for key, text in answer.headers.items() if key not in changing)
