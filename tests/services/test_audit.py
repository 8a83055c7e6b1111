"""Audit: every deed and question is noted, in one chain for each organization, and tells no looked-up address."""

import asyncio
from dataclasses import replace

import pytest

from app.domain.actor import Scope
from app.domain.address import address_key, find_chain, parse
from app.domain.errors import Forbidden, InvalidRecord, Unavailable
from app.services import audit
from app.services.screen import Row
from app.storage.audit import AuditRow
from tests.services.test_follow import everything
from tests.world import CHAIN, GENESIS_BLOCK, START, Trouble, faults


async def read(home, partner, **filters):
    found = await audit.read(home.node, partner.actor, after=-1, limit=1000, **filters)
    return [(item.row.deed, item.row.outcome, item.row.count) for item in found]


async def test_deeds_and_questions_are_noted_for_their_own_organization(home):
    ngo, bank = await home.organization(), await home.organization()
    address = home.address()
    report = await home.submit(ngo, address, home.address())
    await home.follow(ngo, report.id, "revocation")
    group = await home.group(ngo, bank)
    await home.change(ngo, group, remove=[bank])
    await home.look_up(ngo, address)
    await home.look_up(ngo, "nonsense")
    await home.screen(ngo, [Row(None, address, None)] * 3)
    assert await home.questions.write(home.node) == 3
    await home.look_up(bank, address)
    assert await home.questions.write(home.node) == 1
    await home.sequence()
    assert await read(home, ngo) == [
        ("submit", "done", 2),
        ("revocation", "done", 1),
        ("add_group", "done", 2),
        ("change_group", "done", 1),
        ("look_up", "revoked", 1),
        ("look_up", "invalid", 1),
        ("screen", "done", 3),
    ]
    assert await read(home, bank) == [("look_up", "not_listed", 1)]
    assert await read(home, ngo, deed="submit") == [("submit", "done", 2)]
    key = address_key(find_chain(CHAIN).family, address)
    assert await read(home, ngo, address_keys=[key]) == [("look_up", "revoked", 1)]
    pages = [await audit.read(home.node, ngo.actor, after=after, limit=2) for after in (-1, 1, 3, 5, 6)]
    assert [item.index for page in pages for item in page] == list(range(7))
    with pytest.raises(Forbidden):
        await audit.read(home.node, replace(ngo.actor, scopes=frozenset({Scope.QUERY})), after=-1, limit=1)
    assert await faults(home) == []


async def test_a_refused_deed_is_undone_with_its_note(home):
    ngo = await home.organization()
    await home.sequence()
    with pytest.raises(InvalidRecord):
        await home.submit(ngo, category="gossip")
    await home.sequence()
    assert await read(home, ngo) == []


async def test_a_changed_row_breaks_the_chain(home):
    rows = [AuditRow(home.operator.organization, START, "p", f"deed {n}", None, "done") for n in range(3)]
    hashes = [audit.GENESIS]
    for index, row in enumerate(rows):
        hashes.append(audit.chain_hash(hashes[-1], index, row))
    assert len(set(hashes)) == 4
    for change in ({"deed": "x"}, {"principal": "x"}, {"outcome": "x"}, {"count": 2}, {"subject": "x"}):
        assert audit.chain_hash(hashes[0], 0, replace(rows[0], **change)) != hashes[1]
    assert audit.chain_hash(hashes[0], 1, rows[0]) != hashes[1]


async def test_a_looked_up_address_stands_nowhere(home):
    ngo = await home.organization()
    asked = [home.address(), GENESIS_BLOCK]
    for address in asked:
        await home.look_up(ngo, address, None)
    await home.screen(ngo, [Row("r", address, None) for address in asked])
    await home.questions.write(home.node)
    await home.sequence()
    held = await everything(home)
    for address in asked:
        key = parse(find_chain(CHAIN if address.startswith("0x") else "bitcoin"), address).key
        for secret in (address.encode(), address[2:].encode(), key, key.hex().encode()):
            assert secret not in held
    assert b"look_up" in held
    if home.node.store.dialect == "sqlite":
        assert all(address not in repr(home.questions) for address in asked)


async def test_what_was_asked_is_noted_once_though_the_database_fails(home):
    ngo = await home.organization()
    await home.look_up(ngo, home.address())
    trouble = Trouble(home.node.store)
    for step in (1, 2):
        trouble.strike(step)
        with pytest.raises(Unavailable):
            await home.questions.write(home.node)
        trouble.strike(None)
        assert len(home.questions.waiting) == 1
    assert await home.questions.write(home.node) == 1
    assert await home.questions.write(home.node) == 0
    await home.sequence()
    assert await read(home, ngo) == [("look_up", "not_listed", 1)]


async def test_a_question_waits_while_too_many_wait(home, monkeypatch):
    monkeypatch.setattr(audit, "MAX_WAITING", 2)
    ngo = await home.organization()
    tasks = [asyncio.create_task(home.look_up(ngo, home.address())) for _ in range(5)]
    done, waiting = set(), set(tasks)
    while len(done) < 2:
        newly, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        done |= newly
    newly, waiting = await asyncio.wait(waiting, timeout=0.1)
    assert (len(done | newly), len(waiting)) == (2, 3)
    while not all(task.done() for task in tasks):
        await home.questions.write(home.node)
        assert len(home.questions.waiting) <= 2
        await asyncio.sleep(0.001)
    await home.questions.write(home.node)
    await home.sequence()
    assert len(await read(home, ngo)) == 5


async def test_when_a_key_was_used_is_noted(home):
    ngo = await home.organization()
    made = await home.credential(ngo)
    home.questions.used[made.credential.id] = START
    assert await home.questions.write(home.node) == 0
    assert (await home.rows("SELECT last_used_at IS NULL FROM credentials"))[0][0] in (0, False)
    assert home.questions.used == {}
