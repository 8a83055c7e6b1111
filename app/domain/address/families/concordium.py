"""Addresses of Concordium: 32 bytes in base58check, the last three of which are an alias of the same account.

The rule here: the canonical text is the alias as it was given; the account is the 29 bytes that all aliases share
(since protocol version 3).
"""

from typing import Final

from app.domain.address.families.base58check import Base58Check
from app.domain.address.identity import VERIFIED, Address

_SHARED: Final = 29  # bytes


class Concordium:
    """Accounts and their aliases."""

    def __init__(self, family: str) -> None:
        self.family = family
        self._form = Base58Check(family, {"01": "account"}, size=32)
        self.starts = self._form.starts

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_character, bad_length, bad_checksum, bad_version.
        """
        kind, payload = self._form.payload(text)
        return Address(self.family, text, VERIFIED, kind, None, payload[:_SHARED].hex())

    def sample(self, seed: bytes) -> str:
        """Return the account whose 32 bytes are `seed`."""
        return self._form.sample(seed)
