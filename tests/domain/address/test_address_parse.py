"""One text, one chain: what is accepted, in what form, and why the rest is refused."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address import Address, address_key, display, find_chain, parse, parse_many
from app.domain.address.codecs import base58, bech32, cashaddr
from app.domain.address.refusals import SENTENCES
from app.domain.errors import InvalidAddress
from tests.domain.address import vectors


def read(slug, text):
    return parse(find_chain(slug), text)


def reason_of(slug, text):
    with pytest.raises(InvalidAddress) as refused:
        read(slug, text)
    assert refused.value.reason in SENTENCES
    assert refused.value.detail.endswith(".")
    return refused.value.reason


@pytest.mark.parametrize(("slug", "text", "canonical", "kind", "checksum", "tag"), vectors.SAMPLES)
def test_each_form_is_read(slug, text, canonical, kind, checksum, tag):
    address = read(slug, text)
    assert address == Address(find_chain(slug).family, canonical or text, checksum, kind, tag)


@pytest.mark.parametrize("sample", vectors.SAMPLES, ids=lambda sample: sample[1][:12])
def test_the_canonical_text_is_the_same_address(sample):
    address = read(*sample[:2])
    again = read(sample[0], address.canonical)
    assert (again.family, again.canonical, again.key) == (address.family, address.canonical, address.key)
    assert read(sample[0], display(address)).key == address.key


def test_the_key_is_half_a_sha256_of_family_and_text():
    digest = sha256(b"bitcoin\x001A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").digest()
    assert address_key("bitcoin", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa") == digest[:16]
    assert read("bitcoin", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").key == digest[:16]


def test_one_text_on_two_chains_is_two_identities():
    text = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
    assert len({read(slug, text).key for slug in ("bitcoin", "bitcoin-sv", "bitcoin-cash", "ecash")}) == 4


def test_one_evm_key_is_one_identity_on_every_evm_chain():
    text = vectors.EIP55_MIXED[0]
    assert len({read(slug, text).key for slug in ("ethereum", "base", "eip155:0", "eip155:424242", "xdc")}) == 1


@pytest.mark.parametrize(("text", "kind"), vectors.SEGWIT)
def test_published_witness_addresses(text, kind):
    slug = "bitcoin" if text.lower().startswith("bc") else "bitcoin-testnet"
    address = read(slug, text)
    assert (address.canonical, address.kind, address.checksum) == (text.lower(), kind, "verified")


@pytest.mark.parametrize(("text", "reason"), vectors.NOT_SEGWIT)
def test_published_faulty_witness_addresses(text, reason):
    assert reason_of("bitcoin-testnet" if text.lower().startswith("tb") else "bitcoin", text) == reason


def test_only_segwit_version_zero_is_bound_to_its_checksum():
    program = bytes([1]) + bech32.unpack(bytes(32))
    assert read("bitcoin", bech32.encode("bc", program, bech32.BECH32M)).kind == "p2tr"
    assert reason_of("bitcoin", bech32.encode("bc", program, bech32.BECH32)) == "bad_checksum"
    assert reason_of("bitcoin", bech32.encode("bc", b"", bech32.BECH32)) == "bad_length"


def test_capitals_that_begin_as_a_witness_address_may_be_base58():
    address = find_chain("litecoin").form.scripts._read_either("LNSFU7hmF6GP2AFdcrCgd4QvFimvspviSs")
    assert address.kind == "p2pkh"


def test_regtest_has_its_own_prefix():
    text = bech32.encode("bcrt", b"\0" + bech32.unpack(bytes(20)), bech32.BECH32)
    assert read("bitcoin-regtest", text).kind == "p2wpkh"
    assert reason_of("bitcoin", text) == "not_on_chain"
    assert reason_of("bitcoin-testnet", text) == "not_on_chain"


@pytest.mark.parametrize("text", vectors.EIP55_MIXED)
def test_eip55_capitals_are_a_checksum(text):
    assert read("ethereum", text) == Address("evm", text.lower(), "verified", "account")
    assert display(read("ethereum", text.lower())) == text
    assert reason_of("ethereum", text[:2] + text[2:].swapcase()) == "bad_checksum"


@pytest.mark.parametrize("text", vectors.EIP55_ONE_CASE)
def test_one_case_is_no_checksum(text):
    assert read("ethereum", text) == Address("evm", text.lower(), "absent", "account")
    assert display(read("ethereum", text)) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("de709f2102306220921060314715629080e2fb77", "bad_prefix"),
        ("0xde709f2102306220921060314715629080e2fb7", "bad_length"),
        ("0xde709f2102306220921060314715629080e2fb777", "bad_length"),
        ("0x", "bad_length"),
        ("0xde709f2102306220921060314715629080e2fb7g", "bad_character"),
        ("0xde709f21_2306220921060314715629080e2fb77", "bad_character"),
        ("0x\N{ARABIC-INDIC DIGIT ONE}e709f2102306220921060314715629080e2fb77", "bad_character"),
        ("0xDe709f2102306220921060314715629080e2fb77", "bad_checksum"),
        ("0xde709f2102306220921060314715629080e2fb77\n", "whitespace"),
    ],
)
def test_faulty_evm_accounts(text, reason):
    assert reason_of("ethereum", text) == reason


def test_rootstock_capitals_may_hold_the_chain():
    text = "0x5aaEB6053f3e94c9b9a09f33669435E7ef1bEAeD"  # EIP-1191, "Test cases", chain 30
    assert read("rootstock", text).checksum == "verified"
    assert read("rootstock", vectors.EIP55_MIXED[0]).checksum == "verified"
    assert reason_of("ethereum", text) == "not_on_chain"


def test_the_prefix_of_xdc_is_0x():
    text = vectors.EIP55_MIXED[0]
    assert read("xdc", "xdc" + text[2:]) == read("xdc", text)
    assert reason_of("ethereum", "xdc" + text[2:]) == "not_on_chain"


@pytest.mark.parametrize(("legacy", "new"), vectors.CASHADDR)
def test_every_spelling_of_a_bitcoin_cash_address_is_one(legacy, new):
    bare = new.partition(":")[2]
    assert {read("bitcoin-cash", text).canonical for text in (legacy, new, new.upper(), bare, bare.upper())} == {new}


def test_a_token_aware_address_is_the_script_it_names():
    plain, aware = (
        cashaddr.encode("bitcoincash", kind, bytes.fromhex("F5BF48B397DAE70BE82B3CCA4793F8EB2B6CDAC9"))
        for kind in (0, 2)
    )
    assert aware == "bitcoincash:zr6m7j9njldwwzlg9v7v53unlr4jkmx6eycnjehshe"
    assert read("bitcoin-cash", aware) == read("bitcoin-cash", plain)


@pytest.mark.parametrize(("kind", "size"), [(0, 32), (1, 24), (4, 20), (15, 20)])
def test_cashaddr_types_that_no_wallet_makes_are_unsupported(kind, size):
    assert reason_of("bitcoin-cash", cashaddr.encode("bitcoincash", kind, bytes(size))) == "unsupported"


def test_a_replaced_version_becomes_its_replacement():
    old = read("litecoin", "3H2McprdMeoDvvyfquATfMXpXZF4r1frip")
    assert old.canonical.startswith("M")
    assert (
        base58.decode_check(old.canonical, 25)[1:] == base58.decode_check("3H2McprdMeoDvvyfquATfMXpXZF4r1frip", 25)[1:]
    )
    assert read("litecoin", old.canonical) == old


@pytest.mark.parametrize(("classic", "tag", "main", "test"), vectors.X_ADDRESSES)
def test_published_x_addresses(classic, tag, main, test):
    assert read("xrp", main) == Address("xrp", classic, "verified", "account", tag)
    assert read("xrp-testnet", test) == Address("xrp-testnet", classic, "verified", "account", tag)
    assert reason_of("xrp", test) == "not_on_chain"
    assert reason_of("xrp-testnet", main) == "not_on_chain"


@pytest.mark.parametrize(("text", "reason"), vectors.NOT_X_ADDRESSES)
def test_published_faulty_x_addresses(text, reason):
    assert reason_of("xrp", text) == reason


@pytest.mark.parametrize(("flag", "tag"), [(0, 1), (1, 1 << 32), (0, 1 << 63)])
def test_reserved_bytes_of_an_x_address_are_zero(flag, tag):
    raw = b"\x05\x44" + bytes(20) + bytes([flag]) + tag.to_bytes(8, "little")
    assert reason_of("xrp", base58.encode_check(raw, base58.RIPPLE)) == "bad_padding"


def test_versions_of_another_use_are_refused():
    assert reason_of("bitcoin", base58.encode_check(b"\x99" + bytes(20))) == "bad_version"
    assert reason_of("bitcoin-cash", base58.encode_check(b"\x00" + bytes(19) + b"\x01")[:-1] + "z") == "bad_checksum"
    assert reason_of("xrp", base58.encode_check(b"\x23" + bytes(20), base58.RIPPLE)) == "bad_version"


def test_an_old_form_of_another_version_is_no_bitcoin_cash():
    text = base58.encode_check(b"\x06" + bytes(20))
    assert text.startswith("3")
    assert reason_of("bitcoin-cash", text) == "bad_version"


def test_a_longer_witness_prefix_is_another():
    assert reason_of("bitcoin", bech32.encode("bc1", b"\0" + bech32.unpack(bytes(20)), bech32.BECH32)) == "bad_prefix"


MONERO = next(text for slug, text, *_ in vectors.SAMPLES if slug == "monero")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (MONERO[:-1], "bad_length"),
        (MONERO[:69], "bad_length"),
        (MONERO + "1" * 11, "bad_checksum"),
        (MONERO[:-1] + "g", "bad_checksum"),
        ("0" + MONERO[1:], "bad_character"),
        ("z" * 11 + MONERO[11:], "bad_length"),
    ],
)
def test_faulty_monero_addresses(text, reason):
    assert reason_of("monero", text) == reason


def test_a_monero_address_of_another_network_is_named():
    stagenet = "59McWTPGc745SRWrSMoh8oTjoXoQq6sPUgKZ66dQWXuKFQ2q19h9gvhJNZcFTizcnT12r63NFgHiGd6gBCjabzmzHAMoyD6"
    assert read("monero-stagenet", stagenet).kind == "standard"
    assert reason_of("monero", stagenet) == "not_on_chain"


@pytest.mark.parametrize(
    ("data", "constant", "reason"),
    [
        (b"\0" + bech32.unpack(bytes(66)), bech32.BECH32M, "bad_checksum"),
        (b"\1" + bech32.unpack(bytes(66)), bech32.BECH32, "bad_version"),
        (b"\0" + bech32.unpack(bytes(33)), bech32.BECH32, "bad_length"),
    ],
)
def test_faulty_stealth_addresses(data, constant, reason):
    assert reason_of("litecoin", bech32.encode("ltcmweb", data, constant)) == reason


def test_a_longer_stealth_prefix_is_another():
    assert reason_of("litecoin", "ltcmweb1" + "1" + bech32.encode("q", b"", bech32.BECH32)) == "bad_prefix"


@pytest.mark.parametrize("slug", ["bitcoin", "ethereum", "xrp", "monero", "solana", "bip122:feed", "bitcoin-cash"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("x" * 257, "too_long"),
        (" 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "whitespace"),
        ("0xde709f2102306220921060314715629080e2fb77 ", "whitespace"),
        ("de70\N{NO-BREAK SPACE}9f", "whitespace"),
        ("\t", "whitespace"),
    ],
)
def test_what_no_chain_takes(slug, text, reason):
    assert reason_of(slug, text) == reason


@pytest.mark.parametrize(
    ("slug", "text", "other"),
    [
        ("bitcoin", "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq", "tron"),
        ("bitcoin", "mfwtuZa2hgKNCM833oAVJAC47F1hAsGJ89", "bitcoin-testnet"),
        ("bitcoin", vectors.EIP55_MIXED[0], "evm"),
        ("bitcoin-sv", "bitcoincash:qpnrayau0ax6qcwlxhdzp8kze5gfjwlznygdmdpwjv", "bitcoin-cash"),
        ("ethereum", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bitcoin"),
        ("tron", vectors.EIP55_MIXED[0], "evm"),
        ("solana", MONERO, "monero"),
        ("zcash", "rE3hWEGquaixF2XwirNbA1ds4m55LxNZPk", "xrp"),
    ],
)
def test_an_address_of_another_chain_is_called_that(slug, text, other):
    with pytest.raises(InvalidAddress, match=f"state {other} as its chain") as refused:
        read(slug, text)
    assert refused.value.reason == "not_on_chain"


def test_an_unchecked_reading_elsewhere_is_no_proof():
    assert reason_of("bitcoin", "0xde709f2102306220921060314715629080e2fb77") == "bad_character"


def test_an_opaque_chain_takes_printable_ascii():
    address = read("quux:1", "any~thing!")
    assert address == Address("opaque:quux:1", "any~thing!", "absent")
    assert read("quux:2", "any~thing!").key != address.key
    assert read("quux:1", "x" * 256).canonical == "x" * 256
    assert reason_of("quux:1", "caf\xe9") == "bad_character"
    assert reason_of("quux:1", "bell\a") == "bad_character"


ANYTHING = st.text(st.characters(exclude_categories=()), max_size=120)
CHAINS = st.sampled_from(sorted({sample[0] for sample in vectors.SAMPLES} | {"rootstock", "xdc", "quux:1"}))
STRANGE = st.sampled_from([*"1lIO0bcBCxX:zZ", "\N{KELVIN SIGN}", "\ud800", "\x00", "\N{FULLWIDTH DIGIT ONE}", "\xff"])


def address_or_reason(slug, text):
    try:
        return read(slug, text)
    except InvalidAddress as refused:
        return refused.reason


def accepted_or_refused(slug, text):
    found = address_or_reason(slug, text)
    if isinstance(found, Address):
        assert found.canonical.isascii()
        assert read(slug, found.canonical).key == found.key
    else:
        assert found in SENTENCES


@given(CHAINS, ANYTHING)
def test_any_text_is_accepted_or_refused(slug, text):
    accepted_or_refused(slug, text)


@given(CHAINS, st.sampled_from(vectors.SAMPLES), st.integers(0, 110), st.integers(0, 3), STRANGE)
def test_a_disturbed_address_is_accepted_or_refused(slug, sample, at, cut, strange):
    text = sample[1]
    accepted_or_refused(slug, text[:at] + strange + text[at + cut :])
    accepted_or_refused(slug, text[:at] + text[at + cut :])
    accepted_or_refused(slug, text[:at].swapcase() + text[at:])


@given(
    st.sampled_from(["bitcoin", "litecoin", "ethereum", "tron", "solana", "cosmos"]),
    st.lists(
        st.one_of(
            st.sampled_from([sample[1] for sample in vectors.SAMPLES]),
            st.sampled_from([sample[1].lower() for sample in vectors.SAMPLES]),
            st.sampled_from(["\n".join(sample[1] for sample in vectors.SAMPLES[:2]), "", "\n", "1\n", "0x" + "0" * 41]),
            st.text(st.characters(exclude_categories=()), max_size=60),
        ),
        max_size=12,
    ),
)
def test_many_are_read_as_each_alone(slug, texts):
    chain = find_chain(slug)
    for text, found in zip(texts, parse_many(chain, texts), strict=True):
        if isinstance(found, InvalidAddress):
            with pytest.raises(InvalidAddress) as refused:
                parse(chain, text)
            assert (found.reason, found.detail) == (refused.value.reason, refused.value.detail)
        else:
            assert found == parse(chain, text)


def test_two_accounts_in_one_text_are_none():
    account = "0x" + "ab" * 20
    (first, second) = parse_many(find_chain("ethereum"), [f"{account}\n{account}", ""])
    assert (first.reason, second.reason) == ("whitespace", "empty")
