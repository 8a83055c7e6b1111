"""A peer that fights below the protocol: drips, bombs, redirects, floods, and answers what no program would read.

Bounded are time, memory and rows; what went wrong stands in words; and another peer goes on.
"""

import asyncio
import json
import tracemalloc
from dataclasses import replace

import pytest
from backports import zstd

from app.domain import audience as audiences
from app.domain import page
from app.services import pull
from app.services.remote import MAX_HELD, PeerRefused, Unreachable
from app.worker.pulling import Puller, step
from tests.federation.liar import Reply, Story, on, open_nodes, person
from tests.joined import publish, pull_all, pull_once

MIB = 1024 * 1024
EMPTY = {"state": "x", "heads": [], "nodes": [], "gossip": [], "show": [], "more": False}


@pytest.fixture
async def nodes(fresh_sqlite):
    """An honest node, a liar, and an honest peer of the first."""
    async with open_nodes(*(fresh_sqlite() for _ in range(3))) as made:
        yield made


@pytest.fixture
async def two(fresh_sqlite):
    """An honest node and a liar."""
    async with open_nodes(fresh_sqlite(), fresh_sqlite()) as made:
        yield made


async def drip(content=b"", pause=0.02):
    """Send a byte now and then, for ever."""
    for letter in content:
        yield bytes([letter])
    while True:
        yield b" "
        await asyncio.sleep(pause)


async def endless(piece):
    while True:
        yield piece


async def still_works(honest, other):
    """Pull a new report from the honest peer."""
    before = (await honest.rows("SELECT count(*) FROM reports"))[0][0]
    await publish(other, await other.home.organization())
    await pull_all(honest, other)
    assert (await honest.rows("SELECT count(*) FROM reports"))[0][0] == before + 1
    assert await honest.faults() == []


async def test_an_answer_of_one_byte_now_and_then_ends_at_the_deadline(nodes):
    honest, liar, other = nodes
    await publish(liar, await liar.home.organization())
    for path in ("/heads", "/entries"):
        liar.lies[:] = [on(path, lambda _, reply: reply.of(drip(b'{"st')))]
        honest.outbound.patience = 0.2
        with pytest.raises(Unreachable, match=r"did not answer in full within 0\.2 seconds"):
            await pull_once(honest, liar)
        honest.outbound.patience = 20.0

    await still_works(honest, other)


BOMBS = {
    "a page that unpacks to gigabytes": (
        lambda: zstd.compress(bytes(64 * MIB)) * 64,
        {"content_encoding": "zstd"},
        "more than 16777216 bytes",
    ),
    "gzip, which nobody asked for": (lambda: b"\x1f\x8b" + bytes(99), {"content_encoding": "gzip"}, "'gzip'"),
    "two encodings at once": (lambda: b"x", {"content_encoding": "zstd, gzip"}, "was not asked for"),
    "zstd that is none": (lambda: b"no" * 99, {"content_encoding": "zstd"}, "does not decode"),
    "half of a frame": (lambda: zstd.compress(bytes(MIB))[:-9], {"content_encoding": "zstd"}, "cut off"),
    "a window of 2 GiB": (
        lambda: bytes.fromhex("28b52ffd00a8") + b"\x01\x00\x00",
        {"content_encoding": "zstd"},
        "does not decode",
    ),
    "an endless page": (lambda: endless(b" " * 65_536), {}, "more than 16777216 bytes"),
    "frames of nothing without end": (
        lambda: endless(zstd.compress(b"") * 5_000),
        {"content_encoding": "zstd"},
        "parts",
    ),
}


async def test_a_bomb_is_refused_while_it_unpacks_and_costs_no_more_memory_than_a_page(nodes):
    honest, liar, other = nodes
    await publish(liar, await liar.home.organization())
    tracemalloc.start()
    try:
        for what, (make, headers, words) in BOMBS.items():
            content = make()
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            lie = on("/entries", lambda _, reply, content=content, headers=headers: reply.of(content, **headers))
            liar.lies[:] = [lie]
            await pull_once(honest, liar)
            assert words in await honest.error(liar.log), what
            assert tracemalloc.get_traced_memory()[1] - before < 3 * page.MAX_WIRE_BYTES, what
    finally:
        tracemalloc.stop()

    await still_works(honest, other)


