"""Addresses of Kaspa: a version byte and a key or script hash, with the checksum of cashaddr.

The rule here: the prefix is always written. Versions are those of rusty-kaspa `crypto/addresses`.
"""

from typing import Final

from app.domain.address.codecs import bch40, bech32
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_VERSIONS: Final = {0: ("p2pk", 32), 1: ("p2pk_ecdsa", 33), 8: ("p2sh", 32)}  # kind, bytes that follow


class Kaspa:
    """Addresses of the network with `prefix`."""

    def __init__(self, family: str, prefix: str = "kaspa") -> None:
        self.family = family
        self.starts = prefix[0] + prefix[0].upper()
        self._prefix = prefix

    def read(self, text: str) -> Address:
        """Return the address in `text`, in lower case.

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum, bad_padding,
        bad_version.
        """
        prefix, separator, data = text.partition(":")
        if not separator or prefix.lower() != self._prefix:
            raise refusal("bad_prefix", f"An address of this chain begins with {self._prefix}: - give all of it.")
        bech32.one_case(text)
        raw = bech32.pack(bch40.check(self._prefix, bech32.symbols(data.lower())))
        if not raw:
            raise refusal("bad_length")
        if raw[0] not in _VERSIONS:
            raise refusal("bad_version")
        kind, size = _VERSIONS[raw[0]]
        if len(raw) != 1 + size:
            raise refusal("bad_length")
        return Address(self.family, text.lower(), VERIFIED, kind)

    def sample(self, seed: bytes) -> str:
        """Return the address of the key `seed`."""
        return f"{self._prefix}:{bech32.spell(bch40.extend(self._prefix, bech32.unpack(bytes(1) + seed)))}"
