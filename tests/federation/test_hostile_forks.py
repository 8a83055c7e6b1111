"""A node that tells two stories: two that were shown different ones find it in one exchange, with proof for anybody.

And what relays can do with what they pass on: keep it back for a while, and nothing else.
"""

import base64
import json

import pytest

from app.cli import run
from app.domain import audience as audiences
from app.domain import evidence as proofs
from app.domain import merkle
from app.domain.marking import Pap, Tlp
from app.services import forks
from app.services.remote import Destination, Held, PeerRefused
from app.storage import holes
from tests.federation.liar import Story, keeping_back, on, open_nodes, person
from tests.joined import join, publish, pull_all, pull_once


def asker(asked):
    """Give the node that made a request."""
    claims = asked.headers["authorization"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]


def two_faced(stories):
    """Tell each asker the story that is for it."""
    return lambda asked, reply: stories[asker(asked)](asked, reply) if asker(asked) in stories else reply


def fork_of(liar, *sizes, common=3):
    """Make stories of one log that begin alike: one of each size."""
    shadow = person(liar.home)
    first = Story(liar.home)
    first.state(shadow)
    while first.size < common:
        first.report(shadow)
    made = []
    for size in sizes:
        story = Story(liar.home, entries=list(first.entries))
        while story.size < size:
            story.report(shadow)
        made.append(story)
    return made


async def found(stand):
    """Give the proofs that a node keeps."""
    return await forks.list_forks(stand.home.node, stand.home.operator, "", 10)


@pytest.mark.parametrize("sizes", [(6, 4), (4, 300)])
async def test_two_nodes_that_were_told_two_stories_of_two_lengths_find_it_in_one_exchange(fresh_sqlite, sizes):
    await find_the_fork(fresh_sqlite(), fresh_sqlite, sizes)


async def test_two_nodes_that_were_told_two_stories_of_one_length_find_it_in_one_exchange(database, fresh_sqlite):
    await find_the_fork(database, fresh_sqlite, (5, 5))


async def find_the_fork(database, fresh_sqlite, sizes):
    async with open_nodes(database, fresh_sqlite(), fresh_sqlite()) as (one, liar, other):
        await join(other, liar)
        ngo = await other.home.organization()
        stories = dict(zip((one.id, other.id), fork_of(liar, *sizes), strict=True))
        liar.lies.append(two_faced(stories))
        await pull_all(one, liar)
        await pull_all(other, liar)
        assert await found(one) + await found(other) == []
        await publish(other, ngo)
        got = await pull_once(one, other)

        held = [*await found(one), *await found(other)]
        assert held
        assert {(item.origin, item.log_id) for item in held} == {(liar.id, liar.log)}
        assert all(sorted(proofs.verify(item.document).sizes) == sorted(sizes) for item in held)
        assert got.accepted == 2  # nothing else stops
        for stand, story in ((one, stories[one.id]), (other, stories[other.id])):
            size = story.size
            while story.size <= max(sizes):
                story.report(person(liar.home))
            await pull_all(stand, liar)
            frozen = size == max(sizes)  # who has less cannot compare yet
            now = await stand.rows("SELECT size FROM replicas WHERE log_id = :log", log=liar.log)
            assert now == [(size if frozen else story.size,)]
        await pull_once(other, one)  # whoever had less has seen enough by now
        await pull_once(one, other)
        assert await found(one)
        assert await found(other)
        for stand in (one, other):
            assert await stand.faults() == []


async def test_a_forked_log_stops_and_another_log_of_the_same_node_goes_on(fresh_sqlite):
    async with open_nodes(fresh_sqlite(), fresh_sqlite()) as (honest, liar):
        told, other = fork_of(liar, 4, 6)
        liar.lies.append(told)
        await pull_all(honest, liar)
        liar.lies[:] = [other]
        await pull_all(honest, liar)
        assert await honest.rows("SELECT size FROM replicas") == [(4,)]
        assert "prove" in await honest.error(liar.log) or "proof" in await honest.error(liar.log)
        other.covers = 4
        await pull_all(honest, liar)
        assert [proofs.verify(item.document).sizes for item in await found(honest)] == [(4, 4)]

        shadow = person(liar.home)
        named = audiences.organizations(shadow.id, honest.home.operator.organization)
        second = Story(liar.home, audience=named, tlp=Tlp.AMBER)
        second.state(shadow)
        second.report(shadow)
        liar.lies[:] = [other, second]
        assert (await pull_all(honest, liar)).accepted == 2
        assert await honest.faults() == []


