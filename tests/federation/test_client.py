"""The client of the protocol: what it sends to a real server, and how strictly it reads what comes back."""

import asyncio
import json
import socket
from uuid import UUID

import httpx
import pytest
import uvicorn

from app.domain import page
from app.federation.client import Client
from app.services.remote import Destination, Held, PeerRefused, Refusals, Unreachable
from app.web.outbound import Outbound
from tests.joined import add_pair, node_id, publish
from tests.network import Network
from tests.world import World

LOG = "ab" * 16
HEAD = {
    "id": LOG,
    "origin": "wf" + "a" * 32,
    "audience": {"kind": "public"},
    "red": False,
    "epoch": 1,
    "note": "note",
    "from": 3,
    "ended": True,
}


@pytest.fixture
async def pair(fresh_sqlite):
    world = World(23)
    made = await add_pair(world, Network(), [fresh_sqlite(), fresh_sqlite()])
    yield made
    await world.close()


class Other:
    """A node that answers every request with the same status and content, and keeps what it was asked."""

    def __init__(self, content=b"{}", status=200, **headers):
        self.content, self.status, self.headers = content, status, headers
        self.asked = []

    async def __call__(self, scope, receive, send):
        body = (await receive()).get("body", b"")
        self.asked.append((scope["method"], scope["raw_path"].decode(), scope["query_string"].decode(), body))
        headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.content})


TO = Destination("wf" + "b" * 32, "http://other.test/base")


@pytest.fixture
def asking(pair):
    """Give a client of another node's answer."""

    def ask(other):
        home = pair[1].home
        return Client(home.node, Outbound(transport=httpx.ASGITransport(other)), home.world.clock)

    return ask


async def test_a_real_server_over_real_http_is_pulled_from(pair):
    origin, peer = pair
    address = origin.home.address()
    await publish(origin, await origin.home.organization(), address)
    listener = socket.create_server(("127.0.0.1", 0))
    app = origin.network.apps[origin.host].app
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve([listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    client = Client(peer.home.node, Outbound(allow_private=True), peer.home.world.clock)
    try:
        to = Destination(node_id(origin), url)
        answer = await client.heads(to, [], [])
        found = page.read(await client.entries(to, answer.heads[0].log_id, 0))
        assert ([head.log_id for head in answer.heads], found.stop) == ([found.log_id], 2)
        assert await client.wait(to, "another", 1.0) == (await client.heads(to, [], [])).state
        assert await client.refusals(to, None) == Refusals((), None)
        with pytest.raises(PeerRefused, match="status 404") as refused:
            await client.entries(to, LOG, 0)
        assert refused.value.status == 404
    finally:
        await client.close()
        server.should_exit = True
        await serving
        listener.close()


async def test_a_token_for_another_node_is_not_accepted(pair):
    origin, peer = pair
    with pytest.raises(PeerRefused) as refused:
        await peer.client.heads(Destination("wf" + "c" * 32, origin.url), [], [])
    assert refused.value.status == 401


async def test_a_peer_under_a_path_is_asked_under_that_path(asking):
    other = Other(json.dumps({"state": "s", "heads": []}).encode())
    await asking(other).heads(TO, [Held(LOG, 5, "00" * 32, 2)], ["a note"])
    method, path, _, body = other.asked[0]
    assert (method, path) == ("POST", "/base/federation/v1/heads")
    assert json.loads(body) == {"logs": [[LOG, 5, "00" * 32, 2]], "gossip": ["a note"]}


async def test_heads_are_read_with_all_that_stands_in_them(asking):
    node = b'{"payload": "kept  as it came"}'
    content = b'{"state":"s","heads":[%s],"nodes":[%s],"gossip":["g"],"show":["x"],"more":true,"later":1}'
    got = await asking(Other(content % (json.dumps(HEAD).encode(), node))).heads(TO, [], [])

    head = got.heads[0]
    assert (head.log_id, head.start, head.ended, head.audience.kind) == (LOG, 3, True, "public")
    assert (got.state, got.nodes, got.gossip, got.show, got.more) == ("s", (node,), ("g",), ("x",), True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps({"state": "s", "heads": [{**HEAD, "from": "3"}]}).encode(),
        json.dumps({"state": "s", "heads": [{**HEAD, "epoch": 1.5}]}).encode(),
        json.dumps({"state": "s", "heads": [{**HEAD, "audience": {"kind": "everybody"}}]}).encode(),
        json.dumps({"state": "s", "heads": [{**HEAD, "note": None}]}).encode(),
        json.dumps({"state": 5, "heads": []}).encode(),
    ],
)
async def test_an_answer_that_the_protocol_does_not_have_is_refused_in_a_sentence(asking, content):
    with pytest.raises(PeerRefused, match="The answer"):
        await asking(Other(content)).heads(TO, [], [])


async def test_a_refusal_says_what_the_other_side_says_without_what_moves_a_cursor(asking):
    said = json.dumps({"detail": "No\x1b[2J such log." + "x" * 5_000}).encode()
    with pytest.raises(PeerRefused) as refused:
        await asking(Other(said, status=404)).entries(TO, LOG, 0)
    assert refused.value.status == 404
    assert "No [2J such log." in refused.value.detail
    assert len(refused.value.detail) < 1_100


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_peer_is_unreachable_for_as_long_as_it_says(asking, status):
    with pytest.raises(Unreachable) as busy:
        await asking(Other(b"<html>", status=status, retry_after="30")).refusals(TO, None)
    assert busy.value.retry_after == 30


async def test_pages_and_refusals_are_asked_for_by_index_and_cursor(asking):
    other = Other(b'{"refusals": []}')
    client = asking(other)
    await client.entries(TO, LOG, 7, 9)
    await client.refusals(TO, f"{LOG}:4")
    await client.leave_group(TO, UUID(int=1), UUID(int=2))
    assert other.asked[0][1:3] == (f"/base/federation/v1/logs/{LOG}/entries", "from=7&to=9")
    assert other.asked[1][2] == f"after={LOG}%3A4"
    assert other.asked[2][1] == f"/base/federation/v1/groups/{UUID(int=1)}/leave"


async def test_a_leaf_hash_that_is_none_is_refused(asking):
    row = {"log": LOG, "index": 1, "leaf": "zz", "code": "c", "detail": "d"}
    with pytest.raises(PeerRefused, match="leaf hash"):
        await asking(Other(json.dumps({"refusals": [row]}).encode())).refusals(TO, None)


async def test_a_page_beyond_the_wires_bound_is_refused(asking):
    with pytest.raises(PeerRefused, match="more than"):
        await asking(Other(bytes(page.MAX_WIRE_BYTES + 1))).entries(TO, LOG, 0)
