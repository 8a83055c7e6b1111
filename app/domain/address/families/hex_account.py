"""Accounts that are a prefix and hexadecimal digits, without a checksum: Icon, Kadena, Aion.

The rule here: the prefix says what the account is and is part of the canonical text; digits are in small letters.
"""

from collections.abc import Mapping, Sequence

from app.domain.address.codecs import hexadecimal
from app.domain.address.identity import ABSENT, Address
from app.domain.address.refusals import refusal


class HexAccount:
    """Accounts of `digits` hexadecimal digits after a prefix.

    `prefixes` is prefix to kind; `unread` are prefixes of accounts that the chain has and this form cannot check.
    """

    def __init__(self, family: str, prefixes: Mapping[str, str], digits: int, unread: Sequence[str] = ()) -> None:
        self.family = family
        self._prefixes = dict(prefixes)
        self._digits = digits
        self._unread = tuple(unread)
        self.starts = "".join({prefix[0]: None for prefix in prefixes})

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_prefix, unsupported, bad_character, bad_length.
        """
        for prefix, kind in self._prefixes.items():
            if text.startswith(prefix):
                body = hexadecimal.lower(text[len(prefix) :], self._digits)
                return Address(self.family, prefix + body, ABSENT, kind)
        raise refusal("unsupported" if text.startswith(self._unread) else "bad_prefix")

    def sample(self, seed: bytes) -> str:
        """Return the account of the first kind whose digits are taken from `seed`, 32 bytes."""
        return next(iter(self._prefixes)) + seed.hex()[: self._digits]
