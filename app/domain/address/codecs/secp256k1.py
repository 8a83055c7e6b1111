"""Compressed public keys of the curve secp256k1.

The rule here: a number is a key only if the curve has a point there; half of all numbers are none, so this finds half
of the typing errors in a form without a checksum. Parameters: SEC 2, section 2.4.1.
"""

from typing import Final

from app.domain.address.refusals import refusal

SIGNS: Final = ("02", "03")
_PRIME: Final = 2**256 - 2**32 - 977
_SEVEN: Final = 7  # y^2 = x^3 + 7


def is_on_curve(x: int) -> bool:
    """Return whether the curve has a point with this first coordinate."""
    return x < _PRIME and pow(x * x * x + _SEVEN, (_PRIME - 1) // 2, _PRIME) == 1


def second(x: int, *, odd: bool) -> int | None:
    """Return the second coordinate of the point with this first one and parity; None when the curve has none."""
    if not is_on_curve(x):
        return None
    y = pow(x * x * x + _SEVEN, (_PRIME + 1) // 4, _PRIME)
    return y if bool(y & 1) == odd else _PRIME - y


def some_key(seed: bytes) -> bytes:
    """Return the key whose first coordinate is that of 32 bytes, or the next that is on the curve."""
    x = int.from_bytes(seed, "big") % _PRIME
    while not is_on_curve(x):
        x = (x + 1) % _PRIME
    return b"\2" + x.to_bytes(32, "big")


def check(key: str) -> None:
    """Check 66 hexadecimal digits: a sign and the first coordinate.

    Raises InvalidAddress: bad_version (the sign), bad_checksum (no point of the curve).
    """
    sign, x = key[:2], key[2:]
    if sign not in SIGNS:
        raise refusal("bad_version")
    if not is_on_curve(int(x, 16)):
        raise refusal("bad_checksum", "The curve has no such point, so a character is wrong: copy the key again.")
