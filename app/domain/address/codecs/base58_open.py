"""Base58 of bytes whose number only the text tells.

The rule here: a text still has one value and one size; a format that knows its size asks `base58` for it instead.
"""

from typing import Final

from app.domain.address.codecs import base58
from app.domain.errors import InvalidAddress

_ZERO: Final = chr(base58.BITCOIN[0])
_BYTES_PER_DIGIT: Final = (732_247, 1_000_000)  # log 58 / log 256, rounded down


def decode(text: str) -> bytes:
    """Decode base58 text to its bytes.

    Raises InvalidAddress: bad_character, bad_length (beyond 256 characters).
    """
    digits = len(text.lstrip(_ZERO))
    bytes_, of_digits = _BYTES_PER_DIGIT
    size = len(text) - digits + digits * bytes_ // of_digits  # or one more
    try:
        return base58.decode(text, size)
    except InvalidAddress as refused:
        if refused.reason != "bad_length":
            raise
        return base58.decode(text, size + 1)
