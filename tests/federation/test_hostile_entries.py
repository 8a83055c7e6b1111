"""A node that signs its log well and puts into it what may not stand there: each bad entry is kept as hash and reason.

What is good beside it is taken in, the origin can read the reasons, and no other origin's records are touched.
"""

import json
from dataclasses import replace

import pytest

from app.domain import audience as audiences
from app.domain import merkle, record, signing
from app.domain.ids import derived_id, uuid7
from app.domain.marking import Pap, Tlp
from app.domain.record import Erasure, Opinion, Revocation
from app.domain.signing import Envelope
from app.services import groups, peering
from app.services.remote import Destination
from tests.federation.liar import Story, open_nodes, person
from tests.joined import publish, pull_all, pull_once
from tests.world import CHAIN, Partner

POISON = 10_000


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


async def reasons(honest, story):
    """Give the reason of each hole of a story's log, by index."""
    found = 'SELECT "index", reason FROM log_holes WHERE log_id = :log ORDER BY 1'
    return dict(await honest.rows(found, log=story.id))


async def listed(stand, address):
    """Tell what a partner there learns of an address."""
    return await stand.home.status(await stand.home.organization(), address)


async def test_ten_thousand_poison_entries_are_kept_as_hash_and_reason_and_the_good_ones_beside_them_count(
    database, fresh_sqlite
):
    async with open_nodes(database, fresh_sqlite(), fresh_sqlite()) as (honest, liar, other):
        shadow = person(liar.home)
        story = Story(liar.home)
        story.state(shadow)
        address = liar.home.address()
        forged = story.report(shadow).sign(liar.home.random(32))
        for number in range(POISON):
            payload = b"poison %d" % number if number % 2 else forged.payload
            story.entries.append(Envelope(payload, forged.keyid, bytes(60) + number.to_bytes(4, "big")))
            if number == POISON // 2:
                story.report(shadow, address)
        story.report(shadow)
        liar.lies.append(story)
        got = await pull_all(honest, liar)

        assert (got.entries, got.accepted, got.refused) == (POISON + 4, 4, POISON)
        assert await honest.rows("SELECT size, root FROM replicas") == [(story.size, story.root())]
        assert await listed(honest, address) == "listed"
        found = await reasons(honest, story)
        assert set(found.values()) == {"invalid_record", "invalid_signature"}
        assert len(found) == POISON
        assert await honest.faults() == []

        told, cursor = [], None
        to = Destination(honest.id, honest.url)
        while True:
            page = await liar.client.refusals(to, cursor)
            told += page.rows
            cursor = page.next
            if cursor is None:
                break
        leaves = story.leaves()
        assert [item.index for item in told] == sorted(found)
        assert all(item.leaf_hash == leaves[item.index] and item.code == found[item.index] for item in told)
        assert all(item.detail.endswith(".") for item in told)
        assert (await other.client.refusals(to, None)).rows == ()


async def strange_records(honest, other, liar, story, shadow):
    """Make records that may not stand in the liar's log, and the code by which each is refused."""
    theirs = await other.home.organization(own_key=True)
    ours = await honest.home.organization(own_key=True)
    await publish(honest, ours)
    await publish(other, theirs)
    await pull_all(honest, other)
    claim = record.read_body("report", liar.home.claim())
    group = uuid7(liar.world.clock.now, liar.home.random(10))
    members = record.Group(group, "circle", shadow.id, (shadow.id,), 1)

    def report(**frame):
        return replace(story.frame("report", shadow, claim), **frame)

    def stated(who, seed):
        key = record.Key(signing.public_key(seed), "organization")
        return story.frame("organization", who, record.Organization("Taken over", "ngo", 99, (key,)))

    assert shadow.seed is not None
    return [
        (report(origin=other.id).sign(shadow.seed), "wrong_log"),
        (report(audience=audiences.organizations(shadow.id), tlp=Tlp.AMBER).sign(shadow.seed), "wrong_log"),
        (report(tlp=Tlp.AMBER).sign(shadow.seed), "contradictory_marking"),
        (report(issuer=theirs.id).sign(theirs.seed), "not_at_home"),
        (report(issuer=ours.id).sign(ours.seed), "not_at_home"),
        (stated(theirs, shadow.seed).sign(liar.home.seed), "not_at_home"),
        (stated(ours, shadow.seed).sign(liar.home.seed), "not_at_home"),
        (stated(shadow, shadow.seed).sign(shadow.seed), "invalid_signature"),
        (report().sign(liar.home.seed), "invalid_signature"),
        (report().sign(honest.home.seed), "invalid_signature"),
        (replace(report().sign(shadow.seed), signature=bytes(64)), "invalid_signature"),
        (story.frame("group", shadow, members).sign(liar.home.seed), "wrong_log"),
        (Envelope(b"{}", "0" * 32, bytes(64)), "invalid_record"),
        (Envelope(b'{"a":1.5}', "0" * 32, bytes(64)), "invalid_record"),
        (Envelope(b"[" * 5_000, "0" * 32, bytes(64)), "invalid_record"),
        (Envelope(b'{"a":' + b"9" * 10_000 + b"}", "0" * 32, bytes(64)), "invalid_record"),
        (Envelope(b'{"a":"\x00"}', "0" * 32, bytes(64)), "invalid_record"),
    ]


