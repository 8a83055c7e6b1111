"""A node whose database was restored from a backup: it never signs a second history, and gets back what peers have.

What it has published is known by the file beside its database, or by its peers; each of them alone is enough.
"""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from app import bootstrap
from app.cli import run
from app.domain import audience as audiences
from app.domain import checkpoint
from app.domain.errors import Conflict, InvalidSignature
from app.domain.marking import Pap, Tlp
from app.services import forks, membership
from app.services.known_heads import KnownHeads
from tests.federation.liar import keeping_back, on, open_nodes
from tests.joined import join, publish, pull_all, pull_once


class Kept:
    """A node with a file of known heads beside its database, and backups of that database."""

    def __init__(self, stand, folder):
        self.stand, self.folder = stand, folder
        self.file = Path(stand.home.url.partition("///")[2])
        self.signed = folder / bootstrap.HEADS_FILE

    async def begin(self):
        """Remember what is published from now on."""
        self.stand.home.heads = self.signed
        KnownHeads(self.signed).begin()
        await self.stand.reopen()

    async def back_up(self):
        await self.stand.home.close()
        shutil.copyfile(self.file, self.folder / "backup")
        await self.stand.reopen()

    async def restore(self, *, lose_file=False):
        """Put the backup in the place of the database."""
        await self.stand.home.close()
        self._put_back()
        if lose_file:
            self.stand.home.heads = None
        await self.stand.reopen()

    def _put_back(self):
        for tail in ("", "-wal", "-shm"):
            Path(f"{self.file}{tail}").unlink(missing_ok=True)
        shutil.copyfile(self.folder / "backup", self.file)

    async def size(self):
        """Give how many entries the newest public log has."""
        query = (
            "SELECT count(*) FROM log_entries e JOIN logs l ON l.id = e.log_id WHERE l.origin = :id AND l.epoch = "
            "(SELECT max(epoch) FROM logs WHERE origin = :id)"
        )
        return (await self.stand.rows(query, id=self.stand.id))[0][0]

    async def contradictions(self, *peers):
        """Give the (log, size) of which more than one root was signed, in all that is known anywhere."""
        notes = [json.loads(line)["note"] for line in self.signed.read_text().splitlines()]
        for stand in (self.stand, *peers):
            notes += [
                note for (note,) in await stand.rows("SELECT note FROM checkpoints UNION SELECT note FROM replicas")
            ]
        roots = {}
        for note in notes:
            if note.startswith(self.stand.id):
                said = checkpoint.parse_checkpoint(note, self.stand.id, self._key(note))
                roots.setdefault((said.origin, said.size), set()).add(said.root)
        return [place for place, found in roots.items() if len(found) > 1]

    def _key(self, note):
        keys = self.stand.home.node.identity.keys
        number = checkpoint.signer_generation(note, self.stand.id, keys)
        return keys[number]


@pytest.fixture
async def restored(fresh_sqlite, tmp_path):
    """A node that was restored to a state of two entries; it has published five, and its peer has them all."""
    async with open_nodes(fresh_sqlite(), fresh_sqlite()) as (peer, origin):
        kept = Kept(origin, tmp_path)
        await kept.begin()
        ngo = await origin.home.organization()
        await publish(origin, ngo)
        await kept.back_up()
        addresses = [origin.home.address() for _ in range(3)]
        for address in addresses:
            await publish(origin, ngo, address)
        await pull_all(peer, origin)
        yield kept, peer, ngo, addresses


async def settled(kept, peer, ngo, addresses):
    """Check that both nodes have everything once, and that the restored one goes on."""
    origin = kept.stand
    bank = await peer.home.organization()
    last = origin.home.address()
    await publish(origin, ngo, last)
    await pull_all(peer, origin)
    for address in (*addresses, last):
        assert await origin.home.status(ngo, address) == "listed"
        assert await peer.home.status(bank, address) == "listed"
    heads = "SELECT size, root FROM {} ORDER BY size DESC LIMIT 1"
    assert await peer.rows(heads.format("replicas")) == await origin.rows(heads.format("checkpoints"))
    assert await kept.contradictions(peer) == []
    for stand in (origin, peer):
        assert await stand.faults() == []
        assert await forks.list_forks(stand.home.node, stand.home.operator, "", 10) == []


