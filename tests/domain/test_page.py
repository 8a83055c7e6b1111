import base64
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import audience as audiences
from app.domain import canonical, checkpoint, merkle, page, signing
from app.domain.checkpoint import Checkpoint
from app.domain.errors import Invalid, InvalidProof, InvalidRecord
from app.domain.keys import LogKeys
from app.domain.marking import Pap, Tlp
from app.domain.merkle import Frontier
from app.domain.node_record import NodeRecord, hand_over
from app.domain.page import Accepted, Bare, Entry, Forked, Held, InvalidPage, LogName, RefusedEntry, RolledBack
from app.domain.peer import Policy
from app.domain.record import NodeStatement, Revocation, Withdrawn
from tests import make, strategies
from tests.strategies import quick

KEYS = (make.key("node"), make.key("node 1"))
SEEDS = (make.seed("node"), make.seed("node 1"))
NODE = NodeRecord(make.NODE, "n", None, KEYS, (hand_over(make.NODE, 1, KEYS[1], SEEDS[0]),), (), make.NOW, ("report",))
LOG = LogName.of(make.NODE, audiences.PUBLIC, red=False, epoch=1)
NGO = make.organization_id()
HOMES = {NGO: make.NODE}


def envelopes_of(count):
    """Give an organization's record, then reports of it."""
    stated = make.record("organization")
    reports = (make.record(id=make.ident(number)) for number in range(1, count))
    return [stated.sign(SEEDS[0]), *(make.envelope(report) for report in reports)][:count]


ENVELOPES = envelopes_of(40)
LEAVES = [merkle.leaf_hash(envelope.to_bytes()) for envelope in ENVELOPES]


def tree(leaves):
    """Give a reader of any perfect subtree over the leaves."""
    return lambda level, index: merkle.root_of(b"".join(leaves[index << level : (index + 1) << level]))


def note_of(leaves, log=LOG, generation=0, root=None):
    root = root or Frontier().extend(leaves).root()
    text = Checkpoint(log.origin_line, len(leaves), root)
    return checkpoint.sign_checkpoint(text, log.origin, SEEDS[generation])


def wire(start, stop, size=40, leaves=LEAVES, note=None, proof=None, bare=(), log=LOG):
    """Write entries `start` to `stop` under a checkpoint of `size`; those in `bare` without their bodies."""
    covered = leaves[:size]
    if proof is None:
        proof = merkle.consistency_proof(stop, size, tree(covered)) if stop else []
    lines = [page.header(log.id, start, stop, size, note or note_of(covered, log), proof)]
    for index in range(start, stop):
        whole = index not in bare and leaves is LEAVES
        lines.append(page.entry(index, ENVELOPES[index]) if whole else page.bare(index, leaves[index], "erased"))
    return b"".join([*lines, page.trailer(stop)])


def held(size, note=None, leaves=LEAVES):
    return Held(Frontier().extend(leaves[:size]), note)


def verify(raw, before, log=LOG, node=NODE):
    return page.verify(page.read(raw), log, before, node)


def judged(*records, group=None, policy=None, log=LOG, homes=None, origin_is_serving=True, keys=None):
    """Judge records, each signed already or by the ngo, in a log where the ngo is known."""
    signed = [item if isinstance(item, signing.Envelope) else make.envelope(item) for item in records]
    entries = [Entry.of(at, item) for at, item in enumerate(signed)]
    keys = LogKeys(KEYS, stated={NGO: make.organization()}) if keys is None else keys
    homes = HOMES if homes is None else homes
    return page.judge(entries, log, keys, homes, group, policy or Policy(), origin_is_serving)


def codes(*records, **how):
    return [getattr(verdict, "code", None) for verdict in judged(*records, **how)]


# the wire


@pytest.mark.parametrize(("start", "stop", "size"), [(0, 40, 40), (0, 1, 40), (7, 30, 33), (39, 40, 40), (40, 40, 40)])
def test_a_page_is_written_and_read_back(start, stop, size):
    note, proof = note_of(LEAVES[:size]), merkle.consistency_proof(stop, size, tree(LEAVES[:size]))
    read = page.read(wire(start, stop, size, bare=(8, 20)))
    assert (read.log_id, read.start, read.stop, read.size) == (LOG.id, start, stop, size)
    assert (read.note, read.proof) == (note, tuple(proof))
    assert [(item.index, item.leaf_hash) for item in read.entries] == list(enumerate(LEAVES))[start:stop]
    for item in read.entries:
        assert item.envelope == (None if item.index in {8, 20} else ENVELOPES[item.index])
        assert item.why == ("erased" if item.index in {8, 20} else "")


