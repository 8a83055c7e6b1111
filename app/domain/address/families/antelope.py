"""Accounts of Antelope's chains (EOS, WAX, Telos, FIO, ...): names of up to 13 characters.

The rule here: a name is a number of 64 bits in letters, so the 13th character has four bits only, and a trailing dot
would be another spelling of the same number. A public key is no account: one key may hold many.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from app.domain.address.identity import ABSENT, Address
from app.domain.address.refusals import refusal

_LONGEST: Final = 13  # characters
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz12345"
_SAMPLE: Final = 12  # characters of an account that is not bought
_characters: Final = re.compile(r"[.1-5a-z]*").fullmatch
_last: Final = re.compile(r"[1-5a-j]").fullmatch


class Antelope:
    """Accounts of one chain, whose public keys begin with one of `keys`."""

    starts = "." + _LETTERS

    def __init__(self, family: str, keys: Sequence[str] = ("EOS", "PUB_")) -> None:
        self.family = family
        self._keys = tuple(keys)

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: unsupported (a public key), bad_character, bad_length, bad_padding (a trailing dot).
        """
        if text.startswith(self._keys):
            raise refusal("unsupported", "This is a public key, which may hold many accounts: give the account's name.")
        if not _characters(text):
            raise refusal("bad_character")
        if len(text) > _LONGEST:
            raise refusal("bad_length")
        if text.endswith("."):
            raise refusal("bad_padding", "A name does not end in a dot: copy it again.")
        if len(text) == _LONGEST and not _last(text[-1]):
            raise refusal("bad_character", "The thirteenth character of a name is 1 to 5 or a to j: copy it again.")
        return Address(self.family, text, ABSENT, "name")

    def sample(self, seed: bytes) -> str:
        """Return a name of 12 characters made from `seed`, 32 bytes."""
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in sha256(seed).digest()[:_SAMPLE])