async def test_each_thing_that_may_not_stand_in_a_log_is_refused_by_its_own_code(nodes):
    honest, liar, other = nodes
    shadow = person(liar.home)
    story = Story(liar.home)
    story.state(shadow)
    expected = {}
    for envelope, code in await strange_records(honest, other, liar, story, shadow):
        expected[story.size] = code
        story.entries.append(envelope)
    address = liar.home.address()
    story.report(shadow, address)
    liar.lies.append(story)
    await pull_all(honest, liar)

    assert await reasons(honest, story) == expected
    assert await listed(honest, address) == "listed"
    assert await honest.rows("SELECT home, count(*) FROM organizations WHERE name = 'Taken over' GROUP BY home") == []
    assert await honest.faults() == []


async def test_a_marking_of_a_later_version_is_red_and_stands_in_no_open_log(two):
    honest, liar = two
    shadow = person(liar.home)
    story = Story(liar.home)
    story.state(shadow)
    document = story.frame("report", shadow, record.read_body("report", liar.home.claim())).to_document()
    raw = json.dumps(document | {"tlp": "TLP:ULTRA"}, sort_keys=True, separators=(",", ":")).encode()
    story.entries.append(signing.sign(raw, shadow.seed))
    liar.lies.append(story)
    await pull_all(honest, liar)

    assert set(await reasons(honest, story)) == {1}
    assert await honest.rows("SELECT count(*) FROM reports") == [(0,)]


async def test_records_of_others_are_not_touched_by_what_a_liar_says_of_them(nodes):
    honest, liar, other = nodes
    ngo = await other.home.organization(own_key=True)
    address = other.home.address()
    report = await publish(other, ngo, address)
    await pull_all(honest, other)
    shadow = person(liar.home)
    story = Story(liar.home)
    story.state(shadow)
    for body in (Revocation(report.id, "mistaken"), Erasure(report.id, "personal_data")):
        story.add(story.frame(type(body).__name__.lower(), shadow, body), shadow.seed)
    claim = record.read_body("report", liar.home.claim() | {"supersedes": str(report.id)})
    story.add(story.frame("report", shadow, claim), shadow.seed)
    stolen = story.frame("revocation", ngo, Revocation(report.id, "mistaken"))
    story.entries.append(stolen.sign(ngo.seed))  # even with the organization's own key: its home is elsewhere
    liar.lies.append(story)
    await pull_all(honest, liar)

    assert await reasons(honest, story) == {4: "not_at_home"}
    assert await honest.rows("SELECT state FROM reports WHERE record_id = :id", id=_id(honest, report.id)) == [
        ("live",)
    ]
    assert await listed(honest, address) == "listed"
    assert await honest.faults() == []


def _id(stand, value):
    return value if stand.home.node.store.dialect == "postgresql" else value.bytes


async def test_a_reused_record_id_takes_nothing_from_whoever_had_it_and_nothing_from_whoever_comes_later(nodes):
    honest, liar, other = nodes
    ngo = await other.home.organization()
    early, late = other.home.address(), other.home.address()
    first = await publish(other, ngo, early)
    await pull_all(honest, other)
    second = await publish(other, ngo, late)
    shadow = person(liar.home)
    story = Story(liar.home)
    story.state(shadow)
    false = [liar.home.address() for _ in range(3)]
    story.report(shadow, false[0], id=first.id)
    story.report(shadow, false[1], id=second.id)
    story.report(shadow, false[2], id=second.id)
    story.add(story.frame("erasure", shadow, Erasure(first.id, "personal_data")), shadow.seed)
    story.add(story.frame("revocation", shadow, Revocation(second.id, "mistaken")), shadow.seed)
    liar.lies.append(story)
    await pull_all(honest, liar)
    await pull_all(honest, other)
    await other.home.follow(ngo, second.id, "revocation")
    await other.home.sequence()
    await pull_all(honest, other)

    assert await reasons(honest, story) == {3: "id_taken"}
    assert await listed(honest, early) == "listed"
    assert await listed(honest, late) == "revoked"
    assert await listed(honest, false[0]) == "not_listed"
    kept = await honest.rows("SELECT id FROM records WHERE origin = :id AND kind = 'report'", id=liar.id)
    assert sorted(kept) == sorted((_id(honest, item),) for item in (derived_id(liar.id, first.id), second.id))
    assert await honest.faults() == []


