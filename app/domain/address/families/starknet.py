"""Accounts of Starknet: a field element in hexadecimal, optionally with a checksum of capitals.

The rule here: the canonical text has all 64 digits in small letters; capitals among small letters are a checksum and
must be right. Two hashes of the same number are in use, of its 32 bytes (SNIP-23) and of its bytes without leading
zeros (starknet.js), and either is accepted.
"""

from typing import Final

from app.domain.address.codecs import hexadecimal, keccak
from app.domain.address.identity import ABSENT, VERIFIED, Address
from app.domain.address.refusals import refusal

_DIGITS: Final = 64
_MISSING: Final = 5  # leading zeros that may be left out; every address has one
_LIMIT: Final = 2**251 - 256  # addresses are below: ADDR_BOUND of starknet.js
_CAPITAL: Final = "8"  # a hash digit from here on makes the letter a capital


class Starknet:
    """Contracts, of which accounts are some, of every network of Starknet."""

    starts = "0"

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_prefix, bad_character, bad_length, bad_padding (above the highest address),
        bad_checksum.
        """
        body = hexadecimal.unmarked(text)
        digits = hexadecimal.filled(body, _DIGITS, _MISSING)
        raw = bytes.fromhex(digits)
        if int(digits, 16) >= _LIMIT:
            raise refusal("bad_padding")
        mixed = hexadecimal.is_mixed(body)
        if mixed and body.rjust(_DIGITS, "0") not in (_marked(digits, raw), _marked(digits, raw.lstrip(b"\0"))):
            raise refusal("bad_checksum")
        return Address(self.family, "0x" + digits, VERIFIED if mixed else ABSENT, "account")

    def sample(self, seed: bytes) -> str:
        """Return the account whose number is taken from `seed`, 32 bytes."""
        return f"0x{int.from_bytes(seed, 'big') % _LIMIT:064x}"


def _marked(digits: str, hashed: bytes) -> str:
    marks = keccak.keccak256(hashed).hex()
    return "".join(c.upper() if mark >= _CAPITAL else c for c, mark in zip(digits, marks, strict=True))
