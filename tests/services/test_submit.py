"""Submit: what is accepted is kept once, signed and owed; each refusal says the same to everybody."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import audience as audiences
from app.domain import record, signing
from app.domain.actor import Scope
from app.domain.errors import (
    AboveCeiling,
    Conflict,
    ContradictoryMarking,
    Forbidden,
    IdempotencyMismatch,
    Invalid,
    InvalidRecord,
    InvalidSignature,
    NotFound,
    NotNext,
)
from app.domain.marking import ALLOWED_AUDIENCES, Pap, Tlp
from app.domain.signing import Envelope
from app.services import membership, read_reports, submit, verify_log
from app.services.repeats import repeat_of
from app.services.submit import Draft
from app.storage.records import Filters
from tests.world import CHAIN, START, faults


async def count(home, table="records", where="1 = 1"):
    return (await home.rows(f"SELECT count(*) FROM {table} WHERE {where}"))[0][0]


async def reports(home, partner, **filters):
    return await read_reports.list_reports(home.node, partner.actor, Filters(**filters), 100)


async def test_fields_are_signed_kept_and_owed(home):
    ngo = await home.organization()
    made = await home.submit(ngo, home.address(), case="A-1")
    assert made.created
    stored = await home.stored(made.id)
    said = record.parse(stored.payload)
    assert (said.issuer, said.origin, said.id) == (ngo.id, home.node.identity.node_id, made.id)
    assert stored.custody == "node"
    assert stored.received_at == said.issued_at == home.world.clock.now
    assert said.body.case == "A-1"
    assert said.body.valid_until.year == START.year + 2, "the end of the claim is signed, not guessed later"
    assert [row[0] for row in await home.rows("SELECT count(*) FROM log_pending")] == [2]  # its organization, and it
    await home.sequence()
    assert await faults(home) == []
    found = await read_reports.get_report(home.node, ngo.actor, made.id)
    assert found.stored.log_index == 1
    assert found.state == "live"


async def test_an_envelope_is_kept_as_it_came_and_once(home):
    ngo = await home.organization(own_key=True)
    envelope = home.envelope(ngo, audiences.PUBLIC, home.claim(), tlp=Tlp.CLEAR)
    first = await submit.submit(home.node, ngo.actor, envelope, home.tick())
    again = await submit.submit(home.node, ngo.actor, envelope, home.tick())
    assert (first.created, again.created, again.id) == (True, False, first.id)
    stored = await home.stored(first.id)
    assert (stored.payload, stored.custody) == (envelope.payload, "organization")
    await home.sequence()
    assert await faults(home) == []


async def test_envelopes_at_the_same_moment_are_one_record(home):
    ngo = await home.organization(own_key=True)
    envelope = home.envelope(ngo, audiences.PUBLIC, home.claim(), tlp=Tlp.CLEAR)
    done = await asyncio.gather(*(submit.submit(home.node, ngo.actor, envelope, home.tick()) for _ in range(8)))
    assert len({item.id for item in done}) == 1
    assert sum(item.created for item in done) == 1
    assert await count(home, where="kind = 'report'") == 1


async def test_a_repeated_request_gets_the_first_answer(home):
    ngo = await home.organization()
    said = home.claim()
    said["indicators"].append({"chain": CHAIN, "address": "0x12", "ref": "row 2"})
    draft = Draft(audiences.organizations(ngo.id), Tlp.AMBER, Pap.AMBER, said)
    repeat = repeat_of("key", "submit", b"body")
    first = await submit.submit(home.node, ngo.actor, draft, home.tick(), partial=True, repeat=repeat)
    again = await submit.submit(home.node, ngo.actor, draft, home.tick(), partial=True, repeat=repeat)
    assert again == replace(first, created=False)
    assert [item.ref for item in again.refused] == ["row 2"]
    for other in (repeat_of("key", "submit", b"another body"), repeat_of("key", "follow", b"body")):
        with pytest.raises(IdempotencyMismatch):
            await submit.submit(home.node, ngo.actor, draft, home.tick(), partial=True, repeat=other)
    assert await count(home, where="kind = 'report'") == 1


async def test_a_key_is_of_one_organization(home):
    one, other = await home.organization(), await home.organization()
    repeat = repeat_of("key", "submit", b"body")
    first = await home.submit(one, repeat=repeat)
    second = await home.submit(other, repeat=repeat_of("key", "submit", b"another body"))
    assert first.created
    assert second.created


async def test_ten_requests_with_one_key_make_one_record(home):
    ngo = await home.organization()
    said = home.address()
    repeat = repeat_of("key", "submit", b"body")
    done = await asyncio.gather(*(home.submit(ngo, said, repeat=repeat) for _ in range(10)))
    assert len({item.id for item in done}) == 1
    assert sum(item.created for item in done) == 1
    assert await count(home, where="kind = 'report'") == 1
    assert await count(home, "indicators") == 1
    await home.sequence()
    assert await faults(home) == []


async def test_ten_bodies_under_one_key_make_one_record(home):
    ngo = await home.organization()
    asked = [home.submit(ngo, repeat=repeat_of("key", "submit", bytes([n]))) for n in range(10)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(item, IdempotencyMismatch) for item in done) == 9
    assert await count(home, where="kind = 'report'") == 1


async def test_partial_keeps_the_good_rows_and_names_the_bad(home):
    ngo = await home.organization()
    good, bad = home.address(), "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"[:-1] + "e"
    said = home.claim()
    said["indicators"] = [
        {"chain": CHAIN, "address": bad, "ref": "first"},
        {"chain": CHAIN, "address": good},
        {"chain": "nowhere", "address": good},
    ]
    draft = Draft(audiences.organizations(ngo.id), Tlp.AMBER, Pap.AMBER, said)
    with pytest.raises(InvalidRecord) as refused:
        await submit.submit(home.node, ngo.actor, draft, home.tick())
    assert [item.pointer for item in refused.value.errors] == ["/indicators/0/address", "/indicators/2/chain"]
    assert await count(home, where="kind = 'report'") == 0
    made = await submit.submit(home.node, ngo.actor, draft, home.tick(), partial=True)
    assert made.refused == refused.value.errors
    assert await home.status(ngo, good) == "listed"


async def test_nobody_submits_without_the_scope(home):
    ngo = await home.organization()
    with pytest.raises(Forbidden):
        await home.submit(ngo, actor=replace(ngo.actor, scopes=frozenset({Scope.QUERY})))


@pytest.mark.parametrize(
    ("change", "meaning"),
    [
        ({"category": "gossip"}, InvalidRecord),
        ({"confidence": 76}, AboveCeiling),
        ({"confidence": True}, InvalidRecord),
        ({"colour": "red"}, InvalidRecord),
        ({"summary": "call +44 20 7946 0958"}, InvalidRecord),
        ({"indicators": []}, InvalidRecord),
        ({"indicators": [{"chain": CHAIN}]}, InvalidRecord),
        ({"supersedes": "0190"}, InvalidRecord),
        ({"valid_from": "2026-02-01", "valid_until": "2026-01-01"}, InvalidRecord),
    ],
)
async def test_what_is_not_well_formed_is_refused(home, change, meaning):
    ngo = await home.organization()
    with pytest.raises(meaning):
        await home.submit(ngo, **change)
    assert await count(home, where="kind = 'report'") == 0


async def test_a_hidden_group_and_an_absent_one_are_refused_alike(home):
    inside, outside = await home.organization(), await home.organization()
    group = await home.group(inside)
    said = []
    for audience in (audiences.group(group.id), audiences.group(home.node.new_id(home.tick()))):
        with pytest.raises(Invalid) as refused:
            await home.submit(outside, audience=audience)
        said.append((type(refused.value), refused.value.detail, refused.value.errors))
    assert said[0] == said[1]


async def test_an_audience_of_names_holds_the_issuer_and_only_who_is_known(home):
    ngo, bank = await home.organization(), await home.organization()
    with pytest.raises(Invalid, match="your own"):
        await home.submit(ngo, audience=audiences.organizations(bank.id))
    with pytest.raises(Invalid, match="not known"):
        await home.submit(ngo, audience=audiences.organizations(ngo.id, home.node.new_id(home.tick())))
    assert (await home.submit(ngo, audience=audiences.organizations(ngo.id, bank.id))).created


async def test_the_marking_decides_which_audience(home):
    ngo, signer = await home.organization(), await home.organization(own_key=True)
    group = await home.group(ngo, signer)
    named = (audiences.PUBLIC, audiences.group(group.id), audiences.organizations(ngo.id, signer.id))
    for tlp, audience, partner in itertools.product(Tlp, named, (ngo, signer)):
        if audience.kind in ALLOWED_AUDIENCES[tlp]:
            assert (await home.submit(partner, audience=audience, tlp=tlp)).created
        else:
            with pytest.raises(ContradictoryMarking):
                await home.submit(partner, audience=audience, tlp=tlp)
    await home.sequence()
    assert await faults(home) == []


async def test_a_successor_in_the_same_audience_supersedes(home):
    ngo, bank = await home.organization(), await home.organization()
    both = audiences.organizations(ngo.id, bank.id)
    one, other = home.address(), home.address()
    old = await home.submit(ngo, one, audience=both)
    new = await home.submit(ngo, other, audience=both, supersedes=str(old.id))
    assert [(item.id, item.state) for item in await reports(home, bank)] == [(new.id, "live"), (old.id, "superseded")]
    assert [await home.status(bank, item) for item in (one, other)] == ["revoked", "listed"]
    found = await read_reports.get_report(home.node, bank.actor, old.id)
    assert (found.state, found.history.superseded_by) == ("superseded", (new.id,))
    with pytest.raises(NotNext, match="superseded"):
        await home.submit(ngo, audience=both, supersedes=str(old.id))


async def test_a_successor_in_another_audience_revokes_in_the_old(home):
    ngo, bank = await home.organization(), await home.organization()
    address = home.address()
    old = await home.submit(ngo, address, audience=audiences.organizations(ngo.id, bank.id))
    new = await home.submit(ngo, address, supersedes=str(old.id))
    found = await read_reports.get_report(home.node, bank.actor, old.id)
    assert (found.state, found.history.superseded_by) == ("revoked", ())
    assert [item.body.reason for item in found.history.revocations] == ["wrong_audience"]
    assert await home.status(bank, address) == "revoked"
    assert await home.status(ngo, address) == "listed"
    with pytest.raises(NotFound):
        await read_reports.get_report(home.node, bank.actor, new.id)
    await home.sequence()
    assert await faults(home) == []


async def test_only_a_live_report_of_its_own_is_superseded(home):
    ngo, bank = await home.organization(), await home.organization()
    both = audiences.organizations(ngo.id, bank.id)
    hidden = await home.submit(ngo)
    shown = await home.submit(ngo, audience=both)
    said = []
    for report in (hidden.id, shown.id, home.node.new_id(home.tick())):
        with pytest.raises(NotNext) as refused:
            await home.submit(bank, audience=both, supersedes=str(report))
        said.append(refused.value.detail)
    assert len(set(said)) == 1, "another's report, hidden or not, is as one that does not exist"
    await home.follow(ngo, hidden.id, "revocation")
    with pytest.raises(NotNext, match="revoked"):
        await home.submit(ngo, supersedes=str(hidden.id))
    await home.follow(ngo, shown.id, "erasure")
    with pytest.raises(NotNext, match="erased"):
        await home.submit(ngo, audience=both, supersedes=str(shown.id))


async def test_an_erased_successor_does_not_bring_back_what_it_replaced(home):
    ngo = await home.organization()
    address = home.address()
    old = await home.submit(ngo, address)
    new = await home.submit(ngo, supersedes=str(old.id))
    await home.follow(ngo, new.id, "erasure")
    assert (await read_reports.get_report(home.node, ngo.actor, old.id)).state == "revoked"
    assert await home.status(ngo, address) == "revoked"
    assert [item.id for item in await reports(home, ngo, state="live")] == []


async def test_who_is_under_review_is_read_by_itself_alone(home):
    new, bank = await home.organization(trusted=False), await home.organization()
    group = await home.group(bank, new)
    shown, quiet = home.address(), home.address()
    public = await home.submit(new, shown, audience=audiences.PUBLIC, tlp=Tlp.CLEAR)
    grouped = await home.submit(new, quiet, audience=audiences.group(group.id))
    await home.sequence()
    assert await count(home, "log_pending") == 0
    assert await count(home, "log_entries", "record_id IN (SELECT id FROM records WHERE kind = 'report')") == 0
    for address, report in ((shown, public), (quiet, grouped)):
        assert await home.status(bank, address) == "not_listed"
        assert await home.status(new, address) == "not_listed"
        assert [found.state for found in (await home.look_up(new, address)).found] == ["quarantined"]
        with pytest.raises(NotFound):
            await read_reports.get_report(home.node, bank.actor, report.id)
        assert (await read_reports.get_report(home.node, new.actor, report.id)).state == "quarantined"
    assert await reports(home, bank) == []
    assert [item.id for item in await reports(home, new, state="quarantined")] == [grouped.id, public.id]
    assert await home.trust(new) == 2
    assert await home.trust(new) == 0
    await home.sequence()
    assert await faults(home) == []
    assert [await home.status(bank, address) for address in (shown, quiet)] == ["listed", "listed"]
    assert await reports(home, new, state="quarantined") == []


async def test_what_waited_goes_to_the_log_in_the_order_in_which_it_came(home):
    new = await home.organization(trusted=False)
    made = [await home.submit(new) for _ in range(5)]
    await home.trust(new)
    await home.sequence()
    places = [(await read_reports.get_report(home.node, new.actor, item.id)).stored.log_index for item in made]
    assert places == sorted(places)
    assert len(set(places)) == 5


async def test_what_was_replaced_under_review_is_not_shown_as_live_afterwards(home):
    """R1 to one audience, replaced by R2 to another, both before the review ended: R1's readers must not believe it."""
    new, bank = await home.organization(trusted=False), await home.organization()
    address = home.address()
    old = await home.submit(new, address, audience=audiences.organizations(new.id, bank.id))
    await home.submit(new, address, supersedes=str(old.id))
    await home.trust(new)
    assert await home.status(bank, address) == "revoked"
    assert (await read_reports.get_report(home.node, bank.actor, old.id)).state == "revoked"
    assert [item.state for item in await reports(home, bank)] == ["revoked"]
    await home.sequence()
    assert await faults(home) == []


