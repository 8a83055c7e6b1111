"""The chains of the Cosmos SDK, and what is held on them, as the chain registry describes them.

The rule here: a chain whose keys are Ethereum's shares the identity space of EVM chains only when the source says so
(`key_algos`), or says nothing and numbers the chain as such chains do.
"""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools.registry.rows import MISLEADING, Row, host, native

REGISTRY = "cosmos+chain-registry"
# Not read: an example, accounts in Bitcoin's segwit form, the prefix of another chain, a prefix that is no prefix.
NOT_READ = frozenset({"examplechain", "bitway", "sidechain", "hipercapital", "commercionetwork", "safrochain", "lava"})
# Their contracts had 20 bytes, from counters that every such chain counts alike, so that they look like accounts.
SHORT_CONTRACTS = frozenset({"terra", "terra2", "secretnetwork"})
MAX_DENOM = 128

_is_reference = re.compile(r"(?!hashed-)[-a-zA-Z0-9]{1,32}").fullmatch
_is_evm_id = re.compile(r"[a-z]+_\d+-\d+").fullmatch


def read_cosmos(sources: Path, slips: dict[int, set[str]]) -> Iterator[tuple[Row, list[list[str]]]]:
    """Give each chain with its further assets, live ones first; `slips` confirms SLIP-44 numbers.

    Of a chain that ended, only what no living chain has (id and prefix) is given.
    """
    found = [_load(path) for path in sorted((sources / REGISTRY).glob("[a-z0-9]*/chain.json"))]
    chains = [chain for chain in found if chain.get("chain_type") == "cosmos" and chain["chain_name"] not in NOT_READ]
    live = [chain for chain in chains if chain["status"] == "live" and chain["network_type"] == "mainnet"]
    known = {chain["chain_id"] for chain in live} | {chain["bech32_prefix"] for chain in live}
    for chain in chains:
        if chain["status"] == "killed" and not known & {chain["chain_id"], chain["bech32_prefix"]}:
            known |= {chain["chain_id"], chain["bech32_prefix"]}
            live.append(chain)
    for chain in live:
        yield _row(sources, chain, slips)


def _load(path: Path) -> Any:
    return json.loads(path.read_text())


def reference(chain_id: str) -> str:
    """Return the CAIP-2 id of a chain id, by the profile of the namespace "cosmos"."""
    return f"cosmos:{chain_id if _is_reference(chain_id) else 'hashed-' + sha256(chain_id.encode()).hexdigest()[:16]}"


def _row(sources: Path, chain: dict[str, Any], slips: dict[int, set[str]]) -> tuple[Row, list[list[str]]]:
    slug, chain_id = chain["chain_name"], chain["chain_id"]
    path = sources / REGISTRY / slug / "assetlist.json"
    assets = _load(path)["assets"] if path.exists() else []
    staked = _native(chain, assets)
    symbol = staked.get("symbol", "").removesuffix(".legacy").removesuffix(".old")
    evm = _has_ethereum_keys(chain)
    kinds = {"evm": evm, "short_contracts": slug in SHORT_CONTRACTS}
    form = ["cosmos", {"hrp": chain["bech32_prefix"]} | {kind: True for kind, holds in kinds.items() if holds}]
    row = Row(reference(chain_id), slug, chain.get("pretty_name", slug), symbol, "evm" if evm else "cosmos", form)
    number = chain.get("slip44")
    row.native = native(symbol, number if symbol in slips.get(number or 0, ()) else None)
    if symbol in MISLEADING:
        row.native = f"denom:{_quoted(staked['base'])}"
    row.native_name = staked.get("name", row.name)
    row.found = [slug, chain_id, f"cosmos:{chain_id}", row.name.replace(" ", "-")]
    row.hosts = [host(explorer["url"]) for explorer in chain.get("explorers", []) if "url" in explorer]
    return row, list(_assets(row.caip2, assets, staked))


def _has_ethereum_keys(chain: dict[str, Any]) -> bool:
    if "key_algos" in chain:
        return bool(chain["key_algos"] == ["ethsecp256k1"])
    return chain.get("slip44") == 60 and bool(_is_evm_id(chain["chain_id"]))  # noqa: PLR2004 - Ethereum's number


def _native(chain: dict[str, Any], assets: list[dict[str, Any]]) -> dict[str, Any]:
    tokens = [*chain.get("staking", {}).get("staking_tokens", []), *chain.get("fees", {}).get("fee_tokens", [])]
    by_denom = {asset["base"]: asset for asset in assets}
    found = [by_denom[token["denom"]] for token in tokens if token["denom"] in by_denom]
    own = [asset for asset in assets if not asset["base"].startswith(("ibc/", "factory/"))]
    return next(iter([*found, *own]), {})


def _quoted(denom: str) -> str:
    return quote(denom, "").replace("_", "%5F").replace("~", "%7E")


def _assets(caip2: str, assets: list[dict[str, Any]], staked: dict[str, Any]) -> Iterator[list[str]]:
    for asset in assets:
        base = asset["base"]
        if asset is staked or base.startswith("ibc/") or not asset.get("coingecko_id") or "traces" in asset:
            continue
        kind, name = ("cw20", base.removeprefix("cw20:")) if base.startswith("cw20:") else ("denom", _quoted(base))
        if len(name) <= MAX_DENOM:
            yield [f"{caip2}/{kind}:{name}", asset["symbol"], asset["name"]]
