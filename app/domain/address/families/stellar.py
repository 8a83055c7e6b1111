"""Addresses of Stellar: accounts, contracts, claimable balances, liquidity pools (strkeys, SEP-23).

The rule here: a muxed address is the account that it wraps, and its id becomes the `tag`; a secret seed is refused
before anything is computed from it, and nothing repeats it.
"""

import re
from binascii import crc_hqx
from typing import Final

from app.domain.address.codecs import base32
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_VERSIONS: Final = {"G": 6, "M": 12, "C": 2, "L": 11, "B": 1, "P": 15, "T": 19, "X": 23}  # the upper five bits
_KINDS: Final = {"G": "account", "C": "contract", "L": "liquidity_pool", "B": "claimable_balance"}
_LENGTHS: Final = {"G": 56, "M": 69, "C": 56, "L": 56, "B": 58, "T": 56, "X": 56}  # characters
_SHORTEST_PAYLOAD, _LONGEST_PAYLOAD = 69, 165  # characters of P: 4 to 64 bytes are signed
_VERSION: Final = 3  # bits below the version: the algorithm, of which only 0 exists
_CHECKSUM: Final = 2
_KEY: Final = 32
_SIZE: Final = 4  # bytes of a payload's size, and what its padding is a multiple of
_seed: Final = re.compile(r"S[A-D][A-Z2-7]{53,55}", re.IGNORECASE | re.ASCII).fullmatch  # 56, or one lost or doubled


class Stellar:
    """Addresses of every network of Stellar: they do not name their network."""

    starts = "".join(_KINDS) + "M"

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the address in `text`, and the id of a muxed one.

        Raises InvalidAddress: bad_prefix, bad_character, bad_length, bad_checksum, bad_version, bad_padding,
        private_key, unsupported (signers, which hold nothing).
        """
        if is_seed(text):
            raise refusal("private_key")
        payload = _payload(text)
        letter = text[0]
        if letter == "M":
            account = _strkey("G", payload[:_KEY])
            return Address(self.family, account, VERIFIED, "account", str(int.from_bytes(payload[_KEY:], "big")))
        _check_content(letter, payload)
        return Address(self.family, text, VERIFIED, _KINDS[letter])

    def sample(self, seed: bytes) -> str:
        """Return the account whose key is `seed`, 32 bytes."""
        return _strkey("G", seed)


def is_seed(text: str) -> bool:
    """Tell whether a text looks like a secret seed, with a character lost or doubled too."""
    return _seed(text) is not None


def _payload(text: str) -> bytes:
    letter = text[0]
    base32.value(text)  # a character outside the alphabet says more than a wrong first one
    if letter not in _VERSIONS:
        raise refusal("bad_prefix")
    raw = base32.decode(text, length=_LENGTHS.get(letter, 0))
    if letter not in _LENGTHS and not _SHORTEST_PAYLOAD <= len(text) <= _LONGEST_PAYLOAD:
        raise refusal("bad_length")
    if raw[0] != _VERSIONS[letter] << _VERSION:
        raise refusal("bad_version")
    if _checksum(raw[:-_CHECKSUM]) != raw[-_CHECKSUM:]:
        raise refusal("bad_checksum")
    return raw[1:-_CHECKSUM]


def _check_content(letter: str, payload: bytes) -> None:
    if letter == "B" and payload[0]:
        raise refusal("bad_version")
    if letter == "P":
        _check_signed(payload[_KEY:])
    if letter not in _KINDS:
        raise refusal("unsupported", "This is a signer, which holds nothing: give the account, which begins with G.")


def _check_signed(field: bytes) -> None:
    size, content = int.from_bytes(field[:_SIZE], "big"), field[_SIZE:]
    if not 0 <= len(content) - size < _SIZE or len(content) % _SIZE:
        raise refusal("bad_length")
    if any(content[size:]):
        raise refusal("bad_padding")


def _checksum(data: bytes) -> bytes:
    return crc_hqx(data, 0).to_bytes(_CHECKSUM, "little")


def _strkey(letter: str, payload: bytes) -> str:
    data = bytes([_VERSIONS[letter] << _VERSION]) + payload
    return base32.encode(data + _checksum(data))