async def test_who_is_under_review_can_take_back_what_it_said_to_a_group(home):
    new, bank = await home.organization(trusted=False), await home.organization()
    group = await home.group(bank, new)
    address = home.address()
    report = await home.submit(new, address, audience=audiences.group(group.id))
    assert (await home.follow(new, report.id, "revocation")).created
    await home.trust(new)
    assert await home.status(bank, address) == "revoked"
    await home.sequence()
    assert await faults(home) == []


async def refuse(home, partner, envelope, meaning, **match):
    with pytest.raises(meaning, **match):
        await submit.submit(home.node, partner.actor, envelope, home.tick())
    assert await count(home, where="kind = 'report'") == 0


async def test_an_envelope_counts_only_by_a_valid_key_of_its_issuer(home):
    ngo, other = await home.organization(own_key=True), await home.organization(own_key=True)
    kept = await home.organization()
    newer = await home.rotate(ngo)
    said = home.claim()
    mine = audiences.organizations(ngo.id)
    await refuse(home, ngo, home.envelope(ngo, mine, said), InvalidSignature)  # the revoked key
    await refuse(home, ngo, home.envelope(newer, mine, said, seed=other.seed), InvalidSignature)
    await refuse(home, ngo, home.envelope(newer, mine, said, seed=home.random(32)), InvalidSignature)
    stolen = home.envelope(kept, audiences.organizations(kept.id), said, seed=ngo.seed)
    await refuse(home, kept, stolen, InvalidSignature)
    _, keys = await membership.get_organization(home.node, kept.strong, kept.id)
    await refuse(home, kept, replace(stolen, keyid=keys[0].keyid), InvalidSignature)
    good = home.envelope(newer, mine, said)
    await refuse(home, ngo, replace(good, signature=bytes(64)), InvalidSignature)
    await refuse(home, ngo, replace(good, payload=good.payload.replace(b'"confidence":70', b'"confidence":71')),
                 InvalidSignature)  # fmt: skip
    assert (await submit.submit(home.node, ngo.actor, good, home.tick())).created


