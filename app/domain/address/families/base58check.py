"""Addresses in base58check with a version: Bitcoin's first form and its descendants, Tron, Zcash t.

The rule here: a version that a chain has replaced is read, and written as its replacement, so that one script has
one identity.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Final

from app.domain.address.codecs import base58
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_CHECKSUM: Final = 4


class Base58Check:
    """Version bytes, `size` bytes of hash or key, and a checksum.

    `versions` is version to kind, all of one length; `replaced` is old version to the canonical one. Versions are in
    hexadecimal.
    """

    def __init__(
        self, family: str, versions: Mapping[str, str], replaced: Mapping[str, str] | None = None, size: int = 20
    ) -> None:
        self.family = family
        self.versions = {bytes.fromhex(version): kind for version, kind in versions.items()}
        self._replaced = {bytes.fromhex(old): bytes.fromhex(new) for old, new in (replaced or {}).items()}
        self._version = len(next(iter(self.versions)))
        self.size = size
        self._size = self._version + size + _CHECKSUM

    @cached_property
    def starts(self) -> tuple[str, ...]:
        """Return the beginnings of every version's addresses, replaced versions too."""
        rest, versions = self._size - self._version, (*self.versions, *self._replaced)
        return tuple(start for version in versions for start in base58.beginnings(version, rest))

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: bad_character, bad_length, bad_checksum, bad_version.
        """
        payload = base58.decode_check(text, self._size)
        kind = self.versions.get(payload[: self._version])
        if kind is None:
            return self._read_replaced(payload)
        return Address(self.family, text, VERIFIED, kind)

    def read_many(self, texts: Sequence[str]) -> list[Address | None]:
        """Return the address in each text; None for each that `read` refuses, or rewrites."""
        cut, kinds, family, make = self._version, self.versions, self.family, tuple.__new__
        return [
            make(Address, (family, text, VERIFIED, kind, None, ""))
            if payload and (kind := kinds.get(payload[:cut]))
            else None
            for text, payload in zip(texts, base58.decode_check_many(texts, self._size), strict=True)
        ]

    def _read_replaced(self, payload: bytes) -> Address:
        version = self._replaced.get(payload[: self._version])
        if version is None:
            raise refusal("bad_version")
        text = base58.encode_check(version + payload[self._version :])
        return Address(self.family, text, VERIFIED, self.versions[version])

    def sample(self, seed: bytes) -> str:
        """Return the address of the first kind whose payload is taken from `seed`, 32 bytes."""
        version = next(iter(self.versions))
        return base58.encode_check((version + seed + sha256(seed).digest())[: self._size - _CHECKSUM])

    def spell(self, kind: str, payload: bytes) -> str:
        """Return the address of a kind and the whole of its payload."""
        return base58.encode_check(next(known for known in self.versions if self.versions[known] == kind) + payload)

    def payload(self, text: str) -> tuple[str, bytes]:
        """Return kind and hash of `text`, for a chain that writes them in another form.

        Raises InvalidAddress as `read` does.
        """
        payload = base58.decode_check(text, self._size)
        kind = self.versions.get(payload[: self._version])
        if kind is None:
            raise refusal("bad_version")
        return kind, payload[self._version :]
