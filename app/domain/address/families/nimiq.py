"""Addresses of Nimiq: 20 bytes in base32 with the check digits of a bank account number (ISO 7064, modulo 97).

The rule here: the canonical text is in capitals and without the blanks that wallets show.
"""

from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_COUNTRY: Final = "NQ"
_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRSTUVXY"
_LENGTH: Final = 36  # characters: country, two digits, 32 of base32
_HEAD: Final = 4
_ACCOUNT: Final = 20  # bytes


class Nimiq:
    """Accounts and contracts."""

    starts = "Nn"

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum.
        """
        if text[:2].upper() != _COUNTRY:
            raise refusal("bad_prefix")
        upper = bech32.one_case(text).upper()
        digits, body = upper[2:_HEAD], upper[_HEAD:]
        if not set(digits) <= set(_ALPHABET[:10]) or not set(body) <= set(_ALPHABET):
            raise refusal("bad_character")
        if len(upper) != _LENGTH:
            raise refusal("bad_length")
        if digits != _check_digits(body):
            raise refusal("bad_checksum")
        return Address(self.family, upper, VERIFIED, "account")

    def sample(self, seed: bytes) -> str:
        """Return the account of the first 20 bytes of `seed`."""
        body = "".join(_ALPHABET[value] for value in bech32.unpack(seed[:_ACCOUNT]))
        return _COUNTRY + _check_digits(body) + body


def _check_digits(body: str) -> str:
    number = "".join(str(int(character, 36)) for character in body + _COUNTRY + "00")
    return f"{98 - int(number) % 97:02}"
