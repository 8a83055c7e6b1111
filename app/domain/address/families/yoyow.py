"""Accounts of YOYOW: numbers whose last byte checks the others.

The rule here: one byte finds 255 of 256 wrong numbers and no more, so the kind, "number", tells that the text may be an
ordinary one although its check is right. Source: calc_account_uid of yoyow-core.
"""

from hashlib import sha256
from typing import Final

from app.domain.address.codecs import decimal
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_NUMBERS: Final = 1 << 64  # accounts are below
_ID: Final = 7  # bytes before the check


class Yoyow:
    """Accounts by number."""

    starts = "0123456789"

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_character, bad_length, bad_padding (leading zeros), bad_checksum.
        """
        number = decimal.decode(text, _NUMBERS)
        if number != _checked(number >> 8):
            raise refusal("bad_checksum")
        return Address(self.family, text, VERIFIED, "number")

    def sample(self, seed: bytes) -> str:
        """Return the account whose number is taken from `seed`, 32 bytes."""
        return str(_checked(int.from_bytes(seed[:_ID], "big")))


def _checked(number: int) -> int:
    return number << 8 | sha256(number.to_bytes(8, "little")).digest()[0]
