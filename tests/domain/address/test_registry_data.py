"""The registry's file: complete, of one form, no name leads two ways, every row is read by its own form."""

import copy
import csv
import json
import re
from collections import Counter
from hashlib import sha256
from importlib.resources import files

import pytest

from app.domain.address.forms import make_form
from tests.domain.address.vectors import SHARED, needs_shared
from tools.registry.build import MAX_BYTES, build
from tools.registry.check import check
from tools.registry.cosmos import reference
from tools.registry.rows import Row, host, native, settle_names
from tools.registry.written import read_facts, read_written

TEXT = files("app.domain.address").joinpath("registry.json").read_text()
REGISTRY = json.loads(TEXT)
CHAINS, ASSETS = REGISTRY["chains"], REGISTRY["assets"]
KEYS = ["caip2", "slug", "name", "symbol", "family", "form", "native", "aliases", "hosts", "sample"]
BY_NAME = {name.lower(): row for row in CHAINS for name in (row["caip2"], row["slug"], *row["aliases"])}
BY_TICKER = {row["symbol"].lower(): row for row in reversed(CHAINS) if not row.get("testnet")}
IDS = {asset[0] for asset in ASSETS}


def test_there_are_chains_and_assets_enough_and_the_file_is_small():
    main = [row for row in CHAINS if not row.get("testnet")]
    assert len(main) >= 550
    assert len(ASSETS) >= 1_800
    assert len(TEXT.encode()) < MAX_BYTES
    assert len(TEXT.splitlines()) == len(CHAINS) + len(ASSETS) + 4


def test_every_rule_of_the_build_holds_of_the_file():
    check(REGISTRY)


def test_rows_have_the_loaders_keys():
    for row in CHAINS:
        assert list(row) == KEYS + ["testnet"] * ("testnet" in row)
        assert row.get("testnet", True) is True
        assert len(row["form"]) == 2
    assert {len(asset) for asset in ASSETS} == {3}
    assert all(text == text.strip() and text.isprintable() for asset in ASSETS for text in asset)


def test_samples_are_made_from_the_id_so_that_they_are_nobodys():
    for row in CHAINS:
        form = make_form(row["form"][0], row["family"], row["form"][1])
        assert row["sample"] == form.sample(sha256(row["caip2"].encode()).digest()), row["slug"]
    assert len({row["sample"] for row in CHAINS}) == len(CHAINS)


def test_a_name_leads_to_one_chain():
    names = Counter(name.lower() for row in CHAINS for name in (row["caip2"], row["slug"], *row["aliases"]))
    assert [name for name, count in names.items() if count > 1] == []


def test_main_networks_come_first_and_the_most_used_before_all():
    slugs = [row["slug"] for row in CHAINS]
    assert slugs[:5] == ["bitcoin", "evm", "ethereum", "tron", "bnb-smart-chain"]
    flags = [row.get("testnet", False) for row in CHAINS]
    assert flags == sorted(flags)


def test_no_ticker_of_a_stablecoin_leads_to_a_chain():
    for symbol in ("usdt", "usdc", "dai", "busd", "wbtc", "weth"):
        assert symbol not in BY_NAME
        assert symbol not in BY_TICKER


