"""Addresses of Sia: the 32 bytes of an unlock hash and six of their BLAKE2b, in hexadecimal.

The rule here: the canonical text is lower case.
"""

import hashlib
import re
from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_HASH: Final = 32  # bytes
_CHECKSUM: Final = 6
_digits: Final = re.compile(r"[0-9a-f]*").fullmatch


class Sia:
    """Unlock hashes."""

    starts = "0123456789abcdefABCDEF"

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: bad_character, mixed_case, bad_length, bad_checksum.
        """
        if not _digits(text.lower()):
            raise refusal("bad_character")
        lower = bech32.one_case(text)
        if len(lower) != 2 * (_HASH + _CHECKSUM):
            raise refusal("bad_length")
        raw = bytes.fromhex(lower)
        if _checksum(raw[:_HASH]) != raw[_HASH:]:
            raise refusal("bad_checksum")
        return Address(self.family, lower, VERIFIED, "account")

    def sample(self, seed: bytes) -> str:
        """Return the address whose unlock hash is `seed`."""
        return (seed + _checksum(seed)).hex()


def _checksum(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_HASH).digest()[:_CHECKSUM]
