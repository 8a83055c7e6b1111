"""Sequence: every record gets one place, in a tree that only grows, whoever sequences and wherever it breaks."""

import asyncio
from collections import defaultdict
from itertools import pairwise

import pytest

from app.domain import audience as audiences
from app.domain import checkpoint, merkle, record
from app.domain.errors import Invalid, NotFound, Unavailable
from app.domain.marking import Tlp
from app.services import membership, read_log, sequence
from app.storage import logs, stamps
from app.storage.tables import log_pending, records
from tests.world import Trouble, World, faults


async def counts(home):
    return [(await home.rows(f"SELECT count(*) FROM {name}"))[0][0] for name in ("log_pending", "log_entries")]


async def one_log(home, partner):
    [(log, head)] = await read_log.list_logs(home.node, partner.actor, "", 10)
    return log, head


async def entries(home, partner, log):
    return (await read_log.list_entries(home.node, partner.actor, log.id, 0, 10_000, 2**30))[0]


async def test_nothing_owed_is_nothing_done(home):
    while await sequence.run_once(home.node, home.tick()):
        pass
    assert await sequence.run_once(home.node, home.tick()) == 0
    assert await counts(home) == [0, 0]


async def test_an_organization_stands_in_a_log_before_what_it_says_and_at_each_change_of_keys(home):
    ngo = await home.organization(own_key=True)
    await home.submit(ngo)
    newer = await home.rotate(ngo)
    await home.submit(newer)
    await home.sequence()
    log, _ = await one_log(home, ngo)
    said = [record.parse(entry.payload) for entry in await entries(home, ngo, log)]
    kinds = [item.kind for item in said]
    assert kinds == ["organization", "report", "organization", "organization", "report"]
    stated = [item.body for item in said if item.kind == "organization"]
    assert [body.version for body in stated] == [1, 2, 3]
    assert [[key.revoked for key in body.keys].count(True) for body in stated] == [0, 0, 1]
    assert await faults(home) == []


async def test_a_change_of_keys_goes_to_every_log_in_which_the_organization_stands(home):
    ngo = await home.organization()
    bank = await home.organization()
    group = await home.group(ngo, bank)
    for audience, tlp in (
        (audiences.PUBLIC, Tlp.CLEAR),
        (audiences.group(group.id), Tlp.GREEN),
        (audiences.organizations(ngo.id, bank.id), Tlp.AMBER),
        (audiences.organizations(ngo.id, bank.id), Tlp.RED),
    ):
        await home.submit(ngo, audience=audience, tlp=tlp)
    await home.sequence()
    await home.rotate(ngo)
    await home.sequence()
    held = await read_log.list_logs(home.node, ngo.strong, "", 10)
    assert len(held) == 4
    for log, _ in held:
        page, _ = await read_log.list_entries(home.node, ngo.strong, log.id, 0, 100, 2**24)
        said = [record.parse(entry.payload) for entry in page]
        mine = [item for item in said if item.kind == "organization" and item.issuer == ngo.id]
        assert [item.body.version for item in mine] == [1, 2, 3], log.audience_key
        assert {item.tlp is Tlp.RED for item in mine} == {log.audience_key.endswith(".red")}
    assert await faults(home) == []


async def test_every_checkpoint_is_the_beginning_of_every_later_one(home):
    ngo = await home.organization()
    for size in (1, 2, 3, 1, 5):
        for _ in range(size):
            await home.submit(ngo)
        await home.sequence()
    log, head = await one_log(home, ngo)
    held = await home.rows("SELECT size, root, note FROM checkpoints ORDER BY size")
    me = home.node.identity
    assert (head.size, len(held)) == (13, 5)
    assert await read_log.get_checkpoint(home.node, ngo.actor, log.id) == held[-1].note == head.note
    for number, newer in enumerate(held):
        said = checkpoint.parse_checkpoint(newer.note, me.node_id, me.public_key)
        assert (said.size, said.root) == (newer.size, newer.root)
        for older in held[: number + 1]:
            proof = await read_log.prove_growth(home.node, ngo.actor, log.id, older.size, newer.size)
            assert proof.root == newer.root
            merkle.verify_consistency(older.size, older.root, newer.size, newer.root, proof.hashes)
    page = await entries(home, ngo, log)
    for size in (1, 2, 7, 8, 13):
        for index in range(size):
            proof = await read_log.prove_entry(home.node, ngo.actor, log.id, index, size)
            assert proof.leaf_hash == page[index].leaf_hash
            merkle.verify_inclusion(proof.leaf_hash, index, size, proof.hashes, proof.root)
    for old, size in ((0, None), (14, None), (5, 4), (1, 14)):
        with pytest.raises(Invalid):
            await read_log.prove_growth(home.node, ngo.actor, log.id, old, size)
    for index, size in ((13, None), (-1, None), (4, 4)):
        with pytest.raises(Invalid):
            await read_log.prove_entry(home.node, ngo.actor, log.id, index, size)


