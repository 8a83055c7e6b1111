"""The table: every chain with its names and the parameters of its form.

The rule here: a row is facts, and one chain has one row; what a text must look like is in `families`. Version bytes
and prefixes are those of each chain's reference client (chainparams). Where the CAIP-2 profile knows no id, a fork
without a genesis of its own gets `<ticker>:mainnet`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from app.domain.address.chain import Chain, Form
from app.domain.address.evm_chains import ANY_EVM, EVM, evm_chain
from app.domain.address.families.base58check import Base58Check
from app.domain.address.families.bitcoin_cash import CashAddr
from app.domain.address.families.litecoin import Litecoin
from app.domain.address.families.monero import Monero
from app.domain.address.families.opaque import Opaque
from app.domain.address.families.solana import Solana
from app.domain.address.families.utxo import Utxo
from app.domain.address.families.xrp import Xrp
from app.domain.address.families.zcash import Zcash

_is_caip2: Final = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}").fullmatch
_eip155: Final = re.compile(r"eip155:(0|[1-9][0-9]*)").fullmatch


def _scripts(family: str, p2pkh: int, p2sh: int, old_p2sh: int | None = None) -> Base58Check:
    replaced = None if old_p2sh is None else {bytes([old_p2sh]): bytes([p2sh])}
    return Base58Check(family, {bytes([p2pkh]): "p2pkh", bytes([p2sh]): "p2sh"}, replaced)


def _row(
    caip2: str,
    slug: str,
    name: str,
    symbol: str,
    slip44: int | None,
    form: Form,
    *aliases: str,
    testnet: bool = False,
) -> Chain:
    native = "" if slip44 is None else f"{caip2}/slip44:{slip44}"
    return Chain(caip2, slug, name, form.family, native, symbol, form, aliases, testnet)


def _bitcoin_rows() -> Iterable[Chain]:
    yield _row(
        "bip122:000000000019d6689c085ae165831e93",
        "bitcoin",
        "Bitcoin",
        "BTC",
        0,
        Utxo(_scripts("bitcoin", 0x00, 0x05), "bc"),
        "xbt",
        "omni-bitcoin",  # Omni assets live at Bitcoin addresses
    )
    for reference, slug, name, hrp in (
        ("000000000933ea01ad0ee984209779ba", "bitcoin-testnet", "Bitcoin testnet3", "tb"),
        ("00000000da84f2bafbbc53dee25a72ae", "bitcoin-testnet4", "Bitcoin testnet4", "tb"),
        ("00000008819873e925422c1ff0f99f7c", "bitcoin-signet", "Bitcoin signet", "tb"),
        ("0f9188f13cb7b2c71f2a335e3a4fc328", "bitcoin-regtest", "Bitcoin regtest", "bcrt"),
    ):
        form = Utxo(_scripts(slug, 0x6F, 0xC4), hrp)
        yield _row(f"bip122:{reference}", slug, name, "tBTC", 1, form, testnet=True)


def _fork_rows() -> Iterable[Chain]:
    cash = _scripts("bitcoin-cash", 0x00, 0x05)
    yield _row(
        "bip122:000000000000000000651ef99cb9fcbe",  # the first block of its own, 478559
        "bitcoin-cash",
        "Bitcoin Cash",
        "BCH",
        145,
        CashAddr("bitcoincash", cash),
        "bitcoincash",
    )
    yield _row("bsv:mainnet", "bitcoin-sv", "Bitcoin SV", "BSV", 236, _scripts("bitcoin-sv", 0x00, 0x05), "bitcoinsv")
    gold = Utxo(_scripts("bitcoin-gold", 0x26, 0x17), "btg")
    yield _row("btg:mainnet", "bitcoin-gold", "Bitcoin Gold", "BTG", 156, gold, "bitcoingold")
    ecash = CashAddr("ecash", _scripts("ecash", 0x00, 0x05))
    yield _row("ecash:mainnet", "ecash", "eCash", "XEC", 899, ecash, "bcha")


def _altcoin_rows() -> Iterable[Chain]:
    yield _row(
        "bip122:12a765e31ffd4059bada1e25190f6e98",
        "litecoin",
        "Litecoin",
        "LTC",
        2,
        Litecoin(Utxo(_scripts("litecoin", 0x30, 0x32, 0x05), "ltc"), "ltcmweb"),
    )
    doge = _scripts("dogecoin", 0x1E, 0x16)
    yield _row("bip122:1a91e3dace36e2be3bf030a65679fe82", "dogecoin", "Dogecoin", "DOGE", 3, doge, "doge", "xdg")
    dash = _scripts("dash", 0x4C, 0x10)
    yield _row("bip122:00000ffd590b1485b3caadc19b22e637", "dash", "Dash", "DASH", 5, dash)
    zcash = Zcash(Base58Check("zcash", {b"\x1c\xb8": "p2pkh", b"\x1c\xbd": "p2sh"}))
    yield _row("bip122:00040fe8ec8471911baa1db1266ea15d", "zcash", "Zcash", "ZEC", 133, zcash)
    digibyte = Utxo(_scripts("digibyte", 0x1E, 0x3F, 0x05), "dgb")
    yield _row("bip122:7497ea1b465eb39f1c8f507bc877078f", "digibyte", "DigiByte", "DGB", 20, digibyte)
    verge = _scripts("verge", 0x1E, 0x21)
    yield _row("bip122:00000fc63692467faeb20cdb3b53200d", "verge", "Verge", "XVG", 77, verge)


def _account_rows() -> Iterable[Chain]:
    tron = Base58Check("tron", {b"\x41": "account"})
    yield _row("tron:mainnet", "tron", "Tron", "TRX", 195, tron, "tron:0x2b6653dc")
    yield _row("xrpl:0", "xrp", "XRP Ledger", "XRP", 144, Xrp("xrp"), "xrp-ledger", "xrpl", "ripple")
    yield _row(
        "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "solana", "Solana", "SOL", 501, Solana("solana"), "solana:mainnet"
    )
    monero = Monero("monero", 18, 19, 42)
    yield _row("monero:418015bb9ae982a1975da7d79277c270", "monero", "Monero", "XMR", 128, monero)


def _testnet_rows() -> Iterable[Chain]:
    litecoin = Litecoin(Utxo(_scripts("litecoin-testnet", 0x6F, 0x3A, 0xC4), "tltc"), "tmweb")
    yield _row(
        "bip122:4966625a4b2851d9fdee139e56211a0d",
        "litecoin-testnet",
        "Litecoin testnet",
        "tLTC",
        1,
        litecoin,
        testnet=True,
    )
    doge = _scripts("dogecoin-testnet", 0x71, 0xC4)
    yield _row(
        "bip122:bb0a78264637406b6360aad926284d54",
        "dogecoin-testnet",
        "Dogecoin testnet",
        "tDOGE",
        1,
        doge,
        testnet=True,
    )
    cash = CashAddr("bchtest", _scripts("bitcoin-cash-testnet", 0x6F, 0xC4))
    yield _row("bch:testnet", "bitcoin-cash-testnet", "Bitcoin Cash testnet3", "tBCH", 1, cash, testnet=True)
    xrp = Xrp("xrp-testnet", test=True)
    yield _row("xrpl:1", "xrp-testnet", "XRP Ledger testnet", "tXRP", 1, xrp, testnet=True)
    stagenet = Monero("monero-stagenet", 24, 25, 36)
    yield _row("monero:stagenet", "monero-stagenet", "Monero stagenet", "sXMR", 1, stagenet, testnet=True)


_CHAINS: Final = (
    *_bitcoin_rows(),
    *_fork_rows(),
    *_altcoin_rows(),
    ANY_EVM,
    *EVM,
    *_account_rows(),
    *_testnet_rows(),
)


def chains() -> tuple[Chain, ...]:
    """Return every chain of the table, in its order."""
    return _CHAINS


@cache
def _names() -> Mapping[str, Chain]:
    names = {name: chain for chain in _CHAINS for name in (chain.caip2, chain.slug, *chain.aliases)}
    for chain in _CHAINS:
        if chain.symbol and not chain.testnet:
            names.setdefault(chain.symbol.lower(), chain)
    return names


def find_chain(name: str) -> Chain | None:
    """Return the chain of a CAIP-2 id, slug, alias or ticker, None when there is none.

    Slugs, aliases and tickers are found in any case; a ticker that many chains use finds the first of the table.
    A well-formed CAIP-2 id outside the table is an EVM chain when its namespace is eip155, else a chain of opaque
    addresses.
    """
    known = _names().get(name) or _names().get(name.lower())
    if known or not _is_caip2(name):
        return known
    if name.startswith("eip155:"):
        return evm_chain(name) if _eip155(name) else None
    form = Opaque(name)
    return Chain(name, name, name, form.family, "", "", form)
