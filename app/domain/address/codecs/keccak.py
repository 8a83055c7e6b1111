"""Keccak-256, the hash from before SHA-3, of Ethereum and Monero, and Ethereum's checksum by capitals.

The rule here: this is the one importer of pycryptodome, and only when a hash is asked for: a program that never
meets such an address starts without it.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

_CAPITAL: Final = "8"  # a hash digit from here on makes the letter a capital


@cache
def _implementation() -> Callable[[bytes], bytes]:
    from Crypto.Hash import keccak  # noqa: PLC0415 - see the rule of this module

    return lambda data: keccak.new(data=data, digest_bits=256).digest()


def keccak256(data: bytes) -> bytes:
    """Return the 32 bytes of Keccak-256 (padding 0x01, not SHA-3's 0x06)."""
    return _implementation()(data)


def eip55(lower: str, salt: str = "") -> str:
    """Return 40 lower-case hexadecimal characters with the capitals of EIP-55.

    `salt` goes before them into the hash: the chain id and "0x" in EIP-1191.
    """
    marks = keccak256((salt + lower).encode()).hex()
    return "".join(c.upper() if mark >= _CAPITAL else c for c, mark in zip(lower, marks, strict=False))
