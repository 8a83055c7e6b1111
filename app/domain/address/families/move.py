"""Accounts of the chains with Move (Aptos, Sui, Movement, IOTA): 32 bytes in hexadecimal.

The rule here: the canonical text has all 64 digits; a few leading zeros may be missing, as some wallets drop them, but
no more, because a longer gap is a text that lost its end or an Ethereum account. There is no checksum.
Standard: AIP-40, and its short form for the addresses 0x0 to 0xf.
"""

from typing import Final

from app.domain.address.codecs import hexadecimal
from app.domain.address.identity import ABSENT, Address

_DIGITS: Final = 64


class Move:
    """Accounts and objects of one chain; `missing` leading zeros may be left out."""

    starts = "0123456789abcdefABCDEF"

    def __init__(self, family: str, missing: int = 4) -> None:
        self.family = family
        self._missing = missing

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_character, bad_length.
        """
        if not hexadecimal.is_marked(text):
            return self._address(hexadecimal.lower(text, _DIGITS))
        digits = hexadecimal.unmarked(text)
        special = len(digits) == 1
        return self._address(hexadecimal.filled(digits, _DIGITS, _DIGITS - 1 if special else self._missing))

    def sample(self, seed: bytes) -> str:
        """Return the account whose bytes are `seed`, 32 bytes."""
        return "0x" + seed.hex()

    def _address(self, digits: str) -> Address:
        return Address(self.family, "0x" + digits, ABSENT, "account")
