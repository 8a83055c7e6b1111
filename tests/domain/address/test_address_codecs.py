"""The encodings: published vectors, and each clever one against a plain one."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address.codecs import base58, bch40, bech32, cashaddr, keccak
from app.domain.errors import InvalidAddress
from tests.domain.address import vectors


def plain_base58(text, alphabet=base58.BITCOIN):
    value = 0
    for character in text:
        value = value * 58 + alphabet.index(ord(character))
    zeros = len(text) - len(text.lstrip(chr(alphabet[0])))
    return bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")


def plain_polymod(values):
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            state ^= generator if top >> i & 1 else 0
    return state


@pytest.fixture(autouse=True, scope="module", params=["GMP", "pure Python"])
def arithmetic(request):
    """Read base58 by GMP, and again as a platform without it does."""
    kept = base58.mpz
    assert kept, "gmpy2 is among what is installed"
    if request.param != "GMP":
        base58.mpz = None
    yield
    base58.mpz = kept


@given(st.binary(max_size=120))
def test_base58_gives_back_what_it_was_given(raw):
    assert base58.decode(base58.encode(raw), len(raw)) == raw


@given(st.text(base58.BITCOIN.decode(), max_size=160))
def test_base58_equals_the_plain_algorithm(text):
    raw = plain_base58(text)
    assert base58.decode(text, len(raw)) == raw


@given(st.text(base58.RIPPLE.decode(), max_size=60))
def test_base58_equals_the_plain_algorithm_in_the_ledgers_alphabet(text):
    raw = plain_base58(text, base58.RIPPLE)
    assert base58.decode(text, len(raw), base58.digits(base58.RIPPLE)) == raw
    assert base58.encode(raw, base58.RIPPLE) == text


@given(st.text(base58.BITCOIN.decode(), min_size=1, max_size=60), st.integers(0, 60))
def test_base58_refuses_every_other_size(text, size):
    if size != len(plain_base58(text)):
        with pytest.raises(InvalidAddress) as refused:
            base58.decode(text, size)
        assert refused.value.reason == "bad_length"


def test_base58_refuses_what_is_longer_than_its_lanes():
    with pytest.raises(InvalidAddress, match="too short or too long"):
        base58.decode("1" * 257, 257)


@given(st.binary(max_size=60))
def test_base58check_gives_back_what_it_was_given(raw):
    assert base58.decode_check(base58.encode_check(raw), len(raw) + 4) == raw


def test_base58check_is_a_double_sha256():
    raw = b"\0" * 21
    assert base58.encode(raw + sha256(sha256(raw).digest()).digest()[:4]) == "1111111111111111111114oLvT2"


@given(st.binary(max_size=100))
def test_block_base58_gives_back_what_it_was_given(raw):
    assert base58.decode_blocks(base58.encode_blocks(raw)) == raw


@pytest.mark.parametrize("text", ["z" * 11, "5R", "1", "1" * 4, "1" * 8, "1" * 12, "zz"])
def test_block_base58_refuses_overflow_and_impossible_lengths(text):
    with pytest.raises(InvalidAddress) as refused:
        base58.decode_blocks(text)
    assert refused.value.reason == "bad_length"


@pytest.mark.parametrize(
    ("constant", "text"),
    [(bech32.BECH32, t) for t in vectors.BECH32] + [(bech32.BECH32M, t) for t in vectors.BECH32M],
)
def test_published_bech32_strings_have_their_constant(constant, text):
    hrp, data, found = bech32.decode(text)
    assert found == constant
    assert bech32.encode(hrp, data, constant) == text.lower()


@pytest.mark.parametrize(
    ("constant", "text"),
    [(bech32.BECH32, t) for t in vectors.NOT_BECH32] + [(bech32.BECH32M, t) for t in vectors.NOT_BECH32M],
)
def test_published_faulty_bech32_strings_are_refused(constant, text):
    try:
        _, _, found = bech32.decode(text)
    except InvalidAddress:
        return
    assert found != constant


@given(st.text("abc?!", min_size=1, max_size=10), st.binary(max_size=80).map(lambda b: bytes(v & 31 for v in b)))
def test_bech32_residue_equals_the_shift_register(hrp, values):
    expanded = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]
    assert bech32.residue(hrp, values) == plain_polymod([*expanded, *values])


@given(st.binary(max_size=70))
def test_groups_of_five_bits_give_back_the_bytes(raw):
    assert bech32.pack(bech32.unpack(raw)) == raw


@pytest.mark.parametrize("values", [b"\x01", b"\0", b"\0\x01", b"\0\0\0"])
def test_left_over_bits_are_refused(values):
    with pytest.raises(InvalidAddress) as refused:
        bech32.pack(values)
    assert refused.value.reason == "bad_padding"


@pytest.mark.parametrize("text", ["bc1q\N{KELVIN SIGN}w508d6", "bc1q\N{LATIN SMALL LETTER DOTLESS I}", "b\xdf1q"])
def test_letters_that_fold_to_ascii_are_not_ascii(text):
    with pytest.raises(InvalidAddress) as refused:
        bech32.decode(text)
    assert refused.value.reason == "bad_character"


@pytest.mark.parametrize("text", vectors.CASHADDR_SYMBOLS)
def test_published_cashaddr_checksums_hold(text):
    prefix = text.partition(":")[0]
    assert cashaddr.decode_symbols(text, prefix) == cashaddr.decode_symbols(text.upper(), prefix)


@pytest.mark.parametrize(("kind", "text", "payload"), vectors.CASHADDR_LARGE)
def test_published_cashaddr_payloads(kind, text, payload):
    prefix = text.partition(":")[0]
    assert cashaddr.decode(text, prefix) == (kind, bytes.fromhex(payload))
    assert cashaddr.encode(prefix, kind, bytes.fromhex(payload)) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bitcoincash:gpf8m4h7", "bad_checksum"),
        ("bchtest:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2", "bad_prefix"),
        ("bitcoincash:", "bad_length"),
        ("bitcoincash:" + "q" * 113, "bad_length"),
        ("bitcoincash:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekgb", "bad_character"),
        ("BitcoinCash:qr6m7j9njldwwzlg9v7v53unlr4jkmx6eylep8ekg2", "mixed_case"),
    ],
)
def test_faulty_cashaddr_is_refused(text, reason):
    with pytest.raises(InvalidAddress) as refused:
        cashaddr.decode(text, "bitcoincash")
    assert refused.value.reason == reason


def cashaddr_of(raw):
    values = bech32.unpack(raw)
    return bech32.spell(bch40.extend("bitcoincash", values))


@pytest.mark.parametrize(
    ("raw", "reason"), [(b"", "bad_version"), (b"\x80" + bytes(20), "bad_version"), (bytes(20), "bad_length")]
)
def test_a_cashaddr_with_a_good_checksum_around_nonsense_is_refused(raw, reason):
    with pytest.raises(InvalidAddress) as refused:
        cashaddr.decode(cashaddr_of(raw), "bitcoincash")
    assert refused.value.reason == reason


def test_keccak_is_not_sha3():
    assert keccak.keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
