"""Gossip: two stories of one node meet and become evidence that anybody can verify; nobody honest is ever accused."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import actor as actors
from app.domain import audience as audiences
from app.domain import checkpoint, evidence, merkle, node_record, signing
from app.domain.checkpoint import Checkpoint
from app.domain.marking import Tlp
from app.domain.merkle import Frontier
from app.services import gossip
from app.storage import evidence as kept
from app.storage import logs, peers, records, replicas
from app.storage.peers import KnownNode, Peer
from app.storage.replicas import NewEntry, Replica
from tests import make
from tests.make import NOW
from tests.strategies import quick
from tests.world import World, run


@dataclass
class Third:
    """A node that may tell two stories: leaves, and the checkpoints that it signs of them."""

    seed: bytes = field(default_factory=lambda: make.seed("third"))
    audience: audiences.Audience = audiences.PUBLIC
    tlp: Tlp = Tlp.CLEAR

    @property
    def id(self):
        return signing.node_id(signing.public_key(self.seed))

    @property
    def log(self):
        return checkpoint.log_id(self.id, self.audience.key(self.tlp), 1)

    def record(self):
        key = signing.public_key(self.seed)
        return node_record.sign(node_record.NodeRecord(self.id, "third", None, (key,), (), (), NOW, ()), self.seed)

    def leaves(self, size, story="one", since=0):
        """Tell a story that is the first one up to an index."""
        return [merkle.leaf_hash(f"{'one' if at < since else story} {at}".encode()) for at in range(size)]

    def note(self, leaves, seed=None):
        origin = checkpoint.origin_line(self.id, self.audience.key(self.tlp), 1)
        edge = Frontier().extend(leaves)
        return checkpoint.sign_checkpoint(Checkpoint(origin, edge.size, edge.root()), self.id, seed or self.seed)


PEER = actors.peer(make.node_id("asker"))


async def hold(home, third, leaves, cover=None):
    """Let a node hold a log of another, as if it had pulled it; `cover` are all leaves that its checkpoint covers."""
    async with home.node.store.write(home.operator) as tx:
        raw = third.record()
        await peers.save_node(tx, KnownNode(third.id, "third", None, 0, raw, NOW, NOW))
        audience_id = await records.ensure_audience(tx, third.audience, third.tlp)
        await logs.ensure(tx, third.log, third.id, audience_id, 1)
        rows = [NewEntry(at, leaf, None, None) for at, leaf in enumerate(leaves)]
        await replicas.add_entries(tx, third.log, rows, merkle.full_tiles(0, leaves, {}))
        note = third.note(cover or leaves)
        await replicas.save(tx, Replica(third.log, Frontier().extend(leaves), note, len(cover or leaves)))


async def compare(home, *notes, peer=PEER):
    return await gossip.compare(home.node, peer, notes, home.world.clock.now)


async def proved(home):
    """Verify offline all evidence that a node keeps; give the sizes that each piece is about."""
    async with home.node.store.read(home.operator) as tx:
        found = await kept.search(tx)
    return [evidence.verify(item.document).sizes for item in found]


async def test_two_roots_of_one_size_are_evidence(home):
    third = Third()
    await hold(home, third, third.leaves(5))
    other = third.note(third.leaves(5, "two", 3))
    compared = await compare(home, other)
    assert compared.answers == [third.note(third.leaves(5))]
    assert await proved(home) == [(5, 5)]
    async with home.node.store.read(home.operator) as tx:
        [found] = await kept.search(tx)
        assert (found.id, found.log_id, found.origin, found.peer_id) == (
            compared.evidence[0], third.log, third.id, PEER.node,
        )  # fmt: skip
        assert await kept.is_frozen(tx, third.log)
    assert (await compare(home, other)).evidence == compared.evidence
    assert len(await proved(home)) == 1


@pytest.mark.parametrize(("size", "held"), [(3, 5), (5, 300), (256, 300), (300, 600)])
async def test_a_beginning_that_is_not_that_of_what_is_held_is_evidence(home, size, held):
    third = Third()
    await hold(home, third, third.leaves(held))
    compared = await compare(home, third.note(third.leaves(size, "two", size - 1)))
    assert (len(compared.answers), len(compared.evidence)) == (1, 1)
    assert await proved(home) == [(size, held)]


async def test_who_is_behind_answers_its_own_so_that_the_other_can_compare(home):
    third = Third()
    await hold(home, third, third.leaves(3))
    compared = await compare(home, third.note(third.leaves(5, "two", 1)))
    assert (compared.answers, compared.evidence) == ([third.note(third.leaves(3))], [])


async def test_what_is_not_whole_accuses_nobody(home):
    third = Third()
    await hold(home, third, third.leaves(3), cover=third.leaves(6))
    assert (await compare(home, third.note(third.leaves(5)))).evidence == []
    assert (await compare(home, third.note(third.leaves(2, "two", 1)))).evidence == []
    assert (await compare(home, third.note(third.leaves(6, "two", 1)))).evidence != []


@quick
@given(st.integers(1, 40), st.lists(st.integers(0, 50), max_size=4))
def test_an_honest_node_is_never_accused(fresh_sqlite, held, sizes):
    async def story():
        world = World()
        home = await world.add_home(fresh_sqlite())
        third = Third()
        await hold(home, third, third.leaves(held))
        compared = await compare(home, *(third.note(third.leaves(size)) for size in sizes))
        assert compared.evidence == []
        assert len(compared.answers) == (max(sizes, default=0) > held)
        await world.close()

    run(story())


async def test_what_the_logs_node_did_not_sign_is_passed_over(home):
    third = Third()
    await hold(home, third, third.leaves(5))
    forged = third.note(third.leaves(5, "two")).rpartition("\n— ")[0] + "\n— " + "x y\n"
    other_key = third.note(third.leaves(5, "two"), make.seed("another"))
    assert other_key != third.note(third.leaves(5, "two"))
    for note in (forged, other_key, "", "x", "a/b/1\n", third.note(third.leaves(5))):
        compared = await compare(home, note)
        assert (compared.answers, compared.evidence) == ([], []), note


async def test_of_a_log_that_is_hidden_from_the_peer_nothing_is_said(home):
    ours = await home.organization()
    third = Third(audience=audiences.organizations(ours.id), tlp=Tlp.AMBER)
    await hold(home, third, third.leaves(3))
    forked = third.note(third.leaves(3, "two"))
    absent = Third(seed=make.seed("unknown")).note(third.leaves(3))
    assert await compare(home, forked) == await compare(home, absent)
    assert await proved(home) == []


async def test_own_logs_and_those_of_the_peer_are_none_of_gossip(home):
    third = Third()
    await hold(home, third, third.leaves(3))
    peer = actors.peer(third.id)
    assert (await compare(home, third.note(third.leaves(3, "two")), peer=peer)).evidence == []
    async with home.node.store.read(peer) as tx:
        assert await gossip.to_show(home.node, tx) == []


async def test_shown_are_third_nodes_logs_that_the_peer_may_read_and_each_has_its_turn(home, monkeypatch):
    ours = await home.organization()
    await home.submit(ours, audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
    await home.sequence()
    shown = [Third(seed=make.seed(("node", number))) for number in range(4)]
    hidden = Third(seed=make.seed("hidden"), audience=audiences.organizations(ours.id), tlp=Tlp.AMBER)
    for third in (*shown, hidden):
        await hold(home, third, third.leaves(2))
    async with home.node.store.write(home.operator) as tx:
        await peers.save_node(tx, KnownNode(PEER.node, "asker", None, 0, b"", NOW, NOW))
        await peers.add(tx, Peer(PEER.node, None, True, True, "active", {}, NOW, NOW))
    notes = {third.note(third.leaves(2)) for third in shown}
    async with home.node.store.read(PEER) as tx:
        assert set(await gossip.to_show(home.node, tx)) == notes
        monkeypatch.setattr(gossip, "MAX_NOTES", 2)
        seen = [await gossip.to_show(home.node, tx) for _ in range(20)]
    assert {len(each) for each in seen} == {2}
    assert {note for each in seen for note in each} == notes
