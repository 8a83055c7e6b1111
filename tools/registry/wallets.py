"""What wallet-core's registry adds: its names of chains, and their explorers.

The rule here: it adds to chains that another source has, and makes none.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.registry.cosmos import reference
from tools.registry.rows import Row, host

REGISTRY = "trustwallet+wallet-core/registry.json"
COSMOS = frozenset({"Cosmos", "NativeEvmos", "NativeInjective", "Thorchain"})


def add_wallet_names(sources: Path, rows: Mapping[str, Row], slugs: Mapping[str, str]) -> None:
    """Add ids and explorers to `rows`, by CAIP-2 id; `slugs` is wallet-core's id to the slug of chains without one."""
    by_slug = {row.slug: row for row in rows.values()}
    for coin in json.loads((sources / REGISTRY).read_text()):
        row = rows.get(_caip2(coin)) or by_slug.get(slugs.get(coin["id"], coin["id"].lower()))
        if row and not coin.get("deprecated"):
            row.found += [coin["id"].lower(), coin["id"].lower().replace("_", "-")]
            row.hosts.append(host(coin["explorer"]["url"]))


def _caip2(coin: Mapping[str, Any]) -> str:
    chain = coin.get("chainId", "")
    if coin["blockchain"] in COSMOS:
        return reference(chain)
    return f"eip155:{chain}" if chain.isdigit() and coin["blockchain"] not in ("Aptos", "Vechain") else ""