@pytest.mark.parametrize("own_key", [False, True], ids=["signed by the node", "signed by the organization"])
async def test_what_is_said_of_a_report_stays_with_it_whoever_reuses_its_id_and_comes_first(nodes, own_key):
    honest, liar, other = nodes
    ngo, witness = await other.home.organization(), await other.home.organization()
    address = other.home.address()
    report = await publish(other, ngo, address)
    await other.home.follow(witness, report.id, "sighting", chain=CHAIN, address=address)
    await other.home.sequence()
    shadow = person(liar.home)
    story = Story(liar.home)
    story.state(shadow)
    false = liar.home.address()
    story.report(shadow, false, id=report.id)
    story.add(story.frame("opinion", shadow, Opinion(report.id, "agree", "own_evidence")), shadow.seed)
    liar.lies.append(story)
    await pull_all(honest, liar)
    await pull_all(honest, other)
    here = derived_id(other.id, report.id)
    bank = await honest.home.organization(own_key=own_key)
    await honest.home.follow(bank, here, "opinion")
    await honest.home.sequence()
    await pull_all(other, honest)

    for stand in (honest, other):
        assert await listed(stand, address) == "disputed"
        (found,) = (await stand.home.look_up(await stand.home.organization(), address)).found
        assert {item.issuer for item in found.opinions} == {bank.id}
        assert [item.issuer for item in found.sightings] == [witness.id]
        assert await stand.faults() == []
    (found,) = (await honest.home.look_up(bank, false)).found
    assert (found.hit.report, found.opinions, found.sightings) == (report.id, (), ())


async def test_the_key_of_an_organization_signs_nothing_after_its_revocation(two):
    honest, liar = two
    seed = liar.home.random(32)
    shadow = person(liar.home)
    before = Partner(shadow.id, shadow.name, seed)
    story = Story(liar.home)
    story.state(before)
    good = liar.home.address()
    story.report(before, good)
    story.state(shadow, 2, revoked=[seed])
    stolen, fine = liar.home.address(), liar.home.address()
    story.report(before, stolen)
    story.report(shadow, fine)
    story.state(before, 3)  # the thief brings the node to say that the old key is valid again
    story.report(before, stolen)
    story.state(before, 1)  # or that nothing was ever said
    liar.lies.append(story)
    await pull_all(honest, liar)

    assert await reasons(honest, story) == {
        3: "invalid_signature",
        5: "not_next",
        6: "invalid_signature",
        7: "not_next",
    }
    assert [await listed(honest, item) for item in (good, stolen, fine)] == ["listed", "not_listed", "listed"]
    assert await honest.faults() == []


async def test_a_group_is_changed_by_its_steward_alone(nodes):
    honest, liar, other = nodes
    steward = await other.home.organization()
    charter = groups.Charter("task force", [steward.id, honest.home.operator.organization])
    group = await groups.add_group(other.home.node, steward.actor, charter, other.home.tick())
    await other.home.sequence()
    await pull_all(honest, other)
    before = await honest.rows("SELECT organization_id FROM group_members ORDER BY 1")
    shadow = person(liar.home)
    story = Story(liar.home, audience=audiences.group(group.id), tlp=Tlp.AMBER)
    story.state(shadow)
    for who, version in ((shadow, 9), (steward, 10)):
        body = record.Group(group.id, "taken over", who.id, (shadow.id,), version, nodes=(liar.id,))
        story.add(story.frame("group", who, body), liar.home.seed)
    body = record.Group(group.id, "taken over", steward.id, (shadow.id,), 11)
    story.add(story.frame("group", shadow, body), shadow.seed)
    liar.lies.append(story)
    await pull_all(honest, liar)

    assert await reasons(honest, story) == {1: "not_steward", 2: "not_at_home", 3: "not_steward"}
    assert await honest.rows("SELECT organization_id FROM group_members ORDER BY 1") == before
    assert await honest.rows("SELECT name FROM groups") == [("task force",)]
    assert await honest.rows("SELECT count(*) FROM group_nodes") == [(0,)]
    assert await honest.faults() == []


