"""A row of the registry while it is being built, and the names that find it.

The rule here: a name leads to one chain. Written names that clash are an error; a name taken from a source gives way
to written ones and to the chain that stands before it.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

MAX_HOSTS = 4
# Native to a few chains, which are not meant when one of these is named.
MISLEADING = frozenset({"USDC", "USDT", "GHO", "DAI"})
NO_ASSETS = frozenset({"USD", "TEST"})  # stand where a chain has no native asset
# A name of a source that says which chain is meant.
is_telling = re.compile(r"(?!(?:mainnet|main|test|testnet|devnet)$)[a-z0-9][-_.:a-z0-9]{2,}").fullmatch


@dataclass
class Row:
    """One chain.

    `native` is the asset part of the CAIP-19 id, "" for none; `native_symbol` and `native_name` are how that asset is
    called, which `symbol` repeats unless it would mislead; `found` are names that a source gives.
    """

    caip2: str
    slug: str
    name: str
    symbol: str
    family: str
    form: list[Any]
    native: str = ""
    native_symbol: str = ""
    native_name: str = ""
    aliases: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    sample: str = ""
    testnet: bool = False

    def to_document(self) -> dict[str, Any]:
        """Return what the registry's file says of the chain."""
        document = asdict(self)
        for private in ("found", "native_symbol", "native_name"):
            del document[private]
        document["native"] = f"{self.caip2}/{self.native}" if self.native else ""
        document["hosts"] = list(dict.fromkeys(self.hosts))[:MAX_HOSTS]
        if not self.testnet:
            del document["testnet"]
        return document


def native(symbol: str, slip44: int | None = None) -> str:
    """Return the asset part of a native asset: its SLIP-44 number, else its symbol."""
    if slip44 is not None:
        return f"slip44:{slip44}"
    kept = "".join(letter for letter in symbol.lower() if letter.isascii() and (letter.isalnum() or letter in "-."))
    return f"native:{kept}" if kept else ""


def host(url: str) -> str:
    """Return the host of an explorer's address, in lower case and without "www."."""
    return (urlsplit(url if "//" in url else f"//{url}").hostname or "").removeprefix("www.")


def settle_names(rows: Iterable[Row]) -> None:
    """Give every chain the aliases that no other has. Raises ValueError where written names clash."""
    rows = list(rows)
    taken: dict[str, str] = {}
    named = [(name.lower(), row.slug) for row in rows for name in (row.caip2, row.slug, *row.aliases)]
    clashes = [
        f"{name} is of {taken[name]} and of {slug}" for name, slug in named if taken.setdefault(name, slug) != slug
    ]
    if clashes:
        raise ValueError("; ".join(clashes))
    for row in rows:
        fresh = dict.fromkeys(name.lower() for name in row.found if is_telling(name.lower()))
        row.aliases += [name for name in fresh if taken.setdefault(name, row.slug) == row.slug]
        row.aliases = [name for name in dict.fromkeys(row.aliases) if name not in (row.caip2.lower(), row.slug)]
