"""An address as the house knows it: an identity space, a canonical text, and the key of the two.

The rule here: two texts are one address exactly when family and account are equal; kind, tag and checksum describe
and never enter the key. The account is the canonical text, unless chains of one family write the same key each in its
own way.
"""

import hashlib
from typing import Final, NamedTuple

VERIFIED: Final = "verified"
ABSENT: Final = "absent"
_KEY_BYTES: Final = 16  # half a SHA-256: 2^64 addresses before a chance collision


def address_key(family: str, account: str) -> bytes:
    """Return the index key: the first 16 bytes of SHA-256 over the family, a zero byte and the account."""
    return hashlib.sha256(f"{family}\0{account}".encode()).digest()[:_KEY_BYTES]


class Address(NamedTuple):
    """One address, parsed; a tuple, because bulk work makes one for every row.

    `checksum` is `verified`, or `absent` when the text carried none. `kind` is the family's own word ("p2pkh",
    "account"). `tag` is the destination tag or payment id that was inside the text; it names one customer of a
    service and is restricted. `account` is what the family's chains have in common for one key (in hexadecimal), ""
    when the canonical text is all there is.
    """

    family: str
    canonical: str
    checksum: str
    kind: str = ""
    tag: str | None = None
    account: str = ""

    @property
    def key(self) -> bytes:
        """Return the 16 bytes under which the address is indexed."""
        return address_key(self.family, self.account or self.canonical)