async def test_the_file_beside_the_database_stops_the_node_before_it_signs_a_second_history(restored):
    kept, peer, ngo, addresses = restored
    await kept.restore()
    early = kept.stand.home.address()
    await publish(kept.stand, ngo, early)
    assert await kept.size() == 2
    assert await kept.stand.home.status(ngo, early) == "listed"  # acknowledged means visible here, and owed
    await pull_all(kept.stand, peer)
    await kept.stand.home.sequence()

    assert await kept.size() == 6
    await settled(kept, peer, ngo, [*addresses, early])


async def test_without_the_file_nothing_is_signed_before_every_peer_was_asked(restored):
    kept, peer, ngo, addresses = restored
    await kept.restore(lose_file=True)
    await publish(kept.stand, ngo)
    assert await kept.size() == 2
    await pull_all(kept.stand, peer)
    assert await kept.size() == 5
    await kept.stand.home.sequence()

    assert await kept.size() == 6
    await settled(kept, peer, ngo, addresses)


async def test_a_peer_that_asks_first_shows_what_it_holds(restored):
    kept, peer, ngo, addresses = restored
    await kept.restore(lose_file=True)
    await pull_once(peer, kept.stand)
    assert await kept.stand.rows("SELECT size, shown_by FROM shown_heads") == [(5, f"peer:{peer.id}")]
    assert "2 entries" in await peer.error(kept.stand.log)
    kept.stand.home.node.heads.vouched = True  # whatever else is known: what was shown is enough
    await publish(kept.stand, ngo)
    assert await kept.size() == 2
    await pull_all(kept.stand, peer)
    await kept.stand.home.sequence()

    await settled(kept, peer, ngo, addresses)
    assert await peer.error() is None


async def test_a_node_that_is_restored_to_the_time_before_a_partners_key_was_revoked_does_not_take_it_again(
    restored,
):
    kept, peer, ngo, addresses = restored
    origin = kept.stand
    before = await origin.home.organization(own_key=True)
    await publish(origin, before)
    await kept.back_up()
    after = await origin.home.rotate(before)
    held = await origin.home.rotate(ngo)
    await publish(origin, after)
    await pull_all(peer, origin)
    await kept.restore()
    await pull_all(origin, peer)

    with pytest.raises(InvalidSignature):
        await publish(origin, before)
    with pytest.raises(Conflict, match="holds no valid key"):
        await publish(origin, held)
    await membership.enrol_key(origin.home.node, held.strong, held.id, None, origin.home.tick())
    await publish(origin, after)
    await settled(kept, peer, held, addresses)


async def test_an_own_entry_that_comes_back_later_than_those_after_it_is_no_fault(restored):
    kept, peer, ngo, addresses = restored
    await kept.restore()
    peer.lies.append(on("/entries", keeping_back(3)))
    await pull_all(kept.stand, peer)
    assert await kept.stand.rows('SELECT "index" FROM log_holes') == [(3,)]
    peer.lies.clear()
    kept.stand.world.clock.tick(hours=30)
    await pull_all(kept.stand, peer)
    assert await kept.stand.rows('SELECT "index" FROM log_holes') == []
    await settled(kept, peer, ngo, addresses)


async def rotated_and_restored(kept, peer):
    """Restore the node to the time before a partner's key was replaced; give both."""
    before = await kept.stand.home.organization(own_key=True)
    await publish(kept.stand, before)
    await kept.back_up()
    after = await kept.stand.home.rotate(before)
    await publish(kept.stand, after)
    await pull_all(peer, kept.stand)
    await kept.restore()
    return before, after


@pytest.mark.parametrize("rotations", [0, 1, 3])
async def test_what_a_restored_node_states_meanwhile_goes_on_from_what_it_had_stated(restored, rotations):
    """Whatever was signed meanwhile, with keys that were replaced meanwhile, counts at the peer."""
    kept, peer, ngo, addresses = restored
    origin = kept.stand
    before, lost = await rotated_and_restored(kept, peer)
    partner, said = before, []
    for _ in range(rotations):
        partner = await origin.home.rotate(partner)
        said.append(origin.home.address())
        await publish(origin, partner, said[-1])
    await pull_all(origin, peer)
    await origin.home.sequence()
    await publish(origin, lost)

    assert await origin.faults() == []
    await settled(kept, peer, ngo, [*addresses, *said])
    assert await peer.rows("SELECT reason FROM log_holes") == []


