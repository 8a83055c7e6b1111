"""The registry: every chain and asset that has a name here, and how to find one by any of its names.

The rule here: rows are facts, generated into `registry.json` by `tools/registry/build.py`; one chain has one row, and
what a text must look like is in `families`. The file is read when the first name is looked for.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from operator import itemgetter
from typing import Any, Final, TypeVar

from app.domain.address.chain import Asset, Chain
from app.domain.address.families.opaque import Opaque
from app.domain.address.forms import make_form

ANY_EVM: Final = "eip155:0"
"""The key on whatever EVM chain: chain id 0 of the CAIP-10 profile of eip155."""

_is_caip2: Final = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}").fullmatch
_eip155: Final = re.compile(r"eip155:(0|[1-9][0-9]*)").fullmatch
_FEW: Final = 5  # chains that a sentence names; characters that a name may lack
_LONGEST_NAME: Final = 40  # characters of a name for which a near one is sought


@cache
def _rows() -> Mapping[str, Any]:
    rows: Mapping[str, Any] = json.loads(files(__package__).joinpath("registry.json").read_bytes())
    return rows


@cache
def registry_digest() -> bytes:
    """Return the SHA-256 of the registry: another one may read addresses otherwise."""
    return sha256(files(__package__).joinpath("registry.json").read_bytes()).digest()


@cache
def chains() -> tuple[Chain, ...]:
    """Return every chain, the most used first and the test networks last."""
    return tuple(_chain(row) for row in _rows()["chains"])


def _chain(row: Mapping[str, Any]) -> Chain:
    form, parameters = row["form"]
    return Chain(
        row["caip2"],
        row["slug"],
        row["name"],
        row["family"],
        row["native"],
        row["symbol"],
        make_form(form, row["family"], parameters),
        row["sample"],
        tuple(row["aliases"]),
        tuple(row["hosts"]),
        row.get("testnet", False),
    )


@cache
def assets() -> tuple[Asset, ...]:
    """Return every asset: of each chain its native one, and the tokens that are worth a name."""
    return tuple(Asset(*row) for row in _rows()["assets"])


@cache
def _names() -> Mapping[str, Chain]:
    names = {name: chain for chain in chains() for name in (chain.caip2, chain.slug, *chain.aliases)}
    for chain in chains():
        if chain.symbol and not chain.testnet:
            names.setdefault(chain.symbol.lower(), chain)
    return names


@cache
def _homes() -> Mapping[str, tuple[str, ...]]:
    """Return for each asset's symbol, in lower case, the chains that it is on."""
    homes: dict[str, set[str]] = {}
    for asset in assets():
        homes.setdefault(asset.symbol.lower(), set()).add(asset.chain)
    places = {chain.caip2: place for place, chain in enumerate(chains())}
    return {symbol: tuple(sorted(found, key=places.__getitem__)) for symbol, found in homes.items()}


@cache
def hosts() -> Mapping[str, tuple[Chain, ...]]:
    """Return for each host of a block explorer the chains that it shows."""
    shown: dict[str, list[Chain]] = {}
    for chain in chains():
        for host in chain.hosts:
            shown.setdefault(host, []).append(chain)
    return {host: tuple(found) for host, found in shown.items()}


def find_chain(name: str) -> Chain | None:
    """Return the chain of a CAIP-2 id, slug, alias or ticker, or of an asset's CAIP-19 id; None when there is none.

    Slugs, aliases and tickers are found in any case; a ticker that is native to many chains finds the first of the
    registry, a token's only when the token is on one chain. A well-formed CAIP-2 id outside the registry is an EVM
    chain when its namespace is eip155, else a chain of opaque addresses.
    """
    known = _names().get(name) or _names().get(name.lower())
    if known:
        return known
    caip2, asset, _ = name.partition("/")
    if asset:
        return find_chain(caip2) if ":" in caip2 else None
    if _is_caip2(name):
        return _unlisted(name)
    homes = _homes().get(name.lower(), ())
    return _names()[homes[0]] if len(homes) == 1 else None


def _unlisted(caip2: str) -> Chain | None:
    if caip2.startswith("eip155:"):
        form = make_form("evm", "evm", {})
        return Chain(caip2, caip2, f"EVM chain {caip2[7:]}", form.family, "", "", form) if _eip155(caip2) else None
    form = Opaque(caip2)
    return Chain(caip2, caip2, caip2, form.family, "", "", form)


def explain_unknown(name: str) -> str:
    """Return the sentence for a name that `find_chain` does not know: where the token is, or which names are near."""
    advice = "give a CAIP-2 id such as eip155:1 or a slug such as bitcoin."
    homes = _homes().get(name.lower(), ())
    if homes:
        few = ", ".join(_names()[caip2].slug for caip2 in homes[:_FEW])
        return f"is a token of {len(homes)} chains: state which of them ({few}{', ...' if len(homes) > _FEW else ''})."
    near = _near(name.lower()) if len(name) <= _LONGEST_NAME else ()
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"is not known; {advice}{hint}"


@lru_cache(maxsize=1024)
def _near(name: str) -> tuple[str, ...]:
    """Return names that are nearly this one: as they begin alike, a thirtieth of all is compared."""
    alike = [known for known in _names() if known[:1] == name[:1] and abs(len(known) - len(name)) <= _FEW]
    return tuple(get_close_matches(name, alike, n=3))


def search_chains(wanted: str) -> list[Chain]:
    """Return the chains with the text in a name, id or symbol, those first that are called just so."""
    return _matching(
        chains(), wanted, lambda chain: (chain.symbol, chain.slug, chain.caip2, chain.name, *chain.aliases)
    )


def search_assets(wanted: str) -> list[Asset]:
    """Return the assets with the text in their symbol, name or id, those first that are called just so."""
    return _matching(assets(), wanted, lambda row: (row.symbol, row.name, row.caip19))


_Named = TypeVar("_Named", Chain, Asset)


def _matching(rows: Iterable[_Named], wanted: str, names: Callable[[_Named], tuple[str, ...]]) -> list[_Named]:
    wanted = wanted.lower()
    found = [(row, [name.lower() for name in names(row)]) for row in rows]
    matching = [(bool(wanted) and wanted not in known, row) for row, known in found if any(wanted in n for n in known)]
    return [row for _, row in sorted(matching, key=itemgetter(0))]
