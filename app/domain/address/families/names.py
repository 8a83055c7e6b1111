"""Accounts that are names: Graphene's chains (Hive, Steem, BitShares, ...) and IOST.

The rule here: a name has no checksum and may be an ordinary word, which its kind, "name", tells. The rules of names are
those of each chain's node, not of its wallets.
"""

import re
from hashlib import sha256
from typing import Final

from app.domain.address.codecs import base58
from app.domain.address.identity import ABSENT, Address
from app.domain.address.refusals import refusal

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_characters: Final = re.compile(r"[-.a-z0-9]*").fullmatch
_label: Final = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?").fullmatch
_iost_name: Final = re.compile(r"[a-z0-9_]{5,11}").fullmatch
_KEY: Final = 32


class Graphene:
    """Names of labels with dots between: a letter first, a letter or digit last, dashes inside.

    `shortest` holds for each label, `longest` for the name. Source: is_valid_account_name of Hive and Steem (3, 16),
    is_valid_name of BitShares (1, 63).
    """

    starts = _LETTERS

    def __init__(self, family: str, shortest: int = 3, longest: int = 16) -> None:
        self.family = family
        self._shortest = shortest
        self._longest = longest

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_character (also in a place where it may not stand), bad_length.
        """
        if not _characters(text):
            raise refusal("bad_character")
        labels = text.split(".")
        if len(text) > self._longest or min(map(len, labels)) < self._shortest:
            raise refusal("bad_length")
        if not all(map(_label, labels)):
            raise refusal(
                "bad_character",
                "Each part of a name begins with a letter and ends with a letter or digit: copy it again.",
            )
        return Address(self.family, text, ABSENT, "name")

    def sample(self, seed: bytes) -> str:
        """Return a name made from `seed`, 32 bytes."""
        return ("w" + sha256(seed).hexdigest())[: self._longest]


class Iost:
    """Names of 5 to 11 characters, and public keys of 32 bytes in base58, which wallets show before there is a name."""

    starts = base58.BITCOIN.decode() + "0_l"

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the account or key in `text`.

        Raises InvalidAddress: bad_character, bad_length.
        """
        if _iost_name(text):
            return Address(self.family, text, ABSENT, "name")
        base58.decode(text, _KEY)
        return Address(self.family, text, ABSENT, "key")

    def sample(self, seed: bytes) -> str:
        """Return the key `seed`, 32 bytes."""
        return base58.encode(seed)
