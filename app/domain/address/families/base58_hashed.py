"""Addresses in base58 whose checksum is another hash than Bitcoin's: Decred, Waves and its relatives, Ergo.

The rule here: each version states how many bytes follow it, and the checksum is four bytes of the chain's own digest
over everything before it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from app.domain.address.codecs import base58, base58_open, keccak, secp256k1
from app.domain.address.codecs.blake256 import blake256
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_CHECKSUM: Final = 4
_KEY: Final = 33  # bytes of a compressed key


def _blake2b(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()


DIGESTS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "blake256": lambda data: blake256(blake256(data)),  # Decred: dcrutil and base58.CheckEncode
    "blake2b": _blake2b,  # Ergo: AddressEncoder
    "keccak": lambda data: keccak.keccak256(_blake2b(data)),  # Waves: "secure hash"
}


class Base58Hashed:
    """Versions (in hexadecimal), each with its kind and the bytes that follow it (0 for any number).

    `digest` is a name of DIGESTS. `aliases` is how a text begins that names an address without being one. `keys` are
    the kinds whose payload is a compressed key of secp256k1, which must be a point of the curve.
    """

    def __init__(
        self,
        family: str,
        digest: str,
        versions: Mapping[str, Sequence[Any]],
        aliases: str = "",
        keys: Sequence[str] = (),
    ) -> None:
        self.family = family
        self._digest = DIGESTS[digest]
        self._versions = {bytes.fromhex(version): (str(kind), int(size)) for version, (kind, size) in versions.items()}
        sizes = [size and len(version) + size for version, (_, size) in self._versions.items()]
        self._lengths = frozenset(sizes) if all(sizes) else frozenset()
        self._aliases = aliases
        self._keys = frozenset(keys)

    @cached_property
    def starts(self) -> tuple[str, ...]:
        """Return the beginnings of every version's addresses; those of any number of bytes are left out."""
        sized = ((version, size) for version, (_, size) in self._versions.items() if size)
        return tuple(start for version, size in sized for start in base58.beginnings(version, size + _CHECKSUM))

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: bad_character, bad_length, bad_checksum, bad_version, unsupported (an alias).
        """
        if self._aliases and text.startswith(self._aliases):
            raise refusal("unsupported", "This is a name that its owner may move: give the address itself.")
        raw = base58_open.decode(text)
        body = raw[:-_CHECKSUM]
        if not body or (self._lengths and len(body) not in self._lengths):
            raise refusal("bad_length")
        if self._digest(body)[:_CHECKSUM] != raw[-_CHECKSUM:]:
            raise refusal("bad_checksum")
        kind = self._kind(body)
        if kind in self._keys:
            secp256k1.check(body[-_KEY:].hex())
        return Address(self.family, text, VERIFIED, kind)

    def _kind(self, body: bytes) -> str:
        for version, (kind, size) in self._versions.items():
            if body.startswith(version) and len(body) > len(version) and size in (0, len(body) - len(version)):
                return kind
        raise refusal("bad_version")

    def sample(self, seed: bytes) -> str:
        """Return the address, of the first version, whose payload begins `seed` (32 bytes) or is its beginning."""
        version, (kind, size) = next(iter(self._versions.items()))
        payload = seed[:size].ljust(size, b"\0")
        body = version + (secp256k1.some_key(seed) if kind in self._keys else payload)
        return base58.encode(body + self._digest(body)[:_CHECKSUM])