@quick
@given(strategies.records)
def test_a_record_of_any_kind_keeps_its_bytes_on_the_wire(record):
    envelope = record.sign(make.seed())
    raw = page.header("0" * 32, 5, 6, 6, "note", []) + page.entry(5, envelope) + page.trailer(6)
    assert page.read(raw).entries == (Entry.of(5, envelope),)


def test_an_empty_log_has_an_empty_page():
    empty = wire(0, 0, 0)
    assert verify(empty, held(0)).frontier == Frontier()


def test_a_page_that_is_cut_anywhere_is_refused():
    raw = wire(0, 3, bare=(1,))
    for end in range(len(raw)):
        with pytest.raises(InvalidPage):
            page.read(raw[:end])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"\n\n",
        b"{}\n" + page.trailer(0),
        b"null\nnull\n",
        wire(0, 2) + b"\n",
        wire(0, 2) + b"{}",
        wire(0, 2) + page.trailer(2),
        wire(0, 2).replace(page.trailer(2), page.trailer(3)),
        wire(0, 2).replace(b'"from":0', b'"from":00'),
        wire(0, 2).replace(b'"from":0', b'"from":-1'),
        wire(0, 2).replace(b'"from":0', b'"from":true'),
        wire(0, 2).replace(b'"from":0', b'"from":0,"fruit":1'),
        wire(0, 2).replace(b'"from":0', b'"from":0.0'),
        wire(0, 2).replace(b'{"from":0,', b"{"),
        wire(0, 2).replace(b'{"from":0', b'{ "from":0'),
        wire(0, 2).replace(b'"index":1', b'"index":2'),
        wire(0, 2).replace(b'"index":1', b'"index":01'),
        wire(0, 2).replace(b'"index":0', b'"index":9007199254740993'),
        wire(0, 2, bare=(0,)).replace(b"erased", b"eroded"),
        wire(0, 2, bare=(0,)).replace(b'"leaf":"', b'"leaf":"0'),
        wire(0, 2, bare=(0,)).replace(b'"leaf":"', b'"leaf":"", "x":"'),
        page.header(LOG.id, 3, 2, 5, "note", []) + page.trailer(2),
        page.header(LOG.id, 2, 3, 2, "note", []) + page.bare(2, bytes(32), "erased") + page.trailer(3),
        page.header(LOG.id, 2, 2, 5, "note", []) + page.trailer(2),
        page.header(LOG.id, 0, 2**53 - 1, 2**53 - 1, "note", []) + page.trailer(2**53 - 1),
        page.header("0" * 33, 0, 0, 0, "note", []) + page.trailer(0),
        page.header(LOG.id, 0, 0, 0, "x" * 16_385, []) + page.trailer(0),
        page.header(LOG.id, 0, 0, 0, "", []) + page.trailer(0),
        page.header(LOG.id, 0, 0, 0, "note", [bytes(32)] * 65) + page.trailer(0),
        page.header(LOG.id, 0, 0, 0, "note", [bytes(40)]) + page.trailer(0),
        b'{"from":' + b"9" * 5_000 + b"}\n" + page.trailer(0),
        b"[" * 50_000 + b"\n" + page.trailer(0),
        b"\xff\xfe\n" + page.trailer(0),
    ],
)
def test_what_is_not_a_whole_page_is_refused(raw):
    with pytest.raises(InvalidPage):
        page.read(raw)


@quick
@given(st.binary(max_size=300), st.integers(0, 3))
def test_any_bytes_are_read_or_refused(noise, lines):
    for raw in (noise, wire(0, 2) + noise, b"\n".join([noise] * lines) + b"\n"):
        with suppress(InvalidPage):
            assert page.read(raw) == page.read(wire(0, 2))


def test_a_page_is_bounded():
    lines = [page.bare(index, bytes(32), "erased") for index in range(1_001)]

    def of(count):
        return b"".join([page.header(LOG.id, 0, count, count, "note", []), *lines[:count], page.trailer(count)])

    assert len(page.read(of(1_000)).entries) == 1_000
    for raw in (of(1_001), b"\n" * 10_000_000, b" " * (page.MAX_WIRE_BYTES + 1)):
        with pytest.raises(InvalidPage, match="at most"):
            page.read(raw)