async def test_an_envelope_is_of_this_issuer_this_node_and_this_day(home):
    ngo, other = await home.organization(own_key=True), await home.organization(own_key=True)
    said, mine = home.claim(), audiences.organizations(ngo.id)
    await refuse(home, other, home.envelope(ngo, mine, said), Forbidden)
    await refuse(home, ngo, home.envelope(ngo, mine, said, origin="wfanother"), Invalid, match="origin")
    ahead = home.world.clock.now + timedelta(minutes=6)
    await refuse(home, ngo, home.envelope(ngo, mine, said, issued_at=ahead), Invalid, match="ahead")
    await refuse(home, ngo, Envelope(b"{}", "k", bytes(64)), InvalidRecord)
    group = record.Group(home.node.new_id(home.tick()), "mine", ngo.id, (ngo.id,), 1)
    await refuse(home, ngo, home.envelope(ngo, mine, group, kind="group"), InvalidRecord, match="not submitted")
    near = home.world.clock.now + timedelta(minutes=4)
    good = home.envelope(ngo, mine, said, issued_at=near)
    assert (await submit.submit(home.node, ngo.actor, good, home.tick())).created


async def test_fields_of_who_signs_itself_are_refused(home):
    ngo = await home.organization(own_key=True)
    draft = Draft(audiences.organizations(ngo.id), Tlp.AMBER, Pap.AMBER, home.claim())
    with pytest.raises(Conflict, match="sign the record yourself"):
        await submit.submit(home.node, ngo.actor, draft, home.tick())
    assert await count(home, "audiences", "key LIKE 'organizations%' AND NOT red") == 0


