"""A peer that changes, forges, repeats, reorders, withholds or takes back what it serves: nothing of it is taken in.

Every lie is told over real HTTP by a node with real keys; beside the spoiled log another one of the same peer goes on.
"""

import json
from dataclasses import replace

import pytest

from app.domain import audience as audiences
from app.domain import merkle, page
from app.domain.marking import Pap, Tlp
from tests.federation.liar import Story, ok, on, open_nodes, person
from tests.joined import publish, pull_all, pull_once


@pytest.fixture
async def nodes(fresh_sqlite):
    async with open_nodes(fresh_sqlite(), fresh_sqlite()) as made:
        yield made


async def both_logs(honest, liar):
    """Let the liar have a public log of three reports, and one for the honest node's operator; give the ids."""
    ngo = await liar.home.organization()
    for _ in range(3):
        await publish(liar, ngo)
    named = audiences.organizations(ngo.id, honest.home.operator.organization)
    await publish(liar, ngo, audience=named, tlp=Tlp.AMBER, pap=Pap.AMBER)
    [(other,)] = await liar.rows("SELECT id FROM logs WHERE id <> :log", log=liar.log)
    return liar.log, other


def lines(raw):
    return raw.split(b"\n")[:-1]


def joined(rows):
    return b"".join(row + b"\n" for row in rows)


def header(raw, **said):
    first, *rest = lines(raw)
    return joined([json.dumps(json.loads(first) | said, separators=(",", ":"), sort_keys=True).encode(), *rest])


def swap_entries(raw):
    """Exchange what two entries say; their indices stay in order."""
    first, *between, last = lines(raw)
    one, other = (row.partition(b",")[2] for row in between[1:3])
    between[1:3] = [b'{"index":1,' + other, b'{"index":2,' + one]
    return joined([first, *between, last])


def bare_with_another_leaf(raw):
    rows = lines(raw)
    rows[2] = page.bare(1, bytes(32), "withheld")[:-1]
    return joined(rows)