async def test_tiles_hold_the_leaves_whatever_the_batches(home, monkeypatch):
    ngo = await home.organization()
    first = await home.submit(ngo)
    monkeypatch.setattr(sequence, "BATCH", 101)
    frame = {name: value for name, value in (await home.stored(first.id))._mapping.items() if name in records.c}
    leaves = [merkle.leaf_hash(str(number).encode()) for number in range(600)]
    made = [(home.node.new_id(home.tick()), leaf) for leaf in leaves]
    async with home.node.store.write(home.operator) as tx:  # debts without their services, which take their time
        rows = [frame | {"id": id_, "digest": leaf, "leaf_hash": leaf, "payload": None} for id_, leaf in made]
        await tx.execute(records.insert(), rows)
        rows = [{"record_id": id_, "leaf_hash": leaf, "audience_id": frame["audience_id"]} for id_, leaf in made]
        await tx.execute(log_pending.insert().values(owed_at=home.tick()), rows)
    await home.sequence()
    log, head = await one_log(home, ngo)
    leaves = [entry.leaf_hash for entry in await entries(home, ngo, log)]
    assert len(leaves) == head.size == 602
    assert merkle.Frontier().extend(leaves).root() == head.root
    for index, width in ((0, 256), (1, 256), (2, 90), (2, 1)):
        tile = await read_log.get_tile(home.node, ngo.actor, log.id, 0, index, width)
        assert tile == b"".join(leaves[index * 256 : index * 256 + width])
    upper = await read_log.get_tile(home.node, ngo.actor, log.id, 1, 0, 2)
    assert upper == b"".join(merkle.root_of(b"".join(leaves[n * 256 : n * 256 + 256])) for n in range(2))
    for level, index, width in ((0, 2, 91), (0, 3, 1), (1, 0, 3), (2, 0, 1), (62, 0, 1)):
        with pytest.raises(NotFound):
            await read_log.get_tile(home.node, ngo.actor, log.id, level, index, width)
    for index in (0, 255, 256, 511, 512, 601):
        for size in (602, 512, index + 1):
            if index < size:
                proof = await read_log.prove_entry(home.node, ngo.actor, log.id, index, size)
                merkle.verify_inclusion(leaves[index], index, size, proof.hashes, proof.root)
    for old, size in ((1, 602), (256, 512), (300, 512), (511, 602), (512, 513)):
        proof = await read_log.prove_growth(home.node, ngo.actor, log.id, old, size)
        before = merkle.Frontier().extend(leaves[:old]).root()
        merkle.verify_consistency(old, before, size, proof.root, proof.hashes)
    assert (await home.rows("SELECT count(DISTINCT arrival), count(*) FROM log_entries"))[0][:] == (602, 602)


