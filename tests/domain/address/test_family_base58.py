"""Families in base58 and other alphabets of their own: Decred, Waves, Ergo, Tezos, Liquid, Aeternity, NULS and more."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address.codecs import base58, base58_open, bech32, blech32
from app.domain.address.codecs.blake256 import blake256
from app.domain.address.families.base58_hashed import Base58Hashed
from app.domain.address.families.base58check import Base58Check
from app.domain.address.families.concordium import Concordium
from app.domain.address.families.liquid import Liquid
from app.domain.address.families.nimiq import Nimiq
from app.domain.address.families.nuls import Nuls
from app.domain.address.families.prefixed58 import Prefixed58
from app.domain.address.families.sia import Sia
from app.domain.address.families.stacks import Stacks
from app.domain.errors import InvalidAddress
from tests.domain.address.vectors import SHARED, needs_shared

DECRED = Base58Hashed(
    "decred",
    "blake256",
    {
        "073f": ["p2pkh", 20],
        "071a": ["p2sh", 20],
        "071f": ["p2pkh_ed25519", 20],
        "0701": ["p2pkh_schnorr", 20],
        "1386": ["p2pk", 33],
    },
)
WAVES = Base58Hashed("waves", "keccak", {"0157": ["account", 20]}, aliases="alias:")
V_SYSTEMS = Base58Hashed("v-systems", "keccak", {"054d": ["account", 20]})
ERGO = Base58Hashed("ergo", "blake2b", {"01": ["p2pk", 33], "02": ["p2sh", 24], "03": ["p2s", 0]})
TEZOS = Base58Check(
    "tezos",
    {
        "06a19f": "implicit",
        "06a1a1": "implicit",
        "06a1a4": "implicit",
        "06a1a6": "implicit",
        "025a79": "contract",
        "067c75": "rollup",
    },
)
MINA = Base58Check("mina", {"cb0101": "account"}, size=33)
NEO = Base58Check("neo", {"35": "account"})
NEO_LEGACY = Base58Check("neo-legacy", {"17": "account"})
KOMODO = Base58Check("komodo", {"3c": "p2pkh", "55": "p2sh"})
STRATIS = Base58Check("stratis", {"4b": "p2pkh", "8c": "p2sh"})
LIQUID = Liquid("liquid")
AETERNITY = Prefixed58("aeternity", {"ak_": "account", "ct_": "contract"})
CONCORDIUM = Concordium("concordium")
NULS = Nuls("nuls")
NIMIQ = Nimiq("nimiq")
STACKS = Stacks("stacks")
SIA = Sia("sia")

# form, text, kind
PUBLISHED = (
    # dcrd txscript/stdaddr/address_test.go
    (DECRED, "DsUZxxoHJSty8DCfwfartwTYbuhmVct7tJu", "p2pkh"),
    (DECRED, "DsU7xcg53nxaKLLcAUSKyRndjG78Z2VZnX9", "p2pkh"),
    (DECRED, "DcuQKx8BES9wU7C6Q5VmLBjw436r27hayjS", "p2sh"),
    (DECRED, "DcqgK4N4Ccucu2Sq4VDAdu4wH4LASLhzLVp", "p2sh"),
    (DECRED, "DeeUhrRoTp4DftsqddVW96yMGMW4sgQFYUE", "p2pkh_ed25519"),
    (DECRED, "DSXcZv4oSRiEoWL2a9aD8sgfptRo1YEXNKj", "p2pkh_schnorr"),
    (DECRED, "DkM3ZigNyiwHrsXRjkDQ8t8tW6uKGW9g61qEkG3bMqQPQWYEf5X3J", "p2pk"),
    (DECRED, "DkM5zR8tqWNAHngZQDTyAeqzabZxMKrkSbCFULDhmvySn3uHmm221", "p2pk"),
    # Trust Wallet, Waves/AddressTests.cpp
    (WAVES, "3P2uzAzX9XTu1t32GkWw68YFFLwtapWvDds", "account"),
    (WAVES, "3PLANf4MgtNN5v6k4NNnyx2m4zKJiw1tF9v", "account"),
    (WAVES, "3PDjjLFDR5aWkKgufika7KSLnGmAe8ueDpC", "account"),
    (V_SYSTEMS, "ARBF25kbKd8gxDLDSGF6hAfzdTVuuYJK1kP", "account"),  # graphsense
    # docs.ergoplatform.com, "Address encoding"
    (ERGO, "9fRAWhdxEsTcdb8PhGNrZfwqa65zfkuYHAMmkQLcic1gdLSV5vA", "p2pk"),
    (ERGO, "8UApt8czfFVuTgQmMwtsRBZ4nfWquNiSwCWUjMg", "p2sh"),
    (ERGO, "4MQyML64GnzMxZgm", "p2s"),
    # Trust Wallet, Tezos/AddressTests.cpp; the rollup of the Tezos documents
    (TEZOS, "tz1eZwq8b5cvE2bPKokatLkVMzkxz24z3Don", "implicit"),
    (TEZOS, "tz2Rh3NYeLxrqTuvaZJmaMiVMqCajeXMWtYo", "implicit"),
    (TEZOS, "tz3RDC3Jdn4j15J7bBHZd29EUee9gVB1CxD9", "implicit"),
    (TEZOS, "KT1XnTn74bUtxHfDtBmm2bGZAQfhPbvKWR8o", "contract"),
    (TEZOS, "sr1Ghq66tYK9y3r8CC1Tf8i8m5nxh8nTvZEf", "rollup"),
    (MINA, "B62qiburnzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzmp7r7UN6X", "account"),
    (NEO, "NVWYuqPFUK5bRUkceiHre8CbLacuFVJtV5", "account"),
    (NEO_LEGACY, "AcxuqWhTureEQGeJgbmtSWNAtssjMLU7pb", "account"),
    (KOMODO, "RWvfkt8UjbPWXgeZEcgYmKw2vA1bbAx5t2", "p2pkh"),
    (STRATIS, "XWqnSWzQA5kDAS727UTYtXkdcbKc8mEvyN", "p2pkh"),
    (AETERNITY, "ak_2p5878zbFhxnrm7meL7TmqwtvBaqcBddyp5eGzZbovZ5FeVfcw", "account"),  # Trust Wallet
    (AETERNITY, "ak_QDHJSfvHG9sDHBobaWt2TAGhuhipYjEqZEH34bWugpJfJc3GN", "account"),
    # Trust Wallet, NULS and Nimiq
    (NULS, "NULSd6HgUxmcJWc88iELEJ7RH9XHsazBQqnJc", "account"),
    (NULS, "NULSd6HgXx8YkwEjePLWUmdRSZzPQzK6BXnsB", "account"),
    (Nuls("nuls-testnet", "tNULSe", 2), "tNULSeBaMtdtUNbnNBZ5RoFoh3fHrrrm6dVZLH", "account"),
    (NIMIQ, "NQ862H8FYGU5RM77QSN9LYLHC56ACYYR0MLA", "account"),
    (NIMIQ, "NQ61BCY9UPRJP2DBMY1P11T5TJ7G08BCVXVH", "account"),
    (NIMIQ, "NQ27GBAYEVHPHK5X6JHVJGFJ5M3HBF4YG7GD", "account"),
    # c32check and SIP-005
    (STACKS, "SP2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ7", "p2pkh"),
    (STACKS, "SPWNYDJ3STG7XH7ERWXMV6MQ7Q6EATWVY5Q1QMP8", "p2pkh"),
    (STACKS, "SM2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKQVX8X0G", "p2sh"),
    (STACKS, "SP000000000000000000002Q6VF78.pox-4", "contract"),
    (Stacks("any", {"Z": "p2pkh"}), "SZ00000000000000000005HZ3DVN", "p2pkh"),
    (SIA, "000000000000000000000000000000000000000000000000000000000000000089eb0d6a8a69", "account"),  # siad
)


def reason_of(form, text):
    with pytest.raises(InvalidAddress) as refused:
        form.read(text)
    return refused.value.reason


def hashed(body):
    return base58.encode(body + hashlib.blake2b(body, digest_size=32).digest()[:4])


@pytest.mark.parametrize(("form", "text", "kind"), PUBLISHED, ids=lambda value: str(value)[:12])
def test_published_addresses(form, text, kind):
    assert form.read(text) == (form.family, text, "verified", kind, None, "")
    assert text.startswith(tuple(form.starts)) or kind == "p2s"


@pytest.mark.parametrize(
    ("form", "text", "reason"),
    [
        # dcrd: the checksum, the other network, no key, an uncompressed key, a letter outside the alphabet
        (DECRED, "TsmWaPM77WSyA3aiQ2Q1KnwGDVWvEkhip23", "bad_checksum"),
        (DECRED, "TsRYhcT9sMBBHgQPhEEwDRVQCNZEjGzmsYT", "bad_checksum"),
        (DECRED, "Aiz5jz1s", "bad_length"),
        (
            DECRED,
            "HiQeNVx8PNYP8ysyunUoicyNdfRUrEu1kzPE6v5gECBHBYgDzXCg8BsDGjmaHCpV97ytaQGHz5XDMJgJVHjv9YeSXWkHfwmBJj",
            "bad_length",
        ),
        (DECRED, "DsUZxxoHlSty8DCfwfartwTYbuhmVct7tJu", "bad_character"),
        (DECRED, "1", "bad_length"),
        # Trust Wallet: Waves
        (WAVES, "3PLANf4MgtNN5v5k4NNnyx2m4zKJiw1tF9v", "bad_checksum"),
        (WAVES, "3PLANf4MgtNN5v6k4NNnyx2m4zKJiw1tF8v", "bad_checksum"),
        (WAVES, "abc", "bad_length"),
        (WAVES, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "bad_character"),
        (WAVES, "ARBF25kbKd8gxDLDSGF6hAfzdTVuuYJK1kP", "bad_version"),
        (WAVES, "alias:W:somebody", "unsupported"),
        (V_SYSTEMS, "alias:W:somebody", "bad_character"),
        # docs.ergoplatform.com: addresses of its test network
        (ERGO, "3WvsT2Gm4EpsM8Pg18PdY6XyhdQpg7XhTsP3JfJEK9XmtZdZKpqn", "bad_checksum"),
        (ERGO, hashed(b"\x11" + bytes(33)), "bad_version"),
        (ERGO, hashed(b"\x01" + bytes(32)), "bad_version"),
        (ERGO, hashed(b"\x03"), "bad_version"),
        (ERGO, "1111", "bad_length"),
        # Trust Wallet: Tezos
        (TEZOS, "NmH7tmeJUmHcncBDvpr7aJNEBk7rp5zYsB1qt", "bad_version"),
        (TEZOS, "tz1eZwq8b5cvE2bPKokatLkVMzkxz24z3AAAA", "bad_length"),
        (TEZOS, "tz1eZwq8b5cvE2bPKokatLkVMzkxz24z3Doo", "bad_checksum"),
        (TEZOS, "KT1XnTn74bUtxHfDtBmm2bGZAQfhPbvKWR8o%default", "bad_character"),
        (TEZOS, "tz1eZwq8b5cvE2bPKokatLkVMzkxz24z3Don\0", "bad_character"),
        (NEO, "AcxuqWhTureEQGeJgbmtSWNAtssjMLU7pb", "bad_version"),
        (AETERNITY, "2p5878zbFhxnrm7meL7TmqwtvBaqcBddyp5eGzZbovZ5FeVfcw", "bad_prefix"),
        (AETERNITY, "AK_2p5878zbFhxnrm7meL7TmqwtvBaqcBddyp5eGzZbovZ5FeVfcw", "bad_prefix"),
        (AETERNITY, "ak_2p5878zbFhxnrm7meL7TmqwtvBaqcBddyp5eGzZbovZ5FeVfcx", "bad_checksum"),
        (AETERNITY, "ak_2p5878zbFhxnrm7meL7Tmqwtv", "bad_length"),
        (CONCORDIUM, "3kKn2kz9YHrkrKUcBZF9NUJbg8LqGzcBbLwzH1VPE5g2fTbY9A", "bad_checksum"),
        # Trust Wallet: NULS
        (NULS, "NULSd6HgbwcM8wz48f6UkFYHLVriT1L81X9z", "bad_length"),
        (NULS, "tNULSeBaMtdtUNbnNBZ5RoFoh3fHrrrm6dVZLH", "bad_prefix"),
        (NULS, "NULSd6HgUxmcJWc88iELEJ7RH9XHsazBQqnJd", "bad_checksum"),
        (NULS, "NULSd" + base58.encode(b"\2\0\1" + bytes(20) + b"\3"), "bad_version"),
        (NULS, "NULSd" + base58.encode(b"\1\0\4" + bytes(20) + b"\5"), "bad_version"),
        # Trust Wallet: Nimiq
        (NIMIQ, "DE862H8FYGU5RM77QSN9LYLHC56ACYYR0MLA", "bad_prefix"),
        (NIMIQ, "NQ422H8FYGU5RM77QSN9LYLHC56ACYYR0MLA", "bad_checksum"),
        (NIMIQ, "NQXX2H8FYGU5RM77QSN9LYLHC56ACYYR0MLA", "bad_character"),
        (NIMIQ, "NQ862H8FYGU5RM77QSN9LYLHC56ACYYR####", "bad_character"),
        (NIMIQ, "NQ862H8FYGU5RM77QSN9LYLHC56ACYYR0ML", "bad_length"),
        (NIMIQ, "NQ862H8FYGU5RM77QSN9LYLHC56ACYYR0MLA0MLA", "bad_length"),
        (NIMIQ, "nQ862H8FYGU5RM77QSN9LYLHC56ACYYR0MLA", "mixed_case"),
        (NIMIQ, "NQ86 2H8F YGU5 RM77 QSN9 LYLH C56A CYYR 0MLA", "bad_character"),
        (NIMIQ, "NQ\u0668\u06662H8FYGU5RM77QSN9LYLHC56ACYYR0MLA", "bad_character"),
        (STACKS, "ST2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKQYAC0RQ", "bad_version"),
        (STACKS, "SP2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ8", "bad_checksum"),
        (STACKS, "SM2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ7", "bad_checksum"),
        (STACKS, "SP2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ", "bad_checksum"),
        (STACKS, "SP2J6ZY48GV1EZ5V2V5RB9MP66SW86", "bad_length"),
        (STACKS, "SP02J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ7", "bad_length"),
        (STACKS, "SPO00000000000000000002Q6VF78", "bad_character"),
        (STACKS, "sp2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ7", "bad_prefix"),
        (STACKS, "SP2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ7.", "bad_character"),
        (STACKS, "SP2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ7.1st", "bad_character"),
        (STACKS, "SP2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ7." + "a" * 41, "bad_character"),
        (STACKS, "S", "bad_length"),
        (SIA, "000000000000000000000000000000000000000000000000000000000000000089eb0d6a8a68", "bad_checksum"),
        (SIA, "000000000000000000000000000000000000000000000000000000000000000089eb0d6a8A69", "mixed_case"),
        (SIA, "0000000000000000000000000000000000000000000000000000000000000000", "bad_length"),
        (SIA, "addr:000000000000000000000000000000000000000000000000000000000000000089eb0d6a8a69", "bad_character"),
    ],
    ids=lambda value: str(value)[:16],
)
def test_each_is_refused_for_its_reason(form, text, reason):
    assert reason_of(form, text) == reason


def test_capitals_and_small_letters_are_one_address_where_the_alphabet_has_one_case():
    assert NIMIQ.read("nq862h8fygu5rm77qsn9lylhc56acyyr0mla").canonical == "NQ862H8FYGU5RM77QSN9LYLHC56ACYYR0MLA"
    upper = SIA.sample(b"\xab" * 32).upper()
    assert SIA.read(upper).canonical == upper.lower()


def test_concordiums_aliases_are_one_account():
    one, other = (CONCORDIUM.sample(b"\7" * 29 + counter) for counter in (b"\0\0\0", b"\0\0\1"))
    assert CONCORDIUM.read(one).key == CONCORDIUM.read(other).key
    assert CONCORDIUM.read(one).canonical != CONCORDIUM.read(other).canonical
    assert CONCORDIUM.read(CONCORDIUM.sample(b"\6" * 32)).key != CONCORDIUM.read(one).key


# plain, confidential, kind: the vectors of Elements and rust-elements
LIQUID_PAIRS = (
    (
        "GqiQRsPEyJLAsEBFB5R34KHuqxDNkG3zur",
        "VJLDwMVWXg8RKq4mRe3YFNTAEykVN6V8x5MRUKKoC3nfRnbpnZeiG3jygMC6A4Gw967GY5EotJ4Rau2F",
        "p2sh",
    ),
    (
        "ex1q7gkeyjut0mrxc3j0kjlt7rmcnvsh0gt45d3fud",
        "lq1qqf8er278e6nyvuwtgf39e6ewvdcnjupn9a86rzpx655y5lhkt0walu3djf9cklkxd3ryld97hu8h3xepw7sh2rlu7q45dcew5",
        "p2wpkh",
    ),
    (
        "ex1p8qs0qcn25l2y6yvtc5t95rr8w9pndcj64c8rkutnvkcvdp6gh02qa4lw5j",
        "lq1pqgft7r4ytdenml0gaj67393sd3qkt3nxex0ut5dt3plhzwf6jaww5wpq7p3x4f75f5gch3gktgxxwu2rxm394tsw8dchxedsc6r53w75375l4kfvf08y",
        "p2tr",
    ),
)
KEY = b"\2" + bytes(32)


def blech(version, payload, constant):
    return blech32.encode("lq", version + bech32.unpack(payload), constant)


@pytest.mark.parametrize(("plain", "confidential", "kind"), LIQUID_PAIRS)
def test_a_confidential_address_is_the_plain_one(plain, confidential, kind):
    assert LIQUID.read(plain) == ("liquid", plain, "verified", kind, None, "")
    assert LIQUID.read(confidential) == ("liquid", plain, "verified", f"confidential_{kind}", None, "")
    assert plain.startswith(LIQUID.starts)
    assert confidential.startswith(LIQUID.starts)


def test_capitals_of_a_confidential_address():
    plain, confidential, _ = LIQUID_PAIRS[1]
    assert LIQUID.read(confidential.upper()).canonical == plain


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LIQUID_PAIRS[1][1][:-1] + "6", "bad_checksum"),
        (LIQUID_PAIRS[1][1][:-1] + "b", "bad_character"),
        ("Lq1" + LIQUID_PAIRS[1][1][3:], "mixed_case"),
        ("lq1qqqq", "bad_length"),
        ("lq1" + "q" * 153, "bad_length"),
        (blech(b"", b"", blech32.BLECH32), "bad_length"),
        (blech(b"\0", b"", blech32.BLECH32), "bad_version"),
        (blech(b"\0", KEY + bytes(20), blech32.BLECH32M), "bad_checksum"),
        (blech(b"\1", KEY + bytes(32), blech32.BLECH32), "bad_checksum"),
        (blech(b"\0", KEY + bytes(21), blech32.BLECH32), "bad_length"),
        (blech(b"\1", KEY + bytes(1), blech32.BLECH32M), "bad_length"),
        (blech(b"\x11", KEY + bytes(32), blech32.BLECH32M), "bad_version"),
        (blech(b"\0", b"\4" + KEY[1:] + bytes(20), blech32.BLECH32), "bad_version"),
        (base58.encode_check(b"\x0c\x39\4" + bytes(52)), "bad_version"),
        (base58.encode_check(b"\x0c\x3a\2" + bytes(52)), "bad_version"),
        (LIQUID_PAIRS[0][1][:-1] + "G", "bad_checksum"),
        (LIQUID_PAIRS[0][0][:-1] + "s", "bad_checksum"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bad_version"),
        ("ex1q7gkeyjut0mrxc3j0kjlt7rmcnvsh0gt45d3fuq", "bad_checksum"),
        (
            "el1qq0umk3pez693jrrlxz9ndlkuwne93gdu9g83mhhzuyf46e3mdzfpva0w48gqgzgrklncnm0k5zeyw8my2ypfsmxh4xcjh2rse",
            "bad_character",
        ),
    ],
)
def test_liquid_is_refused_for_its_reason(text, reason):
    assert reason_of(LIQUID, text) == reason


@given(st.integers(0, 16), st.binary(min_size=2, max_size=40))
def test_every_lawful_program_is_found_behind_its_blinding_key(version, program):
    if not version:
        program = program.ljust(20, b"\0")[:20]
    constant, plain = (blech32.BLECH32M, bech32.BECH32M) if version else (blech32.BLECH32, bech32.BECH32)
    found = LIQUID.read(blech(bytes([version]), KEY + program, constant))
    assert found.canonical == bech32.encode("ex", bytes([version]) + bech32.unpack(program), plain)


@pytest.mark.parametrize(
    ("data", "digest"),  # the submission's document, and dcrd crypto/blake256
    [
        (b"\0", "0ce8d4ef4dd7cd8d62dfded9d4edb0a774ae6a41929a74da23109e8f11139c87"),
        (bytes(72), "d419bad32d504fb7d44d460c42c5593fe544fa4c135dec31e21bd9abdcc22d41"),
        (b"", "716f6e863f744b9ac22c97ec7b76ea5f5908bc5b2f67c61510bfc4751384ea7a"),
        (b"\3" * 127, "9adc25ef2bd7129e6e5d9fb5dc93b91f9b33453b61b5085fbc40b0e44fe69eea"),
        (b"\1" * 55, "b7d949165810b1a2f018c37392c633031bde4d45e453a3d5e62f2ba73fbf9769"),
        (b"\xff" * 54, "a4391221d360dfebe984848d8e6cb81802d9a56a1b10c5bcbe0cdb3812efb322"),
        (
            b"The quick brown fox jumps over the lazy dog",
            "7576698ee9cad30173080678e5965916adbb11cb5245d386bf1ffda1cb26c9d7",
        ),
    ],
)
def test_published_hashes_of_blake256(data, digest):
    assert blake256(data).hex() == digest


@given(st.binary(max_size=180), st.integers(0, 5))
def test_base58_of_any_size_gives_back_what_it_was_given(raw, zeros):
    raw = bytes(zeros) + raw
    assert base58_open.decode(base58.encode(raw)) == raw


@pytest.mark.parametrize("length", range(1, 257))
def test_base58_of_the_outermost_values_of_each_length(length):
    for text in ("z" * length, "2" + "1" * (length - 1), "1" * length):
        assert base58.encode(base58_open.decode(text)) == text


@pytest.mark.parametrize(
    ("text", "reason"), [("0", "bad_character"), ("z" * 257, "bad_length"), ("\u00b2", "bad_character")]
)
def test_base58_of_any_size_is_refused_for_its_reason(text, reason):
    with pytest.raises(InvalidAddress) as refused:
        base58_open.decode(text)
    assert refused.value.reason == reason


@needs_shared
@pytest.mark.parametrize(
    ("name", "form", "count"),
    [
        ("decred", DECRED, 1),
        ("liquid", LIQUID, 2),
        ("tezos", TEZOS, 2),
        ("v-systems", V_SYSTEMS, 1),
        ("concordium", CONCORDIUM, 1),
    ],
)
def test_every_published_line_is_read(name, form, count):
    lines = (SHARED / f"{name}.txt").read_text(encoding="utf-8").split()
    assert [form.read(line).checksum for line in lines] == ["verified"] * count