ALTERED = {
    "one letter of a record": lambda raw: raw.replace(b'"confidence":70', b'"confidence":71'),
    "one letter of a signature": lambda raw: raw.replace(b'"sig":"', b'"sig":"A', 1),
    "entries in another order": swap_entries,
    "an entry left out": lambda raw: joined([row for place, row in enumerate(lines(raw)) if place != 2]),
    "an entry twice": lambda raw: joined(
        [row for place, row in enumerate(lines(raw)) for _ in range(1 + (place == 2))]
    ),
    "another leaf in the place of a body": bare_with_another_leaf,
    "the end cut off": lambda raw: raw[: len(raw) // 2],
    "the last line cut off": lambda raw: joined(lines(raw)[:-1]),
    "something after the end": lambda raw: raw + b"\n",
    "nothing at all": lambda _: b"",
    "no text": lambda _: b"\xff\xfe\x00" * 99,
    "a page that says it has more": lambda raw: header(raw, to=10**15, size=10**15),
    "another size": lambda raw: header(raw, size=5),
    "a size beyond any": lambda raw: header(raw, size=2**63),
    "a negative start": lambda raw: header(raw, **{"from": -1}),
    "another log": lambda raw: header(raw, log="0" * 32),
    "a checkpoint of nobody": lambda raw: header(raw, note="x/y/1\n4\nAAAA\n\n— x AAAA\n"),
    "a proof that nothing needs": lambda raw: header(raw, proof=["A" * 43 + "="]),
    "a line deeper than any reader": lambda raw: b"[" * 100_000 + b"\n" + raw,
    "a number longer than any reader": lambda raw: raw.replace(b'"from":0', b'"from":' + b"9" * 5_000, 1),
}


async def test_a_page_of_which_anything_was_altered_is_refused_whole_and_another_log_goes_on(nodes):
    honest, liar = nodes
    spoiled, other = await both_logs(honest, liar)
    for what, alter in ALTERED.items():
        liar.lies[:] = [on(f"{spoiled}/entries", lambda _, reply, alter=alter: reply.of(alter(reply.plain)))]
        await pull_once(honest, liar)
        assert await honest.rows("SELECT count(*) FROM log_entries WHERE log_id = :log", log=spoiled) == [(0,)], what
        assert await honest.rows("SELECT size FROM replicas WHERE log_id = :log", log=other) == [(2,)], what
        words = await honest.error(spoiled)
        assert words is not None, what
        assert words.endswith("."), what
    assert await honest.faults() == []
    assert await honest.rows("SELECT count(*) FROM evidence") == [(0,)]

    liar.lies.clear()
    assert (await pull_once(honest, liar)).accepted == 4
    assert await honest.error() is None


async def test_an_earlier_page_in_the_place_of_a_later_one_is_refused(nodes):
    honest, liar = nodes
    ngo = await liar.home.organization()
    await publish(liar, ngo)
    kept = []
    liar.lies.append(on("/entries", lambda _, reply: kept.append(reply) or reply))
    await pull_all(honest, liar)
    await publish(liar, ngo)
    liar.lies[:] = [on("/entries", lambda _, __: kept[0])]
    await pull_once(honest, liar)

    assert await honest.error(liar.log) == "The page does not begin where it was asked to."
    assert await honest.rows("SELECT size FROM replicas") == [(2,)]
    assert await honest.faults() == []


async def test_a_checkpoint_that_its_node_did_not_sign_moves_nothing(nodes):
    honest, liar = nodes
    ngo = await liar.home.organization()
    await publish(liar, ngo)
    stranger = Story(liar.home, seed=honest.home.random(32))
    shadow = person(liar.home)
    stranger.state(shadow)
    stranger.report(shadow)
    liar.lies.append(stranger)
    await pull_once(honest, liar)

    assert "not signed with a key of the log's node" in await honest.error(liar.log)
    assert await honest.rows("SELECT count(*) FROM log_entries") == [(0,)]


async def test_what_is_withheld_is_noted_and_comes_when_it_is_given(nodes):
    honest, liar = nodes
    hidden, other = await both_logs(honest, liar)
    liar.lies.append(on(f"{hidden}/entries", lambda _, __: replace(ok(b'{"detail":"No."}'), status=404)))
    await pull_once(honest, liar)
    assert await honest.error(hidden) == "It answers with status 404. No."
    assert await honest.rows("SELECT size FROM replicas WHERE log_id = :log", log=other) == [(2,)]
    liar.lies.clear()

    assert (await pull_once(honest, liar)).accepted == 4


async def test_bodies_that_are_withheld_leave_holes_that_say_so_and_a_tree_that_verifies(nodes):
    honest, liar = nodes
    shadow = person(liar.home)
    story = Story(liar.home)
    story.state(shadow)
    story.report(shadow)
    told = story.entries[1]
    story.entries[1] = merkle.leaf_hash(told.to_bytes())
    story.report(shadow)
    liar.lies.append(story)
    await pull_once(honest, liar)

    assert await honest.rows('SELECT "index", reason FROM log_holes') == [(1, "withheld")]
    assert await honest.rows("SELECT count(*) FROM reports") == [(1,)]
    assert await honest.faults() == []


async def test_a_log_that_was_rolled_back_changes_nothing_here(nodes):
    honest, liar = nodes
    shadow = person(liar.home)
    story = Story(liar.home)
    story.state(shadow)
    for _ in range(4):
        story.report(shadow)
    liar.lies.append(story)
    await pull_all(honest, liar)
    story.covers = 3
    await pull_once(honest, liar)

    assert await honest.rows("SELECT size FROM replicas") == [(5,)]
    assert await honest.rows("SELECT count(*) FROM evidence") == [(0,)]
    assert "3 entries" in (await honest.error(story.id) or "")
    assert await honest.faults() == []
    story.covers = None
    story.report(shadow)
    assert (await pull_all(honest, liar)).accepted == 1


async def test_a_page_under_a_smaller_checkpoint_than_the_one_shown_is_refused(nodes):
    honest, liar = nodes
    shadow = person(liar.home)
    story, early = Story(liar.home), Story(liar.home)
    story.state(shadow)
    for _ in range(3):
        story.report(shadow)
    early.entries = story.entries[:2]
    liar.lies.append(story)
    await pull_all(honest, liar)
    story.report(shadow)
    liar.lies.append(on("/entries", lambda _, __: ok(early.page(2), "application/x-ndjson")))
    await pull_once(honest, liar)

    assert await honest.rows("SELECT size FROM replicas") == [(4,)]
    assert await honest.error(story.id) is not None
    assert await honest.faults() == []


async def test_pages_that_say_less_and_less_end_a_round(nodes):
    honest, liar = nodes
    shadow = person(liar.home)
    story = Story(liar.home)
    story.state(shadow)
    for _ in range(200):
        story.report(shadow)

    def one_by_one(asked, reply):
        at = int(asked.query["from"])
        return ok(story.page(at, at + 1), "application/x-ndjson")

    liar.lies += [story, on(f"{story.id}/entries", one_by_one)]
    got = await pull_once(honest, liar, pages=10)

    assert (got.pages, got.entries, got.more) == (10, 10, True)
    assert await honest.faults() == []