async def test_a_redirection_is_not_followed(nodes):
    honest, liar, other = nodes
    await publish(liar, await liar.home.organization())
    for status, to in ((301, "http://169.254.169.254/latest/meta-data/"), (308, f"{other.url}/"), (303, "//metadata/")):
        moved = Reply(status, {"location": to}, b"")
        liar.lies[:] = [on("/entries", lambda _, __, moved=moved: moved)]
        await pull_once(honest, liar)
        assert await honest.error(liar.log) == "The other side answers from elsewhere; redirections are not followed."
        other.lies.append(lambda _, reply: reply)
        liar.lies[:] = [on("/heads", lambda _, __, moved=moved: moved)]
        with pytest.raises(PeerRefused, match="not followed"):
            await pull_once(honest, liar)

    assert other.asked == []
    await still_works(honest, other)


async def test_what_a_peer_wants_remembered_is_forgotten(two):
    honest, liar = two
    cookie = {"set-cookie": "seen=" + "x" * 4_000}
    liar.lies.append(lambda _, reply: replace(reply, headers={**reply.headers, **cookie}))
    await pull_once(honest, liar)
    await pull_once(honest, liar)

    assert len(liar.asked) >= 2
    assert not any("cookie" in asked.headers for asked in liar.asked)


ABSURD = {
    "no JSON": b"<html>",
    "not an object": b"[]",
    "nothing of what is needed": b"{}",
    "deeper than any reader": b'{"state":' + b"[" * 100_000,
    "a state without end": json.dumps(EMPTY | {"state": "x" * MIB}).encode(),
    "heads that are no list": json.dumps(EMPTY | {"heads": 7}).encode(),
}


async def test_an_answer_about_logs_that_cannot_be_read_is_refused_in_words(nodes):
    honest, liar, other = nodes
    head = Story(liar.home).head()
    malformed = [json.dumps(EMPTY | {"heads": [head | said]}).encode() for said in MALFORMED]
    for content in (*ABSURD.values(), *malformed):
        liar.lies[:] = [on("/heads", lambda _, reply, content=content: reply.of(content))]
        with pytest.raises(PeerRefused, match="The answer"):
            await pull_once(honest, liar)

    await still_works(honest, other)


MALFORMED = (
    {"id": "x\x00" * 9},
    {"id": "a" * 100_000},
    {"from": 2**63},
    {"from": -1},
    {"note": "x" * 100_000},
    {"audience": {"kind": "everybody"}},
    {"audience": {"kind": "organizations", "organizations": []}},
)
HEADS = {
    "another id": {"id": "0" * 32},
    "a zero byte in the origin": {"origin": "\x00"},
    "no such node": {"origin": "wf" + "a" * 32},
    "an epoch beyond any": {"epoch": 2**70},
    "a negative epoch": {"epoch": -1},
    "a note that is none": {"note": "\x00\ud7ff" * 5},
    "of another audience": {"audience": {"kind": "group", "group": "01900000-0000-7000-8000-000000000001"}},
    "red": {"red": True},
}


async def test_one_absurd_head_stops_no_other_log(mixed, fresh_sqlite):
    async with open_nodes(mixed, fresh_sqlite()) as (honest, liar):
        ngo = await liar.home.organization()
        for what, said in HEADS.items():
            await publish(liar, ngo)
            absurd = Story(liar.home, epoch=7)
            absurd.state(person(liar.home))

            def lie(asked, reply, absurd=absurd, said=said):
                document = json.loads(reply.plain)
                document["heads"].insert(0, absurd.head() | said)
                return reply.of(json.dumps(document).encode())

            liar.lies[:] = [on("/heads", lie)]
            assert (await pull_once(honest, liar)).accepted >= 1, what
        assert all(len(log) == 32 for (log,) in await honest.rows("SELECT log_id FROM peer_logs"))
        assert await honest.faults() == []


async def test_a_peer_cannot_make_rows_without_end_by_showing_logs(nodes, monkeypatch):
    honest, liar, other = nodes
    monkeypatch.setattr("app.services.hear.MAX_LOGS", 10)
    shadow = person(liar.home)
    shown = 0

    def lie(asked, reply):
        nonlocal shown
        document = json.loads(reply.plain)
        for _ in range(4):
            shown += 1
            story = Story(liar.home, epoch=shown + 1, entries=entries)
            document["heads"].append(story.head())
            document["heads"].append(story.head(note="none", epoch=shown + 500_000))
        return reply.of(json.dumps(document).encode())

    first = Story(liar.home)
    first.state(shadow)
    entries = first.entries
    liar.lies.append(on("/heads", lie))
    await pull_once(honest, liar)
    await pull_once(honest, liar)
    with pytest.raises(PeerRefused, match="shows more than 10 logs"):
        await pull_once(honest, liar)

    assert await honest.rows("SELECT count(*) FROM peer_logs WHERE peer_id = :id", id=liar.id) == [(10,)]
    await still_works(honest, other)