# what a page proves


def test_a_page_with_any_byte_changed_is_refused():
    """Twelve entries, one of them bare, under a larger checkpoint: nothing may differ."""
    raw = wire(5, 17, bare=(7,))
    before = held(5, note_of(LEAVES[:9]))
    good = verify(raw, before)

    @settings(deadline=None, max_examples=20 * quick.max_examples)
    @given(st.integers(0, len(raw) - 1), st.integers(1, 255))
    def check(place, change):
        altered = bytearray(raw)
        altered[place] ^= change
        with pytest.raises(Invalid):
            verify(bytes(altered), before)

    check()
    assert good.frontier == Frontier().extend(LEAVES[:17])


@quick
@given(st.lists(st.integers(1, 13), min_size=1, max_size=20), st.data())
def test_pages_of_any_size_lead_to_the_same_tree(lengths, data):
    before, size = held(0), 0
    for length in lengths:
        stop = min(size + length, 40)
        covering = data.draw(st.integers(max(stop, size if before.note is None else 0), 40))
        if before.note is not None:
            covering = max(covering, page.read_checkpoint(before.note, LOG, NODE)[0].size)
        raw = wire(size, stop, covering) if stop > size else wire(size, size, size)
        if stop == size and size < covering:
            continue
        found = verify(raw, before)
        assert found.frontier == Frontier().extend(LEAVES[:stop])
        assert found.checkpoint.size >= stop
        before, size = Held(found.frontier, page.read(raw).note), stop


def test_a_page_of_another_log_or_place_is_refused():
    red = LogName.of(make.NODE, make.named("ngo"), red=True, epoch=1)
    later = LogName.of(make.NODE, audiences.PUBLIC, red=False, epoch=2)
    for log in (red, later):
        assert log.id != LOG.id
        with pytest.raises(InvalidPage, match="another log"):
            verify(wire(0, 3), held(0), log=log)
        with pytest.raises(InvalidProof, match="another log"):
            verify(wire(0, 3, note=note_of(LEAVES, log)), held(0))
    for size in (0, 2, 4):
        with pytest.raises(InvalidPage, match="begin"):
            verify(wire(3, 5), held(size))
    with pytest.raises(InvalidProof, match="not one of this node"):
        verify(wire(0, 3), held(0), log=replace(LOG, id=red.id))
    with pytest.raises(InvalidProof, match="not one of this node"):
        verify(wire(0, 3), held(0), node=replace(NODE, id=make.node_id("other")))


def test_a_log_is_named_by_what_it_is():
    red = LogName.of(make.NODE, make.named("ngo", 1), red=True, epoch=3)
    assert red.audience_key == make.named("ngo", 1).key(Tlp.RED)
    assert checkpoint.parse_origin(red.origin_line) == (make.NODE, red.audience_key, 3)
    assert red.id == checkpoint.log_id(make.NODE, red.audience_key, 3)
    with pytest.raises(InvalidProof):
        LogName.of("no node", audiences.PUBLIC, red=False, epoch=1)


def test_a_checkpoint_by_nobody_or_of_another_size_is_refused():
    stranger = checkpoint.sign_note(
        Checkpoint(LOG.origin_line, 40, Frontier().extend(LEAVES).root()).to_text(), make.NODE, make.seed("thief")
    )
    for note in (stranger, "note", note_of(LEAVES)[:-9] + "AAAAAAA=\n"):
        with pytest.raises(InvalidProof):
            verify(wire(0, 3, note=note), held(0))
    with pytest.raises(InvalidPage, match="size"):
        verify(wire(0, 3, 40, note=note_of(LEAVES[:39])), held(0))


def test_the_number_of_the_key_that_signs_checkpoints_never_falls():
    newer, older = note_of(LEAVES[:20], generation=1), note_of(LEAVES, generation=0)
    assert verify(wire(5, 9), held(5, note_of(LEAVES[:20]))).generation == 0
    assert verify(wire(5, 9, note=note_of(LEAVES, generation=1)), held(5, newer)).generation == 1
    with pytest.raises(InvalidProof, match="replaced"):
        verify(wire(5, 9, note=older), held(5, newer))


