"""One text, no chain: which chains can have written it, and why."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address import chains, find_chain, interpret, parse, readings
from app.domain.address.codecs import base58
from app.domain.address.families.base58check import Base58Check
from app.domain.errors import InvalidAddress
from tests.domain.address import vectors


def slugs(text):
    return [reading.chain.slug for reading in readings(text)]


@pytest.mark.parametrize("sample", vectors.SAMPLES, ids=lambda sample: sample[1][:12])
def test_the_readings_hold_the_chain_of_every_address(sample):
    address = parse(find_chain(sample[0]), sample[1])
    assert address in [reading.address for reading in readings(sample[1])]


def test_bitcoin_text_is_read_on_its_forks_too_and_bitcoin_comes_first():
    assert slugs("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")[:4] == ["bitcoin", "bitcoin-cash", "bitcoin-sv", "ecash"]
    assert slugs("3BMEX7DQFyy4McXugXweSu3vw6heM4ByoV")[0] == "bitcoin"
    assert "litecoin" in slugs("3BMEX7DQFyy4McXugXweSu3vw6heM4ByoV")
    assert slugs("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4") == ["bitcoin"]


def test_an_evm_account_is_one_reading():
    reading = readings(vectors.EIP55_MIXED[0])[0]
    assert (reading.chain.caip2, reading.chain.slug, reading.address.checksum) == ("eip155:0", "evm", "verified")
    assert slugs(vectors.EIP55_MIXED[0].lower())[0] == "evm"


def test_what_only_one_evm_chain_writes_is_read_there():
    assert slugs("0x5aaEB6053f3e94c9b9a09f33669435E7ef1bEAeD") == ["rootstock"]
    assert slugs("xdc" + vectors.EIP55_MIXED[0][2:]) == ["xdc"]


def test_main_networks_come_before_test_networks():
    assert slugs("rE3hWEGquaixF2XwirNbA1ds4m55LxNZPk") == ["xrp", "xrp-testnet"]
    found = [reading.chain.testnet for reading in readings("mfwtuZa2hgKNCM833oAVJAC47F1hAsGJ89")]
    assert found == sorted(found)


@given(st.sampled_from(chains()))
def test_a_checksum_comes_before_none_and_the_order_is_that_of_the_registry(chain):
    found = readings(chain.sample)
    places = {known.caip2: place for place, known in enumerate(chains())}
    ranks = [(it.address.checksum == "absent", it.chain.testnet, places[it.chain.caip2]) for it in found]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("text", ["", " ", "Hello there", "x" * 257, "\ud800", "bc1 "])
def test_what_is_no_address_has_no_readings(text):
    assert readings(text) == ()


def test_a_word_is_a_name_only_when_nothing_else():
    assert {"near", "eos", "hive"} <= set(slugs("bitfinexdep1"))
    assert all(reading.is_loose for reading in readings("bitfinexdep1"))
    assert not any(reading.is_loose for reading in readings("5" * 64))


@pytest.mark.parametrize(
    ("text", "slug", "why"),
    [
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bitcoin", "The checksum verifies for this p2pkh of Bitcoin."),
        (
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
            "evm",
            "The length and characters are those of this account of Any EVM chain, which carries no checksum.",
        ),
        (
            "bitfinexdep1",
            "eos",
            "A name or number that may be this name of EOS (Vaulta); such texts have no checksum.",
        ),
    ],
)
def test_a_reading_says_why(text, slug, why):
    assert {reading.chain.slug: reading.why for reading in readings(text)}[slug] == why


def families_that_read(text):
    found = {}
    for chain in chains():
        with suppress(InvalidAddress):
            address = parse(chain, text)
            found.setdefault((address.family, address.canonical), address.kind in {"name", "number"})
    if all(found.values()):
        return set(found)
    return {key for key, loose in found.items() if not loose}


# Forms that also read a text for a chain that is stated, which would only add noise where none is.
ONLY_STATED = {"evm", "ss58", "zilliqa"}


def check_agreement(text):
    found = {(reading.address.family, reading.address.canonical) for reading in readings(text)}
    everywhere = families_that_read(text)
    assert found <= everywhere
    assert {family for family, _ in everywhere - found} <= ONLY_STATED


@given(st.text(st.characters(exclude_categories=()), max_size=70))
def test_readings_agree_with_every_chain(text):
    check_agreement(text)


@given(st.sampled_from(chains()))
def test_no_chain_that_reads_a_sample_is_missing(chain):
    assert parse(chain, chain.sample) in [reading.address for reading in readings(chain.sample)]
    check_agreement(chain.sample)


@pytest.mark.parametrize("sample", vectors.SAMPLES, ids=lambda sample: sample[1][:12])
def test_no_chain_that_reads_a_text_is_missing(sample):
    check_agreement(sample[1])


@pytest.mark.parametrize(
    "chain", [c for c in chains() if isinstance(c.form, Base58Check)], ids=lambda chain: chain.slug
)
def test_every_version_of_a_chain_is_among_its_readings(chain):
    for kind in chain.form.versions.values():
        for filling in (b"\0", b"\x80", b"\xff"):
            text = chain.form.spell(kind, chain.form.size * filling)
            assert chain.family in {reading.address.family for reading in readings(text)}


@pytest.mark.parametrize("more", ["", "1c"])
def test_the_first_characters_of_every_version_are_foreseen(more):
    for version in (bytes([first]).hex() + more for first in range(256)):
        form = Base58Check("any", {version: "p2pkh"})
        made = [form.spell("p2pkh", 20 * bytes([filling])) for filling in range(0, 256, 51)]
        assert all(text.startswith(form.starts) for text in made)


def key_slugs(text, chain=None):
    found, _ = interpret(text, chain and find_chain(chain), keys=True)
    return {(reading.chain.slug, reading.address.canonical) for reading in found}


OLD_P2SH = "3H2McprdMeoDvvyfquATfMXpXZF4r1frip"  # of Litecoin, today M...
GENERATOR = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
WHOLE = (
    "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
)


@pytest.mark.parametrize("text", [GENERATOR, GENERATOR.upper(), f"0x{GENERATOR}", WHOLE])
def test_a_public_key_finds_the_accounts_that_it_has(text):
    # The key of the private key 1: addresses that every wallet's tests know.
    assert key_slugs(text) >= {
        ("bitcoin", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH"),
        ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        ("bitcoin", "3JvL6Ymt8MVWiCNHC7oWU6nLeHNJKLZGLN"),
        ("evm", "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"),
        ("tron", "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC"),
        ("cosmos", "cosmos1w508d6qejxtdg4y5r3zarvary0c5xw7k6ah60c"),
    }
    assert key_slugs(text, "tron") == {("tron", "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC")}


def test_a_key_of_32_bytes_finds_the_accounts_that_it_has():
    # The public key of RFC 8032's first test.
    key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    found = dict(key_slugs(key))
    assert found["solana"] == base58.encode(bytes.fromhex(key))
    assert found["near"] == key
    assert found["polkadot"] == parse(find_chain("polkadot"), f"0x{key}").canonical
    assert parse(find_chain("kusama"), found["kusama"]).key == parse(find_chain("polkadot"), found["polkadot"]).key
    assert found.keys() >= {"stellar", "algorand", "aptos", "sui", "tezos"}


@pytest.mark.parametrize(
    "text",
    [
        "02" + "f" * 64,  # no point has this x
        "04" + GENERATOR[2:] + "0" * 64,  # the y is another
        "05" + GENERATOR[2:],
        GENERATOR[:-2],
        f"{GENERATOR[:10]} {GENERATOR[10:]}",
    ],
)
def test_what_is_no_public_key_has_no_accounts(text):
    with pytest.raises(InvalidAddress):
        interpret(text, find_chain("bitcoin"), keys=True)


def test_a_public_key_is_a_question_and_never_an_address():
    with pytest.raises(InvalidAddress):
        interpret(GENERATOR, find_chain("bitcoin"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("cosmos", "cosmos1w508d6qejxtdg4y5r3zarvary0c5xw7k6ah60c"), ("osmosis", None)),
        (("polkadot", "15kUt2i86LHRWCkE3D9Bg1HZAoc2smhn1fwPzDERTb1BXAkX"), ("kusama", None)),
        (("injective", None), ("ethereum", None)),
        (("avalanche-x", None), ("avalanche-p", None)),
        (("litecoin", OLD_P2SH), ("litecoin", parse(find_chain("litecoin"), OLD_P2SH).canonical)),
        (
            ("bitcoin-cash", "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu"),
            ("bitcoin-cash", "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"),
        ),
    ],
)
def test_one_key_written_in_two_ways_is_one_identity(one, other):
    seed = bytes(range(7, 39))
    same = [
        parse(chain, text or chain.form.sample(seed)) for chain, text in ((find_chain(c), t) for c, t in (one, other))
    ]
    if one[1] and not other[1]:
        first, chain = same[0], find_chain(other[0])
        account = bytes.fromhex(first.account)
        same[1] = parse(chain, chain.form.sample(account.ljust(32, b"\0")))
    assert same[0].key == same[1].key
