"""Addresses: one identity for each, whatever the spelling, and a stated reason for each text that is none.

The rule here: this is all that the rest of the house imports from the package.
"""

from app.domain.address.chain import Chain
from app.domain.address.chains import chains, find_chain
from app.domain.address.identity import Address, address_key
from app.domain.address.reading import display, parse, readings

__all__ = ["Address", "Chain", "address_key", "chains", "display", "find_chain", "parse", "readings"]
