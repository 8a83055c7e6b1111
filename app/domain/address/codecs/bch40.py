"""The checksum of cashaddr, and of the formats that took it with a version or an alphabet of their own.

The rule here: symbols in, symbols out; which characters stand for them is the format's.
"""

from functools import cache, lru_cache, reduce
from operator import getitem, xor
from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.refusals import refusal

CHECKSUM: Final = 8  # symbols
_LONGEST: Final = 112  # symbols
_GENERATOR: Final = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)
_step: Final = bech32.register(_GENERATOR, 40)


@cache
def _rows() -> tuple[tuple[int, ...], ...]:
    return bech32.contributions(_step, _LONGEST)


@lru_cache(maxsize=1024)
def _start(prefix: str, length: int) -> int:
    state = 1
    for symbol in [ord(c) & 31 for c in prefix] + [0] * (length + 1):
        state = _step(state, symbol)
    return state


def _residue(prefix: str, values: bytes) -> int:
    return reduce(xor, map(getitem, _rows(), values[::-1]), _start(prefix, len(values)))


def check(prefix: str, values: bytes) -> bytes:
    """Return the symbols of a text without its checksum.

    Raises InvalidAddress: bad_length, bad_checksum.
    """
    if not CHECKSUM <= len(values) <= _LONGEST:
        raise refusal("bad_length")
    if _residue(prefix, values) != 1:
        raise refusal("bad_checksum")
    return values[:-CHECKSUM]


def extend(prefix: str, values: bytes) -> bytes:
    """Return symbols with their checksum."""
    rest = _residue(prefix, values + bytes(CHECKSUM)) ^ 1
    return values + bytes(rest >> 5 * place & 31 for place in reversed(range(CHECKSUM)))
