"""The proxy does what its fates say, and nothing else."""

import asyncio
import contextlib

import pytest

from tests.federation.proxy import Fate, Proxy

QUESTION = b"GET /a?from=1 HTTP/1.1\r\nHost: there\r\n\r\n"
ANSWER = bytes(range(256)) * 40


@pytest.fixture
async def asked():
    """What a server was asked; it answers each connection's first piece, and then waits for its end."""
    heard = []

    async def answer(reader, writer):
        with contextlib.suppress(ConnectionError):
            heard.append(await reader.read(1_000))
            writer.write(ANSWER)
            await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    heard.insert(0, server.sockets[0].getsockname()[1])
    yield heard
    server.close()


async def ask(proxy):
    """Give what comes back, and how the connection ends: `open` where all came and nothing ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    content = b""
    try:
        writer.write(QUESTION)
        while len(content) < len(ANSWER):
            piece = await reader.read(10_000)
            content += piece
            if not piece:
                return content, "ended"
    except ConnectionError:
        return content, "reset"
    finally:
        writer.transport.abort()
    return content, "open"


def fated(proxy, *fate):
    proxy.storm()
    proxy._draw = lambda: Fate(*fate)


@pytest.mark.parametrize(
    ("fate", "comes", "end", "arrives"),
    [
        (("clean",), len(ANSWER), "open", 1),
        (("refused",), 0, "reset", 0),
        (("lost",), 0, "reset", 1),
        (("cut", 300), 300, "ended", 1),
        (("reset", 300), None, "reset", 1),
        (("deaf", 300, 0.01), None, "reset", 1),
        (("slow", 0, 0.1), len(ANSWER), "open", 1),
        (("drip", 0, 0.1), len(ANSWER), "open", 1),
        (("twice",), len(ANSWER), "open", 2),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
async def test_a_fate_is_what_it_says(asked, fate, comes, end, arrives):
    async with Proxy(asked[0], 1) as proxy:
        fated(proxy, *fate)
        content, ended = await ask(proxy)
        assert ended == end
        assert ANSWER.startswith(content)
        assert len(content) == comes or (comes is None and len(content) <= 300)
        assert asked[1:] == [QUESTION] * arrives
        assert proxy.struck[fate[0]] == (fate[0] != "clean")
        assert proxy.targets == ({"/a?from=1": 1} if arrives else {})


async def test_who_is_parted_is_cut_off_until_joined_again(asked):
    async with Proxy(asked[0], 1) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(QUESTION)
        assert await reader.readexactly(len(ANSWER)) == ANSWER
        await proxy.part()
        with pytest.raises(ConnectionError):
            await reader.readexactly(1)
        writer.transport.abort()
        assert await ask(proxy) == (b"", "reset")
        proxy.join()
        assert await ask(proxy) == (ANSWER, "open")


async def test_what_was_held_up_goes_on_when_it_is_calm_again(asked):
    async with Proxy(asked[0], 1) as proxy:
        fated(proxy, "drip", 0, 1e9)
        asking = asyncio.create_task(ask(proxy))
        await asyncio.wait([asking], timeout=0.1)
        assert proxy.struck["drip"]
        proxy.calm()
        assert await asking == (ANSWER, "open")


async def test_a_seed_gives_the_same_fates_again():
    def drawn(seed):
        proxy = Proxy(0, seed)
        proxy.storm()
        return [proxy._draw() for _ in range(50)]

    assert drawn(3) == drawn(3) != drawn(4)
