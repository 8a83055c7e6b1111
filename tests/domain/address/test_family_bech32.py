"""Families in bech32: one payload under a prefix, Cosmos, Avalanche, Zilliqa, Handshake."""

import hashlib

import pytest

from app.domain.address.codecs import bech32
from app.domain.address.families.avalanche import Avalanche
from app.domain.address.families.bech32 import Bech32, write
from app.domain.address.families.cosmos import Cosmos
from app.domain.address.families.handshake import Handshake
from app.domain.address.families.zilliqa import Zilliqa, capitals
from app.domain.address.identity import address_key
from app.domain.errors import InvalidAddress
from tests.domain.address.vectors import SHARED, needs_shared

COSMOS = Cosmos()
INJECTIVE = Cosmos(hrp="inj", evm=True)
HARMONY = Cosmos(hrp="one", evm=True, operators=False)
AVALANCHE = Avalanche("avalanche")
ZILLIQA = Zilliqa("zilliqa")
HANDSHAKE = Handshake("handshake")
BNB = Bech32("bnb-beacon", "bnb")
MULTIVERSX = Bech32("multiversx", "erd", [32])
OASIS = Bech32("oasis", "oasis", [21], leads={"00": "account"})
IOTA = Bech32("iota", "iota", [33], leads={"00": "account", "08": "alias", "10": "nft"})
CHIA = Bech32("chia", "xch", [32], constant="bech32m")
RADIX = Bech32(
    "radix", "account_rdx", [30], constant="bech32m", leads={"c1": "account", "d1": "account", "51": "account"}
)
NAMADA = Bech32("namada", "tnam", [21], constant="bech32m", leads={"00": "implicit", "01": "established"})
PENUMBRA = Bech32("penumbra", "penumbra", [80], constant="bech32m")
ALEO = Bech32("aleo", "aleo", [32], constant="bech32m")

# form, text, kind; each from the tests or documents of the chain's own client unless said
SINGLE = (
    (BNB, "bnb142q467df6jun6rt5u2ar58sp47hm5f9wvz2cvg", "account"),  # OFAC list
    (Bech32("bnb-beacon-testnet", "tbnb"), "tbnb1c2cxgv3cklswxlvqr9anm6mlp6536qnd36txgr", "account"),  # Trust Wallet
    (MULTIVERSX, "erd1a56dkgcpwwx6grmcvw9w5vpf9zeq53w3w7n6dmxcpxjry3l7uh2s3h9dtr", "account"),
    (OASIS, "oasis1qp0cnmkjl22gky6p6qeghjytt4v7dkxsrsmueweh", "account"),
    (OASIS, "oasis1qphdkldpttpsj2j3l9sde9h26cwpfwqwwuhvruyu", "account"),
    (IOTA, "iota1qpl7delcfqz85g3wy4az24kz37yck7zhfzlaxydmang0t2kq6eh87tgfajt", "account"),
    (CHIA, "xch1x3zc0ncx5wwmguwjesp82p8gdz9q5e7va9sj2dgqe9tvwdsrl4vqnaquh3", "account"),  # the reference pool
    (RADIX, "account_rdx12y7md4spfq5qy7e3mfjpa52937uvkxf0nmydsu5wydkkxw3qx6nghn", "account"),
    (NAMADA, "tnam1q9gr66cvu4hrzm0sd5kmlnjje82gs3xlfg3v6nu7", "established"),
    (NAMADA, "tnam1qpr477sufxt3sz800hsgr9xyf3dvc4fjguejd27c", "implicit"),
    (
        PENUMBRA,
        "penumbra1e8k5cyds484dxvapeamwveh5khqv4jsvyvaf5wwxaaccgfghm229qw03pcar3ryy8smptevstycch0qk3uu0rgkvtjpxy3cu3rjd0agawqtlz6erev28a6sg69u7cxy0t02nd4",
        "account",
    ),
    (ALEO, "aleo1rhgdu77hgyqd3xjj8ucu3jj9r2krwz6mnzyd80gncr5fxcwlh5rsvzp9px", "account"),
)


def reason_of(form, text):
    with pytest.raises(InvalidAddress) as refused:
        form.read(text)
    return refused.value.reason


@pytest.mark.parametrize(("form", "text", "kind"), SINGLE, ids=lambda value: str(value)[:12])
def test_published_addresses_of_one_payload(form, text, kind):
    expected = (form.family, text, "verified", kind, None, "")
    assert form.read(text) == expected
    assert form.read(text.upper()) == expected


