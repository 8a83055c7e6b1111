"""Addresses of Zilliqa: 20 bytes in bech32, and the hexadecimal of the same account.

The rule here: the canonical text is bech32; mixed capitals are Zilliqa's own checksum (ZIP-1), never Ethereum's.
"""

import hashlib
import re
from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.families.bech32 import has_prefix, read_symbols, write
from app.domain.address.identity import ABSENT, VERIFIED, Address
from app.domain.address.refusals import refusal

_ACCOUNT: Final = 20  # bytes
_HRP: Final = "zil"
_BITS: Final = 256  # of the hash whose bits choose the capitals
_STRIDE: Final = 6  # of these bits belong to each digit, counted from the first
_digits: Final = re.compile(r"[0-9a-fA-F]*").fullmatch


class Zilliqa:
    """Accounts and contracts."""

    starts = "zZ"  # hexadecimal is read when the chain is named

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum, bad_padding.
        """
        if has_prefix(text, _HRP):
            payload = bech32.pack(read_symbols(text, _HRP, bech32.BECH32))
            if len(payload) != _ACCOUNT:
                raise refusal("bad_length")
            return Address(self.family, text.lower(), VERIFIED, "account")
        return self._read_hex(text)

    def _read_hex(self, text: str) -> Address:
        body = text[2:] if text[:2] in ("0x", "0X") else text
        if not _digits(body):
            raise refusal("bad_prefix", "An address of this chain begins with zil1: check the address and the chain.")
        if len(body) != 2 * _ACCOUNT:
            raise refusal("bad_length")
        payload = bytes.fromhex(body)
        checksum = ABSENT if body in (body.lower(), body.upper()) else VERIFIED
        if checksum == VERIFIED and body != capitals(payload):
            raise refusal("bad_checksum")
        return Address(self.family, write(_HRP, payload, bech32.BECH32), checksum, "account")

    def sample(self, seed: bytes) -> str:
        """Return the account of the first 20 bytes of `seed`."""
        return write(_HRP, seed[:_ACCOUNT], bech32.BECH32)


def capitals(payload: bytes) -> str:
    """Return the 40 hexadecimal digits of an account with the capitals that are their checksum."""
    bits = int.from_bytes(hashlib.sha256(payload).digest(), "big")
    return "".join(
        digit.upper() if bits >> _BITS - 1 - _STRIDE * place & 1 else digit for place, digit in enumerate(payload.hex())
    )
