"""The chains of Substrate with accounts in SS58, as the SS58 registry describes them.

The rule here: the id of a chain is its genesis hash where one is published, else `ss58:<network>`; chains whose
accounts are Ethereum's are read as EVM chains.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from tools.registry.rows import Row, host, native

REGISTRY = "paritytech+ss58-registry/ss58-registry.json"
GENESIS = "polkadot-js+common/packages/networks/src/defaults/genesis.ts"
NOT_CHAINS = frozenset({"reserved46", "reserved47", "BareSr25519", "BareEd25519", "BareSecp256k1", "substrate"})
# The second name of a network in the list of genesis hashes.
GENESIS_NAMES = {"dock-pos-mainnet": "dock-mainnet", "quartz_mainnet": "quartz", "unique_mainnet": "unique"}

_is_test = re.compile(r"test|alphaville|sydney|incognito").search
_entries = re.compile(r"^  '?([\w-]+)'?: \[\s*(?://.*\s*)?'0x([0-9a-f]{64})'", re.MULTILINE).findall


def read_substrate(sources: Path) -> Iterator[Row]:
    """Give every network with an account form of 32 bytes, by its prefix; test networks are left out."""
    genesis = dict(_entries((sources / GENESIS).read_text()))
    registry = json.loads((sources / REGISTRY).read_text())["registry"]
    for network in registry:
        name = network["network"]
        if (
            name in NOT_CHAINS
            or network["standardAccount"] == "secp256k1"
            or _is_test(f"{name} {network['displayName']}".lower())
        ):
            continue
        slug = name.lower().replace("_", "-").removesuffix("-mainnet")
        known = genesis.get(GENESIS_NAMES.get(name, name))
        caip2 = f"polkadot:{known[:32]}" if known else f"ss58:{name}"
        symbol = next(iter(network["symbols"]), "")
        row = Row(caip2, slug, network["displayName"], symbol, "ss58", ["ss58", {"prefix": network["prefix"]}])
        row.native, row.native_name = native(symbol), network["displayName"]
        row.found = [name, f"ss58:{name}", f"ss58:{network['prefix']}"]
        row.hosts = [host(f"https://{slug}.subscan.io")] if known else []
        yield row
