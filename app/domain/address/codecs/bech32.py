"""Bech32 and bech32m (BIP-173, BIP-350), and the group of five bits that cashaddr shares.

The rule here: only ASCII is folded to lower case, because the Kelvin sign and its like fold to letters too; and the
constant a text was checked against is returned, never assumed, because which one is right depends on the witness
version.
"""

from typing import Final

from app.domain.address.codecs import bch
from app.domain.address.refusals import refusal

BECH32: Final = 1
BECH32M: Final = 0x2BC830A3
ALPHABET: Final = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
CHECKSUM: Final = 6  # symbols
_LONGEST: Final = 256  # symbols; the callers' cap
_STRANGER: Final = 255
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_SYMBOLS: Final = bytes(ALPHABET.index(byte) if byte in ALPHABET else _STRANGER for byte in range(256))
_BASE32: Final = b"0123456789abcdefghijklmnopqrstuv".ljust(256, b"\0")  # the digits of int(text, 32)


CODE: Final = bch.Code(_GENERATOR, CHECKSUM, _LONGEST, bch.split)


def symbols(data: str) -> bytes:
    """Return the values 0 to 31 of lower-case characters.

    Raises InvalidAddress: bad_character.
    """
    values = data.encode("ascii", "replace").translate(_SYMBOLS)
    if _STRANGER in values:
        raise refusal("bad_character")
    return values


def one_case(text: str) -> str:
    """Return the text in lower case.

    Raises InvalidAddress: bad_character (not ASCII), mixed_case.
    """
    if not text.isascii():
        raise refusal("bad_character")
    lower = text.lower()
    if lower != text and text.upper() != text:
        raise refusal("mixed_case")
    return lower


residue: Final = CODE.residue


def decode(text: str, longest: int = 90) -> tuple[str, bytes, int]:
    """Decode a text to its prefix, its symbols without the checksum, and the constant of its checksum.

    `longest` is in characters: 90 in BIP-173, more for the formats that stretch it, 256 at most. The caller compares
    the constant with BECH32 or BECH32M. Raises InvalidAddress: bad_character, mixed_case, bad_prefix, bad_length.
    """
    lower = text if text.islower() and text.isascii() else one_case(text)
    hrp, separator, data = lower.rpartition("1")
    if not separator or not hrp:
        raise refusal("bad_prefix")
    values = symbols(data)
    if len(values) < CHECKSUM or len(text) > longest:
        raise refusal("bad_length")
    if not hrp.isprintable() or " " in hrp:
        raise refusal("bad_character")
    return hrp, values[:-CHECKSUM], residue(hrp, values)


def encode(hrp: str, data: bytes, constant: int) -> str:
    """Encode symbols under a prefix, with the checksum of `constant`."""
    return f"{hrp}1{spell(CODE.extend(hrp, data, constant))}"


def spell(values: bytes) -> str:
    """Return the characters of symbols."""
    return bytes(ALPHABET[value] for value in values).decode()


def pack(values: bytes) -> bytes:
    """Regroup symbols of five bits into bytes.

    Raises InvalidAddress: bad_padding when a whole symbol or a one bit is left over (BIP-173).
    """
    size, spare = divmod(5 * len(values), 8)
    number = int(values.translate(_BASE32), 32) if values else 0
    if spare >= 5 or number & (1 << spare) - 1:  # noqa: PLR2004 - five bits are one symbol
        raise refusal("bad_padding")
    return (number >> spare).to_bytes(size, "big")


def unpack(raw: bytes) -> bytes:
    """Regroup bytes into symbols of five bits, the last padded with zero bits."""
    length = -(-8 * len(raw) // 5)
    number = int.from_bytes(raw, "big") << 5 * length - 8 * len(raw)
    return bytes(number >> 5 * place & 31 for place in reversed(range(length)))
