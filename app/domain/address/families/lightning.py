"""Nodes of the Lightning network: compressed public keys of secp256k1.

The rule here: only the key is an identity; an invoice, an offer or a host name is refused, because it expires and
carries what its payee did not publish for us.
"""

import itertools
from hashlib import sha256
from typing import Final

from app.domain.address.codecs import hexadecimal, secp256k1
from app.domain.address.identity import ABSENT, Address
from app.domain.address.refusals import refusal

_DIGITS: Final = 66
_REQUEST: Final = "ln"  # how invoices, offers and payment links begin (BOLT 11, BOLT 12, LUD-01)


class LightningNode:
    """Nodes, by their key."""

    starts = "0"

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the node in `text`.

        Raises InvalidAddress: unsupported (invoices), bad_prefix, bad_character, bad_length, bad_version, bad_checksum
        (no point of the curve).
        """
        if text[: len(_REQUEST)].lower() == _REQUEST:
            raise refusal(
                "unsupported",
                "This is a request for payment, which expires and carries data of its payee: give the id of the node.",
            )
        if not text.startswith(secp256k1.SIGNS):
            raise refusal("bad_prefix", "The id of a node begins with 02 or 03: check the id and the chain.")
        key = hexadecimal.lower(text, _DIGITS)
        secp256k1.check(key)
        return Address(self.family, key, ABSENT, "node")

    def sample(self, seed: bytes) -> str:
        """Return the node of the first point that is found from `seed`, 32 bytes."""
        tries = (sha256(seed + count.to_bytes(4, "big")).hexdigest() for count in itertools.count())
        return secp256k1.SIGNS[0] + next(x for x in tries if secp256k1.is_on_curve(int(x, 16)))
