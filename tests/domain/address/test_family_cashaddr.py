"""Families with the checksum of cashaddr: Kaspa and Conflux."""

import pytest

from app.domain.address.codecs import bch40, bech32
from app.domain.address.families.conflux import Conflux
from app.domain.address.families.kaspa import Kaspa
from app.domain.errors import InvalidAddress

KASPA = Kaspa("kaspa")
CONFLUX = Conflux("conflux")


def reason_of(form, text):
    with pytest.raises(InvalidAddress) as refused:
        form.read(text)
    return refused.value.reason


def kaspa(raw, prefix="kaspa"):
    return f"{prefix}:{bech32.spell(bch40.extend(prefix, bech32.unpack(raw)))}"


def test_kaspas_addresses():
    text = "kaspa:qr0lr4ml9fn3chekrqmjdkergxl93l4wrk3dankcgvjq776s9wn9jkdskewva"  # rusty-kaspa, of BIP-340's key
    assert KASPA.read(text) == ("kaspa", text, "verified", "p2pk", None, "")
    assert KASPA.read(text.upper()).canonical == text
    zero = "kaspa:qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqkx9awp4e"  # rusty-kaspa crypto/addresses
    assert KASPA.sample(bytes(32)) == KASPA.read(zero).canonical == zero
    assert KASPA.read(kaspa(b"\1" + bytes(33))).kind == "p2pk_ecdsa"
    assert KASPA.read(kaspa(b"\x08" + bytes(32))).kind == "p2sh"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("qr0lr4ml9fn3chekrqmjdkergxl93l4wrk3dankcgvjq776s9wn9jkdskewva", "bad_prefix"),
        (kaspa(bytes(33), "kaspatest"), "bad_prefix"),
        ("kaspa:qr0lr4ml9fn3chekrqmjdkergxl93l4wrk3dankcgvjq776s9wn9jkdskewvq", "bad_checksum"),
        ("kaspa:Qr0lr4ml9fn3chekrqmjdkergxl93l4wrk3dankcgvjq776s9wn9jkdskewva", "mixed_case"),
        ("kaspa:qb", "bad_character"),
        ("kaspa:qq", "bad_length"),
        ("kaspa:" + "q" * 113, "bad_length"),
        (kaspa(b""), "bad_length"),
        (kaspa(b"\2" + bytes(32)), "bad_version"),
        (kaspa(b"\0" + bytes(33)), "bad_length"),
    ],
)
def test_kaspa_is_refused_for_its_reason(text, reason):
    assert reason_of(KASPA, text) == reason


@pytest.mark.parametrize(
    ("text", "canonical", "kind"),  # CIP-37 and js-conflux-sdk
    [
        (
            "CFX:TYPE.USER:AAK2RRA2NJVD77EZWJVX04KKDS9FZAGFE6KU8SCZ91",
            "cfx:aak2rra2njvd77ezwjvx04kkds9fzagfe6ku8scz91",
            "user",
        ),
        (
            "cfx:type.contract:acb2rra2njvd77ezwjvx04kkds9fzagfe640xw9uae",
            "cfx:acb2rra2njvd77ezwjvx04kkds9fzagfe640xw9uae",
            "contract",
        ),
        (
            "CFX:TYPE.BUILTIN:AAEJUAAAAAAAAAAAAAAAAAAAAAAAAAAAAJRWUC9JNB",
            "cfx:aaejuaaaaaaaaaaaaaaaaaaaaaaaaaaaajrwuc9jnb",
            "builtin",
        ),
    ],
)
def test_confluxs_addresses(text, canonical, kind):
    assert CONFLUX.read(text) == CONFLUX.read(canonical) == ("conflux", canonical, "verified", kind, None, "")


def conflux(raw):
    alphabet = "abcdefghjkmnprstuvwxyz0123456789"
    return "cfx:" + "".join(alphabet[value] for value in bch40.extend("cfx", bech32.unpack(raw)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("aak2rra2njvd77ezwjvx04kkds9fzagfe6ku8scz91", "bad_prefix"),
        ("cfxtest:aak2rra2njvd77ezwjvx04kkds9fzagfe6d5r8e957", "bad_prefix"),
        ("cfx:type.contract:aak2rra2njvd77ezwjvx04kkds9fzagfe6ku8scz91", "bad_prefix"),
        ("cfx:type.user:type.user:aak2rra2njvd77ezwjvx04kkds9fzagfe6ku8scz91", "bad_prefix"),
        ("cfx:AAK2RRA2NJVD77EZWJVX04KKDS9FZAGFE6KU8SCZ91", "mixed_case"),
        ("cfx:oak2rra2njvd77ezwjvx04kkds9fzagfe6ku8scz91", "bad_character"),
        ("cfx:bak2rra2njvd77ezwjvx04kkds9fzagfe6ku8scz91", "bad_checksum"),
        ("cfx:", "bad_length"),
        (conflux(b"\0\x10" + bytes(20)), "bad_length"),
        (conflux(b"\x08\x10" + bytes(19)), "bad_version"),
        (conflux(b"\0\x20" + bytes(19)), "bad_version"),
    ],
)
def test_conflux_is_refused_for_its_reason(text, reason):
    assert reason_of(CONFLUX, text) == reason


def test_confluxs_null_address_is_called_so():
    assert CONFLUX.read(conflux(bytes(21))).kind == "null"
