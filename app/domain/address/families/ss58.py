"""Addresses of Polkadot, Kusama and the other Substrate chains: a key of 32 bytes under each chain's number.

The rule here: one key is one account on every chain, but for the accounts that runtimes derive from names ("modl...",
"para...", "sibl...", "Parent"), which belong to somebody else on every chain. The generic number 42 and the bare key in
hexadecimal are read on each chain and become its own text. Standard: docs.substrate.io "SS58", sp-core `crypto.rs`.
"""

import hashlib
import re
from functools import cached_property
from typing import Final

from app.domain.address.codecs import base58, base58_open
from app.domain.address.identity import ABSENT, VERIFIED, Address
from app.domain.address.refusals import refusal
from app.domain.errors import InvalidAddress

FAMILY: Final = "ss58"
GENERIC: Final = 42
_CONTEXT: Final = b"SS58PRE"
_KEY: Final = 32  # bytes
_CHECKSUM: Final = 2
_TWO_BYTES: Final = 64  # the first byte of a number in two bytes, and the least such number
_END: Final = 128  # first bytes from here on are reserved
_RESERVED: Final = (46, 47)
_LONGEST: Final = 17 + 2  # bytes of an index form: 8 of index, 8 of checksum
_INDEX_CHECKSUMS: Final = {1: (1,), 2: (1, 2), 4: (1, 2, 3, 4), 8: (1, 2, 3, 4, 5, 6, 7, 8)}  # bytes by index bytes
_OTHER_KEY: Final = 33  # bytes of a public key of secp256k1, which is no account
_DERIVED: Final = (b"modl", b"para", b"sibl", b"Parent\0")
_hex_key: Final = re.compile(r"0[xX]([0-9a-fA-F]{64})").fullmatch


class Ss58:
    """Accounts of the chain whose number is `prefix` (0 to 16383)."""

    def __init__(self, family: str = FAMILY, prefix: int = 0) -> None:
        self.family = family
        self.prefix = prefix

    @cached_property
    def starts(self) -> tuple[str, ...]:
        """Return the beginnings under the chain's own number; a generic one and a bare key ask for a chain."""
        return base58.beginnings(_number_bytes(self.prefix), _KEY + _CHECKSUM)

    def read(self, text: str) -> Address:
        """Return the account in `text`, whose canonical form has the chain's own number.

        Raises InvalidAddress: bad_character, bad_length, bad_checksum, bad_version (a reserved number), unsupported
        (account indexes, other keys), not_on_chain (the number of another chain).
        """
        raw_key = _hex_key(text)
        if raw_key:
            return self._account(bytes.fromhex(raw_key[1]), ABSENT)
        if text[:2] in ("0x", "0X"):
            raise refusal("bad_length" if re.fullmatch("[0-9a-fA-F]*", text[2:]) else "bad_character")
        number, key = _read(base58_open.decode(text))
        if number not in (self.prefix, GENERIC):
            raise refusal("not_on_chain", f"The address is of the chain with SS58 prefix {number}: state that chain.")
        return self._account(key, VERIFIED)

    def _account(self, key: bytes, checksum: str) -> Address:
        derived = key.startswith(_DERIVED)
        kind, account = ("derived", "") if derived else ("account", key.hex())
        return Address(self.family, _spell(self.prefix, key), checksum, kind, None, account)

    def sample(self, seed: bytes) -> str:
        """Return the account whose key is `seed`."""
        return _spell(self.prefix, seed)


def _spell(number: int, key: bytes) -> str:
    body = _number_bytes(number) + key
    return base58.encode(body + _digest(body)[:_CHECKSUM])


def _number_bytes(number: int) -> bytes:
    if number < _TWO_BYTES:
        return bytes([number])
    return bytes([number >> 2 & 63 | _TWO_BYTES, number >> 8 | (number & 3) << 6])


def _number(raw: bytes) -> tuple[int, int]:
    """Return the number at the beginning and how many bytes it takes."""
    first = raw[0]
    if first < _TWO_BYTES:
        return first, 1
    if first >= _END or len(raw) < 2:  # noqa: PLR2004 - the number has two bytes
        raise refusal("bad_version")
    number = (first & 63) << 2 | raw[1] >> 6 | (raw[1] & 63) << 8
    if number < _TWO_BYTES:
        raise refusal("bad_padding")
    return number, 2


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(_CONTEXT + body).digest()


def _read(raw: bytes) -> tuple[int, bytes]:
    """Return number and key."""
    if not raw:
        raise refusal("bad_length")
    if len(raw) <= _LONGEST:
        raise _refused_index(raw)
    number, size = _number(raw)
    key = raw[size:-_CHECKSUM]
    if len(key) not in (_KEY, _OTHER_KEY):
        raise refusal("bad_length")
    if _digest(raw[:-_CHECKSUM])[:_CHECKSUM] != raw[-_CHECKSUM:]:
        raise refusal("bad_checksum")
    if number in _RESERVED:
        raise refusal("bad_version")
    if len(key) != _KEY:
        raise refusal("unsupported", "This is a public key of secp256k1: give the account that belongs to it.")
    return number, key


def _refused_index(raw: bytes) -> InvalidAddress:
    _, size = _number(raw)
    for index, checksums in _INDEX_CHECKSUMS.items():
        checksum = len(raw) - size - index
        if checksum in checksums and _digest(raw[:-checksum])[:checksum] == raw[-checksum:]:
            return refusal("unsupported", "This is an account index, which can change its owner: give the account.")
    return refusal("bad_length")
