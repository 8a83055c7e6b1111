"""Forms in hexadecimal: Move, Starknet, Flow, Casper, Lightning nodes, Icon and their like."""

import pytest
from Crypto.Hash import keccak
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address.codecs import hexadecimal, secp256k1
from app.domain.address.families.casper import Casper
from app.domain.address.families.flow import Flow
from app.domain.address.families.hex_account import HexAccount
from app.domain.address.families.lightning import LightningNode
from app.domain.address.families.move import Move
from app.domain.address.families.starknet import Starknet
from app.domain.errors import InvalidAddress
from tests.domain.address import family_cases as cases
from tests.domain.address.vectors import needs_shared

APTOS = Move("aptos")
STRICT = Move("strict", 0)
STARKNET = Starknet("starknet")
FLOW = Flow("flow")
FLOW_TEST = Flow("flow-testnet", "testnet")
FLOW_EMULATOR = Flow("flow-emulator", "emulator")
CASPER = Casper("casper")
NODE = LightningNode("lightning")
ICON = HexAccount("icon", {"hx": "account", "cx": "contract"}, 40)
KADENA = HexAccount("kadena", {"k:": "account"}, 64, ["w:", "c:", "u:", "r:"])
every_form = pytest.mark.parametrize(
    "form",
    [APTOS, STRICT, STARKNET, FLOW, FLOW_TEST, FLOW_EMULATOR, CASPER, NODE, ICON, KADENA],
    ids=lambda form: form.family,
)
HEX = "0123456789abcdefABCDEF"


@every_form
@given(seed=cases.seeds)
def test_a_sample_reads_as_itself(form, seed):
    cases.check_sample(form, seed)


@every_form
@given(text=cases.junk | st.from_regex(r"(0x|0X|hx|cx|k:|account-hash-|01|02|03)?[0-9a-fA-F]{1,70}", fullmatch=True))
def test_junk_is_refused_and_nothing_else_happens(form, text):
    cases.check_junk(form, text)


@every_form
@given(seed=cases.seeds, at=st.integers(0, 80), other=st.characters())
def test_a_changed_sample_is_refused_or_reads_as_itself(form, seed, at, other):
    text = form.sample(seed)
    at %= len(text)
    cases.check_junk(form, text[:at] + other + text[at + 1 :])


@needs_shared
@pytest.mark.parametrize(
    ("form", "chain", "files"), [(APTOS, "aptos", ["aptos"]), (APTOS, "sui", []), (NODE, "lightning-node", [])]
)
def test_every_published_address_is_read(form, chain, files):
    texts = cases.vectors_of(chain) + [line for name in files for line in cases.lines_of(name)]
    assert texts
    for text in texts:
        assert form.read(text).canonical.endswith(text.removeprefix("0x"))


@needs_shared
def test_published_invoices_are_refused():
    (invoice,) = cases.vectors_of("lightning-invoice")
    assert cases.reason_of(NODE, invoice) == "unsupported"


@needs_shared
def test_a_sample_account_of_wallets_is_read():
    text = cases.account_of("sui")
    assert APTOS.read(text).canonical == text


# Hexadecimal digits


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "bad_length"),
        ("abc", "bad_length"),
        ("abcde", "bad_length"),
        ("abcg", "bad_character"),
        ("abc\n", "bad_character"),
    ],
)
def test_hexadecimal_refusals(text, reason):
    with pytest.raises(InvalidAddress) as refused:
        hexadecimal.lower(text, 4)
    assert refused.value.reason == reason


@pytest.mark.parametrize(("text", "filled"), [("0a1B", "0a1b"), ("a1b", "0a1b"), ("1b", "001b")])
def test_missing_zeros_are_filled_in(text, filled):
    assert hexadecimal.filled(text, 4, 2) == filled


@pytest.mark.parametrize("text", ["", "b", "00a1b"])
def test_more_missing_zeros_are_not(text):
    with pytest.raises(InvalidAddress):
        hexadecimal.filled(text, 4, 2)


