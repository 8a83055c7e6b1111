"""Cashaddr: the text form of Bitcoin Cash and its relatives.

The rule here: the prefix is part of the checksum, so a text without one is checked against the chain's own prefix
and nothing else. Specification: cashaddr.md of the Bitcoin Cash specifications.
"""

from typing import Final

from app.domain.address.codecs import bch40, bech32
from app.domain.address.refusals import refusal

SIZES: Final = (20, 24, 28, 32, 40, 48, 56, 64)  # bytes of the hash, by the low three bits of the version byte


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
    return bch40.check(prefix, bech32.symbols(data))


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
    return f"{prefix}:{bech32.spell(bch40.extend(prefix, values))}"
