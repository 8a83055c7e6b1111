"""Keys of nodes: an honest rotation goes unnoticed, and who stole the key that was replaced gets nowhere with it."""

import json
import re
from dataclasses import replace

import pytest

from app.domain import checkpoint, merkle, node_record, record, signing
from app.domain.checkpoint import Checkpoint
from app.federation.client import Client
from app.services import identity, peering
from app.services.remote import Destination, PeerRefused
from tests.federation.liar import Story, ok, on, open_nodes, person
from tests.joined import join, publish, pull_all, pull_once


@pytest.fixture
async def two(fresh_sqlite):
    """A node whose key is replaced, and a peer of it."""
    async with open_nodes(fresh_sqlite(), fresh_sqlite()) as made:
        yield made


@pytest.fixture
async def nodes(fresh_sqlite):
    """A node whose key is replaced, a peer of it, and a second peer."""
    async with open_nodes(*(fresh_sqlite() for _ in range(3))) as made:
        yield made


async def appended(stand):
    """Publish one report more, and give how many entries the public log has then."""
    await publish(stand, await stand.home.organization())
    return (await stand.rows("SELECT max(size) FROM checkpoints WHERE log_id = :log", log=stand.log))[0][0]


async def test_after_a_rotation_peers_learn_the_key_and_old_and_new_entries_verify(fresh_sqlite, tmp_path):
    async with open_nodes(*(fresh_sqlite() for _ in range(3)), joined=False) as (origin, peer, late):
        await join(peer, origin)
        ngo, bank = await origin.home.organization(), await peer.home.organization()
        before, after, last = (origin.home.address() for _ in range(3))
        await publish(origin, ngo, before)
        await pull_all(peer, origin)
        first = origin.home.node.identity
        await origin.rotate(tmp_path)
        assert origin.id == first.node_id
        assert origin.home.node.identity.public_key != first.public_key
        await publish(origin, ngo, after)
        got = await pull_all(peer, origin)
        assert (got.accepted, got.refused) == (2, 0)
        await origin.rotate(tmp_path)
        await publish(origin, ngo, last)
        await pull_all(peer, origin)
        await join(late, origin)
        await pull_all(late, origin)

        assert [await peer.home.status(bank, item) for item in (before, after, last)] == ["listed"] * 3
        roots = "SELECT size, root FROM {} ORDER BY size DESC LIMIT 1"
        assert await peer.rows(roots.format("replicas")) == await origin.rows(roots.format("checkpoints"))
        assert await late.rows(roots.format("replicas")) == await origin.rows(roots.format("checkpoints"))
        assert await peer.rows("SELECT generation FROM nodes WHERE id = :id", id=origin.id) == [(2,)]
        assert await late.rows("SELECT count(*) FROM records WHERE kind = 'node'") == [(2,)]
        for stand in (origin, peer, late):
            assert await stand.faults() == []
            assert await stand.rows("SELECT 1 FROM log_holes") == []


async def test_a_node_that_rotated_is_still_known_by_those_whom_it_asks(two, tmp_path):
    origin, peer = two
    await origin.rotate(tmp_path)
    await publish(peer, await peer.home.organization())
    with pytest.raises(PeerRefused, match="401"):
        await pull_once(origin, peer)  # the peer has not heard of the new key
    await peering.tell(origin.home.node, origin.client, peer.id, origin.home.tick())

    assert (await pull_all(origin, peer)).accepted == 2


async def test_entries_and_checkpoints_of_a_replaced_key_are_refused(two, tmp_path):
    origin, honest = two
    await publish(origin, await origin.home.organization())
    await pull_all(honest, origin)
    stolen = await origin.rotate(tmp_path)
    await publish(origin, await origin.home.organization())
    await pull_all(honest, origin)
    held = await honest.rows("SELECT size, root FROM replicas")

    thief = person(origin.home, "thief")
    envelopes = await origin.rows(
        "SELECT payload, keyid, signature FROM records r JOIN log_entries e ON e.record_id = r.id ORDER BY e.arrival"
    )
    story = Story(origin.home, seed=stolen, entries=[signing.Envelope(*row) for row in envelopes])
    story.add(story.frame("organization", thief, _keys_of(thief)), stolen)
    story.report(thief)
    origin.lies.append(story)
    await pull_once(honest, origin)
    assert "a key that the node had replaced before" in await honest.error(story.id)
    assert await honest.rows("SELECT size, root FROM replicas") == held

    story.seed = None  # even if the node itself logs it, it does not count
    await pull_once(honest, origin)
    reasons = dict(await honest.rows('SELECT "index", reason FROM log_holes'))
    assert set(reasons.values()) <= {"invalid_signature", "not_at_home"}
    assert len(reasons) == 2
    assert await honest.faults() == []


def _keys_of(who):
    return record.Organization(who.name, "ngo", 1, (record.Key(signing.public_key(who.seed), "organization"),))


async def test_requests_and_node_records_of_a_replaced_key_are_refused(two, tmp_path):
    origin, honest = two
    before = origin.home.node.identity
    stolen = await origin.rotate(tmp_path)
    await peering.tell(origin.home.node, origin.client, honest.id, origin.home.tick())
    known = await honest.rows("SELECT document FROM nodes WHERE id = :id", id=origin.id)

    thief = replace(origin.home.node, identity=identity.new(stolen, before.pepper, before.wrapping_key))
    client = Client(thief, origin.outbound, origin.world.clock)
    to = Destination(honest.id, honest.url)
    with pytest.raises(PeerRefused, match="401"):
        await client.heads(to, [], [])
    with pytest.raises(PeerRefused, match="401"):
        await client.peering(to, await peering.own_record(thief, origin.home.tick()), accepted=False)
    own_next = origin.home.random(32)
    handover = node_record.hand_over(origin.id, 1, signing.public_key(own_next), stolen)
    other_chain = identity.new(own_next, before.pepper, before.wrapping_key, (signing.public_key(stolen),), (handover,))
    thief = replace(thief, identity=other_chain)
    client = Client(thief, origin.outbound, origin.world.clock)
    with pytest.raises(PeerRefused, match="401"):
        await client.peering(to, await peering.own_record(thief, origin.home.tick()), accepted=False)

    assert await honest.rows("SELECT document FROM nodes WHERE id = :id", id=origin.id) == known
    assert await honest.rows("SELECT state FROM peers WHERE node_id = :id", id=origin.id) == [("active",)]


