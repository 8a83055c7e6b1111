"""Addresses of Liquid: Bitcoin's forms, and the confidential ones that add a blinding key.

The rule here: the script is the address. The blinding key only hides amounts, and a receiver may use many, so a
confidential address becomes the unconfidential one. Standards: Elements `key_io.cpp`, ELIP 150 (blech32).
"""

from collections.abc import Mapping
from typing import Final

from app.domain.address.codecs import bech32, blech32
from app.domain.address.families.base58check import Base58Check
from app.domain.address.families.bech32 import has_prefix
from app.domain.address.families.utxo import Segwit
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_KEY: Final = 33  # bytes, a point of secp256k1 in compressed form
_HASH: Final = 20
_FIRST_BYTES: Final = (2, 3)  # of such a point
_LONG: Final = 60  # characters: an unconfidential base58 address has 35 at most, a confidential one 80


class Liquid:
    """Scripts of one network: `versions` as of Base58Check, the version `blinded` before them, and both prefixes."""

    def __init__(
        self,
        family: str,
        versions: Mapping[str, str] | None = None,
        blinded: str = "0c",
        hrp: str = "ex",
        blech: str = "lq",
    ) -> None:
        self.family = family
        self._plain = Base58Check(family, versions or {"39": "p2pkh", "27": "p2sh"})
        hidden = {blinded + version.hex(): kind for version, kind in self._plain.versions.items()}
        self._hidden = Base58Check(family, hidden, size=_KEY + _HASH)
        self._segwit = Segwit(family, hrp)
        self._blech = blech

    @property
    def starts(self) -> tuple[str, ...]:
        """Return the beginnings of all forms."""
        blech = self._blech, self._blech.upper()
        return tuple(sorted({*self._plain.starts, *self._hidden.starts, *blech, *self._segwit.starts}))

    def read(self, text: str) -> Address:
        """Return the address in `text`; the kind of a confidential one begins with "confidential_".

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum, bad_padding,
        bad_version.
        """
        if has_prefix(text, self._segwit.hrp):
            return self._segwit.read(text)
        if has_prefix(text, self._blech):
            return self._read_blech(text)
        if len(text) < _LONG:
            return self._plain.read(text)
        kind, payload = self._hidden.payload(text)
        _check_key(payload)
        return self._confidential(self._plain.spell(kind, payload[_KEY:]), kind)

    def _read_blech(self, text: str) -> Address:
        values, constant = blech32.decode(text, self._blech)
        if constant not in (blech32.BLECH32, blech32.BLECH32M):
            raise refusal("bad_checksum")
        if not values:
            raise refusal("bad_length")
        version, payload = values[:1], bech32.pack(values[1:])
        if (constant == blech32.BLECH32) != (version == b"\0"):
            raise refusal("bad_checksum", "The checksum is not the one for this witness version: copy it again.")
        _check_key(payload)
        constant = bech32.BECH32M if version[0] else bech32.BECH32
        plain = bech32.encode(self._segwit.hrp, version + bech32.unpack(payload[_KEY:]), constant)
        return self._confidential(plain, self._segwit.read(plain).kind)

    def _confidential(self, plain: str, kind: str) -> Address:
        return Address(self.family, plain, VERIFIED, f"confidential_{kind}")

    def sample(self, seed: bytes) -> str:
        """Return the address of the key hash that `seed` begins with."""
        return self._plain.sample(seed)


def _check_key(payload: bytes) -> None:
    if not payload or payload[0] not in _FIRST_BYTES:
        raise refusal("bad_version", "The blinding key in the address is none: copy the address again.")
