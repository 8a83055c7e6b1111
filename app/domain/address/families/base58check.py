"""Addresses in base58check with a version: Bitcoin's first form and its descendants, Tron, Zcash t.

The rule here: a version that a chain has replaced is read, and written as its replacement, so that one script has
one identity.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Final

from app.domain.address.codecs import base58
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_HASH: Final = 20
_CHECKSUM: Final = 4


class Base58Check:
    """Version bytes, 20 bytes of hash and a checksum.

    `versions` is version bytes to kind, all of one length; `replaced` is old version bytes to the canonical ones.
    """

    def __init__(
        self, family: str, versions: Mapping[bytes, str], replaced: Mapping[bytes, bytes] | None = None
    ) -> None:
        self.family = family
        self.versions = versions
        self.replaced = replaced or {}
        self._size = len(next(iter(versions))) + _HASH + _CHECKSUM

    @cached_property
    def starts(self) -> str:
        """Return the first characters of every version's addresses, replaced versions too."""
        return "".join(map(_first_characters, (*self.versions, *self.replaced)))

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: bad_character, bad_length, bad_checksum, bad_version.
        """
        payload = base58.decode_check(text, self._size)
        kind = self.versions.get(payload[:-_HASH])
        if kind is None:
            return self._read_replaced(payload)
        return Address(self.family, text, VERIFIED, kind)

    def _read_replaced(self, payload: bytes) -> Address:
        version = self.replaced.get(payload[:-_HASH])
        if version is None:
            raise refusal("bad_version")
        return Address(self.family, base58.encode_check(version + payload[-_HASH:]), VERIFIED, self.versions[version])

    def payload(self, text: str) -> tuple[str, bytes]:
        """Return kind and hash of `text`, for a chain that writes them in another form.

        Raises InvalidAddress as `read` does.
        """
        payload = base58.decode_check(text, self._size)
        kind = self.versions.get(payload[:-_HASH])
        if kind is None:
            raise refusal("bad_version")
        return kind, payload[-_HASH:]


def _first_characters(version: bytes) -> str:
    alphabet = base58.BITCOIN.decode()
    if version[0] == 0:
        return alphabet[0]
    low = base58.encode(version + bytes(_HASH + _CHECKSUM))
    high = base58.encode(version + b"\xff" * (_HASH + _CHECKSUM))
    first, last = alphabet.index(low[0]), alphabet.index(high[0]) + 1
    if len(low) == len(high):
        return alphabet[first:last]
    return alphabet[first:] + alphabet[1:last]
