import base64
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import audience as audiences
from app.domain import canonical, record, signing
from app.domain.errors import ContradictoryMarking, Invalid, InvalidRecord
from app.domain.marking import Pap, Tlp
from app.domain.record import KINDS, MAX_VERSION, Unknown, parse, read_revocation, read_sighting
from tests import make, strategies
from tests.strategies import quick

CHAIN, ADDRESS = make.address(0)
REPORT = str(make.ident("report"))
PLACE = {"chain": CHAIN, "address": ADDRESS}


def payload(kind="report", said=None, **frame):
    """Give canonical bytes of a record in which some fields are replaced; a field that is `...` is left out."""
    document = (
        make.record(kind).to_document() if kind in KINDS else make.record("erasure").to_document() | {"kind": kind}
    )
    document |= frame
    if said is not None:
        document["body"] = {name: value for name, value in (document["body"] | said).items() if value is not ...}
    return canonical.encode({name: value for name, value in document.items() if value is not ...})


def refusal(data):
    with pytest.raises(InvalidRecord) as refused:
        parse(data)
    return refused.value.detail


@pytest.mark.parametrize("kind", strategies.bodies)
def test_a_record_of_each_kind_is_printed_and_read_back(kind):
    @settings(quick, max_examples=quick.max_examples // 2)
    @given(strategies.records_of(kind))
    def check(made):
        data = canonical.encode(made.to_document())
        assert parse(data) == made
        assert canonical.encode(parse(data).to_document()) == data

    check()


@quick
@given(strategies.records)
def test_a_signed_record_verifies_and_is_read(made):
    envelope = made.sign(make.seed())
    signing.verify(envelope, make.key())
    assert parse(envelope.payload) == made
    assert made.audience_key == made.audience.key(made.tlp)


@quick
@given(st.data())
def test_a_record_with_any_byte_changed_is_refused_or_another_record(data):
    made = data.draw(st.sampled_from([make.record(kind) for kind in KINDS]))
    raw = bytearray(canonical.encode(made.to_document()))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        assert parse(bytes(raw)) is not None
    except Invalid:
        return


@pytest.mark.parametrize(
    "name", ["id", "kind", "issuer", "origin", "issued_at", "audience", "tlp", "pap", "nonce", "body"]
)
def test_every_field_of_the_frame_is_needed(name):
    assert refusal(payload(**{name: ...})) == refusal(payload(**{name: None})) == f"/{name}: this field is needed."


@pytest.mark.parametrize(
    "name", ["id", "kind", "issuer", "origin", "issued_at", "audience", "tlp", "pap", "nonce", "body"]
)
@pytest.mark.parametrize("value", [True, 7, [], {}, "", "\x00", "x" * 70], ids=repr)
def test_a_field_of_the_frame_has_its_type(name, value):
    if (name, value) != ("body", {}):
        refusal(payload(**{name: value}))


def test_what_does_not_belong_to_a_record_is_not_one():
    for document in (None, True, 1, "record", [], {}):
        refusal(canonical.encode(document))


def test_a_field_or_kind_of_a_later_version_passes_through():
    assert parse(payload(weather="fine")) == make.record()
    later = parse(payload("prophecy", {"doom": [1, {"at": None}]}))
    assert later.body == Unknown({**make.body("erasure").to_document(), "doom": [1, {"at": None}]})
    assert later.subject is None
    assert parse(payload("opinion", {"weather": "fine"})) == make.record("opinion")


def test_marking_and_audience_do_not_contradict():
    with pytest.raises(ContradictoryMarking):
        parse(payload(tlp="TLP:RED"))
    red = make.record(tlp=Tlp.RED, audience=make.named("ngo"))
    assert parse(canonical.encode(red.to_document())) == red


@pytest.mark.parametrize("kind", sorted(record.FOLLOWING))
def test_what_follows_names_its_report(kind):
    assert make.record(kind).subject == make.ident("report")
    assert parse(payload(kind, {"report": str(make.ident())})).subject == make.ident()
    for missing in (..., None):
        assert refusal(payload(kind, {"report": missing})) == "/report: this field is needed."
    for other in ("", 5, REPORT.upper(), [REPORT]):
        refusal(payload(kind, {"report": other}))


def test_a_report_may_name_what_it_supersedes_and_never_itself():
    assert make.record().subject is None
    assert parse(payload(said={"supersedes": REPORT})).subject == UUID(REPORT)
    own = str(make.record().id)
    assert "itself" in refusal(payload(said={"supersedes": own}))
    assert "itself" in refusal(payload("revocation", {"report": own}, id=own))


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("revocation", {"reason": "boredom"}, "/reason: must be one of"),
        ("revocation", {"reason": ...}, "/reason: this field is needed"),
        ("revocation", {"addresses": []}, "/addresses: must be a list of 1"),
        ("revocation", {"addresses": False}, "/addresses: must be a list of 1"),
        ("revocation", {"addresses": ""}, "/addresses: must be a list of 1"),
        ("revocation", {"addresses": {}}, "/addresses: must be a list of 1"),
        ("revocation", {"addresses": [ADDRESS]}, "/addresses/0: must be an object"),
        ("revocation", {"addresses": [PLACE, {"chain": CHAIN}]}, "/addresses/1/address: this field is needed"),
        ("revocation", {"addresses": [PLACE, {"address": ADDRESS}]}, "/addresses/1/chain: this field is needed"),
        ("revocation", {"addresses": [PLACE | {"chain": "bitcoin"}]}, "/addresses/0/address: must be canonical"),
        ("revocation", {"addresses": [PLACE | {"chain": "bitcoim"}]}, "/addresses/0/chain: is not known"),
        ("revocation", {"addresses": [PLACE | {"address": ADDRESS[:-1]}]}, "/addresses/0/address: "),
        ("erasure", {"reason": "mistaken"}, "/reason: must be one of"),
        ("opinion", {"opinion": "maybe"}, "/opinion: must be one of"),
        ("opinion", {"reason": "mistaken"}, "/reason: must be one of"),
        ("opinion", {"summary": "call 0171 2345678"}, "/summary: the text holds what looks like a phone number"),
        ("opinion", {"summary": "x" * 501}, "/summary: must be a text of 1 to 500"),
        ("sighting", {"chain": "bitcoin"}, "/address: must be canonical"),
        ("sighting", {"chain": 1}, "/chain: is not known"),
        ("sighting", {"address": ADDRESS[:-1]}, "/address: "),
        ("sighting", {"count": 0}, "/count: must be a whole number from 1"),
        ("sighting", {"count": True}, "/count: must be a whole number from 1"),
        ("sighting", {"count": 1_000_000_001}, "/count: must be a whole number from 1"),
        ("sighting", {"first_seen": "2026-05-01"}, "/first_seen: must be a UTC time"),
        (
            "sighting",
            {"first_seen": "2026-05-02T00:00:00.000000Z", "last_seen": "2026-05-01T00:00:00.000000Z"},
            "/last_seen: must not be before",
        ),
        ("organization", {"name": "x" * 201}, "/name: must be a text"),
        ("organization", {"name": "Hope\u202e"}, "/name: must not hold control characters"),
        ("organization", {"kind": "cartel"}, "/kind: must be one of"),
        ("organization", {"version": 0}, "/version: must be a whole number from 1"),
        ("organization", {"version": MAX_VERSION + 1}, "/version: must be a whole number from 1"),
        ("organization", {"keys": ...}, "/keys: this field is needed"),
        ("organization", {"keys": {}}, "/keys: must be a list of 0 to 100"),
        ("organization", {"keys": ["key"]}, "/keys/0: must be an object"),
        ("group", {"group": "mine"}, "/group must be a UUIDv7"),
        ("group", {"steward": ...}, "/steward: this field is needed"),
        ("group", {"members": [REPORT, REPORT]}, "/members: must be sorted, each organization named once"),
        ("group", {"members": ["nobody"]}, "/members must be a UUIDv7"),
        ("group", {"version": MAX_VERSION + 1}, "/version: must be a whole number"),
        ("group", {"history": "some"}, "/history: must be one of"),
        ("group", {"on_leave": "weep"}, "/on_leave: must be one of"),
        ("group", {"nodes": []}, "/nodes: must be a list of 1 to"),
        ("group", {"nodes": make.NODE}, "/nodes: must be a list of 1 to"),
        ("group", {"nodes": ["n"]}, "/nodes must be a node id"),
        ("group", {"nodes": [7]}, "/nodes must be a node id"),
        ("group", {"nodes": [make.NODE, make.NODE]}, "/nodes: must be sorted, each node named once"),
        ("node", {"generation": ...}, "/generation: this field is needed"),
        ("node", {"generation": -1}, "/generation: must be a whole number from 0 to 99"),
        ("node", {"generation": 100}, "/generation: must be a whole number from 0 to 99"),
        ("node", {"key": ...}, "/key: this field is needed"),
        ("node", {"key": "x" * 65}, "/key: must be a text of 1 to 64"),
        ("node", {"previous": 7}, "/previous: must be a text"),
        ("node", {"previous": "x" * 20_000}, "/previous: must be a text"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_bad_body_is_refused_with_its_place(kind, body, message):
    assert refusal(payload(kind, body)).startswith(message)


def test_members_stand_in_order_and_a_group_may_be_empty():
    members = sorted(str(make.organization_id(number)) for number in range(3))
    assert parse(payload("group", {"members": members})).body.members == tuple(map(UUID, members))
    assert parse(payload("group", {"members": []})).body.members == ()
    assert "sorted" in refusal(payload("group", {"members": members[::-1]}))


def test_a_community_is_a_group_of_nodes_and_nobody_else():
    members = make.group().members
    nodes = tuple(sorted([make.NODE, make.node_id("other")]))
    for names, ids, community in ((nodes, (), True), (nodes, members, False), ((), members, False), ((), (), False)):
        stated = make.group(members=ids, nodes=names)
        assert stated.is_community is community
        assert record.read_body("group", stated.to_document()) == stated
    assert "nodes" not in make.group().to_document(), "a group of organizations is written as before"


@pytest.mark.parametrize("how", [{"kept": True}, {"foreign": True}])
def test_a_label_of_a_later_version_means_red_in_what_others_signed(how):
    later = payload(tlp="TLP:PURPLE", pap="PAP:PURPLE", audience=make.named("ngo").to_document())
    refusal(later)
    read = parse(later, **how)
    assert (read.tlp, read.pap, read.audience_key) == (Tlp.RED, Pap.RED, make.named("ngo").key(Tlp.RED))
    with pytest.raises(ContradictoryMarking):
        parse(payload(tlp="TLP:PURPLE"), **how)
    for label in (7, "", [], "x" * 33):
        for name in ("tlp", "pap"):
            with pytest.raises(InvalidRecord):
                parse(payload(**{name: label}), **how)


def key_of(**said):
    return make.organization().keys[0].to_document() | said


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"keyid": "0" * 32}, "/keys/0/keyid: is not the name of this key"),
        ({"keyid": None}, "/keys/0/keyid: is not the name of this key"),
        ({"public_key": None}, "/keys/0/public_key: this field is needed"),
        ({"public_key": "not base64"}, "/keys/0/public_key is not base64"),
        ({"public_key": 7}, "/keys/0/public_key: must be a text"),
        ({"public_key": base64.b64encode(make.key()).decode()[:-2] + "9="}, "/keys/0/public_key is not canonical"),
        ({"custody": "bank"}, "/keys/0/custody: must be one of"),
        ({"state": "valid "}, "/keys/0/state: must be one of"),
    ],
)
def test_a_bad_key_is_refused_with_its_place(said, message):
    assert refusal(payload("organization", {"keys": [key_of(**said)]})).startswith(message)


