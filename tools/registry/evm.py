"""The chains with Ethereum's accounts, as viem describes them.

The rule here: only facts of the definition itself are taken (number, name, native currency, explorer); definitions
of machines of developers are no chains.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from tools.registry.rows import Row, host, native

DEFINITIONS = "wevm+viem/src/chains/definitions"
NOT_CHAINS = frozenset(
    {
        "anvil",
        "cannon",
        "foundry",
        "hardhat",
        "localhost",
        "moonbeamDev",
        "oortmainnetDev",
        "tempoLocalnet",
        "tron",
        "boolBetaMainnet",
    }
)

_id = re.compile(r"\bid:\s*([\d_]+)").search
_name = re.compile(r"\n  name:\s*(['\"])(.*?)\1").search
_symbol = re.compile(r"symbol:\s*(['\"])(.*?)\1").search
_coin = re.compile(r"nativeCurrency:\s*\{[^}]*name:\s*(['\"])(.*?)\1", re.DOTALL).search
_explorers = re.compile(r"blockExplorers:.*?\n  \}", re.DOTALL).search
_urls = re.compile(r"\burl:\s*['\"](.*?)['\"]").findall


def read_evm(sources: Path) -> Iterator[Row]:
    """Give every chain of viem by its number, test networks too; several definitions of a number give one row."""
    seen: dict[int, Row] = {}
    for path in sorted((sources / DEFINITIONS).glob("*.ts")):
        if path.stem in NOT_CHAINS:
            continue
        number, row = _read(path)
        seen.setdefault(number, row)
    yield from (seen[number] for number in sorted(seen))


def _read(path: Path) -> tuple[int, Row]:
    text = path.read_text()
    number, name, symbol, coin = _id(text), _name(text), _symbol(text), _coin(text)
    if not (number and name and symbol and coin):
        raise ValueError(f"{path.name} is written in a way that is not read here")
    chain = int(number[1].replace("_", ""))
    explorers = _explorers(text)
    slug = _kebab(path.stem)
    row = Row(f"eip155:{chain}", slug, name[2], symbol[2], "evm", ["evm", {}])
    row.native = native(row.symbol, 60 if row.symbol == "ETH" else None)
    row.native_name = coin[2]
    row.found = [] if path.stem == "mainnet" else [_kebab(path.stem, keep=True), path.stem]
    row.hosts = [host(url) for url in _urls(explorers[0])] if explorers else []
    row.testnet = "testnet: true" in text
    return chain, row


def _kebab(stem: str, *, keep: bool = False) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", stem).lower()
    return words if keep else words.removesuffix("-mainnet")
