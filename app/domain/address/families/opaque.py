"""Addresses of a chain that the table does not know.

The rule here: nothing is checked but length and printable ASCII, and each chain is an identity space of its own.
"""

from app.domain.address.identity import ABSENT, Address
from app.domain.address.refusals import refusal


class Opaque:
    """Any text of printable ASCII without blanks, on the chain `caip2`."""

    starts = ""

    def __init__(self, caip2: str) -> None:
        self.family = f"opaque:{caip2}"

    def read(self, text: str) -> Address:
        """Return the text itself as an address.

        Raises InvalidAddress: bad_character.
        """
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise refusal("bad_character")
        return Address(self.family, text, ABSENT)

    def sample(self, seed: bytes) -> str:
        """Return `seed` in hexadecimal."""
        return seed.hex()