async def test_ten_thousand_heads_in_one_answer_cost_one_bounded_round(nodes):
    honest, liar, other = nodes
    story = Story(liar.home)
    story.state(person(liar.home))
    head = story.head()
    heads = [head | {"epoch": number, "id": f"{number:032x}"} for number in range(MAX_HELD)]
    liar.lies.append(on("/heads", lambda _, reply: reply.of(json.dumps(EMPTY | {"heads": heads}).encode())))
    got = await pull_once(honest, liar)

    assert (got.pages, got.more) == (0, False)
    assert await honest.rows("SELECT count(*) FROM logs WHERE origin = :id", id=liar.id) == [(0,)]
    await still_works(honest, other)


async def test_refusals_that_are_none_are_not_kept(nodes):
    honest, liar, other = nodes
    await publish(honest, await honest.home.organization())
    await pull_all(liar, honest)
    async with honest.home.node.store.write(honest.home.operator) as tx:
        await tx.execute(_say_that_some_are_refused())
    good = {"log": honest.log, "index": 1, "leaf": "00" * 32, "code": "id_taken", "detail": "No."}
    absurd = [
        good | {"log": "x" * 100_000},
        good | {"log": "\x00"},
        good | {"index": -1},
        good | {"index": 2**63},
        good | {"leaf": "none"},
    ]
    for row in absurd:
        said = json.dumps({"refusals": [row], "next": None}).encode()
        liar.lies[:] = [on("/refusals", lambda _, reply, said=said: reply.of(said))]
        with pytest.raises(PeerRefused):
            await pull_once(honest, liar)
    texts = good | {"code": "\x00code\x1b[2J", "detail": "\x1b]0;\x07 \x00words"}
    of_others = good | {"log": other.log}
    said = json.dumps({"refusals": [texts, of_others], "next": None}).encode()
    liar.lies[:] = [on("/refusals", lambda _, reply: reply.of(said))]
    await pull_once(honest, liar)

    assert await honest.rows("SELECT log_id, code, detail FROM peer_refusals") == [
        (honest.log, " code [2J", " ]0;   words")
    ]
    await still_works(honest, other)


def _say_that_some_are_refused():
    from sqlalchemy import text  # noqa: PLC0415 - only here does a test write a row

    return text("UPDATE peer_logs SET refused_there = 5")


async def test_a_peer_that_always_has_news_and_nothing_in_it_is_not_followed_at_full_speed(two):
    honest, liar = two
    turns = iter(range(10**6))
    liar.lies += [
        on("/wait", lambda _, reply: reply.of(json.dumps({"state": str(next(turns))}).encode())),
        on("/heads", lambda _, reply: reply.of(json.dumps(EMPTY | {"more": True}).encode())),
    ]
    puller = Puller(honest.home.node, honest.client, honest.world.clock, lambda: 0.5, "here")
    pauses = [await step(puller, liar.id) for _ in range(3)]

    assert min(pauses) > 0


async def test_an_answer_in_pieces_is_as_good_as_one(two):
    honest, liar = two
    await publish(liar, await liar.home.organization())

    async def letters(content):
        for letter in content:
            yield bytes([letter])

    liar.lies.append(lambda _, reply: reply.of(letters(reply.plain)))
    assert (await pull_once(honest, liar)).accepted == 2


async def test_a_log_that_grows_as_it_is_pulled_leaves_the_other_its_turn(two):
    honest, liar = two
    shadow = person(liar.home)
    flood = Story(liar.home)
    flood.state(shadow)
    quiet = Story(liar.home, audience=audiences.organizations(honest.home.operator.organization, shadow.id))
    quiet.state(shadow)

    def grow(asked, reply):
        for _ in range(3):
            flood.report(shadow)
        return flood(asked, reply)

    liar.lies += [quiet, on("/heads", flood), on(f"{flood.id}/entries", grow)]
    got = await pull_once(honest, liar, pages=pull.TURN + 4)

    assert got.pages <= pull.TURN + 4
    assert await honest.rows("SELECT size FROM replicas WHERE log_id = :log", log=quiet.id) == [(1,)]
