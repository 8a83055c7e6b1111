import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import canonical, node_record, signing
from app.domain.errors import Invalid, InvalidRecord, InvalidSignature, NotNext
from app.domain.node_record import MAX_RECORD_BYTES, Listed, NodeRecord, check_next, hand_over, parse, sign
from tests import make, strategies
from tests.strategies import quick


def chain_of(count, what="node"):
    """Give the keys of a node, and the handovers between them."""
    keys = tuple(make.key((what, number)) for number in range(count))
    node_id = signing.node_id(keys[0])
    handovers = tuple(
        hand_over(node_id, number, keys[number], make.seed((what, number - 1))) for number in range(1, count)
    )
    return keys, handovers


def record_of(count=3, what="node", **said):
    keys, handovers = chain_of(count, what)
    listed = tuple(
        sorted((Listed(make.organization_id(n), f"the {n}", "ngo") for n in range(2)), key=lambda item: item.id)
    )
    made = NodeRecord(
        id=signing.node_id(keys[0]),
        name="Node of Hope",
        url="https://node.example/",
        keys=keys,
        handovers=handovers,
        organizations=listed,
        issued_at=make.NOW,
        kinds=("report", "revocation"),
    )
    return replace(made, **said)


def seed_of(record, what="node"):
    return make.seed((what, record.generation))


def signed(record=None, what="node"):
    record = record or record_of()
    return sign(record, seed_of(record, what))


def refuses(record, error=InvalidRecord):
    """Check that a record is refused although its newest key has signed it."""
    with pytest.raises(error) as refused:
        parse(signed(record))
    return refused.value.detail


def with_payload(document, raw=None):
    """Give a node record whose newest key has signed another document."""
    outer = canonical.decode(raw or signed())
    payload = canonical.encode(document)
    signature = signing.make_signature(payload, seed_of(record_of()), node_record.PAYLOAD_TYPE)
    outer["payload"] = base64.b64encode(payload).decode()
    outer["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    return canonical.encode(outer)


@quick
@given(
    st.integers(1, 4),
    strategies.shown,
    st.sampled_from([None, "http://127.0.0.1:8000", "https://node.example/watchfire"]),
    strategies.written_times,
    st.lists(st.sampled_from(["report", "prophecy"]), max_size=3).map(tuple),
)
def test_a_node_record_is_signed_verified_and_read_back(count, name, url, issued_at, kinds):
    made = record_of(count, name=name, url=url, issued_at=issued_at, kinds=kinds)
    raw = signed(made)
    assert parse(raw) == made
    assert sign(parse(raw), seed_of(made)) == raw
    assert (made.newest, made.generation) == (made.keys[-1], count - 1)
    assert made.fingerprint == signing.fingerprint(make.key(("node", 0)))


def test_a_node_record_with_any_byte_changed_is_refused():
    raw = signed()

    @settings(deadline=None, max_examples=5 * quick.max_examples)
    @given(st.integers(0, len(raw) - 1), st.integers(1, 255))
    def check(place, change):
        altered = bytearray(raw)
        altered[place] ^= change
        with pytest.raises(Invalid):
            parse(bytes(altered))

    check()


@quick
@given(st.binary(max_size=200) | strategies.documents.map(canonical.encode))
def test_whatever_is_no_node_record_is_refused(raw):
    with pytest.raises(Invalid):
        parse(raw)


def test_a_node_record_whose_payload_is_anything_is_refused():
    @settings(quick)
    @given(strategies.documents)
    def check(document):
        with pytest.raises(Invalid):
            parse(with_payload(document))

    check()


FIELDS = ["id", "name", "keys", "handovers", "organizations", "issued_at", "kinds", "protocols"]


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [None, True, 7, 1.5, {}, "", "\x00", ["\x00"], [{}], [[]], "x" * 70], ids=repr)
def test_a_field_of_a_node_record_has_its_form(name, value):
    document = record_of().to_document() | {name: value}
    if value == 1.5:
        with pytest.raises(Invalid):
            with_payload(document)
        return
    if (name, value) != ("name", "x" * 70):
        with pytest.raises(Invalid):
            parse(with_payload(document))


@pytest.mark.parametrize("url", ["", "ftp://node.example", "node.example", "https://", "https://a b", "https://ä", 7])
def test_a_url_is_one_of_the_web(url):
    with pytest.raises(InvalidRecord):
        parse(with_payload(record_of().to_document() | {"url": url}))


def test_fields_of_a_later_version_are_left_alone():
    document = record_of().to_document() | {"weather": "fine", "kinds": ["prophecy"], "protocols": ["next/2"]}
    read = parse(with_payload(document))
    assert (read.kinds, read.protocols) == (("prophecy",), ("next/2",))


