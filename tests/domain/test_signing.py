import base64
import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from app.domain import canonical, signing
from app.domain.errors import Invalid, InvalidRecord, InvalidSignature
from app.domain.signing import Envelope, check_public_key, key_id, parse_envelope, read_base64, sign, verify
from tests import make
from tests.strategies import quick

SEED, KEY = make.seed(), make.key()
ENVELOPE = sign(b'{"a":1}', SEED)
DOCUMENT = ENVELOPE.to_document()
ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group, RFC 8032, 5.1

# the points of small order, and how else they can be written (Cremers and Jackson, 2019)
SMALL_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
)
NOT_ON_CURVE = "0200000000000000000000000000000000000000000000000000000000000000"


def refuses(envelope, key):
    with pytest.raises(InvalidSignature):
        verify(envelope, key)


@quick
@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32))
def test_what_is_signed_verifies(payload, random):
    seed = signing.new_seed(random)
    envelope = sign(payload, seed)
    verify(envelope, signing.public_key(seed))
    assert parse_envelope(envelope.to_document()) == envelope
    assert parse_envelope(canonical.decode(envelope.to_bytes())) == envelope
    assert envelope.digest == hashlib.sha256(payload).digest()


@quick
@given(st.data())
def test_any_changed_byte_is_noticed(data):
    envelope = make.envelope()
    name = data.draw(st.sampled_from(["payload", "signature"]))
    raw = bytearray(getattr(envelope, name))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    parts = {"payload": envelope.payload, "keyid": envelope.keyid, "signature": envelope.signature, name: bytes(raw)}
    refuses(Envelope(**parts), KEY)


@quick
@given(st.integers(0, 2**16), st.binary(max_size=3))
def test_nothing_is_cut_off_or_added(cut, more):
    payload, signature = ENVELOPE.payload, ENVELOPE.signature
    short = cut % len(signature)
    refuses(Envelope(payload, ENVELOPE.keyid, signature[:short]), KEY)
    refuses(Envelope(payload, ENVELOPE.keyid, signature + b"\0" + more), KEY)
    refuses(Envelope(payload[: cut % len(payload)], ENVELOPE.keyid, signature), KEY)
    refuses(Envelope(payload + b"\0" + more, ENVELOPE.keyid, signature), KEY)


def test_the_payload_type_is_signed_too():
    other = b"DSSEv1 %d %s %d %s" % (4, b"text", len(ENVELOPE.payload), ENVELOPE.payload)
    refuses(Envelope(ENVELOPE.payload, ENVELOPE.keyid, SigningKey(SEED).sign(other).signature), KEY)
    refuses(Envelope(ENVELOPE.payload, ENVELOPE.keyid, SigningKey(SEED).sign(ENVELOPE.payload).signature), KEY)


def test_the_pre_authentication_encoding_is_that_of_dsse():
    kind = b"application/vnd.watchfire.record.v1+json"
    assert signing.pre_authentication_encoding(b"hello") == b"DSSEv1 40 " + kind + b" 5 hello"


def test_another_key_does_not_verify_under_either_name():
    other = make.key("bank")
    refuses(ENVELOPE, other)
    refuses(Envelope(ENVELOPE.payload, key_id(other), ENVELOPE.signature), other)
    refuses(Envelope(ENVELOPE.payload, key_id(other), ENVELOPE.signature), KEY)
    refuses(Envelope(ENVELOPE.payload, ENVELOPE.keyid.upper(), ENVELOPE.signature), KEY)


def test_a_signature_cannot_be_rewritten():
    r, s = ENVELOPE.signature[:32], int.from_bytes(ENVELOPE.signature[32:], "little")
    for more in (ORDER, 2 * ORDER, 8 * ORDER):
        refuses(Envelope(ENVELOPE.payload, ENVELOPE.keyid, r + (s + more).to_bytes(32, "little")), KEY)


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_key_of_small_order_verifies_nothing(point):
    key = bytes.fromhex(point)
    for r in (key, bytes.fromhex(SMALL_ORDER[1])):
        refuses(Envelope(b"anything", key_id(key), r + bytes(32)), key)
    with pytest.raises(Invalid):
        check_public_key(key)


@pytest.mark.parametrize("key", [b"", KEY[:-1], KEY + b"\0", bytes.fromhex(NOT_ON_CURVE)])
def test_what_is_no_point_is_no_key(key):
    with pytest.raises(Invalid):
        check_public_key(key)
    refuses(Envelope(ENVELOPE.payload, key_id(key), ENVELOPE.signature), key)