# Move: AIP-40; wallet-core's aptos_address.rs and sui_address.rs.


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("0xf3d7f364dd7705824a5ebda9c7aab6cb3fc7bb5b58718249f12defec240b36cc", None),
        ("0x00d7f364dd7705824a5ebda9c7aab6cb3fc7bb5b58718249f12defec240b36cc", None),
        (
            "0xd7f364dd7705824a5ebda9c7aab6cb3fc7bb5b58718249f12defec240b36cc",
            "00d7f364dd7705824a5ebda9c7aab6cb3fc7bb5b58718249f12defec240b36cc",
        ),
        (
            "0x43ec2cb158e3569842d537740fd53403e992b9e7349cc5d3dfaa5aff8faaef2",
            "043ec2cb158e3569842d537740fd53403e992b9e7349cc5d3dfaa5aff8faaef2",
        ),
        ("0x1", "1".rjust(64, "0")),
        ("0x0000000000000000000000000000000000000000000000000000000000000001", "1".rjust(64, "0")),
        ("0xa", "a".rjust(64, "0")),
        ("0xF", "f".rjust(64, "0")),
        ("259ff8074ab425cbb489f236e18e08f03f1a7856bdf7c7a2877bd64f738b5015", None),
        ("0X259FF8074AB425CBB489F236E18E08F03F1A7856BDF7C7A2877BD64F738B5015", None),
    ],
)
def test_move_vectors(text, digits):
    address = APTOS.read(text)
    assert address.canonical == "0x" + (digits or text.lower().removeprefix("0x"))
    assert (address.checksum, address.kind) == ("absent", "account")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0xb1dc06bd64d4e179a482b97bb68243f6c02c1b92", "bad_length"),
        ("b1dc06bd64d4e179a482b97bb68243f6c02c1b92", "bad_length"),
        ("d575ad7f18e948462a5cf698f564ef394a752a71fec62493af8a055c012c0d502", "bad_length"),
        ("0x11", "bad_length"),
        ("0x01", "bad_length"),
        ("0x", "bad_length"),
        ("1", "bad_length"),
        ("0xs", "bad_character"),
        ("0xS59ff8074ab425cbb489f236e18e08f03f1a7856bdf7c7a2877bd64f738b5015", "bad_character"),
        ("0x777821c78442e17d82c3d7a371f42de7189e4248e529fe6eee6bca40ddb", "bad_length"),
        ("0xeeff357ea5c1a4e7bc11b2b17ff2dc2dcca69750bfef1e1ebcaccf8c8018175bb", "bad_length"),
        ("eeff357ea5c1a4e7bc11b2b17ff2dc2dcca69750bfef1e1ebcaccf8c8018175", "bad_length"),
        ("0x0x59ff8074ab425cbb489f236e18e08f03f1a7856bdf7c7a2877bd64f738b5", "bad_character"),
    ],
)
def test_move_refusals(text, reason):
    assert cases.reason_of(APTOS, text) == reason


def test_a_strict_chain_wants_every_zero():
    assert cases.reason_of(STRICT, "0x" + "a" * 63) == "bad_length"
    assert STRICT.read("0x2").canonical == "0x" + "2".rjust(64, "0")


# Starknet: starknet.js __tests__/utils/address.test.ts and its documentation; SNIP-23; the CAIP-10 profile.


@pytest.mark.parametrize(
    "text",
    [
        "0x02Fd23d9182193775423497fc0c472E156C57C69E4089A1967fb288A2d84e914",
        "0x049D36570D4e46f48e99674bd3fcc84644DdD6b96F7C741B1562B82f9e004dC7",
        "0x0000090591D9fA3EfC87067d95a643f8455E0b8190eb8Cb7bFd39e4fb7571fDF",
        "0x02DdfB499765c064eaC5039E3841AA5f382E73B598097a40073BD8B48170Ab57",
        "0x06eC96291A904b8B62B446FB32fC9903b5f82D73D7CA319E03ba45D50788Ec30",
    ],
)
def test_starknet_checksums(text):
    address = STARKNET.read(text)
    assert (address.canonical, address.checksum) == (text.lower(), "verified")
    short = "0x" + text[2:].lstrip("0")
    if len(text) - len(short) <= 5:
        assert STARKNET.read(short) == address
    assert STARKNET.read(text.lower()).checksum == "absent"
    assert STARKNET.read("0x" + text[2:].upper()).key == address.key
    assert len(cases.accepted(STARKNET, cases.typos(text, HEX, 2), text)) <= 1  # of 1,344; sixteen letters check


def test_a_checksum_over_all_32_bytes_is_a_checksum():
    assert (
        STARKNET.read("0x" + snip23("0000090591d9fa3efc87067d95a643f8455e0b8190eb8cb7bfd39e4fb7571fdf")).checksum
        == "verified"
    )


def snip23(digits):
    marks = keccak.new(data=bytes.fromhex(digits), digest_bits=256).hexdigest()
    return "".join(c.upper() if int(mark, 16) > 7 else c for c, mark in zip(digits, marks, strict=True))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("test", "bad_prefix"),
        ("0xZZ", "bad_character"),
        ("0x", "bad_length"),
        ("0x6eff1d71", "bad_length"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "bad_length"),
        ("6eff1d71068df8e6677f59a556151c56ed13e14ad431a9bef6fcb3fc5e6fa7", "bad_prefix"),
        ("0x07ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00", "bad_padding"),
        ("0xa7ee790591d9fa3efc87067d95a643f8455e0b8190eb8cb7bfd39e4fb7571fdf", "bad_padding"),
        ("0x02Fd23d9182193775423497fc0c472E156C57C69E4089A1967fb288A2d84e91", "bad_checksum"),
        ("0x02FD23D9182193775423497Fc0c472E156C57C69E4089a1967fb288a2D84e914", "bad_checksum"),
        ("0x02Fd23d9182193775423497fc0c472E156C57C69E4089A1967fb288A2d84e9144", "bad_length"),
    ],
)
def test_starknet_refusals(text, reason):
    assert cases.reason_of(STARKNET, text) == reason


