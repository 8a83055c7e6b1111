"""Blech32 and blech32m: bech32 with twelve symbols of checksum, for Liquid's confidential addresses.

The rule here: as in bech32, the constant that a text was made with is returned and never assumed. Standard: ELIP 150
and the reference implementation in the Elements repository (liquid_addr.py).
"""

from typing import Final

from app.domain.address.codecs import bch, bech32
from app.domain.address.refusals import refusal

BLECH32: Final = 1
BLECH32M: Final = 0x455972A3350F7A1
CHECKSUM: Final = 12  # symbols
_LONGEST: Final = 152  # symbols: a version, 33 bytes of key, 40 of program, the checksum, and some to spare
_GENERATOR: Final = (0x7D52FBA40BD886, 0x5E8DBF1A03950C, 0x1C3A3C74072A18, 0x385D72FA0E5139, 0x7093E5A608865B)
_CODE: Final = bch.Code(_GENERATOR, CHECKSUM, _LONGEST, bch.split)


def decode(text: str, hrp: str) -> tuple[bytes, int]:
    """Return the symbols after the prefix `hrp`, without the checksum, and the constant of the checksum.

    The caller has seen that the text begins with `hrp` and "1", in one case or the other, and compares the constant.
    Raises InvalidAddress: bad_character, mixed_case, bad_length.
    """
    values = bech32.symbols(bech32.one_case(text)[len(hrp) + 1 :])
    if not CHECKSUM <= len(values) <= _LONGEST:
        raise refusal("bad_length")
    return values[:-CHECKSUM], _CODE.residue(hrp, values)


def encode(hrp: str, data: bytes, constant: int) -> str:
    """Encode symbols under a prefix, with the checksum of `constant`."""
    return f"{hrp}1{bech32.spell(_CODE.extend(hrp, data, constant))}"
