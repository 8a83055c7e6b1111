"""What a peer gets over HTTP: only by a token for this very request, only of logs that are for it, a page at a time."""

import asyncio
import base64
import json

import httpx
import pytest
from backports.zstd import decompress

from app.domain import audience as audiences
from app.domain import page
from app.domain.entry_rules import LogName
from app.domain.marking import Pap, Tlp
from app.domain.merkle import Frontier, tile_path
from app.federation import routes
from app.services import groups, offer, peer_tokens
from app.services.remote import Held
from tests.federation.pair import befriend, open_sides

ABSENT = "0" * 32
NOBODY = "019de369-1158-7e96-8138-000000000000"
PATHS = {
    "answer_heads": ("POST", "/federation/v1/heads", {"logs": []}),
    "wait": ("GET", "/federation/v1/wait?state=0&timeout=0", None),
    "list_entries": ("GET", "/federation/v1/logs/{log}/entries?from=0", None),
    "read_tile": ("GET", "/federation/v1/logs/{log}/tile/0/000.p/1", None),
    "prove_growth": ("GET", "/federation/v1/logs/{log}/proof?from=1", None),
    "take_checkpoints": ("POST", "/federation/v1/checkpoints", {"notes": []}),
    "list_refusals": ("GET", "/federation/v1/refusals", None),
    "leave_group": ("POST", f"/federation/v1/groups/{NOBODY}/leave", {"organization": NOBODY}),
}
OF_A_LOG = ("list_entries", "read_tile", "prove_growth")


def target(name, log=ABSENT):
    method, path, document = PATHS[name]
    return method, path.format(log=log), document


def plain(answer):
    """Give an answer as it is on the wire, but for what is left of the minute's budget."""
    headers = {name: value for name, value in answer.headers.items() if not name.startswith("ratelimit")}
    return answer.status_code, headers, answer.content


async def publish(side, partner, *addresses, **said):
    made = await side.home.submit(
        partner, *addresses, **{"audience": audiences.PUBLIC, "tlp": Tlp.CLEAR, "pap": Pap.CLEAR} | said
    )
    await side.home.sequence()
    return made


# who is answered


def test_every_route_has_a_case():
    assert {route.name for route in routes.router.routes} == set(PATHS)
    assert {route.name for route in routes.public_router.routes} == {"read_node", "propose_peering"}


@pytest.mark.parametrize("name", PATHS)
async def test_a_stranger_is_refused_before_anything_is_read(fresh_sqlite, name):
    async with open_sides(*(fresh_sqlite() for _ in range(3))) as (a, b, c):
        await befriend(a, b)
        await a.propose(c)
        method, path, _ = target(name)
        nonsense = {"nonsense": True} if method == "POST" else None
        stolen = peer_tokens.mint(b.node, c.id, method, path, b"", b.home.world.clock())
        unsigned = await b.call(a, method, path, nonsense, token="x")
        assert (unsigned.status_code, unsigned.json()["code"]) == (401, "unauthenticated")
        of_another_node = await b.call(a, method, path, nonsense, token=stolen)
        other = path + ("&" if "?" in path else "?") + "x=1"
        elsewhere = await b.call(a, method, other, nonsense, token=_mint(b, a, method, path, nonsense))
        as_nobody = await c.call(b, method, path, nonsense)
        assert {plain(answer)[0] for answer in (of_another_node, elsewhere, as_nobody)} == {401}
        assert {answer.json()["detail"] for answer in (of_another_node, elsewhere, as_nobody)} == {
            unsigned.json()["detail"]
        }
        not_yet = await c.call(a, method, path, nonsense)
        assert (not_yet.status_code, not_yet.json()["code"]) == (403, "forbidden")


def _mint(side, other, method, path, document):
    body = b"" if document is None else json.dumps(document).encode()
    return peer_tokens.mint(side.node, other.id, method, path, body, side.home.world.clock())