async def trees(database, batch, monkeypatch):
    """Tell one story and sequence it in batches; give each log's leaves."""
    monkeypatch.setattr(sequence, "BATCH", batch)
    world = World(seed=7)
    home = await world.add_home(database)
    ngo, bank = await home.organization(), await home.organization(own_key=True)
    group = await home.group(ngo, bank)
    for number in range(4):
        await home.submit(ngo, audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
        report = await home.submit(bank, audience=audiences.group(group.id))
        if number % 2:
            await home.follow(ngo, report.id, "opinion")
    await home.sequence()
    found = defaultdict(list)
    for log_id, leaf in await home.rows('SELECT log_id, leaf_hash FROM log_entries ORDER BY log_id, "index"'):
        found[log_id].append(leaf)
    arrivals = [row[0] for row in await home.rows("SELECT arrival FROM log_entries ORDER BY arrival")]
    assert all(later - earlier >= stamps.STRIDE for earlier, later in pairwise(arrivals))
    assert await faults(home) == []
    await world.close()
    return found


async def test_batches_of_any_size_make_the_same_logs(fresh, monkeypatch):
    whole = await trees(fresh(), 2_000, monkeypatch)
    for batch in (1, 2, 5):
        assert await trees(fresh(), batch, monkeypatch) == whole


@pytest.mark.usefixtures("threads")
async def test_two_sequencers_give_each_record_one_place(home, monkeypatch):
    monkeypatch.setattr(sequence, "BATCH", 2)
    other = home.another()
    partners = [await home.organization() for _ in range(3)]
    done = asyncio.Event()

    async def sequences(node):
        while True:
            finished = done.is_set()
            moved = await sequence.run_once(node, home.world.clock.now)
            if finished and not moved:
                return
            await asyncio.sleep(0)

    loops = [asyncio.create_task(sequences(node)) for node in (home.node, other, home.node)]
    await asyncio.gather(*(home.submit(partner) for partner in partners for _ in range(5)))
    done.set()
    await asyncio.gather(*loops)
    await home.sequence()
    assert await counts(home) == [0, 18]
    assert await faults(home) == []
    await other.close()


async def test_who_comes_second_gives_way(home):
    """On PostgreSQL the lock is tried, not waited for; on SQLite the writing transaction is the lock."""
    await home.submit(await home.organization())
    if home.node.store.dialect == "sqlite":
        return
    async with home.node.store.write(home.operator) as tx:
        assert await logs.hold_sequencer(tx)
        assert await sequence.run_once(home.node, home.tick()) == 0
    assert await sequence.run_once(home.node, home.tick()) > 0


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_break_anywhere_leaves_each_record_owed_or_logged(home, when):
    ngo = await home.organization()
    group = await home.group(ngo)
    trouble = Trouble(home.node.store)
    step, ended = 0, False
    while not ended:
        step += 1
        if (await counts(home))[0] == 0:
            await home.submit(ngo, audience=audiences.group(group.id))
            await home.submit(ngo)
        before = await counts(home)
        trouble.strike(step, when)
        try:
            await sequence.run_once(home.node, home.tick())
            ended = trouble.count < step
        except Unavailable:
            pass
        trouble.strike(None)
        after = await counts(home)
        assert sum(after) == sum(before)
        assert after[0] in (0, before[0]), "all of the batch or nothing"
        if step % 12 == 0:
            assert await faults(home) == []
    assert step > 12
    await home.sequence()
    assert await faults(home) == []


async def test_a_break_anywhere_in_a_submission_keeps_it_whole_or_not_at_all(home):
    from app.services.repeats import repeat_of  # noqa: PLC0415

    ngo, bank = await home.organization(), await home.organization()
    both = audiences.organizations(ngo.id, bank.id)
    trouble = Trouble(home.node.store)
    for when in ("before", "after"):
        step, ended = 0, False
        while not ended:
            step += 1
            held = (await home.rows("SELECT count(*) FROM records WHERE kind = 'report'"))[0][0]
            repeat = repeat_of(f"{when} {step}", "submit", b"body")
            trouble.strike(step, when)
            try:
                await home.submit(ngo, audience=both, repeat=repeat)
                ended = trouble.count < step
            except Unavailable:
                trouble.strike(None)
                # The client repeats: once, whether the first attempt happened or not.
                await home.submit(ngo, audience=both, repeat=repeat)
            trouble.strike(None)
            assert (await home.rows("SELECT count(*) FROM records WHERE kind = 'report'"))[0][0] == held + 1
        assert step > 8
    await home.sequence()
    assert await faults(home) == []


async def test_a_node_that_restarts_goes_on_where_it_was(home):
    ngo = await home.organization()
    for number in range(3):
        await home.submit(ngo)
        if number % 2:
            await home.sequence()
        await home.restart()
    await home.sequence()
    assert await faults(home) == []
    assert (await counts(home))[0] == 0


async def rotating(home, everybody, stop):
    """Give one partner after the other a new key."""
    while not stop.is_set():
        for who in list(everybody):
            _, held = await membership.get_organization(home.node, everybody[who].strong, who)
            if len(held) < 90:
                everybody[who] = await home.rotate(everybody[who])
        await asyncio.sleep(0)


async def moving(home, lead, group, member, stop):
    """Let a member leave and come back."""
    while not stop.is_set():
        await home.change(lead, group, remove=[member])
        await home.change(lead, group, add=[member])


async def sequencing(home, stop):
    """Sequence all the time."""
    while not stop.is_set():
        await sequence.run_once(home.node, home.tick())
        await asyncio.sleep(0)


async def test_keys_that_change_while_many_submit_are_valid_where_they_sign(home):
    """32 writers, keys that rotate, members that come and go: the logs verify by themselves."""
    partners = [await home.organization() for _ in range(3)]
    signers = [await home.organization(own_key=True) for _ in range(2)]
    group = await home.group(*partners, *signers)
    shared = audiences.group(group.id)
    everybody = {partner.id: partner for partner in (*partners, *signers)}
    stop = asyncio.Event()
    refused = []

    async def writing(who):
        for number in range(3):
            try:
                await home.submit(everybody[who], audience=shared if number % 2 else None)
            except Invalid as error:  # signed by a key that was revoked meanwhile, or not a member now
                refused.append(error)

    others = (
        rotating(home, everybody, stop),
        moving(home, partners[0], group, partners[2], stop),
        sequencing(home, stop),
    )
    tasks = [asyncio.create_task(other) for other in others]
    ids = list(everybody)
    try:
        await asyncio.gather(*(writing(ids[number % len(ids)]) for number in range(32)))
    finally:
        stop.set()
        await asyncio.gather(*tasks)
    await home.sequence()
    assert await faults(home) == []
    made = (await home.rows("SELECT count(*) FROM records WHERE kind = 'report'"))[0][0]
    assert made == 96 - len(refused) > 20