def test_a_smaller_log_is_rolled_back():
    with pytest.raises(RolledBack):
        verify(wire(5, 9, 20), held(5, note_of(LEAVES[:21])))
    assert verify(wire(5, 9, 20), held(5, note_of(LEAVES[:20]))).checkpoint.size == 20


def test_leaves_that_do_not_lead_to_the_root_are_refused():
    swapped = [*LEAVES[:2], LEAVES[3], LEAVES[2], *LEAVES[4:]]
    for raw in (
        wire(0, 40, leaves=swapped, note=note_of(LEAVES)),
        wire(0, 9, leaves=swapped, note=note_of(LEAVES)),
        wire(0, 9, proof=[]),
        wire(0, 9, proof=[bytes(32)] * 5),
        wire(0, 40, proof=[bytes(32)]),
    ):
        with pytest.raises(InvalidProof):
            verify(raw, held(0))
    with pytest.raises(InvalidProof):
        verify(wire(9, 20), Held(Frontier().extend(swapped[:9])))


OTHER = [*LEAVES[:5], *(make.noise(("fork", number)) for number in range(35))]


def test_two_roots_of_one_size_are_a_fork():
    with pytest.raises(Forked) as found:
        verify(wire(5, 9), held(5, note_of(OTHER)))
    assert found.value.prefix_root is None


def test_a_history_that_leaves_the_checkpoint_held_is_a_fork_as_soon_as_it_shows():
    """The checkpoint held is of 20 entries of one history; the pages are of another one, larger."""
    note = note_of(LEAVES[:20])
    first = verify(wire(5, 12, leaves=OTHER), held(5, note))
    with pytest.raises(Forked) as found:
        verify(wire(12, 30, leaves=OTHER), Held(first.frontier, note))
    assert found.value.prefix_root == Frontier().extend(OTHER[:20]).root()


# verdicts


def test_entries_are_accepted_in_the_order_of_the_log():
    entries = page.read(wire(0, 40, bare=(3, 5))).entries
    verdicts = page.judge(entries, LOG, LogKeys(KEYS), {}, None, Policy(), origin_is_serving=True)
    assert [(item.index, item.leaf_hash) for item in verdicts] == list(enumerate(LEAVES))
    assert [item.index for item in verdicts if isinstance(item, Bare)] == [3, 5]
    assert {item.custody for item in verdicts[1:] if isinstance(item, Accepted)} == {"organization"}
    first = verdicts[0]
    assert (first.custody, first.record, first.envelope) == ("node", make.record("organization"), ENVELOPES[0])


@pytest.mark.parametrize("cut", [1, 7, 39])
def test_pages_of_any_size_give_the_same_verdicts(cut):
    entries = page.read(wire(0, 40)).entries
    keys, homes = LogKeys(KEYS), {}
    parts = page.judge(entries[:cut], LOG, keys, homes, None, Policy(), origin_is_serving=True)
    parts += page.judge(entries[cut:], LOG, keys, HOMES, None, Policy(), origin_is_serving=True)
    assert parts == page.judge(entries, LOG, LogKeys(KEYS), {}, None, Policy(), origin_is_serving=True)
    assert homes == {}, "what the caller holds is left alone"


@pytest.mark.parametrize("why", page.REASONS)
def test_a_bare_entry_tells_whether_asking_again_is_of_use(why):
    for serving in (True, False):
        (found,) = page.judge([Entry(4, bytes(32), None, why)], LOG, LogKeys(KEYS), {}, None, Policy(), serving)
        assert found == Bare(4, bytes(32), why, serving and why in {"erased", "withheld", "ended"})


@pytest.mark.parametrize("bad", [b"", b"{}", b"[]", b"null", b"not json", b'{"a":1}', b"\xff", b"{" * 9_000])
def test_bytes_that_are_no_record_are_refused_alone(bad):
    (verdict, *rest) = judged(signing.sign(bad, make.seed()), make.record())
    assert (verdict.code, verdict.index) == ("invalid_record", 0)
    assert verdict.leaf_hash == merkle.leaf_hash(signing.sign(bad, make.seed()).to_bytes())
    assert isinstance(rest[0], Accepted)


@quick
@given(st.data())
def test_a_record_with_any_byte_changed_is_refused(data):
    made = make.envelope(data.draw(strategies.records))
    payload = bytearray(made.payload)
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    (found,) = judged(replace(made, payload=bytes(payload)))
    assert isinstance(found, RefusedEntry)


