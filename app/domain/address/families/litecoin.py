"""Addresses of Litecoin: its scripts, and the stealth addresses of its extension block (MWEB).

The rule here: an extension-block address is version 0 and two compressed public keys in bech32 beyond 90 characters,
as litecoin's reference client writes it (LIP-0004); no other length or version is one.
"""

from collections.abc import Mapping
from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.families.utxo import Utxo
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_KEYS: Final = 66  # bytes: scan key, spend key
_LONGEST: Final = 130  # characters; the test network's prefix is the longest


class Litecoin:
    """Scripts as Utxo reads them, and stealth addresses under `mweb`."""

    def __init__(
        self, family: str, versions: Mapping[str, str], hrp: str, replaced: Mapping[str, str], mweb: str
    ) -> None:
        self.family = family
        self.scripts = Utxo(family, versions, hrp, replaced)
        self._mweb = mweb

    @property
    def starts(self) -> tuple[str, ...]:
        """Return the beginnings of all forms."""
        return (*self.scripts.starts, self._mweb, self._mweb.upper())

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: those of `Utxo.read`.
        """
        if text[: len(self._mweb)].lower() == self._mweb:
            return self._read_stealth(text)
        return self.scripts.read(text)

    def sample(self, seed: bytes) -> str:
        """Return the old form whose hash is taken from `seed`, 32 bytes."""
        return self.scripts.sample(seed)

    def _read_stealth(self, text: str) -> Address:
        hrp, data, constant = bech32.decode(text, _LONGEST)
        if hrp != self._mweb:
            raise refusal("bad_prefix")
        if constant != bech32.BECH32:
            raise refusal("bad_checksum")
        if data[:1] != b"\0":
            raise refusal("bad_version")
        if len(bech32.pack(data[1:])) != _KEYS:
            raise refusal("bad_length")
        return Address(self.family, text.lower(), VERIFIED, "mweb")
