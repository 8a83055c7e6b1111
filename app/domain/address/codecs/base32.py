"""Base32 in the alphabets of RFC 4648 and of single chains, five bits in each character.

The rule here: one value has one text; padding characters, a character that adds no byte and a spare bit that is not
zero are refused, because two spellings of one address would be two identities.
"""

from typing import Final

from app.domain.address.refusals import refusal

UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # RFC 4648, section 6
LOWER: Final = UPPER.lower()
_BITS: Final = 5
_STRANGER: Final = ord("!")  # what a character outside the alphabet becomes
_DIGITS: Final = b"0123456789abcdefghijklmnopqrstuv"  # the digits of int(text, 32)


def digits(alphabet: str) -> bytes:
    """Return the translation table of an alphabet of 32."""
    table = bytearray([_STRANGER] * 256)
    for character, digit in zip(alphabet.encode(), _DIGITS, strict=True):
        table[character] = digit
    return bytes(table)


_UPPER: Final = digits(UPPER)


def value(text: str, table: bytes = _UPPER) -> int:
    """Return the number whose digits are the characters of a text, the first the highest.

    Raises InvalidAddress: bad_character.
    """
    spelled = text.encode("ascii", "replace").translate(table)
    if _STRANGER in spelled:
        raise refusal("bad_character")
    return int(spelled or b"0", 32)


def decode(text: str, table: bytes = _UPPER, length: int = 0) -> bytes:
    """Decode text without padding characters, of `length` characters unless that is 0.

    Raises InvalidAddress: bad_character, bad_length (also when no bytes have a text so long), bad_padding.
    """
    number = value(text, table)
    size, spare = divmod(_BITS * len(text), 8)
    if spare >= _BITS or len(text) != (length or len(text)):
        raise refusal("bad_length")
    if number & (1 << spare) - 1:
        raise refusal("bad_padding")
    return (number >> spare).to_bytes(size, "big")


def spell(number: int, length: int, alphabet: str = UPPER) -> str:
    """Return the `length` characters of a number."""
    return "".join(alphabet[number >> _BITS * place & 31] for place in reversed(range(length)))


def encode(raw: bytes, alphabet: str = UPPER) -> str:
    """Encode bytes without padding characters, the spare bits of the last one zero."""
    length = -(-8 * len(raw) // _BITS)
    return spell(int.from_bytes(raw, "big") << _BITS * length - 8 * len(raw), length, alphabet)
