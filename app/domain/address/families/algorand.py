"""Addresses of Algorand: 32 bytes and a checksum in base32.

The rule here: a key, an application's escrow and a signed program look alike, so no kind is told and no point of a
curve is asked for.
"""

import hashlib
from typing import Final

from app.domain.address.codecs import base32
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_LENGTH: Final = 58  # characters
_CHECKSUM: Final = 4  # bytes: the end of SHA-512/256 over the others


class Algorand:
    """Accounts of every network of Algorand: they do not name their network."""

    starts = base32.UPPER

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_character, bad_length, bad_padding, bad_checksum.
        """
        raw = base32.decode(text, length=_LENGTH)
        if _checksum(raw[:-_CHECKSUM]) != raw[-_CHECKSUM:]:
            raise refusal("bad_checksum")
        return Address(self.family, text, VERIFIED, "account")

    def sample(self, seed: bytes) -> str:
        """Return the account whose key is `seed`, 32 bytes."""
        return base32.encode(seed + _checksum(seed))


def _checksum(key: bytes) -> bytes:
    return hashlib.new("sha512_256", key).digest()[-_CHECKSUM:]