async def test_what_a_restored_node_states_in_another_log_meanwhile_is_stated_anew_when_it_knows_better(restored):
    kept, peer, ngo, addresses = restored
    origin = kept.stand
    before, after = await rotated_and_restored(kept, peer)
    group = await origin.home.group(before, ngo)
    await publish(origin, before, audience=audiences.group(group.id), tlp=Tlp.AMBER, pap=Pap.AMBER)
    again = await origin.home.rotate(before)  # a key that nobody else has heard of
    await pull_all(origin, peer)
    await origin.home.sequence()

    assert await origin.faults() == []
    with pytest.raises(InvalidSignature):
        await publish(origin, before)
    for one in (after, again):
        await publish(origin, one)
    await settled(kept, peer, ngo, addresses)


async def test_a_node_that_is_restored_to_the_time_before_its_key_was_changed_goes_on_with_the_new_key(restored):
    kept, peer, ngo, addresses = restored
    replaced = await kept.stand.rotate(kept.folder)
    await publish(kept.stand, ngo)
    await pull_all(peer, kept.stand)
    identity = kept.stand.home.node.identity
    await kept.restore()
    kept.stand.home.node = bootstrap.open_node(kept.stand.keep_keys(kept.folder))
    kept.stand.open()
    assert kept.stand.home.node.identity == identity
    assert identity.seed != replaced
    await publish(kept.stand, ngo)
    assert await kept.size() == 2
    await pull_all(kept.stand, peer)
    await kept.stand.home.sequence()

    await settled(kept, peer, ngo, addresses)


async def test_what_is_truly_gone_is_left_to_a_new_epoch_and_new_submissions_flow(
    fresh_sqlite, tmp_path, monkeypatch, capfd
):
    async with open_nodes(fresh_sqlite(), fresh_sqlite(), fresh_sqlite(), joined=False) as (peer, origin, late):
        await join(peer, origin)
        kept = Kept(origin, tmp_path)
        await kept.begin()
        ngo = await origin.home.organization()
        early, lost, new = (origin.home.address() for _ in range(3))
        await publish(origin, ngo)
        await kept.back_up()
        await publish(origin, ngo, early)
        await pull_all(peer, origin)
        await publish(origin, ngo, lost)  # nobody has seen it
        await kept.restore()
        await pull_all(origin, peer)
        await publish(origin, ngo, new)
        assert await kept.size() == 3  # what the peer had; and nothing is appended, because one was published after it
        held = await peer.rows("SELECT size, root, note FROM replicas")

        settings = origin.keep_keys(tmp_path)
        await bootstrap.migrate_database(settings)
        monkeypatch.setenv("WATCHFIRE_DATABASE_URL", origin.home.url)
        assert await asyncio.to_thread(run, ["log", "new-epoch", origin.log, "--data", str(tmp_path), "--json"]) == 0
        opened = json.loads(capfd.readouterr().out)["new_log"]
        assert opened == checkpoint.log_id(origin.id, "public", 2)
        await origin.home.sequence()
        await join(late, origin)
        for stand in (peer, late):
            await pull_all(stand, origin)
            bank = await stand.home.organization()
            assert await stand.home.status(bank, new) == "listed"
            assert await stand.home.status(bank, early) == "listed"
            assert await stand.home.status(bank, lost) == "not_listed"
            assert await stand.rows("SELECT 1 FROM log_holes") == []
            assert await stand.faults() == []
        old = await peer.rows("SELECT size, root, note FROM replicas WHERE log_id = :log", log=origin.log)
        assert old == held
        [(first,)] = await peer.rows(
            "SELECT payload FROM records r JOIN log_entries e ON e.record_id = r.id "
            'WHERE log_id = :log AND "index" = 0',
            log=opened,
        )
        said = json.loads(first)
        assert said["kind"] == "node"
        assert said["body"]["previous"].startswith(f"{origin.id}/public/1\n4\n")
        assert await origin.faults() == []
        assert await kept.contradictions(peer, late) == []
        code = await asyncio.to_thread(run, ["log", "new-epoch", opened, "--data", str(tmp_path), "--json"])
        assert code != 0  # nothing is missing at the end of that one