@pytest.mark.parametrize(
    ("form", "text", "reason"),
    [
        (BNB, "tbnb1c2cxgv3cklswxlvqr9anm6mlp6536qnd36txgr", "bad_prefix"),
        (BNB, "bnb", "bad_prefix"),
        (BNB, "bnb1", "bad_length"),
        (BNB, "bnb142q467df6jun6rt5u2ar58sp47hm5f9wvz2cvb", "bad_character"),
        (BNB, "bnb142q467df6jun6rt5u2ar58sp47hm5f9w1z2cvg", "bad_character"),
        (BNB, "bnb142q467df6jun6rt5u2ar58sp47hm5f9wvz2cvq", "bad_checksum"),
        (BNB, "bnb142q467df6jun6rt5u2ar58sp47hm5f9wvz2cvG", "mixed_case"),
        (BNB, "Bnb142q467df6jun6rt5u2ar58sp47hm5f9wvz2cvg", "mixed_case"),
        (BNB, "bnb142q467df6jun6rt5u2ar58sp47hm5f9wvz2cv\u0261", "bad_character"),
        (BNB, write("bnb", bytes(19), bech32.BECH32), "bad_length"),
        (BNB, write("bnb", bytes(20), bech32.BECH32M), "bad_checksum"),
        (BNB, "bnb1" + "q" * 296, "bad_length"),
        (CHIA, write("xch", bytes(32), bech32.BECH32), "bad_checksum"),
        (CHIA, bech32.encode("xch", bytes(51) + b"\1", bech32.BECH32M), "bad_padding"),
        (BNB, bech32.encode("bnb", bytes(33), bech32.BECH32), "bad_padding"),
        (OASIS, "oasis1hts399h023jqd7v6vgm6dxvcguwe4rgvqqgvq38n", "bad_version"),
        (OASIS, "Oasis1qptlwu8arx7l8x0427f0xxke3swd27ctygukv0h5", "mixed_case"),
        (IOTA, write("iota", b"\x04" + bytes(32), bech32.BECH32), "bad_version"),
        (NAMADA, "tnam1q5qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqrw33g6", "bad_version"),  # the governance of the chain
        (RADIX, "account_tdx_2_12yf9gd53yfep7a669fv2t3wm7nz9zeezwd04n02a433ker8vza6rhe", "bad_prefix"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_one_payload_is_refused_for_its_reason(form, text, reason):
    assert reason_of(form, text) == reason


def test_a_cosmos_key_is_one_account_under_every_prefix():
    text = "cosmos1jtdkj8hxhj88jxv8lul9xvdpnwsl00evvvpnhj"  # graphsense
    address = COSMOS.read(text.upper())
    assert address == ("cosmos", text, "verified", "account", None, "92db691ee6bc8e791987ff3e5331a19ba1f7bf2c")
    payload = bytes.fromhex(address.account)
    elsewhere = Cosmos(hrp="osmo").read(write("osmo", payload, bech32.BECH32))
    operator = COSMOS.read(write("cosmosvaloper", payload, bech32.BECH32))
    assert elsewhere.key == operator.key == address.key
    assert operator.kind == "operator"
    assert operator.canonical.startswith("cosmosvaloper1")


def test_a_validator_is_its_operators_account():
    operator = COSMOS.read("cosmosvaloper1sjllsnramtg3ewxqwwrwjxfgc4n4ef9u2lcnj0")  # Cosmos Hub, "Cosmostation"
    assert operator.account == "84bff84c7ddad11cb8c07386e91928c5675ca4bc"


def test_a_contract_is_nothing_on_another_chain():
    text = "cosmos1kglgy706u9n5wj3ykkqfaj0s5lxx6uentxhcs07vtgmgrmufklrq05fyu2"
    contract = COSMOS.read(text)
    assert contract[2:] == ("verified", "contract", None, "")
    payload = bech32.pack(bech32.decode(text)[1])
    assert Cosmos(hrp="osmo").read(write("osmo", payload, bech32.BECH32)).key != contract.key


@pytest.mark.parametrize(
    "text",
    [
        "cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh",  # bonded_tokens_pool
        "cosmos10d07y265gmmuvt4z0w9aw880jnsr700j6zn9kn",  # gov
    ],
)
def test_a_modules_account_is_each_chains_own(text):
    address = COSMOS.read(text)
    assert (address.kind, address.account) == ("module", "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("osmo1mky69cn8ektwy0845vec9upsdphktxt0en97f5", "bad_prefix"),
        ("0x36c36d9875ec1efced515e14246f8422903ade2e", "bad_prefix"),
        ("cosmospub1addwnpepqvkzgxvkgvmy5xmjjyhm0lkkxvwyz8pzkhsc6u5mmv2jz2wv7hn0jpvhmvd", "unsupported"),
        ("cosmosvalcons1x5wgh6vwye60wv3dtshs9dmqggwfx2ldy7agnk", "unsupported"),
        ("cosmosvaloper1sjllsnramtg3ewxqwwrwjxfgc4n4ef9u2lcnj9", "bad_checksum"),
        (write("cosmosvaloper", bytes(range(32)), bech32.BECH32), "bad_length"),
        (write("cosmos", bytes(range(21)), bech32.BECH32), "bad_length"),
        (write("cosmos", bytes(20), bech32.BECH32M), "bad_checksum"),
        ("cosmos1jtdkj8hxhj88jxv8lul9xvdpnwsl00evvvpnhJ", "mixed_case"),
    ],
)
def test_cosmos_is_refused_for_its_reason(text, reason):
    assert reason_of(COSMOS, text) == reason


def test_an_account_of_ethereums_keys_is_the_evm_account():
    # Trust Wallet, native_injective_address.rs
    text, hexadecimal = "inj1xmpkmxr4as00em23tc2zgmuyy2gr4h3wgcl6vd", "0x36c36d9875ec1efced515e14246f8422903ade2e"
    address = INJECTIVE.read(text)
    assert address == ("evm", text, "verified", "account", None, hexadecimal)
    assert address.key == address_key("evm", hexadecimal)
    assert INJECTIVE.read(hexadecimal) == address._replace(checksum="absent")
    assert INJECTIVE.read("0X" + hexadecimal[2:].upper()) == address._replace(checksum="absent")


def test_an_account_in_capitals_of_eip_55_becomes_the_chains_own_text():
    found = INJECTIVE.read("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")  # EIP-55
    assert (found.checksum, found.account) == ("verified", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
    assert found.canonical.startswith("inj1")
    assert reason_of(INJECTIVE, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD") == "bad_checksum"


def test_a_module_is_the_same_nobody_in_hexadecimal():
    text = "canto17xpfvakm2amg962yls6f84z3kell8c5lz0zsl4"  # the fee collector, the sample account of a wallet
    canto = Cosmos(hrp="canto", evm=True)
    module = canto.read(text)
    assert module == ("evm", text, "verified", "module", None, "")
    payload = bech32.pack(bech32.decode(text)[1])
    assert canto.read("0x" + payload.hex()) == module._replace(checksum="absent")


def test_harmony_has_no_operators():
    address = HARMONY.read("one1a50tun737ulcvwy0yvve0pvu5skq0kjargvhwe")  # Trust Wallet
    assert address.account == "0xed1ebe4fd1f73f86388f231997859ca42c07da5d"
    assert reason_of(HARMONY, write("onevaloper", bytes(20), bech32.BECH32)) == "bad_prefix"
    assert reason_of(HARMONY, write("onepub", bytes(33), bech32.BECH32)) == "bad_prefix"


def test_avalanche_joins_the_chains_of_one_key():
    text = "X-avax1ju2khnvkex4u30rt5jm5x8jd3jdfhvawg7ed9x"  # graphsense
    exchange = AVALANCHE.read(text)
    account = "97156bcd96c9abc8bc6ba4b7431e4d8c9a9bb3ae"
    assert exchange == ("avalanche", text, "verified", "x-chain", None, account)
    platform = AVALANCHE.read("P-" + text[2:].upper())
    assert platform == ("avalanche", "P-" + text[2:], "verified", "p-chain", None, account)
    assert platform.key == exchange.key


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("avax1ju2khnvkex4u30rt5jm5x8jd3jdfhvawg7ed9x", "bad_prefix"),
        ("x-avax1ju2khnvkex4u30rt5jm5x8jd3jdfhvawg7ed9x", "bad_prefix"),
        ("D-avax1ju2khnvkex4u30rt5jm5x8jd3jdfhvawg7ed9x", "bad_prefix"),
        ("-", "bad_prefix"),
        ("X", "bad_prefix"),
        ("X-fuji1ju2khnvkex4u30rt5jm5x8jd3jdfhvawg7ed9x", "bad_prefix"),
        ("X-avax1ju2khnvkex4u30rt5jm5x8jd3jdfhvawg7ed9q", "bad_checksum"),
        ("X-" + write("avax", bytes(21), bech32.BECH32), "bad_length"),
    ],
)
def test_avalanche_is_refused_for_its_reason(text, reason):
    assert reason_of(AVALANCHE, text) == reason


@pytest.mark.parametrize(
    "checked",  # Trust Wallet, Zilliqa/AddressTests.cpp
    [
        "4BAF5faDA8e5Db92C3d3242618c5B47133AE003C",
        "448261915a80cdE9BDE7C7a791685200D3A0bf4E",
        "Ded02fD979fC2e55c0243bd2F52df022c40ADa1E",
        "13F06E60297bea6A3c402F6f64c416A6b31e586e",
        "1a90C25307C3Cc71958A83fa213A2362D859CF33",
    ],
)
def test_zilliqas_capitals_are_a_checksum_of_their_own(checked):
    assert capitals(bytes.fromhex(checked)) == checked
    verified = ZILLIQA.read(checked)
    assert verified.checksum == "verified"
    assert ZILLIQA.read("0x" + checked) == verified
    assert ZILLIQA.read("0x" + checked.lower()) == verified._replace(checksum="absent")
    assert ZILLIQA.read("0X" + checked.upper()) == verified._replace(checksum="absent")
    assert reason_of(ZILLIQA, checked.swapcase()) == "bad_checksum"


def test_zilliqas_hexadecimal_is_the_bech32_of_the_same_bytes():
    text = "zil1fwh4ltdguhde9s7nysnp33d5wye6uqpugufkz7"
    assert ZILLIQA.read("0x4BAF5faDA8e5Db92C3d3242618c5B47133AE003C") == ZILLIQA.read(text.upper())
    assert ZILLIQA.read(text).canonical == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "bad_checksum"),  # EIP-55
        ("0x91cddcebe846ce4d47712287eee53cf17c2cfb7", "bad_length"),
        ("0x", "bad_length"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bad_prefix"),
        (write("zil", bytes(32), bech32.BECH32), "bad_length"),
        ("zil1fwh4ltdguhde9s7nysnp33d5wye6uqpugufkzq", "bad_checksum"),
    ],
)
def test_zilliqa_is_refused_for_its_reason(text, reason):
    assert reason_of(ZILLIQA, text) == reason


