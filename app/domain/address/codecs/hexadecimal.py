"""Hexadecimal digits of a fixed count, and the prefix 0x.

The rule here: capitals mean the same as small letters; whether their mixture is a checksum is for the family to say.
"""

import re
from typing import Final

from app.domain.address.refusals import refusal

_digits: Final = re.compile(r"[0-9a-fA-F]*").fullmatch
_MARKS: Final = ("0x", "0X")
_MARK: Final = 2  # characters


def lower(text: str, count: int) -> str:
    """Return exactly `count` digits in small letters.

    Raises InvalidAddress: bad_character, bad_length.
    """
    if not _digits(text):
        raise refusal("bad_character")
    if len(text) != count:
        raise refusal(
            "bad_length",
            f"An address of this chain has {count} hexadecimal digits, not {len(text)}: copy it again.",
        )
    return text.lower()


def is_marked(text: str) -> bool:
    """Return whether the text begins with 0x."""
    return text.startswith(_MARKS)


def unmarked(text: str) -> str:
    """Return what follows 0x.

    Raises InvalidAddress: bad_prefix.
    """
    if not is_marked(text):
        raise refusal("bad_prefix", "An address of this chain begins with 0x: check the address and the chain.")
    return text[_MARK:]


def filled(text: str, count: int, missing: int) -> str:
    """Return `count` digits in small letters, of which up to `missing` leading zeros may be left out of `text`.

    Raises InvalidAddress: bad_character, bad_length.
    """
    absent = count - len(text)
    return lower("0" * absent + text if absent <= missing else text, count)


def is_mixed(text: str) -> bool:
    """Return whether capitals and small letters both occur."""
    return text not in (text.lower(), text.upper())