def test_the_highest_starknet_address_is_read():
    assert STARKNET.read("0x07" + "f" * 59 + "eff").checksum == "absent"


# Flow: flow-go's model/flow/address.go: service accounts, and the contracts that its documentation names.


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (FLOW, "0xe467b9dd11fa00df"),
        (FLOW, "0xf233dcee88fe0abe"),
        (FLOW, "0x1654653399040a61"),
        (FLOW, "0x1d7e57aa55817448"),
        (FLOW_TEST, "0x8c5303eaa26202d6"),
        (FLOW_TEST, "0x9a0766d93b6608b7"),
        (FLOW_TEST, "0x7e60df042a9c0868"),
        (FLOW_EMULATOR, "0xf8d6e0586b0a20c7"),
        (FLOW_EMULATOR, "0xee82856bf20e2aa6"),
    ],
)
def test_flow_vectors(form, text):
    address = form.read(text)
    assert (address.canonical, address.checksum) == (text, "verified")
    assert form.read(text[2:].upper()) == address
    for other in {FLOW, FLOW_TEST, FLOW_EMULATOR} - {form}:
        assert cases.reason_of(other, text) == "not_on_chain"
    assert cases.accepted(form, cases.typos(text, "0123456789abcdef", 2), text) == []


@given(seed=cases.seeds, flips=st.sets(st.integers(0, 63), min_size=1, max_size=6))
def test_flow_finds_up_to_six_wrong_bits(seed, flips):
    text = FLOW.sample(seed)
    word = int(text, 16)
    for flip in flips:
        word ^= 1 << flip
    assert not cases.is_read(FLOW, f"0x{word:016x}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0x0000000000000000", "bad_checksum"),
        ("0x6834ba37b3980209", "bad_checksum"),
        ("0xe467b9dd11fa00d", "bad_length"),
        ("0xe467b9dd11fa00dff", "bad_length"),
        ("0xe467b9dd11fa00dg", "bad_character"),
        ("hello", "bad_character"),
        ("0x", "bad_length"),
    ],
)
def test_flow_refusals(text, reason):
    assert cases.reason_of(FLOW, text) == reason


# Casper: the CAIP-10 profile of casper; CEP-57.


@pytest.mark.parametrize(
    ("text", "digest", "checksum"),
    [
        ("01d51D4d7e1Dc8166405EC6fFb21C94434Cfd4D9021Ed6D94A1FF3d7D613046710", None, "verified"),
        ("02038a9932973F5632BcF31ff9Ba83e7eB3Bd7457F85af79258bd6b0A1FF06017B5a", None, "verified"),
        (
            "01cd4f2ed572ea555ca46c17c83c43e609d2e916871236f40faa9ba747478e8dee",
            "79c9563deeb7bbd05e91c7dddddec9328717fea1ae846dd54ab9dfeaae015bc0",
            "absent",
        ),
        (
            "02022ade9bd8e06033e99b1bfbf789db4e2db0349045818469bbcaf756996900e838",
            "5b7e450d8b1e58de5f012db6c6e934431a6b6b063e5d4955914675e791797712",
            "absent",
        ),
    ],
)
def test_casper_vectors(text, digest, checksum):
    address = CASPER.read(text)
    assert (address.canonical, address.checksum, address.kind) == (text.lower(), checksum, "account")
    assert address.key == CASPER.read(text.lower()).key == CASPER.read(f"account-hash-{address.account}").key
    assert digest in (None, address.account)


