"""An address as the house knows it: an identity space, a canonical text, and the key of the two.

The rule here: two texts are one address exactly when family and canonical text are equal; kind, tag and checksum
describe and never enter the key.
"""

import hashlib
from typing import Final, NamedTuple

VERIFIED: Final = "verified"
ABSENT: Final = "absent"
_KEY_BYTES: Final = 16  # half a SHA-256: 2^64 addresses before a chance collision


def address_key(family: str, canonical: str) -> bytes:
    """Return the index key: the first 16 bytes of SHA-256 over the family, a zero byte and the canonical text."""
    return hashlib.sha256(f"{family}\0{canonical}".encode()).digest()[:_KEY_BYTES]


class Address(NamedTuple):
    """One address, parsed; a tuple, because bulk work makes one for every row.

    `checksum` is `verified`, or `absent` when the text carried none. `kind` is the family's own word ("p2pkh",
    "account"). `tag` is the destination tag or payment id that was inside the text; it names one customer of a
    service and is restricted.
    """

    family: str
    canonical: str
    checksum: str
    kind: str = ""
    tag: str | None = None

    @property
    def key(self) -> bytes:
        """Return the 16 bytes under which the address is indexed."""
        return address_key(self.family, self.canonical)
