"""Addresses of NULS: the chain's word, then its number, a type and 20 bytes in base58, closed by one byte of parity.

The rule here: the word is the chain's and so is the number; a parity byte lets one typo in 256 through, so the answer
is as weak as that. Reference: nuls-v2 `AddressTool`.
"""

from functools import reduce
from operator import xor
from typing import Final

from app.domain.address.codecs import base58
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_SIZE: Final = 24  # bytes: number, type, hash, parity
_HASH: Final = 20
_KINDS: Final = {1: "account", 2: "contract", 3: "multisig"}


class Nuls:
    """Addresses of the chain with `word` (its prefix and the letter that tells the prefix's length) and `number`."""

    def __init__(self, family: str, word: str = "NULSd", number: int = 1) -> None:
        self.family = family
        self.starts = word[0]
        self._word = word
        self._number = number.to_bytes(2, "little")

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: bad_prefix, bad_character, bad_length, bad_checksum, bad_version.
        """
        if not text.startswith(self._word):
            raise refusal("bad_prefix")
        raw = base58.decode(text[len(self._word) :], _SIZE)
        if reduce(xor, raw):
            raise refusal("bad_checksum")
        kind = _KINDS.get(raw[2])
        if raw[:2] != self._number or kind is None:
            raise refusal("bad_version")
        return Address(self.family, text, VERIFIED, kind)

    def sample(self, seed: bytes) -> str:
        """Return the account of the hash that `seed` begins with."""
        body = self._number + b"\1" + seed[:_HASH]
        return self._word + base58.encode(body + bytes([reduce(xor, body)]))