async def test_a_token_does_not_carry_another_body(lite_pair):
    a, b = lite_pair
    path = "/federation/v1/heads"
    token = _mint(b, a, "POST", path, {"logs": []})
    assert (await b.call(a, "POST", path, {"logs": []}, token=token)).status_code == 200
    other = await b.call(a, "POST", path, {"logs": [], "gossip": []}, token=token)
    assert other.status_code == 401


async def test_a_peer_has_a_budget_and_so_have_failures(lite_pair):
    a, b = lite_pair
    a.hall.budgets._quotas["requests"] = 1
    a.hall.budgets._quotas["failures"] = 1
    a.hall.budgets._spent.clear()
    signed = [await b.call(a, *target("list_refusals")) for _ in range(2)]
    assert [answer.status_code for answer in signed] == [200, 429]
    unsigned = [await b.call(a, *target("list_refusals"), token="x") for _ in range(2)]
    assert [answer.status_code for answer in unsigned] == [401, 429]


async def test_a_peer_that_is_not_accepted_yet_uses_up_nobodys_failures(lite_pair):
    a, b = lite_pair
    await a.decide(b, "end")
    a.hall.budgets._quotas["failures"] = 1
    a.hall.budgets._spent.clear()
    signed = [await b.call(a, *target("list_refusals")) for _ in range(3)]
    assert [answer.status_code for answer in signed] == [403] * 3
    assert (await b.call(a, *target("list_refusals"), token="x")).status_code == 401


async def test_a_token_names_the_path_also_where_a_proxy_takes_a_prefix_off(lite_pair):
    a, b = lite_pair
    object.__setattr__(a.hall, "settings", a.hall.settings.model_copy(update={"url": "https://a.example/beacon"}))
    method, path, _ = target("list_refusals")
    token = _mint(b, a, method, "/beacon" + path, None)
    assert (await b.call(a, method, path, token=token)).status_code == 200
    assert (await b.call(a, method, path, token=_mint(b, a, method, path + "&", None))).status_code == 401