def test_a_casper_hash_is_the_account():
    address = CASPER.read("account-hash-79c9563deeb7bbd05e91c7dddddec9328717fea1ae846dd54ab9dfeaae015bc0")
    assert (address.kind, address.checksum) == ("account_hash", "absent")
    assert address.canonical == "account-hash-" + address.account


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("01D51D4d7e1Dc8166405EC6fFb21C94434Cfd4D9021Ed6D94a1FF3d7d613046710", "bad_checksum"),
        ("02038A9932973f5632BcF31ff9Ba83e7eB3Bd7457F85af79258bd6b0A1FF06017b5A", "bad_checksum"),
        ("account-hash-79C9563deeb7bbd05e91c7dddddec9328717fea1ae846dd54ab9dfeaae015bc0", "bad_checksum"),
        ("03cd4f2ed572ea555ca46c17c83c43e609d2e916871236f40faa9ba747478e8dee", "bad_prefix"),
        ("01cd4f2ed572ea555ca46c17c83c43e609d2e916871236f40faa9ba747478e8de", "bad_length"),
        ("02042ade9bd8e06033e99b1bfbf789db4e2db0349045818469bbcaf756996900e838", "bad_version"),
        ("02022ade9bd8e06033e99b1bfbf789db4e2db0349045818469bbcaf756996900e839", "bad_checksum"),
        ("01gd4f2ed572ea555ca46c17c83c43e609d2e916871236f40faa9ba747478e8dee", "bad_character"),
        ("hash-79c9563deeb7bbd05e91c7dddddec9328717fea1ae846dd54ab9dfeaae015bc0", "unsupported"),
        ("account-hash-", "bad_length"),
        ("0", "bad_prefix"),
    ],
)
def test_casper_refusals(text, reason):
    assert cases.reason_of(CASPER, text) == reason


@pytest.mark.parametrize("text", ["01d51D4d7e1Dc8166405EC6fFb21C94434Cfd4D9021Ed6D94A1FF3d7D613046710"])
def test_casper_capitals_find_every_wrong_digit(text):
    assert cases.accepted(CASPER, cases.typos(text, HEX, 2), text) == []


# Lightning: keys of secp256k1 (SEC 2, the generator), and a node of BOLT 11's examples.


@pytest.mark.parametrize(
    "text",
    [
        "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad",
        "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    ],
)
def test_lightning_nodes(text):
    address = NODE.read(text)
    assert (address.canonical, address.checksum, address.kind) == (text, "absent", "node")
    assert NODE.read(text.upper()) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f8179c", "bad_checksum"),
        ("02" + "f" * 64, "bad_checksum"),
        ("0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", "bad_prefix"),
        ("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", "bad_prefix"),
        ("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f8179", "bad_length"),
        ("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798@1.2.3.4:9735", "bad_character"),
        ("lnbc1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypq", "unsupported"),
        (
            "LNURL1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M385EKVCENXC6R2C35XVUKXEFCV5MKVV34X5EKZD3EV56NYD3HXQURZEPEXEJXX",
            "unsupported",
        ),
        (
            "lno1pqqnyzsmx5cx6umpwssx6atvw35j6ut4v9h8g6t50ysx7enxv4epyrmjw4ehgcm0wfczucm0d5hxzag5qqtzzq3lxgva",
            "unsupported",
        ),
    ],
)
def test_lightning_refusals(text, reason):
    assert cases.reason_of(NODE, text) == reason


def test_a_sign_is_checked_with_the_point():
    with pytest.raises(InvalidAddress) as refused:
        secp256k1.check("04" + "0" * 64)
    assert refused.value.reason == "bad_version"


def test_half_of_all_numbers_are_points():
    found = sum(secp256k1.is_on_curve(x) for x in range(1, 401))
    assert 170 < found < 230
    assert [x for x in range(1, 9) if secp256k1.is_on_curve(x)] == [1, 2, 3, 4, 6, 8]


# Icon and Kadena: the SDK of Icon, is_wallet_address and is_score_address; the single-key accounts (k:) of Kadena.


@pytest.mark.parametrize(
    ("form", "text", "kind"),
    [
        (ICON, "hxbe258ceb872e08851f1f59694dac2558708ece11", "account"),
        (ICON, "cxb0776ee37f5b45bfaea8cff1d8232fbb6122ec32", "contract"),
        (KADENA, "k:554754f48b16df24b552f6832dda090642ed9658559fef9f3ee1bb4637ea7c94", "account"),
    ],
)
def test_prefixed_accounts(form, text, kind):
    address = form.read(text)
    assert (address.canonical, address.kind, address.checksum) == (text, kind, "absent")
    assert form.read(text[:2] + text[2:].upper()) == address


@pytest.mark.parametrize(
    ("form", "text", "reason"),
    [
        (ICON, "0xbe258ceb872e08851f1f59694dac2558708ece11", "bad_prefix"),
        (ICON, "hxbe258ceb872e08851f1f59694dac2558708ece1", "bad_length"),
        (ICON, "hxbe258ceb872e08851f1f59694dac2558708ece1g", "bad_character"),
        (ICON, "Hxbe258ceb872e08851f1f59694dac2558708ece11", "bad_prefix"),
        (KADENA, "w:fK3uWLvcqqBXVpHxqN7Xl5Gq3jUp1q4a2cY5M4TqdEA:keys-all", "unsupported"),
        (KADENA, "554754f48b16df24b552f6832dda090642ed9658559fef9f3ee1bb4637ea7c94", "bad_prefix"),
    ],
)
def test_prefixed_accounts_refused(form, text, reason):
    assert cases.reason_of(form, text) == reason
