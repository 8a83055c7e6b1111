"""Cardano: the vectors of CIP-19, Byron's addresses, and each way in which the bytes can be wrong."""

import binascii

import pytest

from app.domain.address.codecs import base58, bech32, cbor
from app.domain.address.families.bech32 import write
from app.domain.address.families.cardano import Cardano
from app.domain.errors import InvalidAddress
from tests.domain.address.vectors import SHARED, needs_shared

MAIN = Cardano("cardano")
TEST = Cardano("cardano-testnet", testnet=True)
HASH = bytes(range(28))

# CIP-19, "Test Vectors"
CIP_19 = {
    "addr1qx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgse35a3x": "base",
    "addr1z8phkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gten0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgs9yc0hh": (
        "script_base"
    ),
    "addr1yx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzerkr0vd4msrxnuwnccdxlhdjar77j6lg0wypcc9uar5d2shs2z78ve": "base",
    "addr1x8phkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gt7r0vd4msrxnuwnccdxlhdjar77j6lg0wypcc9uar5d2shskhj42g": (
        "script_base"
    ),
    "addr1gx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer5pnz75xxcrzqf96k": "pointer",
    "addr128phkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gtupnz75xxcrtw79hu": "script_pointer",
    "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8": "enterprise",
    "addr1w8phkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gtcyjy7wx": "script_enterprise",
    "stake1uyehkck0lajq8gr28t9uxnuvgcqrc6070x3k9r8048z8y5gh6ffgw": "stake",
    "stake178phkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gtcccycj5": "script_stake",
}
CIP_19_TESTNET = (
    "addr_test1qz2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgs68faae",
    "addr_test1zrphkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gten0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgsxj90mg",
    "addr_test1yz2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzerkr0vd4msrxnuwnccdxlhdjar77j6lg0wypcc9uar5d2shsf5r8qx",
    "addr_test1xrphkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gt7r0vd4msrxnuwnccdxlhdjar77j6lg0wypcc9uar5d2shs4p04xh",
    "addr_test1gz2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer5pnz75xxcrdw5vky",
    "addr_test12rphkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gtupnz75xxcryqrvmw",
    "addr_test1vz2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzerspjrlsz",
    "addr_test1wrphkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gtcl6szpr",
    "stake_test1uqehkck0lajq8gr28t9uxnuvgcqrc6070x3k9r8048z8y5gssrtvn",
    "stake_test17rphkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gtcljw6kf",
)
BYRON = (  # Trust Wallet, Cardano/AddressTests.cpp
    "Ae2tdPwUPEZ18ZjTLnLVr9CEvUEUX4eW1LBHbxxxJgxdAYHrDeSCSbCxrvx",
    "Ae2tdPwUPEZ6RUCnjGHFqi59k5WZLiv3HoCCNGCW8SYc5H9srdTzn1bec4W",
    "DdzFFzCqrhssmYoG5Eca1bKZFdGS8d6iag1mU4wbLeYcSPVvBNF2wRG8yhjzQqErbg63N6KJA4DHqha113tjKDpGEwS5x1dT2KfLSbSJ",
    "DdzFFzCqrht7HGoJ87gznLktJGywK1LbAJT2sbd4txmgS7FcYLMQFhawb18ojS9Hx55mrbsHPr7PTraKh14TSQbGBPJHbDZ9QVh6Z6Di",
)
BYRON_TESTNET = (
    "37btjrVyb4KDXBNC4haBVPCrro8AQPHwvCMp3RFhhSVWwfFmZ6wwzSK6JK1hY6wHNmtrpTf1kdbva8TCneM2YsiXT7mrzT21EacHnPpz5YyUdj64na",
    "2cWKMJemoBakkUSWX3DZdx8eXGeqjN6mkgVUCND1RNB736qWS5v1CGgQGNNTFUZSXaVLj",  # cardano-crypto.js
)


def reason_of(form, text):
    with pytest.raises(InvalidAddress) as refused:
        form.read(text)
    return refused.value.reason


def shelley(raw, hrp="addr", constant=bech32.BECH32):
    return write(hrp, raw, constant)


def byron(payload, checksum=None):
    crc = binascii.crc32(payload).to_bytes(4, "big") if checksum is None else checksum
    return base58.encode(b"\x82\xd8\x18\x58" + bytes([len(payload)]) + payload + b"\x1a" + crc)


