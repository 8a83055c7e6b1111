"""Addresses of Nano and its forks: a key and a checksum in an alphabet of their own.

The rule here: all prefixes of a chain name the same account, and the first is canonical; the four bits before the key
are zero.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from app.domain.address.codecs import base32
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_ALPHABET: Final = "13456789abcdefghijkmnopqrstuwxyz"
_TABLE: Final = base32.digits(_ALPHABET)
_LENGTH: Final = 60  # characters after the prefix: 4 bits of zero, 256 of key, 40 of checksum
_CHECKSUM: Final = 5  # bytes of BLAKE2b, the last first
_KEY: Final = 32


class Nano:
    """Accounts under `prefixes`, such as "nano_" and "xrb_"."""

    def __init__(self, family: str, prefixes: Sequence[str]) -> None:
        self.family = family
        self._prefixes = tuple(prefixes)
        self.starts = "".join(prefix[0] for prefix in prefixes)

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_prefix, bad_character, bad_length, bad_padding, bad_checksum.
        """
        body = self._body(text)
        number = base32.value(body, _TABLE)
        if len(body) != _LENGTH:
            raise refusal("bad_length")
        if number >> 8 * (_KEY + _CHECKSUM):
            raise refusal("bad_padding")
        raw = number.to_bytes(_KEY + _CHECKSUM, "big")
        if _checksum(raw[:_KEY]) != raw[_KEY:]:
            raise refusal("bad_checksum")
        return Address(self.family, self._prefixes[0] + body, VERIFIED, "account")

    def sample(self, seed: bytes) -> str:
        """Return the account whose key is `seed`, 32 bytes."""
        number = int.from_bytes(seed + _checksum(seed), "big")
        return self._prefixes[0] + base32.spell(number, _LENGTH, _ALPHABET)

    def _body(self, text: str) -> str:
        for prefix in self._prefixes:
            if text.startswith(prefix):
                return text[len(prefix) :]
        raise refusal("bad_prefix")


def _checksum(key: bytes) -> bytes:
    return blake2b(key, digest_size=_CHECKSUM).digest()[::-1]
