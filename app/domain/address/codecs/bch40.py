"""The checksum of cashaddr, and of the formats that took it with a version or an alphabet of their own.

The rule here: symbols in, symbols out; which characters stand for them is the format's.
"""

from typing import Final

from app.domain.address.codecs import bch
from app.domain.address.refusals import refusal

CHECKSUM: Final = 8  # symbols
_LONGEST: Final = 112  # symbols
_GENERATOR: Final = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)
_CODE: Final = bch.Code(_GENERATOR, CHECKSUM, _LONGEST, bch.low)


def check(prefix: str, values: bytes) -> bytes:
    """Return the symbols of a text without its checksum.

    Raises InvalidAddress: bad_length, bad_checksum.
    """
    if not CHECKSUM <= len(values) <= _LONGEST:
        raise refusal("bad_length")
    if _CODE.residue(prefix, values) != 1:
        raise refusal("bad_checksum")
    return values[:-CHECKSUM]


def extend(prefix: str, values: bytes) -> bytes:
    """Return symbols with their checksum."""
    return _CODE.extend(prefix, values, 1)
