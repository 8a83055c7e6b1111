"""Accounts of Hedera: shard, realm and number, with or without the checksum of HIP-15.

The rule here: the canonical text has no checksum; an Ethereum address that only wraps a number is that number, and any
other alias is resolved by the network alone, so it is called unsupported.
"""

import re
from functools import reduce
from typing import Final

from app.domain.address.codecs import decimal, hexadecimal
from app.domain.address.identity import ABSENT, VERIFIED, Address
from app.domain.address.refusals import refusal
from app.domain.errors import InvalidAddress

_NUMBERS: Final = 1 << 63  # shard, realm and number are below
_PARTS: Final = 3
_P3, _P5 = 26**3, 26**5
_letters: Final = re.compile(r"[a-z]{5}").fullmatch
_digits: Final = re.compile(r"[0-9.]*").fullmatch
_alias: Final = re.compile(r"[0-9a-fA-F]{40,}").fullmatch
_ETHEREUM: Final = 40  # hexadecimal digits


class Hedera:
    """Accounts of the network with the id `ledger`, in hexadecimal: 00 is the main one."""

    starts = "0123456789"

    def __init__(self, family: str, ledger: str = "00") -> None:
        self.family = family
        self._ledger = bytes.fromhex(ledger)

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_character, bad_length, bad_padding (leading zeros), bad_checksum, unsupported
        (aliases).
        """
        if hexadecimal.is_marked(text):
            return self._read_ethereum(hexadecimal.lower(hexadecimal.unmarked(text), _ETHEREUM))
        number, dash, checksum = text.partition("-")
        _check_number(number)
        if not dash:
            return Address(self.family, number, ABSENT, "account")
        if not _letters(checksum):
            raise refusal("bad_character", "A checksum is five small letters after the dash: copy it again.")
        if checksum != _checksum(number, self._ledger):
            raise refusal("bad_checksum")
        return Address(self.family, number, VERIFIED, "account")

    def sample(self, seed: bytes) -> str:
        """Return the account whose number is taken from `seed`, 32 bytes: far above those that exist."""
        return f"0.0.{int.from_bytes(seed[:8], 'big') >> 1 | 1 << 62}"

    def _read_ethereum(self, digits: str) -> Address:
        number = int(digits, 16)
        if not 0 < number < _NUMBERS:
            raise _unresolved()
        return Address(self.family, f"0.0.{number}", ABSENT, "account")


def _unresolved() -> InvalidAddress:
    return refusal(
        "unsupported", "This is an alias, which only the network can resolve: give the account, as 0.0.98765."
    )


def _check_number(text: str) -> None:
    parts = text.split(".")
    if _alias(parts[-1]):
        raise _unresolved()
    if not _digits(text):
        raise refusal("bad_character")
    if len(parts) != _PARTS:
        raise refusal("bad_length", "An account is three numbers with dots between, as 0.0.98765: copy it again.")
    for part in parts:
        decimal.decode(part, _NUMBERS)


def _checksum(text: str, ledger: bytes) -> str:
    """Return the five letters of HIP-15, section "Specification", whose names these are."""
    d = [10 if character == "." else int(character) for character in text]
    sd = _weighted(d, _P3)
    sh = _weighted(list(ledger + bytes(6)), _P5)
    c = ((len(d) % 5 * 11 + sum(d[::2]) % 11) * 11 + sum(d[1::2]) % 11) * _P3 + sd + sh
    cp = c % _P5 * 1000003 % _P5
    return "".join(chr(ord("a") + cp // 26**place % 26) for place in (4, 3, 2, 1, 0))


def _weighted(values: list[int], modulus: int) -> int:
    return reduce(lambda total, value: (total * 31 + value) % modulus, values, 0)
