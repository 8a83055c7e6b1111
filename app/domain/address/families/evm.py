"""Addresses of Ethereum and every chain with its accounts.

The rule here: one key is one account on all of these chains, so they share the family "evm"; capitals are a checksum
(EIP-55) only when they are mixed with small letters.
"""

import re
from collections.abc import Sequence
from typing import Final

from app.domain.address.codecs import keccak
from app.domain.address.identity import ABSENT, VERIFIED, Address
from app.domain.address.refusals import refusal

FAMILY: Final = "evm"
_CUT: Final = 2
_LENGTH: Final = 42
_lower_lines: Final = re.compile(r"(?:0x[0-9a-f]{40}\n)*").fullmatch
_lower: Final = re.compile(r"0x[0-9a-f]{40}").fullmatch
_digits: Final = re.compile(r"[0-9a-fA-F]*").fullmatch


class Evm:
    """An account of 20 bytes in hexadecimal.

    `eip1191` is the chain id whose checksum (EIP-1191) the chain accepts beside EIP-55, 0 for none; `prefix` is a
    spelling of "0x" that the chain's wallets use.
    """

    def __init__(self, family: str = FAMILY, eip1191: int = 0, prefix: str = "0x") -> None:
        self.family = family
        self.eip1191 = eip1191
        self.prefix = prefix
        self.starts = "0" + prefix[0] + prefix[0].upper()

    def read(self, text: str) -> Address:
        """Return the account in `text`, in lower case.

        Raises InvalidAddress: bad_prefix, bad_character, bad_length, bad_checksum.
        """
        if _lower(text):
            return Address(self.family, text, ABSENT, "account")
        return self._read_other(text)

    def read_many(self, texts: Sequence[str]) -> list[Address | None]:
        """Return the account in each text in lower case; None for each other text."""
        family, make = self.family, tuple.__new__  # half the price of calling the class
        lines = "\n".join([*texts, ""])
        if len(lines) == (_LENGTH + 1) * len(texts) and _lower_lines(lines):  # so no text holds a line break
            return [make(Address, (family, text, ABSENT, "account", None, "")) for text in texts]
        return [make(Address, (family, text, ABSENT, "account", None, "")) if _lower(text) else None for text in texts]

    def _read_other(self, text: str) -> Address:
        body = self._body(text)
        if not _digits(body):
            raise refusal("bad_character")
        if len(body) != _LENGTH - _CUT:
            raise refusal(
                "bad_length", f"An address of this chain has 40 digits after 0x, not {len(body)}: copy it again."
            )
        lower = body.lower()
        if body in (lower, body.upper()):
            return Address(self.family, "0x" + lower, ABSENT, "account")
        if body != keccak.eip55(lower) and not (self.eip1191 and body == keccak.eip55(lower, f"{self.eip1191}0x")):
            raise refusal("bad_checksum")
        return Address(self.family, "0x" + lower, VERIFIED, "account")

    def sample(self, seed: bytes) -> str:
        """Return the account whose bytes are taken from `seed`, 32 bytes."""
        return "0x" + seed.hex()[: _LENGTH - _CUT]

    def _body(self, text: str) -> str:
        for prefix in ("0x", "0X", self.prefix, self.prefix.upper()):
            if text.startswith(prefix):
                return text[len(prefix) :]
        raise refusal("bad_prefix", "An address of this chain begins with 0x: check the address and the chain.")


def is_account(canonical: str) -> bool:
    """Tell whether a canonical text is an account of 20 bytes after 0x."""
    return _lower(canonical) is not None


def display(canonical: str) -> str:
    """Return a lower-case account with the capitals of EIP-55."""
    return canonical[:_CUT] + keccak.eip55(canonical[_CUT:])
