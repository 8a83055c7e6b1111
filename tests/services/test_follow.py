"""Follow: what is taken back is taken back everywhere at once, and what is erased is nowhere."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from app.domain import audience as audiences
from app.domain import merkle, record
from app.domain.errors import Conflict, IdempotencyMismatch, Invalid, NotFound, NotNext
from app.domain.marking import Tlp
from app.services import follow, read_log, read_reports
from app.services.repeats import repeat_of
from app.services.screen import Row
from app.storage import tables
from app.storage.records import Filters
from tests.world import CHAIN, faults


@pytest.fixture
async def pair(home):
    """Two organizations, an audience of both, and a report of the first about one address."""
    ngo, bank = await home.organization(), await home.organization()
    both = audiences.organizations(ngo.id, bank.id)
    address = home.address()
    report = await home.submit(ngo, address, audience=both)
    return ngo, bank, both, address, report.id


async def listed(home, partner, **filters):
    found = await read_reports.list_reports(home.node, partner.actor, Filters(**filters), 100)
    return {item.id: read_reports.state_of(item) for item in found}


async def entries(home, partner):
    held = await read_log.list_logs(home.node, partner.actor, "", 100)
    pages = [await read_log.list_entries(home.node, partner.actor, log.id, 0, 1000, 2**24) for log, _ in held]
    return [entry for page, _ in pages for entry in page]


async def test_a_revocation_shows_at_once_everywhere(home, pair):
    ngo, bank, _, address, report = pair
    assert await home.status(bank, address) == "listed"
    made = await home.follow(ngo, report, "revocation")
    assert await home.status(bank, address) == "revoked"
    assert [item.reputation.status for item in await home.screen(bank, [Row("r", address, None)])] == ["revoked"]
    assert await listed(home, bank) == {report: "revoked"}
    assert await listed(home, bank, state="revoked") == {report: "revoked"}
    assert await listed(home, bank, state="live") == {}
    found = await read_reports.get_report(home.node, bank.actor, report)
    assert (found.state, [item.id for item in found.history.revocations]) == ("revoked", [made.id])
    await home.sequence()
    assert [entry.record_id for entry in await entries(home, bank) if entry.kind == "revocation"] == [made.id]
    found = await read_reports.get_report(home.node, bank.actor, report)
    assert found.positions[made.id][1] > found.stored.log_index
    assert await faults(home) == []


async def test_a_revocation_may_name_some_addresses(home):
    ngo = await home.organization()
    one, other = home.address(), home.address()
    report = await home.submit(ngo, one, other)
    await home.follow(
        ngo, report.id, "revocation", addresses=[{"chain": "ethereum", "address": one.upper()[2:].join(["0x", ""])}]
    )
    assert [await home.status(ngo, item) for item in (one, other)] == ["revoked", "listed"]
    assert (await read_reports.get_report(home.node, ngo.actor, report.id)).state == "live"
    assert await listed(home, ngo) == {report.id: "live"}
    with pytest.raises(Invalid, match="does not hold"):
        await home.follow(ngo, report.id, "revocation", addresses=[{"chain": CHAIN, "address": home.address()}])
    await home.follow(ngo, report.id, "revocation")
    assert await home.status(ngo, other) == "revoked"
    await home.follow(ngo, report.id, "revocation", addresses=[{"chain": CHAIN, "address": one}])
    assert await listed(home, ngo) == {report.id: "revoked"}, "a later part does not undo the whole"


@pytest.mark.parametrize("kind", ["revocation", "erasure", "opinion", "sighting"])
async def test_who_cannot_read_cannot_follow(home, pair, kind):
    ngo, _, _, address, report = pair
    stranger = await home.organization()
    said = {"address": address} if kind == "sighting" else {}
    heard = []
    absent = home.node.new_id(home.tick())
    for target in (report, absent):
        with pytest.raises(NotFound) as refused:
            await home.follow(stranger, target, kind, **said)
        heard.append((type(refused.value), refused.value.detail))
    assert heard[0] == heard[1]
    made = await home.follow(ngo, report, "revocation")
    with pytest.raises(NotFound):
        await home.follow(ngo, made.id, kind, **said)  # only reports are followed


async def test_only_the_issuer_takes_back(home, pair):
    ngo, bank, _, _, report = pair
    for kind in ("revocation", "erasure"):
        with pytest.raises(NotNext):
            await home.follow(bank, report, kind)
    with pytest.raises(NotNext):
        await home.follow(ngo, report, "opinion")


async def test_the_latest_opinion_of_each_counts(home, pair):
    ngo, bank, _, address, report = pair
    await home.follow(bank, report, "opinion")
    assert await home.status(ngo, address) == "disputed"
    latest = await home.follow(bank, report, "opinion", opinion="strongly-agree", reason="own_evidence", summary="Seen")
    assert await home.status(ngo, address) == "listed"
    found = (await home.look_up(ngo, address)).found[0]
    assert [(item.id, item.body.opinion) for item in found.opinions] == [(latest.id, "strongly-agree")]
    assert await listed(home, ngo) == {report: "live"}


async def test_a_sighting_stands_with_its_address(home):
    ngo, bank = await home.organization(), await home.organization()
    one, other = home.address(), home.address()
    report = await home.submit(ngo, one, other, audience=audiences.organizations(ngo.id, bank.id))
    for partner in (ngo, bank):
        await home.follow(partner, report.id, "sighting", address=one, count=3)
    assert [len((await home.look_up(ngo, item)).found[0].sightings) for item in (one, other)] == [2, 0]
    with pytest.raises(Invalid, match="does not hold"):
        await home.follow(bank, report.id, "sighting", address=home.address())


@pytest.mark.parametrize("widened", [False, True], ids=["same audience", "another audience"])
async def test_what_an_erased_report_had_replaced_is_revoked_for_whom_only_the_older_one_has_come(home, widened):
    ngo, own, bank = await home.organization(), await home.organization(own_key=True), await home.organization()
    for issuer in (ngo, own):
        both = audiences.organizations(issuer.id, bank.id)
        address = home.address()
        older = await home.submit(issuer, address, audience=both)
        wider = audiences.organizations(issuer.id, bank.id, home.operator.organization) if widened else both
        newer = await home.submit(issuer, address, audience=wider, supersedes=str(older.id))
        if issuer is own:
            with pytest.raises(NotNext, match="revoke or erase that one first"):
                await home.follow(issuer, newer.id, "erasure")
            await home.follow(issuer, older.id, "revocation")
        await home.follow(issuer, newer.id, "erasure")
        await home.sequence()
        assert await home.status(bank, address) == "revoked"
    assert len(list(await home.rows("SELECT 1 FROM records WHERE kind = 'revocation'"))) == 2, "one of each"
    assert await faults(home) == []


async def test_an_issuer_who_left_the_group_can_still_take_back(home):
    ngo, bank = await home.organization(), await home.organization()
    group = await home.group(bank, ngo)
    one, other = home.address(), home.address()
    first = await home.submit(ngo, one, audience=audiences.group(group.id))
    second = await home.submit(ngo, other, audience=audiences.group(group.id))
    await home.change(bank, group, remove=[ngo])
    assert await home.status(ngo, one) == "not_listed"
    await home.follow(ngo, first.id, "revocation")
    await home.follow(ngo, second.id, "erasure")
    assert [await home.status(bank, item) for item in (one, other)] == ["revoked", "not_listed"]
    await home.sequence()
    assert await faults(home) == []


async def test_an_envelope_follows_like_fields(home):
    ngo, bank = await home.organization(own_key=True), await home.organization(own_key=True)
    both = audiences.organizations(ngo.id, bank.id)
    report = await home.submit(ngo, audience=both)
    body = record.Opinion(report.id, "disagree", "outdated")
    envelope = home.envelope(bank, both, body, kind="opinion")
    first = await follow.follow(home.node, bank.actor, report.id, "opinion", envelope, home.tick())
    again = await follow.follow(home.node, bank.actor, report.id, "opinion", envelope, home.tick())
    assert (first.created, again.created, again.id) == (True, False, first.id)
    with pytest.raises(Invalid, match="another report"):
        await follow.follow(home.node, bank.actor, home.node.new_id(home.tick()), "opinion", envelope, home.tick())
    with pytest.raises(Invalid, match="not submitted"):
        await follow.follow(home.node, bank.actor, report.id, "sighting", envelope, home.tick())
    for wrong in (
        home.envelope(bank, audiences.organizations(bank.id), body, kind="opinion"),
        home.envelope(bank, both, body, kind="opinion", tlp=Tlp.GREEN),
    ):
        with pytest.raises(NotNext):
            await follow.follow(home.node, bank.actor, report.id, "opinion", wrong, home.tick())
    await home.sequence()
    assert await faults(home) == []


async def test_a_repeated_follower_is_one(home, pair):
    ngo, _, _, _, report = pair
    repeat = repeat_of("key", "revocation", b"body")
    done = await asyncio.gather(*(home.follow(ngo, report, "revocation", repeat=repeat) for _ in range(5)))
    assert len({item.id for item in done}) == 1
    assert sum(item.created for item in done) == 1
    with pytest.raises(IdempotencyMismatch):
        await home.follow(ngo, report, "revocation", repeat=repeat_of("key", "revocation", b"other"))


async def everything(home) -> bytes:
    """Read every row of every table, and on SQLite every byte of the files."""
    found = b""
    async with home.raw() as connection:
        for table in tables.metadata.sorted_tables:
            for row in await connection.execute(table.select()):
                found += b"\n".join(value if isinstance(value, bytes) else repr(value).encode() for value in row)
    if home.node.store.dialect == "sqlite":
        path = Path(str(make_url(home.url).database))
        for file in (path, path.with_name(path.name + "-wal")):
            found += file.read_bytes() if file.exists() else b""
    return found


async def test_what_is_erased_is_nowhere_and_old_proofs_still_hold(home, pair):
    ngo, bank, both, _, _ = pair
    address = home.address()
    words = "a summary that must not stay"
    made = await home.submit(
        ngo, address, audience=both, summary=words, case="CASE-77", repeat=repeat_of("k", "submit", b"b")
    )
    await home.follow(bank, made.id, "opinion", summary="opinion words that must not stay")
    await home.follow(bank, made.id, "sighting", address=address)
    await home.sequence()
    before = await read_reports.get_report(home.node, bank.actor, made.id)
    log, index = before.stored.log_id, before.stored.log_index
    old = await read_log.prove_entry(home.node, bank.actor, log, index, None)
    secrets = (address.encode(), bytes.fromhex(address[2:]), b"must not stay", b"CASE-77")
    assert [secret in await everything(home) for secret in secrets] == [True, False, True, True]
    await home.follow(ngo, made.id, "erasure")
    held = await everything(home)
    assert [secret in held for secret in secrets] == [False] * 4
    assert before.stored.digest in held or before.stored.digest.hex().encode() in held, "the frame stays"
    assert await home.status(bank, address) == "not_listed"
    after = await read_reports.get_report(home.node, bank.actor, made.id)
    assert (after.state, after.body, after.history.opinions) == ("erased", None, ())
    assert await listed(home, bank, state="erased") == {made.id: "erased"}
    await home.sequence()
    merkle.verify_inclusion(old.leaf_hash, index, old.size, old.hashes, old.root)
    again = await read_log.prove_entry(home.node, bank.actor, log, index, old.size)
    assert again == old
    new = await read_log.prove_entry(home.node, bank.actor, log, index, None)
    merkle.verify_inclusion(old.leaf_hash, index, new.size, new.hashes, new.root)
    entry = next(entry for entry in await entries(home, bank) if entry.index == index)
    assert (entry.payload, entry.leaf_hash) == (None, old.leaf_hash)
    assert await faults(home) == []
    for kind in ("revocation", "opinion"):
        with pytest.raises(NotNext, match="erased"):
            await home.follow(ngo if kind == "revocation" else bank, made.id, kind)


async def test_a_late_repeat_does_not_bring_back_what_was_erased(home):
    """The answer to a submission was lost, the report was erased meanwhile, and the client repeats its request."""
    ngo = await home.organization()
    address = home.address()
    repeat = repeat_of("key", "submit", b"body")
    made = await home.submit(ngo, address, repeat=repeat)
    await home.follow(ngo, made.id, "erasure")
    again = await home.submit(ngo, address, repeat=repeat)
    assert (again.id, again.created) == (made.id, False)
    assert await home.status(ngo, address) == "not_listed"


async def test_an_envelope_that_was_erased_does_not_come_back(home):
    ngo = await home.organization(own_key=True)
    address = home.address()
    envelope = home.envelope(ngo, audiences.organizations(ngo.id), home.claim(address))
    from app.services import submit  # noqa: PLC0415

    made = await submit.submit(home.node, ngo.actor, envelope, home.tick())
    await home.follow(ngo, made.id, "erasure")
    again = await submit.submit(home.node, ngo.actor, envelope, home.tick())
    assert (again.id, again.created) == (made.id, False)
    assert await home.status(ngo, address) == "not_listed"


@pytest.mark.parametrize("turn", range(4))
async def test_a_revocation_is_not_undone_by_an_opinion_at_the_same_moment(home, pair, turn):
    ngo, bank, _, address, report = pair
    others = [home.follow(bank, report, "opinion", opinion="agree") for _ in range(3)]
    others.insert(turn, home.follow(ngo, report, "revocation"))
    others.append(home.follow(ngo, report, "revocation", addresses=[{"chain": CHAIN, "address": address}]))
    await asyncio.gather(*others)
    assert await listed(home, bank) == {report: "revoked"}
    assert await home.status(bank, address) == "revoked"


@pytest.mark.parametrize("turn", range(4))
async def test_an_erasure_leaves_no_opinion_of_the_same_moment(home, pair, turn):
    ngo, bank, _, _, report = pair
    others = [home.follow(bank, report, "opinion", summary=f"words that must not stay {n}") for n in range(3)]
    others.insert(turn, home.follow(ngo, report, "erasure"))
    done = await asyncio.gather(*others, return_exceptions=True)
    assert not [item for item in done if isinstance(item, Exception) and not isinstance(item, NotNext)]
    assert b"must not stay" not in await everything(home)
    await home.sequence()
    assert await faults(home) == []


async def test_two_successors_at_the_same_moment_are_one(home, pair):
    ngo, _, both, _, report = pair
    done = await asyncio.gather(
        *(home.submit(ngo, audience=both, supersedes=str(report)) for _ in range(4)),
        home.follow(ngo, report, "revocation"),
        return_exceptions=True,
    )
    assert not [item for item in done if isinstance(item, Exception) and not isinstance(item, Conflict)]
    assert sum(not isinstance(item, Exception) for item in done[:4]) <= 1
    found = await read_reports.get_report(home.node, ngo.actor, report)
    assert (await listed(home, ngo))[report] == found.state == "revoked"