async def test_the_proof_of_a_fork_verifies_offline_and_an_altered_one_proves_nothing(fresh_sqlite, tmp_path, capfd):
    documents = []
    for sizes in ((5, 5), (6, 4)):
        async with open_nodes(fresh_sqlite(), fresh_sqlite()) as (honest, liar):
            told, other = fork_of(liar, *sizes)
            liar.lies.append(told)
            await pull_all(honest, liar)
            liar.lies[:] = [other]
            await pull_all(honest, liar)
            [proof] = await found(honest)
            documents.append(proof.document)
            name = liar.id
    for document in documents:
        file = tmp_path / "evidence.json"
        file.write_bytes(document)
        assert run(["log", "verify-evidence", str(file), "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["proved"] is True
        for altered in alterations(document):
            file.write_bytes(altered)
            assert run(["log", "verify-evidence", str(file), "--json"]) != 0, altered
            assert json.loads(capfd.readouterr().out)["proved"] is False
    assert json.loads(base64.b64decode(json.loads(documents[1])["node"]["payload"]))["id"] == name


def alterations(document):
    """Change evidence in the ways that somebody would who wants to accuse."""
    said = json.loads(document)

    def written(**changed):
        return json.dumps(said | changed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    yield document[:-1]
    yield document + b"\n"
    yield b""
    yield b"{}"
    yield document.replace(b'"fork"', b'"theft"')
    yield written(first=said["second"], second=said["second"])
    yield written(second=said["second"].replace("/public/", "/public.red/"))
    yield written(second=said["second"][:-10] + "AAAAAAA==\n")
    size = said["first"].split("\n")[1]
    yield written(first=said["first"].replace(f"\n{size}\n", "\n7\n", 1))
    if "proof" in said:
        yield written(prefix_root=base64.b64encode(bytes(32)).decode())
        yield written(proof=[*said["proof"], base64.b64encode(bytes(32)).decode()])
        yield written(proof=said["proof"][:-1])


async def test_an_honest_node_is_accused_by_nobody_whatever_a_relay_shows(fresh_sqlite):
    async with open_nodes(*(fresh_sqlite() for _ in range(3))) as (honest, liar, origin):
        await join(liar, origin)
        ngo = await origin.home.organization()
        notes = []
        for _ in range(5):
            await publish(origin, ngo)
            notes += await origin.rows("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")
            await pull_all(liar, origin)
        await pull_all(honest, origin)
        forged = Story(origin.home, seed=liar.home.seed)
        forged.entries = [merkle.leaf_hash(b"x")] * 4

        def gossip(asked, reply):
            document = json.loads(reply.plain)
            document["gossip"] = [note for (note,) in notes] + [
                forged.note(),
                forged.note(4, bytes(32)),
                "",
                "x" * 99_999,
            ]
            document["heads"] = [forged.head(), *(forged.head(note=note) for (note,) in notes)]
            document["show"] = [origin.log, "x", ""]
            return reply.of(json.dumps(document).encode())

        liar.lies.append(on("/heads", gossip))
        for _ in range(2):
            await pull_once(honest, liar)
        assert await found(honest) == []
        await publish(origin, ngo)
        assert (await pull_all(honest, origin)).accepted == 1
        assert await honest.faults() == []


async def test_a_relay_that_keeps_a_revocation_back_delays_it_until_the_origin_is_asked_and_no_longer(
    fresh_sqlite, monkeypatch
):
    monkeypatch.setattr(holes, "OTHERS", 2)  # relays in league would use more of them up
    async with open_nodes(*(fresh_sqlite() for _ in range(4))) as (honest, relay, second, origin):
        for one in (relay, second):
            await join(one, origin)
        ngo, bank = await origin.home.organization(), await honest.home.organization()
        address = origin.home.address()
        report = await publish(origin, ngo, address)
        await pull_all(honest, origin)
        await origin.home.follow(ngo, report.id, "revocation")
        await origin.home.sequence()
        for one in (relay, second):
            await pull_all(one, origin)
            one.lies.append(on("/entries", keeping_back(2)))
        for _ in range(3):
            for one in (relay, second):
                await pull_once(honest, one)
        assert await honest.home.status(bank, address) == "listed"
        assert await honest.rows('SELECT "index", reason FROM log_holes') == [(2, "refused")]
        honest.world.clock.tick(hours=30)
        for one in (relay, second):
            await pull_once(honest, one)

        assert (await pull_once(honest, origin)).filled == 1
        assert await honest.home.status(bank, address) == "revoked"
        assert await honest.faults() == []


async def test_what_a_peer_shows_of_a_log_that_is_hidden_from_it_changes_nothing_and_tells_nothing(fresh_sqlite):
    async with open_nodes(*(fresh_sqlite() for _ in range(3))) as (honest, liar, origin):
        ngo = await origin.home.organization()
        named = audiences.organizations(ngo.id, honest.home.operator.organization)
        await publish(origin, ngo, audience=named, tlp=Tlp.AMBER, pap=Pap.AMBER)
        await pull_all(honest, origin)
        [(hidden, note)] = await honest.rows("SELECT log_id, note FROM replicas")
        entries = await honest.rows("SELECT leaf_hash FROM log_entries WHERE log_id = :log", log=hidden)
        true = Story(origin.home, audience=named, tlp=Tlp.AMBER, entries=[leaf for (leaf,) in entries])
        false = Story(origin.home, audience=named, tlp=Tlp.AMBER, entries=[bytes(32)] * true.size)
        absent = Story(origin.home, audience=audiences.organizations(ngo.id), tlp=Tlp.AMBER, entries=[bytes(32)])
        to = Destination(honest.id, honest.url)
        answers = []
        for story in (true, false, absent):
            held = Held(story.id, story.size, story.root().hex(), 0)
            answers.append(await liar.client.heads(to, [held], [story.note()]))

        assert true.note() == note
        assert {(item.state, item.heads, item.gossip, item.show, item.more) for item in answers} == {
            (answers[0].state, (), (), (), False)
        }
        assert await found(honest) == []
        pages = []
        for story in (true, absent):
            with pytest.raises(PeerRefused) as refused:
                await liar.client.entries(to, story.id, 0)
            pages.append((refused.value.status, refused.value.detail.replace(story.id, "")))
        assert pages[0] == pages[1]