def test_handshakes_addresses():
    address = HANDSHAKE.read("hs1qd42hrldu5yqee58se4uj6xctm7nk28r70e84vx")  # hsd test/address-test.js
    assert address[1:4] == ("hs1qd42hrldu5yqee58se4uj6xctm7nk28r70e84vx", "verified", "pubkeyhash")
    script = bech32.encode("hs", b"\0" + bech32.unpack(bytes(32)), bech32.BECH32)
    later = bech32.encode("hs", b"\5" + bech32.unpack(bytes(2)), bech32.BECH32)
    assert (HANDSHAKE.read(script).kind, HANDSHAKE.read(later).kind) == ("scripthash", "version_5")


@pytest.mark.parametrize(
    ("version", "program", "constant", "reason"),
    [
        (b"\0", bytes(21), bech32.BECH32, "bad_length"),
        (b"\1", bytes(1), bech32.BECH32, "bad_length"),
        (b"\1", bytes(41), bech32.BECH32, "bad_length"),
        (b"\1", bytes(32), bech32.BECH32M, "bad_checksum"),
        (b"\x1f", bytes(20), bech32.BECH32, "unsupported"),
        (b"", b"", bech32.BECH32, "bad_length"),
    ],
)
def test_handshake_is_refused_for_its_reason(version, program, constant, reason):
    assert reason_of(HANDSHAKE, bech32.encode("hs", version + bech32.unpack(program), constant)) == reason


