"""Addresses of Handshake: a version and a program in bech32, as segregated witness but with bech32 for every version.

The rule here: the limits are those of hsd `lib/primitives/address.js`: versions 0 to 31, programs of 2 to 40 bytes,
and 20 or 32 for version 0. Version 31 destroys coins and is nobody's address.
"""

from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.families.bech32 import read_symbols
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_SHORTEST, _LONGEST = 2, 40  # bytes
_V0: Final = {20: "pubkeyhash", 32: "scripthash"}
_DESTROYS: Final = 31


class Handshake:
    """Addresses of the network with prefix `hrp`."""

    def __init__(self, family: str, hrp: str = "hs") -> None:
        self.family = family
        self.starts = hrp[0] + hrp[0].upper()
        self._hrp = hrp

    def read(self, text: str) -> Address:
        """Return the address in `text`, whose canonical form is lower case.

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum, bad_padding,
        unsupported.
        """
        values = read_symbols(text, self._hrp, bech32.BECH32)
        if not values:
            raise refusal("bad_length")
        version, size = values[0], len(bech32.pack(values[1:]))
        if not _SHORTEST <= size <= _LONGEST or (version == 0 and size not in _V0):
            raise refusal("bad_length")
        if version == _DESTROYS:
            raise refusal("unsupported", "Coins sent to this address are destroyed: it is nobody's address.")
        return Address(self.family, text.lower(), VERIFIED, f"version_{version}" if version else _V0[size])

    def sample(self, seed: bytes) -> str:
        """Return the address of the public key hash that `seed` begins with."""
        return bech32.encode(self._hrp, b"\0" + bech32.unpack(seed[:20]), bech32.BECH32)
