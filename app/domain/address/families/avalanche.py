"""Addresses of Avalanche's X, P and C chains in bech32, each after the letter of its chain.

The rule here: the letter says on which chain the coins are and the 20 bytes who holds the key, so the canonical text
keeps the letter and the account is the bytes. The letter is a capital. Source: avalanchego `utils/formatting/address`.
"""

from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.families.bech32 import read_symbols, write
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_ACCOUNT: Final = 20  # bytes
_SEPARATOR: Final = "-"


class Avalanche:
    """Accounts under `hrp` on the chains whose letters are in `chains`, as in X-avax1...."""

    def __init__(self, family: str, hrp: str = "avax", chains: str = "XPC") -> None:
        self.family = family
        self.starts = chains
        self._hrp = hrp

    def read(self, text: str) -> Address:
        """Return the address in `text`, whose kind names the chain.

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum, bad_padding.
        """
        letter, separator, body = text[:1], text[1:2], text[2:]
        if not letter or letter not in self.starts or separator != _SEPARATOR:
            raise refusal(
                "bad_prefix", f"An address of this chain begins with {self.starts[0]}-{self._hrp}1: give all of it."
            )
        payload = bech32.pack(read_symbols(body, self._hrp, bech32.BECH32))
        if len(payload) != _ACCOUNT:
            raise refusal("bad_length")
        canonical = f"{letter}-{body.lower()}"
        return Address(self.family, canonical, VERIFIED, f"{letter.lower()}-chain", None, payload.hex())

    def sample(self, seed: bytes) -> str:
        """Return the account of the first 20 bytes of `seed` on the first chain."""
        return f"{self.starts[0]}-{write(self._hrp, seed[:_ACCOUNT], bech32.BECH32)}"