@quick
@given(strategies.records)
def test_every_verdict_has_a_code_and_a_sentence(record):
    for found in judged(record, make.envelope(record, "thief")):
        if isinstance(found, RefusedEntry):
            assert found.code.replace("_", "").isalpha()
            assert found.detail.endswith(".")
            assert found.detail[0] == "/" or not found.detail[0].islower()
            assert len(found.detail) <= 501


def test_a_record_of_another_log_is_refused():
    amber = make.record(audience=audiences.group(make.ident("group")), tlp=Tlp.AMBER)
    red = make.record(audience=make.named("ngo"), tlp=Tlp.RED)
    assert codes(make.record(origin=make.node_id("other")), amber, red) == ["wrong_log"] * 3
    named = LogName.of(make.NODE, make.named("ngo"), red=False, epoch=1)
    assert codes(red, log=named) == ["wrong_log"]
    assert codes(red, log=LogName.of(make.NODE, make.named("ngo"), red=True, epoch=1)) == [None]


def test_a_label_of_a_later_version_is_taken_for_red():
    def envelope(audience):
        document = make.record(audience=audience, tlp=Tlp.AMBER).to_document() | {"tlp": "TLP:PURPLE"}
        return signing.sign(canonical.encode(document), make.seed())

    red = LogName.of(make.NODE, make.named("ngo"), red=True, epoch=1)
    (found,) = judged(envelope(make.named("ngo")), log=red)
    assert found.record.tlp is Tlp.RED
    group = LogName.of(make.NODE, audiences.group(make.ident("group")), red=False, epoch=1)
    assert codes(envelope(audiences.group(make.ident("group"))), log=group) == ["contradictory_marking"]


def test_an_unknown_kind_is_taken_and_an_unlawful_marking_is_not():
    document = make.record("erasure").to_document() | {"kind": "prophecy"}
    public_amber = make.record().to_document() | {"tlp": "TLP:AMBER"}
    signed = [signing.sign(canonical.encode(item), make.seed()) for item in (document, public_amber)]
    assert codes(*signed) == [None, "contradictory_marking"]


def test_an_issuer_is_at_home_at_the_logs_node():
    elsewhere = {NGO: make.node_id("other")}
    stated = make.record("organization", make.organization(version=4)).sign(SEEDS[0])
    assert codes(make.record(), stated, homes=elsewhere) == ["not_at_home"] * 2
    assert codes(make.record(), homes={}) == ["not_at_home"]
    assert codes(stated, make.record(), homes={}) == [None, None], "its organization record brings the home along"
    forged = make.envelope(make.record("organization", make.organization(version=4)))
    assert codes(forged, make.record(), homes={}) == ["invalid_signature", "not_at_home"]


def test_a_node_record_needs_no_organization():
    rotated = make.record("node", NodeStatement(1, KEYS[1])).sign(SEEDS[1])
    late = make.record("organization", make.organization(version=4)).sign(SEEDS[0])
    assert codes(rotated, late, homes={}) == [None, "invalid_signature"]


def test_keys_count_from_their_statement_to_their_revocation():
    used, old = make.organization().keys
    revoked = make.organization(version=4, keys=(replace(used, revoked=True), old))
    stated = make.record("organization", revoked).sign(SEEDS[0])
    assert codes(make.record(), stated, make.record(id=make.ident(7))) == [None, None, "invalid_signature"]
    assert codes(stated, stated, make.record("organization").sign(SEEDS[0])) == [None, "not_next", "not_next"]


GROUP = make.ident("group")
GROUP_LOG = LogName.of(make.NODE, audiences.group(GROUP), red=False, epoch=1)
COMMUNITY = make.group(nodes=(make.NODE,), steward=NGO)
COMMUNITY = replace(COMMUNITY, members=())


def in_group(kind="report", body=None, tlp=Tlp.GREEN, **frame):
    return make.record(kind, body, audience=audiences.group(GROUP), tlp=tlp, pap=Pap.GREEN, **frame)