async def test_listing_organizations_of_others_takes_none_of_them_over(nodes):
    honest, liar, other = nodes
    theirs = await other.home.organization()
    ours = await honest.home.organization()
    await publish(other, theirs)
    await pull_all(honest, other)
    wanted = [theirs.id, ours.id]
    async with liar.home.node.store.write(liar.home.operator) as tx:
        from app.storage import organizations  # noqa: PLC0415 - only this test writes past the services

        for number, item in enumerate(wanted):
            made = organizations.Organization(item, f"false {number}", "ngo", liar.id, True, 7, liar.home.tick(), True)
            await organizations.add(tx, made)
    await peering.tell(liar.home.node, liar.client, honest.id, liar.home.tick())

    homes = dict(await honest.rows("SELECT id, home FROM organizations"))
    assert [homes[_id(honest, item)] for item in wanted] == [other.id, honest.id]
    assert await honest.rows("SELECT 1 FROM organizations WHERE name LIKE 'false%'") == []
    secret = audiences.organizations(ours.id, theirs.id)
    await publish(honest, ours, audience=secret, tlp=Tlp.AMBER, pap=Pap.AMBER)
    assert (await pull_all(liar, honest)).entries == 0


async def test_a_flood_of_reports_ends_at_the_quota_and_what_undoes_them_is_still_taken(nodes):
    honest, liar, other = nodes
    document = {"indicators_per_day": 20}
    await peering.set_policy(honest.home.node, honest.home.operator, liar.id, document, honest.home.tick())
    shadow = person(liar.home)
    story = Story(liar.home)
    story.state(shadow)
    reports = [story.report(shadow) for _ in range(60)]
    story.add(story.frame("revocation", shadow, Revocation(reports[0].id, "mistaken")), shadow.seed)
    liar.lies.append(story)
    got = await pull_all(honest, liar)

    assert (got.accepted, got.refused) == (22, 40)
    assert set((await reasons(honest, story)).values()) == {"over_quota"}
    assert await honest.rows("SELECT state, count(*) FROM reports GROUP BY state ORDER BY 1") == [
        ("live", 19),
        ("revoked", 1),
    ]
    assert (await pull_once(honest, other)).refused == 0
    liar.world.clock.tick(days=2)
    assert (await pull_all(honest, liar)).filled == 20  # the next day as many again, and no more
    assert (await pull_all(honest, liar)).filled == 0
    assert await honest.faults() == []


async def test_a_flood_of_what_is_no_report_ends_at_the_quota_too(two):
    honest, liar = two
    document = {"indicators_per_day": 20}
    await peering.set_policy(honest.home.node, honest.home.operator, liar.id, document, honest.home.tick())
    shadow = person(liar.home)
    story = Story(liar.home)
    story.state(shadow)
    report = story.report(shadow)
    for number in range(30):
        body = Opinion(report.id, "agree", "own_evidence", str(number))
        story.add(story.frame("opinion", shadow, body), shadow.seed)
        story.add(story.frame("later", shadow, record.Unknown({"number": number})), shadow.seed)
    liar.lies.append(story)
    got = await pull_all(honest, liar)
    assert (got.accepted, got.refused) == (21, 41)
    story.add(story.frame("later", shadow, record.Unknown({"number": 99})), shadow.seed)
    got = await pull_all(honest, liar)
    assert (got.accepted, got.refused) == (0, 1)

    assert set((await reasons(honest, story)).values()) == {"over_quota"}
    assert await honest.faults() == []


async def test_entries_that_are_bytes_and_nothing_else_still_make_the_tree(two):
    honest, liar = two
    story = Story(liar.home)
    shadow = person(liar.home)
    story.state(shadow)
    big = Envelope(b'{"a":"' + b"x" * (3 * 1024 * 1024) + b'"}', "0" * 32, bytes(64))
    story.entries += [big, Envelope(b'{"\n' + b"}", "0" * 32, bytes(64))]
    story.entries[2] = merkle.leaf_hash(b"anything")
    liar.lies.append(story)
    await pull_all(honest, liar)

    assert await reasons(honest, story) == {1: "invalid_record", 2: "withheld"}
    assert await honest.rows("SELECT root FROM replicas") == [(story.root(),)]
    assert await honest.faults() == []
