"""Decimal numbers inside addresses.

The rule here: one number has one text, so a leading zero is refused; and only the ten digits of ASCII are digits.
"""

import re
from typing import Final

from app.domain.address.refusals import refusal

_digits: Final = re.compile(r"[0-9]+").fullmatch
_LONGEST: Final = 39  # digits: 2^128, more than any chain counts


def decode(text: str, limit: int) -> int:
    """Return the number that `text` writes, which is below `limit`.

    Raises InvalidAddress: bad_character, bad_length (no digit, or not below the limit), bad_padding (a leading zero).
    """
    if not text:
        raise refusal("bad_length")
    if not _digits(text):
        raise refusal("bad_character")
    if text[0] == "0" and text != "0":
        raise refusal("bad_padding", "A number is written with leading zeros, which no wallet does: copy it again.")
    if len(text) > _LONGEST or int(text) >= limit:
        raise refusal("bad_length", "A number in the address is higher than the chain can count: copy it again.")
    return int(text)
