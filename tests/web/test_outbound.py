"""Outgoing HTTP: which addresses are reached, and the bounds of every answer."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpcore
import pytest
import uvloop
from backports import zstd

from app.cli.node import IDLE
from app.federation.routes import WAIT_SECONDS
from app.services.remote import PeerRefused, Unreachable
from app.web.outbound import KEEP_SECONDS, Answer, Outbound, check_url, may_reach

MOST = 100_000
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A TCP server of this machine that answers each connection with the same bytes, and keeps what it was asked."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.asked: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        for piece in self.pieces:
            writer.write(piece)
        await writer.drain()
        if self.pieces:
            writer.close()
            await writer.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def served(server: Server) -> AsyncIterator[Server]:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await server.serve(reader, writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        for writer in writers:
            writer.close()
        listening.close()
        await listening.wait_closed()


def answer(content: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content


async def ask(server: Server, path: str = "/", **fields: Any) -> Answer:
    outbound = Outbound(allow_private=fields.pop("allow_private", True))
    try:
        url = fields.pop("url", server.url) + path
        return await outbound.send("GET", url, **{"headers": {}, "most": MOST, "seconds": 30.0} | fields)
    finally:
        await outbound.close()


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_may_be_reached(address):
    assert may_reach(address, allow_private=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fd00::1",
    ],
)
def test_private_addresses_are_reached_only_where_that_is_allowed(address):
    assert not may_reach(address, allow_private=False)
    assert may_reach(address, allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "224.0.0.1",
        "ff02::1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::1",
        "2001:db8::1",
    ],
)
def test_metadata_services_and_disguised_addresses_are_never_reached(address):
    assert not may_reach(address, allow_private=False)
    assert not may_reach(address, allow_private=True)


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "https://", "https://a:b@c.example", "https://a.example/#b", "a.example"]
)
def test_a_url_that_is_none_of_a_node_is_refused(url):
    with pytest.raises(PeerRefused):
        check_url(url, allow_private=True)


def test_plain_http_needs_the_setting():
    assert check_url("http://a.example/", allow_private=True) == "http://a.example"
    with pytest.raises(PeerRefused, match="https"):
        check_url("http://a.example", allow_private=False)


async def test_an_answer_comes_back_with_status_and_content():
    async with served(Server(answer(b"hello", status="404 Not Found", Retry_After="7"))) as server:
        assert await ask(server, "/x?y=1", headers={"Authorization": "Bearer t"}) == Answer(404, b"hello", 7.0)
    assert server.asked[0].startswith(b"GET /x?y=1 HTTP/1.1\r\n")
    assert b"Authorization: Bearer t\r\n" in server.asked[0]
    assert b"Accept-Encoding: zstd\r\n" in server.asked[0]


@pytest.mark.parametrize("said", ["Wed, 21 Oct 2026 07:28:00 GMT", "-5", "1e9", "²"])
async def test_a_delay_that_is_no_number_of_seconds_is_left_out(said):
    head = f"HTTP/1.1 503 No\r\nRetry-After: {said}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with served(Server(head.encode("latin-1"))) as server:
        assert (await ask(server)).retry_after is None


async def test_a_private_address_is_not_even_connected_to():
    async with served(Server(answer())) as server:
        with pytest.raises(Unreachable, match="WATCHFIRE_ALLOW_PRIVATE_PEERS"):
            await ask(server, url=f"https://127.0.0.1:{server.port}", allow_private=False)
    assert server.asked == []


@pytest.fixture
def names(monkeypatch):
    """Let names have these addresses; every question is kept."""
    known: dict[str, list[str]] = {}
    asked: list[str] = []

    async def getaddrinfo(_loop: object, host: str, port: int, **_named: object) -> list[Any]:
        asked.append(host)
        if host not in known:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return known, asked


async def test_one_private_address_among_public_ones_refuses_the_name(names):
    names[0]["peer.example"] = ["93.184.215.14", "10.0.0.1"]
    async with served(Server()) as server:
        with pytest.raises(Unreachable, match=r"peer\.example is at 10\.0\.0\.1"):
            await ask(server, url="https://peer.example", allow_private=False)


async def test_a_metadata_address_is_refused_even_where_private_ones_are_allowed(names):
    names[0]["peer.example"] = ["169.254.169.254"]
    async with served(Server()) as server:
        with pytest.raises(Unreachable, match="not public"):
            await ask(server, url="http://peer.example")


async def test_a_name_is_resolved_once_and_stays_the_host(names):
    names[0]["peer.example"] = ["127.0.0.1"]
    async with served(Server(answer(b"ok"))) as server:
        assert (await ask(server, url=f"http://peer.example:{server.port}")).content == b"ok"
    assert f"Host: peer.example:{server.port}\r\n".encode() in server.asked[0]
    assert names[1].count("peer.example") == 1


async def test_the_next_address_is_tried_where_one_does_not_answer(names):
    names[0]["peer.example"] = ["127.0.0.2", "127.0.0.1"]
    async with served(Server(answer(b"ok"))) as server:
        assert (await ask(server, url=f"http://peer.example:{server.port}")).content == b"ok"


async def test_a_name_without_an_address_is_unreachable(names):
    async with served(Server()) as server:
        with pytest.raises(Unreachable, match="has no address"):
            await ask(server, url="http://nowhere.example")


async def test_nobody_listening_is_unreachable():
    async with served(Server()) as server:
        pass
    with pytest.raises(Unreachable, match="did not answer"):
        await ask(server)


def test_a_connection_that_is_reset_before_it_is_used_is_unreachable(monkeypatch):
    real = httpcore.AnyIOBackend.connect_tcp

    async def connect(*arguments):
        stream = await real(*arguments)
        await stream.aclose()
        return stream

    async def story():
        there = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = there.sockets[0].getsockname()[1]
        async with there:
            with pytest.raises(Unreachable, match="was reset"):
                await Outbound(allow_private=True).send(
                    "GET", f"http://127.0.0.1:{port}/", headers={}, most=MOST, seconds=20
                )

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    uvloop.run(story())


async def test_the_proxies_of_the_environment_are_left_alone(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with served(Server(answer(b"ok"))) as server:
        assert (await ask(server)).content == b"ok"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent", "304 Not Modified"])
async def test_a_redirection_is_refused(status):
    async with served(Server(answer(status=status, Location="http://169.254.169.254/"))) as server:
        with pytest.raises(PeerRefused, match="not followed"):
            await ask(server)
    assert len(server.asked) == 1


async def test_an_answer_of_the_size_allowed_is_read_and_one_byte_more_is_not():
    async with served(Server(answer(b"x" * MOST))) as server:
        assert len((await ask(server)).content) == MOST
    async with served(Server(answer(b"x" * (MOST + 1)))) as server:
        with pytest.raises(PeerRefused, match="more than 100000 bytes"):
            await ask(server)


async def test_zstd_is_decoded_also_in_several_frames():
    content = zstd.compress(b"one ") + zstd.compress(b"") + zstd.compress(b"two")
    async with served(Server(answer(content, Content_Encoding="zstd"))) as server:
        assert (await ask(server)).content == b"one two"


async def test_decoded_content_of_the_size_allowed_is_read_and_one_byte_more_is_not():
    async with served(Server(answer(zstd.compress(b"x" * MOST), Content_Encoding="zstd"))) as server:
        assert len((await ask(server)).content) == MOST
    async with served(Server(answer(zstd.compress(b"x" * (MOST + 1)), Content_Encoding="zstd"))) as server:
        with pytest.raises(PeerRefused, match="more than 100000 bytes"):
            await ask(server)


async def test_a_bomb_is_refused_before_it_goes_off():
    bomb = zstd.compress(bytes(200 * 1024 * 1024))
    assert len(bomb) < MOST
    async with served(Server(answer(bomb, Content_Encoding="zstd"))) as server:
        with pytest.raises(PeerRefused, match="more than 100000 bytes"):
            await ask(server)


async def test_a_window_beyond_the_standards_is_refused():
    wide = zstd.compress(bytes(64 * 1024 * 1024), options={zstd.CompressionParameter.window_log: 25})
    async with served(Server(answer(wide, Content_Encoding="zstd"))) as server:
        with pytest.raises(PeerRefused, match="does not decode"):
            await ask(server)


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        (zstd.compress(b"hello")[:-1], "zstd", "cut off"),
        (b"no frame at all", "zstd", "does not decode"),
        (b"hello", "gzip", "not asked for"),
        (b"hello", "zstd, zstd", "not asked for"),
    ],
)
async def test_content_that_cannot_be_decoded_is_refused(content, encoding, words):
    async with served(Server(answer(content, Content_Encoding=encoding))) as server:
        with pytest.raises(PeerRefused, match=words):
            await ask(server)


async def test_an_answer_that_is_cut_off_is_unreachable():
    async with served(Server(answer(b"hello")[:-1])) as server:
        with pytest.raises(Unreachable, match="did not answer"):
            await ask(server)


async def test_bytes_that_are_no_http_are_unreachable():
    async with served(Server(b"SSH-2.0-OpenSSH_9.2\r\n")) as server:
        with pytest.raises(Unreachable, match="did not answer"):
            await ask(server)


async def test_silence_ends_at_the_deadline():
    async with served(Server()) as server:
        with pytest.raises(Unreachable, match=r"within 0\.05 seconds"):
            await ask(server, seconds=0.05)


async def test_dripping_ends_at_the_same_deadline():
    class Dripping(Server):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            try:
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.001)
            except ConnectionError:
                pass

    async with served(Dripping()) as server:
        with pytest.raises(Unreachable, match="did not answer in full"):
            await ask(server, seconds=0.2)


def test_a_connection_is_let_go_of_before_the_other_side_closes_it_and_after_a_long_poll():
    assert WAIT_SECONDS < KEEP_SECONDS < IDLE
