"""Addresses: one identity for each, whatever the spelling, and a stated reason for each text that is none.

The rule here: this is all that the rest of the house imports from the package.
"""

from app.domain.address.chain import Asset, Chain
from app.domain.address.cleaning import LONGEST_WRAPPING, interpret
from app.domain.address.identity import Address, address_key
from app.domain.address.reading import Reading, display, kept_key, parse, parse_many, readings
from app.domain.address.registry import (
    ANY_EVM,
    assets,
    chains,
    explain_unknown,
    find_chain,
    registry_digest,
    search_assets,
    search_chains,
)
from app.domain.address.suggestions import MOST_SUGGESTIONS, suggest

__all__ = [
    "ANY_EVM",
    "LONGEST_WRAPPING",
    "MOST_SUGGESTIONS",
    "Address",
    "Asset",
    "Chain",
    "Reading",
    "address_key",
    "assets",
    "chains",
    "display",
    "explain_unknown",
    "find_chain",
    "interpret",
    "kept_key",
    "parse",
    "parse_many",
    "readings",
    "registry_digest",
    "search_assets",
    "search_chains",
    "suggest",
]