@needs_shared
@pytest.mark.parametrize(
    ("name", "form", "refused"),
    [
        ("bnb-beacon", BNB, 0),
        ("certik", Cosmos(hrp="certik"), 0),
        ("cosmos", COSMOS, 0),
        ("terra", Cosmos(hrp="terra"), 1),  # the first line has one capital
        ("iota", IOTA, 0),
        ("shimmer", Bech32("shimmer", "smr", [33], leads={"00": "account"}), 0),
        ("multiversx", MULTIVERSX, 1),  # its line begins with a capital
        ("oasis", OASIS, 1),  # the same
        ("zilliqa", ZILLIQA, 0),
        ("avalanche", AVALANCHE, 3),  # accounts of the C-Chain in hexadecimal
    ],
)
def test_every_published_line_is_read(name, form, refused):
    lines = (SHARED / f"{name}.txt").read_text(encoding="utf-8").split()
    reasons = []
    for line in lines:
        try:
            assert form.read(line).checksum == "verified"
        except InvalidAddress as refusal:
            reasons.append(refusal.reason)
    assert len(reasons) == refused
    assert set(reasons) <= {"mixed_case", "bad_prefix"}


@needs_shared
def test_every_sample_account_of_the_cosmos_chains_is_read():
    lines = (SHARED / "walletcore_registry_sample_accounts.tsv").read_text(encoding="utf-8").split("\n")[1:-1]
    rows = [line.split("\t") for line in lines]
    texts = [row[4] for row in rows if row[2] in ("Cosmos", "Thorchain")]
    kinds = [Cosmos(hrp=text.partition("1")[0]).read(text).kind for text in texts]
    assert (kinds.count("account"), kinds.count("module")) == (17, 1)  # the registry gives a fee collector for one


def test_module_accounts_are_the_hash_of_their_names():
    payload = hashlib.sha256(b"fee_collector").digest()[:20]
    assert COSMOS.read(write("cosmos", payload, bech32.BECH32)).kind == "module"
