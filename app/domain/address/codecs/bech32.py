"""Bech32 and bech32m (BIP-173, BIP-350), and the group of five bits that cashaddr shares.

The rule here: only ASCII is folded to lower case, because the Kelvin sign and its like fold to letters too; and the
constant a text was checked against is returned, never assumed, because which one is right depends on the witness
version.

The checksum is linear over GF(2): the residue of a text is the exclusive or of what each symbol contributes at its
distance from the end, so a table for each distance replaces the shift register.
"""

from collections.abc import Callable
from functools import cache, lru_cache, reduce
from operator import getitem, xor
from typing import Final

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


def register(generator: tuple[int, ...], bits: int) -> Callable[[int, int], int]:
    """Return the step of a BCH code's shift register of `bits` bits: (state, symbol) to state."""
    top, keep = bits - 5, (1 << bits - 5) - 1
    table = [reduce(xor, (g for i, g in enumerate(generator) if out >> i & 1), 0) for out in range(32)]
    return lambda state, symbol: (state & keep) << 5 ^ symbol ^ table[state >> top]


def contributions(step: Callable[[int, int], int], length: int) -> tuple[tuple[int, ...], ...]:
    """Return, for each distance from the end of a text, what each of the 32 symbols adds to the residue."""
    bits, rows = [1, 2, 4, 8, 16], []
    for _ in range(length):
        row = [0]
        for bit in bits:
            row += [value ^ bit for value in row]
        rows.append(tuple(row))
        bits = [step(bit, 0) for bit in bits]
    return tuple(rows)


_step: Final = register(_GENERATOR, 30)


@cache
def _rows() -> tuple[tuple[int, ...], ...]:
    return contributions(_step, _LONGEST)


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


@lru_cache(maxsize=1024)
def _start(hrp: str, length: int) -> int:
    state = 1
    for symbol in [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp] + [0] * length:
        state = _step(state, symbol)
    return state


def residue(hrp: str, values: bytes) -> int:
    """Return the constant that a prefix and its symbols, checksum included, were made with."""
    return reduce(xor, map(getitem, _rows(), values[::-1]), _start(hrp, len(values)))


def decode(text: str, longest: int = 90) -> tuple[str, bytes, int]:
    """Decode a text to its prefix, its symbols without the checksum, and the constant of its checksum.

    `longest` is in characters: 90 in BIP-173, more for the formats that stretch it, 256 at most. The caller compares
    the constant with BECH32 or BECH32M. Raises InvalidAddress: bad_character, mixed_case, bad_prefix, bad_length.
    """
    lower = one_case(text)
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
    rest = residue(hrp, data + bytes(CHECKSUM)) ^ constant
    values = data + bytes(rest >> 5 * place & 31 for place in reversed(range(CHECKSUM)))
    return f"{hrp}1{spell(values)}"


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
