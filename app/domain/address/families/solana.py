"""Addresses of Solana: 32 bytes in base58.

The rule here: there is no checksum, and a point off the curve is a lawful address (programs, token accounts), so
only shape can be checked and the answer says so.
"""

from typing import Final

from app.domain.address.codecs import base58
from app.domain.address.identity import ABSENT, Address

_SIZE: Final = 32


class Solana:
    """Accounts, programs and token accounts."""

    starts = base58.BITCOIN.decode()

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_character, bad_length.
        """
        base58.decode(text, _SIZE)
        return Address(self.family, text, ABSENT, "account")

    def sample(self, seed: bytes) -> str:
        """Return the account whose key is `seed`, 32 bytes."""
        return base58.encode(seed)
