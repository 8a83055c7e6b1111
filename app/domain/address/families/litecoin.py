"""Addresses of Litecoin: its scripts, and the stealth addresses of its extension block (MWEB).

The rule here: an extension-block address is version 0 and two compressed public keys in bech32 beyond 90 characters,
as litecoin's reference client writes it (LIP-0004); no other length or version is one.
"""

from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.families.utxo import Utxo
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_KEYS: Final = 66  # bytes: scan key, spend key
_LONGEST: Final = 130  # characters; the test network's prefix is the longest


class Litecoin:
    """Scripts as `scripts` reads them, and stealth addresses under `mweb`."""

    def __init__(self, scripts: Utxo, mweb: str) -> None:
        self.family = scripts.family
        self.scripts = scripts
        self._mweb = mweb

    @property
    def starts(self) -> str:
        """Return the first characters of all forms: the stealth prefix begins as the segwit one does."""
        return self.scripts.starts

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: those of `Utxo.read`.
        """
        if text[: len(self._mweb)].lower() == self._mweb:
            return self._read_stealth(text)
        return self.scripts.read(text)

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