async def test_a_thief_of_a_replaced_key_cannot_make_its_node_believe_that_it_was_restored(two, tmp_path):
    origin, liar = two
    size = await appended(origin)
    stolen = await origin.rotate(tmp_path)
    assert await appended(origin) > size
    line = checkpoint.origin_line(origin.id, "public", 1)
    false = checkpoint.sign_checkpoint(Checkpoint(line, 10**6, bytes(32)), origin.id, stolen)
    to = Destination(origin.id, origin.url)
    await peering.tell(origin.home.node, origin.client, liar.id, origin.home.tick())

    assert await liar.client.checkpoints(to, [false]) == 0
    size = (await origin.rows("SELECT max(size) FROM checkpoints"))[0][0]
    assert await appended(origin) > size
    assert await origin.rows("SELECT 1 FROM shown_heads") == []


async def test_a_node_record_that_is_none_of_the_peer_is_refused_in_words(nodes):
    honest, liar, other = nodes
    old = await peering.own_record(liar.home.node, liar.home.tick())
    newer = await peering.own_record(liar.home.node, liar.home.tick())
    foreign = await peering.own_record(other.home.node, other.home.tick())
    broken = re.sub(rb'"payload":"....', b'"payload":"AAAA', newer)
    words = []
    for document in (newer, old, foreign, broken, b'{"a":1}', b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"):
        said = ok(b'{"node":%s,"accepted":true}' % document)
        liar.lies[:] = [on("/peering", lambda _, __, said=said: said)]
        told = await peering.tell(honest.home.node, honest.client, liar.id, honest.home.tick())
        words.append(told.error)

    assert words[:2] == [None, None]
    assert await honest.rows("SELECT document FROM nodes WHERE id = :id", id=liar.id) == [(newer,)]  # not the older one
    assert words[2] == "Another node answers at its URL."
    assert "not accepted" in words[3]
    assert "not accepted" in words[4]
    assert words[5] is not None
    assert await honest.rows("SELECT state FROM peers WHERE node_id = :id", id=liar.id) == [("active",)]


async def test_whoever_sits_at_the_address_of_a_node_cannot_speak_for_it(nodes):
    """As after a stolen DNS name: another node, with keys of its own, answers at the URL of a peer."""
    honest, liar, other = nodes
    await publish(other, await other.home.organization())
    async with honest.home.node.store.write(honest.home.operator) as tx:
        from app.storage import peers  # noqa: PLC0415 - the address moves past every rule

        await peers.change(tx, other.id, url=liar.url)
    with pytest.raises(PeerRefused, match="401"):
        await pull_once(honest, other)
    story = Story(other.home, seed=liar.home.seed)
    story.state(person(liar.home))
    document = {"state": "x", "heads": [story.head()]}
    liar.lies.append(on("/heads", lambda _, __: ok(json.dumps(document).encode())))
    liar.lies.append(on("/entries", lambda _, __: ok(story.page(0))))
    await pull_once(honest, other)
    told = await peering.tell(honest.home.node, honest.client, other.id, honest.home.tick())

    assert "401" in told.error
    assert "not signed with a key of the log's node" in await honest.error(other.log)
    assert await honest.rows("SELECT 1 FROM log_entries") == []
    with pytest.raises(Exception, match="fingerprint"):
        await peering.propose(
            honest.home.node, honest.home.operator, honest.client, liar.url, honest.home.tick(), fingerprint="0000"
        )


async def test_what_a_thief_relays_of_a_newer_chain_is_not_learned(nodes, tmp_path):
    """The liar passes a record of the origin on that another key than the replaced one handed over."""
    honest, liar, origin = nodes
    await publish(origin, await origin.home.organization())
    await pull_all(honest, origin)
    stolen = origin.home.seed
    await origin.rotate(tmp_path)
    await publish(origin, await origin.home.organization())
    await pull_all(honest, origin)
    own_next = liar.home.random(32)
    handover = node_record.hand_over(origin.id, 1, signing.public_key(own_next), stolen)
    real = node_record.parse(await peering.own_record(origin.home.node, origin.home.tick()))
    keys = (signing.public_key(stolen), signing.public_key(own_next))
    false = node_record.sign(replace(real, keys=keys, handovers=(handover,)), own_next)
    story = Story(origin.home, seed=own_next, entries=[merkle.leaf_hash(b"x")] * 9)

    def lie(asked, reply):
        document = json.loads(reply.plain) | {"nodes": [json.loads(false)]}
        document["heads"].append(story.head())
        return reply.of(json.dumps(document).encode())

    liar.lies.append(on("/heads", lie))
    await pull_once(honest, liar)

    assert await honest.rows("SELECT generation FROM nodes WHERE id = :id", id=origin.id) == [(1,)]
    assert "not signed with a key of the log's node" in await honest.error(origin.log)
    assert (await pull_all(honest, origin)).refused == 0
    assert await appended(origin) > 0
    assert (await pull_all(honest, origin)).accepted == 2
