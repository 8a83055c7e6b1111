"""The table of chains: each row is well formed and found by each of its names."""

import re

import pytest

from app.domain.address import chains, find_chain
from tests.domain.address import vectors


def test_every_row_is_well_formed():
    for chain in chains():
        assert re.fullmatch(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}", chain.caip2), chain
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", chain.slug), chain
        assert chain.native in ("", *(f"{chain.caip2}/slip44:{n}" for n in [chain.native.rpartition(":")[2]])), chain
        assert chain.family == chain.form.family
        assert chain.name
        assert chain.symbol or chain.caip2 == "eip155:0"
        assert chain.form.starts


def test_every_name_finds_its_row():
    for chain in chains():
        for name in (chain.caip2, chain.slug, chain.slug.upper(), *chain.aliases):
            assert find_chain(name) is chain


def test_no_name_is_used_twice():
    names = [name for chain in chains() for name in (chain.caip2, chain.slug, *chain.aliases)]
    assert len(names) == len(set(names))


def test_only_evm_chains_share_an_identity_space():
    families = [chain.family for chain in chains() if chain.family != "evm"]
    assert len(families) == len(set(families))
    assert sum(chain.family == "evm" for chain in chains()) >= 60


def test_a_test_network_has_an_identity_space_of_its_own():
    assert {c.slug for c in chains() if c.testnet and c.family != "evm"} == {
        c.family for c in chains() if c.testnet
    } - {"evm"}


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("BTC", "bitcoin"),
        ("xbt", "bitcoin"),
        ("omni-bitcoin", "bitcoin"),
        ("ETH", "ethereum"),
        ("bch", "bitcoin-cash"),
        ("BNB", "bnb-smart-chain"),
        ("Trx", "tron"),
        ("xmr", "monero"),
        ("eip155:1", "ethereum"),
        ("eip155:0", "evm"),
        ("tron:0x2b6653dc", "tron"),
        ("bip122:000000000019d6689c085ae165831e93", "bitcoin"),
        ("monero:418015bb9ae982a1975da7d79277c270", "monero"),
        ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "solana"),
    ],
)
def test_known_names(name, slug):
    assert find_chain(name).slug == slug


@pytest.mark.parametrize("slug", sorted({sample[0] for sample in vectors.SAMPLES}))
def test_the_native_asset_is_named_by_caip19(slug):
    chain = find_chain(slug)
    assert re.fullmatch(re.escape(chain.caip2) + r"/slip44:\d+", chain.native)


def test_an_evm_chain_without_a_row():
    chain = find_chain("eip155:424242424242")
    assert (chain.caip2, chain.slug, chain.family, chain.native) == (*["eip155:424242424242"] * 2, "evm", "")
    assert chain == find_chain("eip155:424242424242")


def test_an_unknown_chain_is_opaque():
    chain = find_chain("cosmos:Some_Hub-9")
    assert (chain.caip2, chain.slug, chain.family) == (*["cosmos:Some_Hub-9"] * 2, "opaque:cosmos:Some_Hub-9")
    assert chain == find_chain("cosmos:Some_Hub-9")
    assert chain != find_chain("cosmos:some_hub-9")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "no such chain",
        "USDT",
        "eip155:",
        "eip155:01",
        "eip155:-1",
        "eip155:one",
        "eip155:\N{ARABIC-INDIC DIGIT ONE}",
        "ab:1",
        "toolongnamespace:1",
        "abc:" + "x" * 33,
        "abc:1\n",
        "abc:1:2",
        "\ud800",
    ],
)
def test_what_is_no_chain(name):
    assert find_chain(name) is None