async def test_the_node_record_is_public_and_signed(lite_pair):
    a, _ = lite_pair
    transport = httpx.ASGITransport(a.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://node", trust_env=False) as http:
        answer = await http.get("/.well-known/watchfire.json")
    assert answer.content == await a.client.node_record("https://a.example")
    assert (await a.record()).fingerprint


# pages


async def test_pages_of_any_size_verify_and_make_the_log(pair, monkeypatch):
    a, b = pair
    partner = await a.home.organization()
    made = [await publish(a, partner) for _ in range(7)]
    log = LogName.of(a.id, audiences.PUBLIC, red=False, epoch=1)
    node = await a.record()
    for most in (1, 3, page.MAX_PAGE_ENTRIES):
        monkeypatch.setattr(page, "MAX_PAGE_ENTRIES", most)
        held, found = page.Held(Frontier()), []
        while True:
            got = await b.page(a, log.id, held.frontier.size)
            held = page.Held(page.verify(got, log, held, node).frontier, got.note)
            if not got.entries:
                break
            assert len(got.entries) <= most
            found += got.entries
        assert [item.envelope is not None for item in found] == [True] * 8
        stored = [(await a.home.stored(item.id)).payload for item in made]
        assert [item.envelope.payload for item in found[1:]] == stored


async def test_a_page_is_bounded_in_bytes_and_always_goes_on(pair, monkeypatch):
    a, b = pair
    partner = await a.home.organization()
    for _ in range(3):
        await publish(a, partner, *(a.home.address() for _ in range(20)))
    monkeypatch.setattr(page, "PAGE_BYTES", 1)
    assert [len((await b.page(a, a.log(), start)).entries) for start in range(4)] == [1, 1, 1, 1]


async def test_a_page_ends_where_it_is_asked_to(lite_pair):
    a, b = lite_pair
    partner = await a.home.organization()
    for _ in range(3):
        await publish(a, partner)
    got = await b.page(a, a.log(), 1, 3)
    assert (got.start, got.stop, got.size) == (1, 3, 4)
    for query in ("from=5", "from=2&to=2", "from=2&to=1", "from=0&to=5", "from=-1"):
        answer = await b.call(a, "GET", f"/federation/v1/logs/{a.log()}/entries?{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_a_page_is_compressed_for_who_takes_it(lite_pair):
    a, b = lite_pair
    await publish(a, await a.home.organization())
    method, path, _ = target("list_entries", a.log())
    whole = await b.call(a, method, path, **{"accept-encoding": "identity"})
    small = await b.call(a, method, path, **{"accept-encoding": "zstd"})
    assert (small.headers["content-encoding"], small.headers["vary"]) == ("zstd", "accept-encoding")
    assert "content-encoding" not in whole.headers
    raw = small.content if small.content[:4] == b"\x28\xb5\x2f\xfd" else None
    assert (decompress(raw) if raw else small.content) == whole.content


async def test_tiles_and_proofs_are_those_of_the_log(pair):
    a, b = pair
    partner = await a.home.organization()
    for _ in range(4):
        await publish(a, partner)
    got = await b.page(a, a.log())
    leaves = [item.leaf_hash for item in got.entries]
    answer = await b.call(a, "GET", f"/federation/v1/logs/{a.log()}/{tile_path(0, 0, 5)}")
    assert answer.content == b"".join(leaves)
    early = await b.page(a, a.log(), 0, 3)
    grown = (await b.call(a, "GET", f"/federation/v1/logs/{a.log()}/proof?from=3")).json()
    assert [item.encode() for item in grown["hashes"]] == _base64(early.proof)
    assert grown["size"] == 5
    for path in ("tile/0/000.p/6", "tile/1/000"):
        assert (await b.call(a, "GET", f"/federation/v1/logs/{a.log()}/{path}")).status_code == 404
    for query in ("from=6", "from=2&size=6", "from=3&size=2"):
        assert (await b.call(a, "GET", f"/federation/v1/logs/{a.log()}/proof?{query}")).status_code == 422


def _base64(hashes):
    return [base64.b64encode(item) for item in hashes]


# what is hidden is not there


async def hide(a, ours, kind):
    """Let something happen at the node that the peer may not know of."""
    if kind == "named":
        await publish(a, ours, audience=audiences.organizations(ours.id), tlp=Tlp.AMBER, pap=Pap.AMBER)
    elif kind == "red":
        await publish(a, ours, audience=audiences.organizations(ours.id), tlp=Tlp.RED, pap=Pap.RED)
    else:
        group = await a.home.group(ours)
        await publish(a, ours, audience=audiences.group(group.id), tlp=Tlp.AMBER, pap=Pap.AMBER)
    return [row[0] for row in await a.home.rows("SELECT id FROM logs") if row[0] != a.log()]


@pytest.mark.parametrize("kind", ["named", "red", "group"])
async def test_a_hidden_log_is_answered_as_an_absent_one_byte_for_byte(pair, kind):
    a, b = pair
    ours = await a.home.organization()
    await publish(a, ours)
    held = [[a.log(), 1, "0" * 64, 0]]
    before = await b.call(a, "POST", "/federation/v1/heads", {"logs": [*held, [ABSENT, 5, "0" * 64, 0]]})
    logs = await hide(a, ours, kind)
    assert logs
    for log in logs:
        for name in OF_A_LOG:
            hidden, absent = [await b.call(a, *target(name, item)) for item in (log, ABSENT)]
            told = hidden.content.replace(log.encode(), ABSENT.encode())
            assert (hidden.status_code, told) == (404, absent.content)
            assert plain(hidden)[1] | {"content-length": ""} == plain(absent)[1] | {"content-length": ""}
        # A peer that claims to hold it, smaller or larger, learns nothing either.
        after = await b.call(a, "POST", "/federation/v1/heads", {"logs": [*held, [log, 5, "0" * 64, 0]]})
        assert plain(after) == plain(before)


async def test_waiting_ends_for_what_is_visible_and_never_for_what_is_hidden(pair, monkeypatch):
    a, b = pair
    monkeypatch.setattr(offer, "COALESCE", 0.0)
    ours = await a.home.organization()
    await publish(a, ours)
    state = (await b.heads(a)).state
    waiting = asyncio.create_task(b.client.wait(a.to, state, 20.0))
    for kind in ("named", "red", "group"):
        await hide(a, ours, kind)
        a.node.moved.set()
        assert (await b.heads(a)).state == state
    assert not waiting.done()
    await publish(a, ours)
    a.node.moved.set()
    assert await waiting == (await b.heads(a)).state != state
    assert await b.client.wait(a.to, state, 0.0) != state


async def test_waiting_in_vain_ends_in_time_and_says_the_same(lite_pair):
    a, b = lite_pair
    state = (await b.heads(a)).state
    assert await b.client.wait(a.to, state, 0.0) == state
    assert (await b.call(a, "GET", "/federation/v1/wait?state=0&timeout=26")).status_code == 422


async def test_heads_are_those_that_differ(pair):
    a, b = pair
    await publish(a, await a.home.organization())
    answer = await b.heads(a)
    [head] = answer.heads
    assert (head.log_id, head.origin, head.audience, head.ended) == (a.log(), a.id, audiences.PUBLIC, False)
    got = await b.page(a, a.log())
    root = Frontier().extend(item.leaf_hash for item in got.entries).root().hex()
    again = await b.heads(a, [Held(a.log(), got.stop, root, 0)])
    assert (again.heads, again.more, again.show, again.state) == ((), False, (), answer.state)
    other = await b.heads(a, [Held(a.log(), got.stop, "0" * 64, 0)])
    assert [item.log_id for item in other.heads] == [a.log()]


async def test_what_does_not_fit_into_one_answer_is_in_the_next(lite_pair, monkeypatch):
    a, b = lite_pair
    monkeypatch.setattr(offer, "MAX_HEADS", 1)
    partner = await a.home.organization()
    await publish(a, partner)
    named = audiences.organizations(partner.id, b.home.operator.organization)
    await publish(a, partner, audience=named, tlp=Tlp.AMBER, pap=Pap.AMBER)
    first = await b.heads(a)
    assert (len(first.heads), first.more) == (1, True)
    held = []
    for head in first.heads:
        got = await b.page(a, head.log_id)
        root = Frontier().extend(item.leaf_hash for item in got.entries).root().hex()
        held.append(Held(head.log_id, got.stop, root, 0))
    second = await b.heads(a, held)
    assert (len(second.heads), second.more, second.state) == (1, False, first.state)
    assert second.heads[0].log_id != first.heads[0].log_id


async def test_bodies_are_bounded_and_strict(lite_pair):
    a, b = lite_pair
    row = ["0" * 32, 1, "0" * 64, 0]
    for said in (
        {},
        {"logs": [row] * 10_001},
        {"logs": [row[:3]]},
        {"logs": [[*row[:1], -1, *row[2:]]]},
        {"logs": [[*row[:1], 2**63, *row[2:]]]},
        {"logs": [["x", *row[1:]]]},
        {"logs": [], "gossip": ["x"] * 101},
        {"logs": [], "gossip": ["x" * 20_000]},
    ):
        assert (await b.call(a, "POST", "/federation/v1/heads", said)).status_code == 422, str(said)[:80]
    newer = {"logs": [], "own": [], "more to come": {"a": 1}}
    assert (await b.call(a, "POST", "/federation/v1/heads", newer)).status_code == 200
    large = await b.call(a, "POST", "/federation/v1/heads", {"logs": [], "x": "y" * 2_100_000})
    assert large.status_code == 413


async def test_an_organization_leaves_a_group_by_its_own_node_only(pair):
    a, b = pair
    ours = await a.home.organization()
    theirs = b.home.operator.organization
    group = await groups.add_group(a.node, ours.actor, groups.Charter("task force", [ours.id, theirs]), a.home.tick())
    path = f"/federation/v1/groups/{group.id}/leave"
    for other in (str(ours.id), NOBODY):
        assert (await b.call(a, "POST", path, {"organization": other})).status_code == 404
    assert (await b.call(a, "POST", path, {"organization": str(theirs)})).status_code == 200
    assert (await groups.get_group(a.node, ours.actor, group.id)).members == (ours.id,)
    assert (await b.call(a, "POST", path, {"organization": str(theirs)})).status_code == 200
