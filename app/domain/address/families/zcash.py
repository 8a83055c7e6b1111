"""Addresses of Zcash: transparent ones.

The rule here: a shielded or TEX address is real but not read yet, and is called unsupported, never invalid.
"""

from typing import Final

from app.domain.address.families.base58check import Base58Check
from app.domain.address.identity import Address
from app.domain.address.refusals import refusal

_UNREAD: Final = ("zs1", "u1", "tex1", "zc")  # Sapling, unified, TEX, Sprout


class Zcash:
    """Transparent addresses, as `transparent` reads them."""

    def __init__(self, transparent: Base58Check) -> None:
        self.family = transparent.family
        self.transparent = transparent

    @property
    def starts(self) -> str:
        """Return the first characters of a transparent address."""
        return self.transparent.starts

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: those of `Base58Check.read`, unsupported.
        """
        if text.startswith(_UNREAD):
            raise refusal("unsupported")
        return self.transparent.read(text)