# What each was before the table was generated; evm: chain id, slug and alias.
BEFORE = {
    "bip122:000000000019d6689c085ae165831e93": ("bitcoin", "xbt", "omni-bitcoin"),
    "bip122:00000000da84f2bafbbc53dee25a72ae": ("bitcoin-testnet4",),
    "bip122:000000000000000000651ef99cb9fcbe": ("bitcoin-cash", "bitcoincash"),
    "bsv:mainnet": ("bitcoin-sv", "bitcoinsv"),
    "btg:mainnet": ("bitcoin-gold", "bitcoingold"),
    "ecash:mainnet": ("ecash", "bcha"),
    "bip122:12a765e31ffd4059bada1e25190f6e98": ("litecoin",),
    "bip122:1a91e3dace36e2be3bf030a65679fe82": ("dogecoin", "doge", "xdg"),
    "bip122:00000ffd590b1485b3caadc19b22e637": ("dash",),
    "bip122:00040fe8ec8471911baa1db1266ea15d": ("zcash",),
    "bip122:7497ea1b465eb39f1c8f507bc877078f": ("digibyte",),
    "bip122:00000fc63692467faeb20cdb3b53200d": ("verge",),
    "tron:mainnet": ("tron", "tron:0x2b6653dc"),
    "xrpl:0": ("xrp", "xrp-ledger", "xrpl", "ripple"),
    "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp": ("solana", "solana:mainnet"),
    "monero:418015bb9ae982a1975da7d79277c270": ("monero",),
    "monero:76ee3cc98646292206cd3e86f74d88b4": ("monero-stagenet", "monero:stagenet"),
    "bip122:4966625a4b2851d9fdee139e56211a0d": ("litecoin-testnet",),
    "bip122:bb0a78264637406b6360aad926284d54": ("dogecoin-testnet",),
    "bch:testnet": ("bitcoin-cash-testnet",),
    "xrpl:1": ("xrp-testnet",),
    "eip155:0": ("evm",),
    "eip155:1": ("ethereum", "erc20", "eth"),
    "eip155:56": ("bnb-smart-chain", "bsc", "binance-smart-chain", "bep20"),
    "eip155:137": ("polygon", "matic"),
    "eip155:43114": ("avalanche-c", "avalanche"),
    "eip155:61": ("ethereum-classic", "classic"),
    "eip155:30": ("rootstock", "rsk"),
    "eip155:50": ("xdc", "xinfin"),
    "eip155:66": ("okc", "okexchain"),
    "eip155:88": ("viction", "tomochain"),
    "eip155:1329": ("sei-evm", "seievm"),
    "eip155:7000": ("zetachain-evm", "zetaevm"),
    "eip155:7332": ("horizen-eon", "zeneon"),
    "eip155:8217": ("kaia", "klaytn"),
    "eip155:100009": ("vechain",),
    "eip155:1666600000": ("harmony",),
    "eip155:11155111": ("sepolia",),
}


@pytest.mark.parametrize(("caip2", "names"), BEFORE.items(), ids=[names[0] for names in BEFORE.values()])
def test_the_names_of_the_former_table_still_find_their_chain(caip2, names):
    assert {BY_NAME[name]["caip2"] for name in names} == {caip2}


@pytest.mark.parametrize("code", ["btc", "bch", "ltc", "zec", "eth", "trx", "xmr", "doge", "xrp", "sol", "ada", "dot"])
def test_codes_of_currencies_find_their_main_chain(code):
    first = BY_NAME.get(code) or BY_TICKER[code]
    assert first["symbol"].lower() == code
    assert first["slug"] in read_facts()["order"]


# Each contract as its issuer publishes it: Tether, Circle, Maker, BitGo, Lido.
ISSUED = {
    "eip155:1/erc20:0xdac17f958d2ee523a2206206994597c13d831ec7": "USDT",
    "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48": "USDC",
    "eip155:1/erc20:0x6b175474e89094c44da98b954eedeac495271d0f": "DAI",
    "eip155:1/erc20:0x2260fac5e5542a773aa44fbcfedf7c193bc2c599": "WBTC",
    "eip155:1/erc20:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2": "WETH",
    "eip155:1/erc20:0xae7ab96520de3a18e5e111b5eaab095312d7fe84": "stETH",
    "eip155:56/erc20:0x55d398326f99059ff775485246999027b3197955": "USDT",
    "eip155:8453/erc20:0x833589fcd6edb6e08f4c7c32d4f71b54bda02913": "USDC",
    "eip155:42161/erc20:0xaf88d065e77c8cc2239327c5edb3a432268e5831": "USDC",
    "eip155:43114/erc20:0x9702230a8ea53601f5cd2dc00fdbc13d4df4a8c7": "USDT",
    "tron:mainnet/trc20:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t": "USDT",
    "tron:mainnet/trc20:TEkxiTehnzSmSe2XqrBj4w32RUN966rdz8": "USDC",
    "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/token:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v": "USDC",
    "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/token:Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB": "USDT",
    "cosmos:noble-1/denom:uusdc": "USDC",
}


@pytest.mark.parametrize(("caip19", "symbol"), ISSUED.items())
def test_tokens_of_issuers_stand_under_their_symbol(caip19, symbol):
    assert [asset[1] for asset in ASSETS if asset[0] == caip19] == [symbol]


def test_on_ethereum_a_stablecoins_symbol_is_its_issuers_alone():
    on_ethereum = Counter(asset[1].upper() for asset in ASSETS if asset[0].startswith("eip155:1/"))
    assert [on_ethereum[symbol] for symbol in ("USDT", "USDC", "DAI", "BUSD", "PYUSD", "USD1", "RLUSD")] == [1] * 7


@needs_shared
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.txt")), ids=lambda path: path.stem)
def test_every_published_list_of_addresses_has_its_chain(path):
    assert path.stem in BY_NAME


