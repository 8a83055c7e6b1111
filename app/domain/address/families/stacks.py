"""Addresses of Stacks: a version and 20 bytes in c32check, with the name of a contract behind a dot.

The rule here: one value has one text, so the spellings that readers take for each other (O and 0, I, L and 1, small
letters) are refused. The hash is Bitcoin's, but coins on Stacks are another matter: the family is its own. Standard:
SIP-005.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_HASH: Final = 20  # bytes
_CHECKSUM: Final = 4
_contract_name: Final = re.compile(r"[A-Za-z][-A-Za-z0-9_]{0,39}").fullmatch
_VERSIONS: Final = {"P": "p2pkh", "M": "p2sh"}


class Stacks:
    """Accounts whose version is one of `versions` (a character, to kind), and their contracts."""

    starts = "S"

    def __init__(self, family: str, versions: Mapping[str, str] | None = None) -> None:
        self.family = family
        self._versions = dict(versions or _VERSIONS)

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: bad_prefix, bad_character, bad_length, bad_checksum, bad_version.
        """
        account, dot, name = text.partition(".")
        if account[:1] != self.starts:
            raise refusal("bad_prefix")
        if not set(account) <= set(_ALPHABET) or (dot and not _contract_name(name)):
            raise refusal("bad_character")
        version = account[1:2]
        payload = _decode(account[2:])
        if _checksum(version, payload[:_HASH]) != payload[_HASH:]:
            raise refusal("bad_checksum")
        if version not in self._versions:
            raise refusal("bad_version")
        return Address(self.family, text, VERIFIED, "contract" if dot else self._versions[version])

    def sample(self, seed: bytes) -> str:
        """Return the account of the first version and the hash that `seed` begins with."""
        version, payload = next(iter(self._versions)), seed[:_HASH]
        return self.starts + version + _encode(payload + _checksum(version, payload))


def _checksum(version: str, payload: bytes) -> bytes:
    body = bytes(map(_ALPHABET.index, version)) + payload
    return sha256(sha256(body).digest()).digest()[:_CHECKSUM]


def _decode(text: str) -> bytes:
    number = 0
    for character in text:
        number = number << 5 | _ALPHABET.index(character)
    zeros = len(text) - len(text.lstrip(_ALPHABET[0]))
    size = zeros + (number.bit_length() + 7 >> 3)
    if size != _HASH + _CHECKSUM:
        raise refusal("bad_length")
    return number.to_bytes(size, "big")


def _encode(raw: bytes) -> str:
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = number >> 5, number & 31
        text = _ALPHABET[digit] + text
    return _ALPHABET[0] * (len(raw) - len(raw.lstrip(b"\0"))) + text
