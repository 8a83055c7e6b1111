"""Accounts of Casper: public keys, and the hashes that they have on the chain.

The rule here: a key and its hash are one account; capitals among small letters are a checksum (CEP-57) and must be
right. The hash is BLAKE2b-256 over the name of the key's algorithm, a zero byte and the key.
"""

from hashlib import blake2b
from typing import Final

from app.domain.address.codecs import hexadecimal, secp256k1
from app.domain.address.identity import ABSENT, VERIFIED, Address
from app.domain.address.refusals import refusal

_ALGORITHMS: Final = {"01": (b"ed25519", 64), "02": (b"secp256k1", 66)}  # name; hexadecimal digits of a key
_TAG: Final = 2
_HASH: Final = "account-hash-"
_DIGITS: Final = 64  # of a hash
_UNREAD: Final = ("hash-", "contract-", "entity-", "uref-")  # contracts and purses


class Casper:
    """Accounts, by key or by hash."""

    starts = "0a"

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the account in `text`; its `account` is the hash.

        Raises InvalidAddress: bad_prefix, unsupported, bad_character, bad_length, bad_checksum, bad_version.
        """
        if text.startswith(_HASH):
            body = text.removeprefix(_HASH)
            digits = hexadecimal.lower(body, _DIGITS)
            return Address(self.family, _HASH + digits, _state(body), "account_hash", account=digits)
        if text.startswith(_UNREAD):
            raise refusal("unsupported")
        return self._read_key(text)

    def sample(self, seed: bytes) -> str:
        """Return the account whose Ed25519 key is `seed`, 32 bytes."""
        return "01" + seed.hex()

    def _read_key(self, text: str) -> Address:
        if text[:_TAG] not in _ALGORITHMS:
            raise refusal("bad_prefix", "A key begins with 01 or 02: check the address and the chain.")
        name, count = _ALGORITHMS[text[:_TAG]]
        body = text[_TAG:]
        key = hexadecimal.lower(body, count)
        if name == b"secp256k1":
            secp256k1.check(key)
        digest = blake2b(name + b"\0" + bytes.fromhex(key), digest_size=32).hexdigest()
        return Address(self.family, text[:_TAG] + key, _state(body), "account", account=digest)


def _state(body: str) -> str:
    """Return whether hexadecimal digits carry a checksum in their capitals; raise bad_checksum when it is wrong."""
    if not hexadecimal.is_mixed(body):
        return ABSENT
    if body != _marked(body.lower()):
        raise refusal("bad_checksum")
    return VERIFIED


def _marked(lower: str) -> str:
    """Return digits with the capitals of CEP-57: a letter takes the next bit of the hash, the lowest bit first."""
    number = int.from_bytes(blake2b(bytes.fromhex(lower), digest_size=32).digest(), "little")
    marked, letters = "", 0
    for character in lower:
        marked += character.upper() if character.isalpha() and number >> letters & 1 else character
        letters += character.isalpha()
    return marked