@needs_shared
def test_chains_of_published_samples_are_found_by_the_names_used_there():
    with (SHARED / "valid_by_format.tsv").open() as file:
        assert {row["chain"] for row in csv.DictReader(file, delimiter="\t")} <= BY_NAME.keys()
    with (SHARED / "walletcore_registry_sample_accounts.tsv").open() as file:
        coins = list(csv.DictReader(file, delimiter="\t"))
    assert {coin["id"] for coin in coins} <= BY_NAME.keys()
    known = BY_NAME.keys() | BY_TICKER.keys() | {asset[1].lower() for asset in ASSETS}
    assert {coin["symbol"].lower() for coin in coins} <= known


@needs_shared
def test_samples_of_wallet_core_are_read_by_the_chain_that_its_id_finds():
    with (SHARED / "walletcore_registry_sample_accounts.tsv").open() as file:
        coins = [coin for coin in csv.DictReader(file, delimiter="\t") if coin["id"] in BY_NAME]
    for coin in coins:
        row = BY_NAME[coin["id"]]
        form = make_form(row["form"][0], row["family"], row["form"][1])
        assert form.read(coin["address"]).family == row["family"], coin["id"]


def broken(change):
    document = {"chains": copy.deepcopy(CHAINS[:4]), "assets": [asset for asset in ASSETS if is_kept(asset[0])]}
    check(document)
    change(document)
    return document


def is_kept(caip19):
    return caip19.partition("/")[0] in {row["caip2"] for row in CHAINS[:4]}


def chain_with(**changes):
    return lambda document: document["chains"][3].update(changes)


def asset_with(*row):
    return lambda document: document["assets"].append(list(row))


FAULTS = {
    "a name of 2 chains": chain_with(slug="bitcoin"),
    "id, slug or name": chain_with(slug="Tron Network"),
    "the sample is read as another address": chain_with(
        caip2="eip155:2", native="", form=["evm", {}], family="evm", sample="0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    ),
    "the form is of the family": chain_with(form=["cosmos", {"hrp": "inj", "evm": True}], family="cosmos"),
    "the host": chain_with(hosts=["https://tronscan.org/"]),
    "no such asset": chain_with(native="tron:mainnet/slip44:196"),
    "stands 2 times": asset_with(*ASSETS[0]),
    "id, symbol or name": asset_with("tron:mainnet/trc20:_", "X", "X"),
    "in its canonical form": asset_with(
        "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7", "USDT", "Tether USD"
    ),
}


@pytest.mark.parametrize(("fault", "change"), FAULTS.items())
def test_each_fault_of_a_registry_is_found(fault, change):
    with pytest.raises(ValueError, match=re.escape(fault)):
        check(broken(change))


def test_a_contract_with_a_wrong_checksum_is_not_written():
    wrong = asset_with("eip155:1/erc20:0xDAC17F958D2ee523a2206206994597C13D831ec7", "USDT", "Tether USD")
    with pytest.raises(ValueError, match="not an address of its chain"):
        check(broken(wrong))


def row(slug, *aliases, found=()):
    return Row(f"eip155:{len(slug)}", slug, slug, "", "evm", ["evm", {}], aliases=list(aliases), found=list(found))


def test_written_names_that_clash_stop_the_build_and_found_ones_give_way():
    with pytest.raises(ValueError, match="bb is of a and of ccc"):
        settle_names([row("a", "bb"), row("ccc", "BB")])
    first, second = row("one", found=["shared", "mainnet", "x"]), row("second", found=["shared", "one", "own"])
    settle_names([first, second])
    assert (first.aliases, second.aliases) == (["shared"], ["own"])


def test_ids_follow_their_profiles():
    assert reference("cosmoshub-4") == "cosmos:cosmoshub-4"
    assert reference("hashed-cosmoshub-4") == f"cosmos:hashed-{sha256(b'hashed-cosmoshub-4').hexdigest()[:16]}"
    assert reference("evmos_9001-2") == f"cosmos:hashed-{sha256(b'evmos_9001-2').hexdigest()[:16]}"
    assert BY_NAME["cosmos:evmos_9001-2"]["caip2"] == reference("evmos_9001-2")
    assert native("ETH", 60) == "slip44:60"
    assert native("S") == "native:s"
    assert host("https://www.Etherscan.io/address/0x0") == "etherscan.io"


def test_forms_of_hand_written_rows_name_their_version_bytes_once():
    for written in read_written(read_facts()):
        versions = written.form[1].get("versions", {})
        assert all(re.fullmatch(r"(?:[0-9a-f]{2})+", version) for version in versions), written.slug


def test_the_build_needs_its_sources(tmp_path):
    with pytest.raises(FileNotFoundError):
        build(tmp_path)