@pytest.mark.parametrize("raw", [b"", bytes(32), b"\x01" + bytes(31), make.key()[:-1], b"\x02" + bytes(31)])
def test_what_is_no_point_of_prime_order_is_no_key(raw):
    bad = key_of(public_key=base64.b64encode(raw).decode(), keyid=signing.key_id(raw))
    with pytest.raises(Invalid, match=r"not a valid Ed25519 key|must be a text"):
        parse(payload("organization", {"keys": [bad]}))


def test_a_key_stands_once_so_that_it_is_valid_or_revoked_and_not_both():
    rows = [key_of(state="revoked"), key_of(state="valid")]
    assert refusal(payload("organization", {"keys": rows})).startswith("/keys: must name each key once")
    assert parse(payload("organization", {"keys": []})).body.keys == ()


def test_what_people_write_after_a_report_becomes_canonical():
    spelled = {"chain": "ethereum", "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}
    plain = ("eip155:1", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
    revoked = read_revocation({"report": REPORT, "reason": "mistaken", "addresses": [spelled]})
    assert [(item.chain, item.address) for item in revoked.addresses] == [plain]
    seen = read_sighting({"report": REPORT, "first_seen": "2026-05-01", **spelled})
    assert (seen.chain, seen.address, seen.count) == (*plain, 1)
    assert seen.to_document()["first_seen"] == "2026-05-01T00:00:00.000000Z"


def test_nothing_larger_than_a_node_reads_is_signed():
    """10,000 rows with 100 transactions each are lawful one by one, and together more than anybody reads."""
    row = make.indicator(0, transactions=("x" * 128,) * 100)
    body = make.report()
    whole = make.record(body_of=replace(body, indicators=(row,) * 200))
    with pytest.raises(InvalidRecord, match="at most"):
        whole.sign(make.seed())


def test_an_unsigned_record_of_the_largest_audience_is_read():
    ids = [make.organization_id(number) for number in range(audiences.MAX_ORGANIZATIONS)]
    made = make.record(audience=audiences.organizations(*ids))
    assert parse(canonical.encode(made.to_document())) == made