def test_the_id_is_of_the_root_key():
    assert "root key" in refuses(record_of(id=make.node_id("other")))
    keys, _ = chain_of(3)
    assert "root key" in refuses(record_of(keys=(keys[1], keys[0], keys[2])))


def test_a_key_that_the_one_before_did_not_name_is_refused():
    keys, handovers = chain_of(3)
    other = (make.key("thief"), *keys[1:])
    node_id = signing.node_id(keys[0])
    by_thief = hand_over(node_id, 1, keys[1], make.seed("thief"))
    by_root = hand_over(node_id, 2, keys[2], make.seed(("node", 0)))
    of_another = hand_over(make.node_id("thief"), 1, keys[1], make.seed(("node", 0)))
    for wrong in (
        (by_thief, handovers[1]),
        (handovers[0], by_root),
        (of_another, handovers[1]),
        handovers[::-1],
        (b"", handovers[1]),
        (bytes(64), handovers[1]),
    ):
        with pytest.raises((InvalidSignature, InvalidRecord)):
            parse(signed(record_of(handovers=wrong)))
    refuses(record_of(keys=other, id=signing.node_id(other[0])), InvalidSignature)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_there_is_a_handover_for_each_key_but_the_root(count):
    _, handovers = chain_of(4)
    assert "handovers" in refuses(record_of(handovers=handovers[:count]))


def test_keys_are_named_once_and_bounded():
    keys, handovers = chain_of(2)
    twice = record_of(keys=(*keys, keys[1]), handovers=(*handovers, handovers[0]))
    with pytest.raises(InvalidRecord, match="each key once"):
        parse(with_payload(twice.to_document()))
    many, named = chain_of(101)
    assert "1 to 100" in refuses(record_of(101, keys=many, handovers=named))
    assert parse(signed(record_of(100))).generation == 99


def test_only_the_newest_key_signs():
    made = record_of()
    with pytest.raises(InvalidRecord):
        sign(made, make.seed(("node", 1)))
    older = record_of(2)
    outer, inner = canonical.decode(signed(older)), canonical.encode(made.to_document())
    signature = signing.make_signature(inner, seed_of(older), node_record.PAYLOAD_TYPE)
    outer["payload"], outer["signatures"][0]["sig"] = (base64.b64encode(raw).decode() for raw in (inner, signature))
    with pytest.raises(InvalidSignature, match="newest"):
        parse(canonical.encode(outer))


def test_a_signature_of_another_payload_type_is_none():
    payload = canonical.encode(record_of().to_document())
    record_envelope = signing.sign(payload, seed_of(record_of()))
    outer = record_envelope.to_document() | {"payload_type": node_record.PAYLOAD_TYPE}
    with pytest.raises(InvalidSignature):
        parse(canonical.encode(outer))
    with pytest.raises(InvalidRecord):
        parse(record_envelope.to_bytes())


def test_organizations_stand_in_order_each_once():
    one, other = record_of().organizations
    assert "sorted" in refuses(record_of(organizations=(other, one)))
    assert "sorted" in refuses(record_of(organizations=(one, one)))


def test_a_node_record_is_bounded():
    ids = sorted(make.organization_id(number) for number in range(10_001))
    listed = tuple(Listed(item, "n" * 40, "law_enforcement") for item in ids)
    most = record_of(1, organizations=listed[:10_000])
    assert parse(signed(most)) == most
    assert "0 to 10000" in refuses(record_of(1, organizations=listed))
    wide = tuple(Listed(item, "\u4eba" * 200, "ngo") for item in ids[:3_000])
    with pytest.raises(InvalidRecord, match="list fewer"):
        signed(record_of(1, organizations=wide))
    with pytest.raises(InvalidRecord, match="at most"):
        parse(b" " * (MAX_RECORD_BYTES + 1))


def test_what_may_take_the_place_of_a_node_record():
    old = record_of(2)
    for new in (
        old,
        record_of(3),
        record_of(2, issued_at=make.NOW + timedelta(days=1), name="Renamed", organizations=()),
    ):
        check_next(old, new)


def test_what_may_not_take_the_place_of_a_node_record():
    old = record_of(2)
    other_way, _ = chain_of(2, "stolen")
    for new in (
        record_of(2, "other"),
        record_of(1, issued_at=make.NOW + timedelta(days=1)),
        record_of(2, keys=(old.keys[0], other_way[1])),
        record_of(3, issued_at=make.NOW - timedelta(microseconds=1)),
    ):
        with pytest.raises(NotNext):
            check_next(old, new)


def test_a_handover_names_a_real_key():
    with pytest.raises(Invalid):
        hand_over(make.NODE, 1, bytes(32), make.seed())
