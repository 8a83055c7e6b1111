"""Addresses that are a word and base58check without a version: Aeternity's ak_ and ct_.

The rule here: the word says the kind and is outside the checksum, so it is read to the letter.
"""

from collections.abc import Mapping
from typing import Final

from app.domain.address.codecs import base58
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_CHECKSUM: Final = 4


class Prefixed58:
    """Words, each with its kind, before `size` bytes and their checksum."""

    def __init__(self, family: str, words: Mapping[str, str], size: int = 32) -> None:
        self.family = family
        self.starts = "".join(sorted({word[0] for word in words}))
        self._words = dict(words)
        self._size = size

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: bad_prefix, bad_character, bad_length, bad_checksum.
        """
        word = next((word for word in self._words if text.startswith(word)), None)
        if word is None:
            raise refusal("bad_prefix")
        base58.decode_check(text[len(word) :], self._size + _CHECKSUM)
        return Address(self.family, text, VERIFIED, self._words[word])

    def sample(self, seed: bytes) -> str:
        """Return the address, with the first word, of the payload that `seed` (32 bytes) begins with."""
        return next(iter(self._words)) + base58.encode_check(seed[: self._size])
