"""Points of the curve of Ed25519.

The rule here: 32 bytes are a point only in their one encoding. Parameters and encoding: RFC 8032, sections 5.1, 5.1.3.
"""

from typing import Final

try:
    from gmpy2 import jacobi
except ImportError:  # a platform for which there is no GMP
    jacobi = None

_PRIME: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _PRIME) % _PRIME
_SIGN: Final = 1 << 255


def is_point(raw: bytes) -> bool:
    """Tell whether 32 bytes encode a point of the curve."""
    number = int.from_bytes(raw, "little")
    y = number & (_SIGN - 1)
    above, below = (y * y - 1) % _PRIME, (_D * y * y + 1) % _PRIME  # x^2 is their quotient
    if y >= _PRIME or not _is_square(above * below % _PRIME):
        return False
    return bool(above) or number < _SIGN  # zero has no sign


def _is_square(number: int) -> bool:
    if jacobi is not None:
        return int(jacobi(number, _PRIME)) >= 0
    return pow(number, (_PRIME - 1) // 2, _PRIME) != _PRIME - 1


def some_point(seed: bytes) -> bytes:
    """Return the point whose y is that of 32 bytes, or the next that there is."""
    y = int.from_bytes(seed, "little") % _PRIME
    while not is_point(y.to_bytes(32, "little")):
        y = (y + 1) % _PRIME
    return y.to_bytes(32, "little")