async def test_an_id_that_is_taken_is_a_conflict_and_changes_nothing(home):
    ngo = await home.organization(own_key=True)
    first = await home.submit(ngo)
    before = (await home.stored(first.id)).payload
    second = home.envelope(ngo, audiences.organizations(ngo.id), home.claim(), id=first.id)
    with pytest.raises(Conflict):
        await submit.submit(home.node, ngo.actor, second, home.tick())
    assert (await home.stored(first.id)).payload == before


async def test_a_report_of_ten_thousand_addresses(home):
    ngo = await home.organization()
    every = [home.address() for _ in range(10_000)]
    made = await home.submit(ngo, *every)
    assert await count(home, "indicators") == 10_000
    assert [await home.status(ngo, item) for item in (every[0], every[-1])] == ["listed", "listed"]
    await home.sequence()
    assert (await home.stored(made.id)).digest == signing.Envelope((await home.stored(made.id)).payload, "", b"").digest
    with pytest.raises(InvalidRecord):
        await home.submit(ngo, *every, home.address())


async def test_a_waiting_report_may_be_replaced_by_one_for_others_and_everything_verifies(home):
    ngo, bank = await home.organization(trusted=False, own_key=True), await home.organization()
    old = await home.submit(ngo)
    await home.submit(ngo, audience=audiences.organizations(*sorted([ngo.id, bank.id])), supersedes=str(old.id))
    await home.sequence()

    assert (await verify_log.verify(home.node, home.tick())).faults == []
