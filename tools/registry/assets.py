"""The tokens that are worth a name, from the lists of several wallets and exchanges.

The rule here: an address comes from a list, never from memory, and must be an address of its chain; what stands in
more lists comes first, and a chain has no more tokens than its place allows. Of the tokens of a chain with one symbol,
those that stand in few lists beside the first are left out: they are other tokens, and often made to be mistaken.
Where one list alone knows each of them, none is named.
"""

import csv
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOLANA = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
STELLAR = "stellar:pubnet"
SYSTEM = "1" * 32  # stands for SOL in some lists
SOLANA_NUMBERS = frozenset({101, -1, 1151111081099710, 1000000001})
NATIVE = "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
is_contract = re.compile(r"0x(?!0{36})[0-9a-f]{40}").fullmatch
KNOWN, SEVERAL = 10, 2  # what a wanted symbol weighs, in lists, when it stands in several
MAX_SYMBOL, MAX_NAME = 16, 48
FACTS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("tokens.toml").read_text())
WANTED = frozenset(FACTS["wanted"])


@dataclass
class Token:
    """One token of one chain: its CAIP-19 id, its contract or issuer as a list writes it, and the lists that have it.

    Of the spellings of a contract one with a checksum is kept, so that it is proved.
    """

    caip19: str
    contract: str
    symbol: str
    name: str
    lists: set[str] = field(default_factory=set)

    @property
    def weight(self) -> int:
        """Return how much it is worth a name."""
        known = self.symbol.upper() in WANTED
        return len(self.lists) + (KNOWN if known and len(self.lists) >= SEVERAL else known)


Tokens = dict[str, dict[str, Token]]


def read_tokens(sources: Path) -> Tokens:
    """Return the tokens of all lists, by CAIP-2 id and then by CAIP-19 id."""
    tokens: Tokens = {}
    for source, chain, address, found_symbol, found_name in _all(sources):
        caip19 = _caip19(chain, address)
        symbol, name = found_symbol.strip(), " ".join(found_name.split())
        if caip19 and _is_word(symbol, MAX_SYMBOL) and "/" not in symbol and _is_word(name, MAX_NAME):
            token = tokens.setdefault(chain, {}).setdefault(
                caip19, Token(caip19, address.rpartition("-")[2], symbol, name)
            )
            token.lists.add(source)
            token.contract = max(token.contract, address.rpartition("-")[2], key=_is_mixed)
    return tokens


def choose(tokens: Mapping[str, Token], limit: int) -> list[Token]:
    """Return the `limit` tokens of one chain that are worth a name most."""
    ranked = sorted(tokens.values(), key=lambda token: (-token.weight, token.caip19))
    best: dict[str, int] = {}
    for token in ranked:
        best.setdefault(token.symbol.upper(), len(token.lists))
    same = Counter(token.symbol.upper() for token in ranked)
    return [token for token in ranked if _is_meant(token, best, same)][:limit]


def _is_meant(token: Token, best: Mapping[str, int], same: Mapping[str, int]) -> bool:
    lists, symbol = len(token.lists), token.symbol.upper()
    return 2 * lists > best[symbol] and (lists > 1 or same[symbol] == 1)


def written_tokens() -> list[list[str]]:
    """Return the rows of tokens.toml."""
    rows: list[list[str]] = FACTS["tokens"]
    return rows


def _is_mixed(address: str) -> bool:
    return address not in (address.lower(), f"0x{address[2:].upper()}")


def _is_word(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and text.isprintable() and "�" not in text


def _caip19(chain: str, address: str) -> str:
    if chain == SOLANA:
        return f"{chain}/token:{address}" if address != SYSTEM else ""
    if chain == STELLAR:
        return f"{chain}/asset:{address}"
    lower = address.lower()
    return f"{chain}/erc20:{lower}" if is_contract(lower) and lower != NATIVE else ""


Found = tuple[str, str, str, str, str]  # list, CAIP-2 id, address as it stands there, symbol, name


def _all(sources: Path) -> Iterator[Found]:
    yield from _metamask(sources)
    yield from _lists(sources, "viaprotocol+tokenlists/tokenlists", "*.json", _via)
    yield from _lists(sources, "SmolDapp+tokenLists/lists", "[0-9]*/*.json", lambda path, _: f"smol {path.stem}")
    yield from _lists(sources, "cowprotocol+token-lists/src/public", "Co*.json", lambda path, _: f"cow {path.stem[:9]}")
    yield from _lists(
        sources, "cowprotocol+token-lists/src/public", "*Solana*.json", lambda path, _: f"cow {path.stem}"
    )
    yield from _lists(sources, "pancakeswap+token-list/lists", "*.json", lambda path, _: f"pancake {path.stem[:14]}")
    yield from _lists(sources, "ethereum-optimism+ethereum-optimism.github.io", "optimism.tokenlist.json", _same)
    yield from _lists(sources, "bgd-labs+aave-address-book", "tokenlist.json", _aave)
    with (sources / "jup-ag+token-list/validated-tokens.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield "jupiter", SOLANA, row["Mint"], row["Symbol"], row["Name"]


def _metamask(sources: Path) -> Iterator[Found]:
    for path in sorted((sources / "MetaMask+contract-metadata/metadata").glob("*/*.json")):
        kind, _, address = path.stem.partition(":")
        if kind in ("erc20", "token", "asset"):
            token = json.loads(path.read_text())
            yield "metamask", path.parent.name, address, token["symbol"], token["name"]


def _same(path: Path, _: Mapping[str, Any]) -> str:
    return path.stem


def _via(_: Path, token: Mapping[str, Any]) -> str:
    return " ".join(["via", *sorted(token.get("listedIn", []))])


def _aave(_: Path, token: Mapping[str, Any]) -> str:
    return "aave" if "underlying" in token.get("tags", []) else ""


def _lists(
    sources: Path, folder: str, pattern: str, source: Callable[[Path, Mapping[str, Any]], str]
) -> Iterator[Found]:
    for path in sorted((sources / folder).glob(pattern)):
        document = json.loads(path.read_text())
        tokens = document.get("tokens", []) if isinstance(document, dict) else document
        for token in tokens:
            number, address, name = token.get("chainId"), token.get("address", ""), source(path, token)
            chain = SOLANA if number in SOLANA_NUMBERS else f"eip155:{number}"
            if name and isinstance(number, int) and isinstance(address, str):
                yield name, chain, address, token.get("symbol") or "", token.get("name") or ""