def inner(attributes=b"\xa0", kind=b"\0", root=HASH):
    return b"\x83\x58" + bytes([len(root)]) + root + attributes + kind


@pytest.mark.parametrize(("text", "kind"), CIP_19.items())
def test_published_addresses_of_the_main_network(text, kind):
    assert MAIN.read(text) == ("cardano", text, "verified", kind, None, "")
    assert MAIN.read(text.upper()).canonical == text
    assert reason_of(TEST, text) == "not_on_chain"


@pytest.mark.parametrize("text", CIP_19_TESTNET)
def test_published_addresses_of_the_test_network(text):
    assert TEST.read(text).canonical == text
    assert text.startswith(tuple(TEST.starts))
    assert reason_of(MAIN, text) == "not_on_chain"


@pytest.mark.parametrize("text", BYRON)
def test_published_addresses_of_byron(text):
    assert MAIN.read(text) == ("cardano", text, "verified", "byron", None, "")
    assert text.startswith(tuple(MAIN.starts))
    assert reason_of(TEST, text) == "not_on_chain"


@pytest.mark.parametrize("text", BYRON_TESTNET)
def test_published_addresses_of_byrons_test_network(text):
    assert TEST.read(text).kind == "byron"
    assert text.startswith(tuple(TEST.starts))
    assert reason_of(MAIN, text) == "not_on_chain"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # Trust Wallet: type 8, another prefix, another length, the checksum, no address
        (
            "addr1sxxe304qg9py8hyyqu8evfj4wln7dnms943wsugpdzzsxnkvvjljtzuwxvx0pnwelkcruy95ujkq3aw6rl0vvg32x35qmxapsy",
            "bad_version",
        ),
        (
            "addr1qxxe304qg9py8hyyqu8evfj4wln7dnms943wsugpdzzsxnkvvjljtzuwxvx0pnwelkcruy95ujkq3aw6rl0vvg32xsmpqws7",
            "bad_length",
        ),
        (
            "addr1q8043m5heeaydnvtmmkyuhe6qv5havvhsf0d26q3jygsspxlyfpyk6yqkw0yhtyvtr0flekj84u64az82cufmqn65zdsylzk2",
            "bad_checksum",
        ),
        ("Ae2tdPwUPEZ18ZjTLnLVr9CEvUEUX4eW1LBHbxxxJgxdAYHrDeSCSbCxrvm", "bad_checksum"),
        ("73Fig6QU8N", "bad_prefix"),
        ("hasoiusaodiuhsaijnnsajnsaiussai", "bad_prefix"),
        ("addr1vyuca7esanpgs4ke0um3ft6f4yaeuz3ftpfqx9nxpct2uyqu7dvlP", "mixed_case"),
        ("addr1vyuca7esanpgs4ke0um3ft6f4yaeuz3ftpfqx9nxpct2uyqu7dvlb", "bad_character"),
        (shelley(b"\x61" + HASH, constant=bech32.BECH32M), "bad_checksum"),
        (shelley(b""), "bad_length"),
        (shelley(b"\x61" + HASH[1:]), "bad_length"),
        (shelley(b"\x61" + HASH + b"\0"), "bad_length"),
        (shelley(b"\x01" + HASH), "bad_length"),
        (shelley(b"\xe1" + HASH), "bad_version"),
        (shelley(b"\x91" + HASH), "bad_version"),
        (shelley(b"\x61" + HASH, "stake"), "bad_version"),
        (shelley(b"\x60" + HASH), "not_on_chain"),
        (shelley(b"\x62" + HASH), "not_on_chain"),
        (shelley(b"\xe0" + HASH, "stake"), "not_on_chain"),
    ],
)
def test_shelley_is_refused_for_its_reason(text, reason):
    assert reason_of(MAIN, text) == reason


@pytest.mark.parametrize(
    ("pointer", "reason"),
    [
        ("", "bad_length"),
        ("00", "bad_length"),
        ("0000", "bad_length"),
        ("00000000", "bad_length"),
        ("000080", "bad_length"),
        ("8000" + "0000", "bad_padding"),
        ("00" + "8001" + "00", "bad_padding"),
        ("82" + "80" * 8 + "00" + "0000", "bad_length"),
        ("81" + "80" * 9 + "00" + "0000", "bad_length"),
    ],
)
def test_pointers_are_three_numbers_in_their_shortest_form(pointer, reason):
    assert reason_of(MAIN, shelley(b"\x41" + HASH + bytes.fromhex(pointer))) == reason


