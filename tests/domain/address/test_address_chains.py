"""The registry: each chain and asset is found by each of its names, and what is not found is explained."""

import re

import pytest

from app.domain.address import assets, chains, explain_unknown, find_chain, search_assets, search_chains
from tests.domain.address import vectors


def test_every_name_finds_its_row():
    for chain in chains():
        for name in (chain.caip2, chain.slug, chain.slug.upper(), *chain.aliases):
            assert find_chain(name) is chain


def test_every_asset_finds_its_chain():
    for asset in assets():
        assert find_chain(asset.caip19).caip2 == asset.chain


def test_a_test_network_never_shares_an_identity_with_a_main_one():
    main = {chain.family for chain in chains() if not chain.testnet}
    shared = {chain.family for chain in chains() if chain.testnet} & main
    assert shared <= {"evm", "cosmos", "ss58", "solana", "stellar", "tron"}  # one key on every network of these


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
        ("eip155:1/erc20:0xdac17f958d2ee523a2206206994597c13d831ec7", "ethereum"),
        ("tron:mainnet/trc20:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "tron"),
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


def test_a_token_finds_the_one_chain_that_it_is_on():
    alone = [asset for asset in assets() if asset.symbol == "RUJI"]
    assert [asset.chain for asset in alone] == [find_chain("ruji").caip2]


def test_a_token_of_many_chains_is_told_to_be_one():
    assert find_chain("USDT") is None
    assert explain_unknown("usdt").startswith("is a token of ")
    assert "tron" in explain_unknown("USDT")


def test_a_name_that_is_nearly_one_is_suggested():
    assert "Did you mean bitcoin" in explain_unknown("bitcion")
    assert "Did you mean" not in explain_unknown("zzzzzzzzzzzz")


@pytest.mark.parametrize(
    ("wanted", "first"),
    [("BTC", "bitcoin"), ("tron", "tron"), ("Ethereum", "ethereum"), ("bip122:0000000000190", None)],
)
def test_a_search_puts_first_what_is_called_just_so(wanted, first):
    found = search_chains(wanted)
    assert (found[0].slug if found else None) == first


def test_a_search_of_nothing_is_everything():
    assert search_chains("") == list(chains())
    assert search_assets("") == list(assets())


def test_assets_are_found_by_symbol_name_and_id():
    assert all("usdt" in f"{a.symbol} {a.name} {a.caip19}".lower() for a in search_assets("usdt"))
    assert search_assets("USDT")[0].symbol == "USDT"
    assert search_assets("tron:mainnet/trc20:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")[0].symbol == "USDT"


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