def test_a_communitys_log_takes_clear_and_green_and_statements_as_they_say():
    for tlp, code in ((Tlp.CLEAR, None), (Tlp.GREEN, None), (Tlp.AMBER, "contradictory_marking")):
        assert codes(in_group(tlp=tlp), log=GROUP_LOG, group=COMMUNITY) == [code]
        assert codes(in_group("revocation", tlp=tlp), log=GROUP_LOG, group=COMMUNITY) == [code]
        assert codes(in_group(tlp=tlp), log=GROUP_LOG, group=make.group(steward=NGO)) == [None]
        assert codes(in_group(tlp=tlp), log=GROUP_LOG) == [None]
    stated = in_group("organization", make.organization(version=4), Tlp.AMBER).sign(SEEDS[0])
    own = in_group("node", NodeStatement(0, KEYS[0]), Tlp.AMBER).sign(SEEDS[0])
    changed = in_group("group", replace(COMMUNITY, version=3), Tlp.AMBER)
    assert codes(stated, own, changed, log=GROUP_LOG, group=COMMUNITY) == [None] * 3


def test_what_a_group_is_counts_from_its_record_on():
    open_group = make.group(steward=NGO, version=1)
    records = (in_group("group", open_group), in_group(tlp=Tlp.AMBER), in_group("group", COMMUNITY))
    late = in_group(tlp=Tlp.AMBER, id=make.ident("late"))
    assert codes(*records, late, log=GROUP_LOG) == [None, None, None, "contradictory_marking"]


def test_a_group_is_led_by_one_steward():
    mine = make.group(steward=NGO)
    other = make.organization_id("bank")
    homes = {**HOMES, other: make.NODE}
    known = LogKeys(KEYS, stated={NGO: make.organization(), other: make.organization("bank")})

    def found(record, group=None, by="ngo"):
        return codes(make.envelope(record, by), log=GROUP_LOG, group=group, homes=homes, keys=known)

    assert found(in_group("group", make.group(steward=other))) == ["not_steward"]
    usurped = in_group("group", make.group(steward=other, version=9), issuer=other)
    assert found(usurped, mine, "bank") == ["not_steward"]
    assert found(in_group("group", mine), mine) == [None]
    assert found(usurped, None, "bank") == ["not_steward"], "the log has said before who leads"
    assert found(in_group("group", mine), mine) == ["not_next"]
    away = {NGO: make.node_id("other")}
    assert codes(in_group("group", mine), log=GROUP_LOG, homes=away) == ["not_at_home"]


def test_a_group_record_stands_in_its_own_groups_log():
    elsewhere = make.group(steward=NGO, group=make.ident("another group"))
    assert codes(in_group("group", elsewhere), log=GROUP_LOG) == ["wrong_log"]
    assert codes(make.record("group", make.group(steward=NGO))) == ["wrong_log"]


def test_the_node_may_sign_for_a_steward_that_is_at_home_there():
    stated = in_group("group", make.group(steward=NGO))
    assert codes(stated.sign(SEEDS[0]), log=GROUP_LOG) == [None]
    assert codes(stated.sign(SEEDS[0]), log=GROUP_LOG, homes={}) == ["not_at_home"]


def test_the_policy_refuses_reports_and_not_what_takes_them_back():
    policy = Policy(categories=frozenset({"csam"}))
    chain, address = make.address(0)
    taken_back = make.record("revocation", Revocation(make.ident("report"), "mistaken", (Withdrawn(chain, address),)))
    stated = make.record("organization", make.organization(version=4)).sign(SEEDS[0])
    assert codes(make.record(), taken_back, stated, policy=policy) == ["category_refused", None, None]


def test_an_address_is_judged_as_one_that_is_submitted_here():
    document = make.record().to_document()
    document["body"]["indicators"][0]["address"] = "1BoatSLRHtKNngkdXEeobR76b53LETtpyX"
    assert codes(signing.sign(canonical.encode(document), make.seed())) == ["invalid_record"]


def test_a_signature_line_has_one_spelling():
    line = page.entry(0, ENVELOPES[0])
    last = base64.b64encode(ENVELOPES[0].signature)[-3:-2]
    twin = {b"A": b"B", b"Q": b"R", b"g": b"h", b"w": b"x"}[last]
    raw = page.header(LOG.id, 0, 1, 1, "note", []) + line + page.trailer(1)
    assert page.read(raw).entries[0].envelope == ENVELOPES[0]
    with pytest.raises(InvalidPage):
        page.read(raw.replace(last + b'=="}', twin + b'=="}'))


def test_the_errors_of_a_page_have_their_own_codes():
    assert [kind.code for kind in (InvalidPage, RolledBack, Forked)] == ["invalid_page", "rolled_back", "forked"]
    assert not issubclass(InvalidPage, InvalidRecord)