@quick
@given(st.binary(min_size=32, max_size=32))
def test_each_seed_has_a_key_that_can_be_enrolled(random):
    check_public_key(signing.public_key(random))


@quick
@given(st.binary(max_size=64), st.binary(max_size=80), st.text(max_size=40))
def test_no_key_and_no_signature_does_more_than_fail(key, signature, keyid):
    for name in (keyid, key_id(key)):
        refuses(Envelope(b"payload", name, signature), key)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "envelope",
        {},
        DOCUMENT | {"signatures": []},
        DOCUMENT | {"signatures": DOCUMENT["signatures"] * 2},
        DOCUMENT | {"signatures": DOCUMENT["signatures"][0]},
        DOCUMENT | {"signatures": [{"keyid": ENVELOPE.keyid}]},
        DOCUMENT | {"signatures": [{"sig": "AAAA"}]},
        DOCUMENT | {"signatures": [{"keyid": 1, "sig": "AAAA"}]},
        DOCUMENT | {"signatures": [{"keyid": "a", "sig": None}]},
        DOCUMENT | {"payload": 1},
        DOCUMENT | {"payload": None},
        DOCUMENT | {"payload": "e30"},
        DOCUMENT | {"payload": "e31="},
        DOCUMENT | {"payload": "e3\n0="},
        DOCUMENT | {"payload": "-_-_"},
        DOCUMENT | {"payload": "é30="},
        DOCUMENT | {"payload": "\ud800"},
        DOCUMENT | {"payload_type": "application/json"},
        DOCUMENT | {"payload_type": None},
        {name: value for name, value in DOCUMENT.items() if name != "payload_type"},
        {name: value for name, value in DOCUMENT.items() if name != "payload"},
        {"payload": DOCUMENT["payload"], "payloadType": signing.PAYLOAD_TYPE, "signatures": DOCUMENT["signatures"]},
    ],
    ids=repr,
)
def test_what_is_not_an_envelope_with_one_signature_is_refused(document):
    with pytest.raises(InvalidRecord):
        parse_envelope(document)


@quick
@given(st.recursive(st.none() | st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner, max_size=2)))
def test_any_value_in_an_envelope_is_refused_or_read(value):
    for name in DOCUMENT:
        with suppress(InvalidRecord):
            envelope = parse_envelope(DOCUMENT | {name: value})
            assert parse_envelope(envelope.to_document()) == envelope


@quick
@given(st.binary(max_size=40), st.text(max_size=10))
def test_bytes_have_one_spelling(data, text):
    assert read_base64(base64.b64encode(data).decode(), "data") == data
    with suppress(InvalidRecord):
        assert base64.b64encode(read_base64(text, "data")).decode() == text


def test_more_than_a_node_reads_is_not_signed():
    assert sign(bytes(canonical.MAX_BYTES), SEED).payload
    with pytest.raises(InvalidRecord, match="at most"):
        sign(bytes(canonical.MAX_BYTES + 1), SEED)


def test_names_of_keys_and_nodes():
    assert key_id(KEY) == hashlib.sha256(KEY).hexdigest()[:32]
    name = signing.node_id(KEY)
    assert name == "wf" + base64.b32encode(hashlib.sha256(KEY).digest()[:20]).decode().lower()
    assert len(name) == 34
    groups = signing.fingerprint(KEY).split("-")
    assert [len(part) for part in groups] == [4] * 8
    assert "".join(groups) == key_id(KEY)


def test_a_seed_is_32_bytes():
    with pytest.raises(ValueError, match="32 random bytes"):
        signing.new_seed(bytes(31))


def test_a_signature_is_for_one_payload_type():
    payload = b'{"a":1}'
    made = signing.make_signature(payload, SEED, "application/example")
    signing.check_signature(payload, made, KEY, "application/example")
    for other in (signing.PAYLOAD_TYPE, "application/exampl", ""):
        with pytest.raises(InvalidSignature):
            signing.check_signature(payload, made, KEY, other)
    assert signing.make_signature(payload, SEED) == ENVELOPE.signature
    assert signing.pre_authentication_encoding(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    ), "the example of the DSSE protocol"


def test_a_node_id_has_one_form():
    assert signing.parse_node_id(make.NODE) == make.NODE
    for other in ("", "wf", make.NODE.upper(), make.NODE + "a", make.NODE[:-1] + "1", "xf" + make.NODE[2:], None, 7):
        with pytest.raises(InvalidRecord):
            signing.parse_node_id(other, "/node")