@pytest.mark.parametrize("pointer", ["000000", "7f7f7f", "8100" + "0000", "81" + "ff" * 8 + "7f" + "0000"])
def test_pointers_of_any_length_are_read(pointer):
    assert MAIN.read(shelley(b"\x41" + HASH + bytes.fromhex(pointer))).kind == "pointer"


def test_a_stake_part_joins_nothing():
    texts = list(CIP_19)
    assert len({MAIN.read(text).key for text in texts}) == len(texts)


PATH = b"\x01\x58\x1e\x58\x1c" + HASH
MAGIC = b"\x02\x45\x1a\x41\x70\xcb\x17"


@pytest.mark.parametrize(
    ("payload", "kind"),
    [(inner(), "byron"), (inner(b"\xa1" + PATH), "byron"), (inner(kind=b"\2"), "byron_redeem")],
)
def test_byrons_attributes_and_types(payload, kind):
    assert MAIN.read(byron(payload)).kind == kind


def test_byrons_test_networks_state_their_number():
    assert TEST.read(byron(inner(b"\xa1" + MAGIC))).kind == "byron"
    assert TEST.read(byron(inner(b"\xa2" + PATH + MAGIC))).kind == "byron"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (byron(inner(kind=b"\1")), "unsupported"),
        (byron(inner(b"\xa1" + b"\3\x40")), "unsupported"),
        (byron(inner(b"\xa1" + b"\0\x40")), "unsupported"),
        (byron(inner(b"\xa1" + MAGIC)), "not_on_chain"),
        (byron(inner(b"\xa2" + MAGIC + PATH)), "bad_padding"),
        (byron(inner(b"\xa2" + PATH + PATH)), "bad_padding"),
        (byron(inner(b"\xa1\1\x40")), "bad_length"),
        (byron(inner(b"\xa1\1\x42\x40\0")), "bad_length"),
        (byron(inner(b"\xa1\2\x49\x1b" + b"\xff" * 8)), "bad_version"),
        (byron(inner(b"\xa1\2\x42\1\1")), "bad_length"),
        (byron(inner(b"\xb8\0")), "bad_padding"),
        (byron(inner(b"\xbf\xff")), "bad_version"),
        (byron(inner(kind=b"\x18\0")), "bad_padding"),
        (byron(inner(kind=b"\x20")), "bad_version"),
        (byron(inner(root=HASH + b"\0")), "bad_version"),
        (byron(b"\x84" + inner()[1:]), "bad_version"),
        (byron(inner() + b"\0"), "bad_length"),
        (byron(inner(), b"\0\0\0\0"), "bad_padding"),
        (byron(inner(), b"\xff\0\0\0"), "bad_checksum"),
        (base58.encode(base58.decode(BYRON[0], 43) + b"\0"), "bad_length"),
        (base58.encode(b"\x82\xd8\x18\x59\x00\x21" + base58.decode(BYRON[0], 43)[5:]), "bad_padding"),
        (base58.encode(b"\x82\xd8\x18"), "bad_length"),
    ],
)
def test_byron_is_refused_for_its_reason(text, reason):
    assert reason_of(MAIN, text) == reason


@pytest.mark.parametrize(
    ("raw", "value"),  # RFC 8949, appendix A
    [("00", 0), ("17", 23), ("1818", 24), ("1864", 100), ("1903e8", 1000), ("1a000f4240", 1_000_000)],
)
def test_heads_in_their_shortest_form(raw, value):
    reader = cbor.Reader(bytes.fromhex(raw))
    assert reader.head(cbor.UNSIGNED) == value
    reader.end()


@pytest.mark.parametrize("raw", ["1817", "1900ff", "1a0000ffff", "1b00000000ffffffff"])
def test_longer_heads_are_refused(raw):
    with pytest.raises(InvalidAddress) as refused:
        cbor.Reader(bytes.fromhex(raw)).head(cbor.UNSIGNED)
    assert refused.value.reason == "bad_padding"


@needs_shared
def test_every_published_line_is_read():
    lines = (SHARED / "cardano.txt").read_text(encoding="utf-8").split()
    assert [MAIN.read(line).canonical for line in lines] == lines
    assert len(lines) == 3
