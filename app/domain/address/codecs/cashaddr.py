"""Cashaddr: the text form of Bitcoin Cash and its relatives.

The rule here: the prefix is part of the checksum, so a text without one is checked against the chain's own prefix
and nothing else. Specification: cashaddr.md of the Bitcoin Cash specifications.
"""

from functools import cache, lru_cache, reduce
from operator import getitem, xor
from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.refusals import refusal

CHECKSUM: Final = 8  # symbols
SIZES: Final = (20, 24, 28, 32, 40, 48, 56, 64)  # bytes of the hash, by the low three bits of the version byte
_LONGEST: Final = 112  # symbols: a version byte, 64 bytes and the checksum
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


def decode_symbols(text: str, prefix: str) -> bytes:
    """Return the symbols of a text, without prefix and checksum.

    `prefix` is the one that the text must have, or is taken to have when it has none. Raises InvalidAddress:
    bad_character, mixed_case, bad_prefix, bad_length, bad_checksum.
    """
    stated, separator, data = bech32.one_case(text).rpartition(":")
    if separator and stated != prefix:
        raise refusal(
            "bad_prefix", f"An address of this chain begins with {prefix}: - check the address and the chain."
        )
    values = bech32.symbols(data)
    if not CHECKSUM <= len(values) <= _LONGEST:
        raise refusal("bad_length")
    if _residue(prefix, values) != 1:
        raise refusal("bad_checksum")
    return values[:-CHECKSUM]


def decode(text: str, prefix: str) -> tuple[int, bytes]:
    """Return the type (0 to 15) and the hash of a text.

    Raises InvalidAddress: those of `decode_symbols`, bad_padding, bad_version, bad_length.
    """
    raw = bech32.pack(decode_symbols(text, prefix))
    if not raw or raw[0] >> 7:
        raise refusal("bad_version")
    if len(raw) - 1 != SIZES[raw[0] & 7]:
        raise refusal("bad_length")
    return raw[0] >> 3, raw[1:]


def encode(prefix: str, kind: int, payload: bytes) -> str:
    """Return the text of a type and a hash, with its prefix. The hash has one of SIZES bytes."""
    values = bech32.unpack(bytes([kind << 3 | SIZES.index(len(payload))]) + payload)
    rest = _residue(prefix, values + bytes(CHECKSUM)) ^ 1
    tail = bytes(rest >> 5 * place & 31 for place in reversed(range(CHECKSUM)))
    return f"{prefix}:{bech32.spell(values + tail)}"
