"""Addresses of Filecoin: numbers of actors (f0), keys (f1, f3), actors (f2) and delegated addresses (f4).

The rule here: the letter f is the main network and t a test network, and the letter is no part of the checksum, so it
is compared; letters are of one case, because a decoder that ignores case lets a wrong capital by. Standards: Filecoin
specification, appendix "Address"; FIP-0048 (f4).
"""

from hashlib import blake2b
from typing import Final

from app.domain.address.codecs import base32, bech32, decimal
from app.domain.address.identity import ABSENT, VERIFIED, Address
from app.domain.address.refusals import refusal

_TABLE: Final = base32.digits(base32.LOWER)
_NETWORKS: Final = ("f", "t")
_PROTOCOLS: Final = ("0", "1", "2", "3", "4")
_KINDS: Final = {"1": "secp256k1", "2": "actor", "3": "bls"}
_LENGTHS: Final = {"1": 39, "2": 39, "3": 84}  # characters after the protocol: 20, 20 and 48 bytes, and a checksum
_HASH: Final = 20  # bytes; an Ethereum account has as many
_CHECKSUM: Final = 4
_NUMBERS: Final = 1 << 63  # ids of actors are below
_DELEGATED: Final = "4"
_ETHEREUM: Final = 10  # the manager's id whose subaddresses are Ethereum's accounts
_SUBADDRESS: Final = 54  # bytes at most


class Filecoin:
    """Addresses of the network whose letter is `prefix`."""

    def __init__(self, family: str, prefix: str = "f") -> None:
        self.family = family
        self._prefix = prefix
        self.starts = prefix + prefix.upper()

    def read(self, text: str) -> Address:
        """Return the address in `text`, in small letters.

        Raises InvalidAddress: bad_prefix, not_on_chain (the other network), bad_character, mixed_case, bad_length,
        bad_padding, bad_checksum.
        """
        self._check_network(text[0].lower(), text[1:2])
        lower = bech32.one_case(text)
        protocol, body = lower[1:2], lower[2:]
        if protocol == "0":
            decimal.decode(body, _NUMBERS)
            return Address(self.family, lower, ABSENT, "id")
        if protocol == _DELEGATED:
            _check_delegated(body)
            return Address(self.family, lower, VERIFIED, "delegated")
        _decode(body, int(protocol).to_bytes(1, "big"), _LENGTHS[protocol])
        return Address(self.family, lower, VERIFIED, _KINDS[protocol])

    def sample(self, seed: bytes) -> str:
        """Return the secp256k1 address whose hash is taken from `seed`, 32 bytes."""
        payload = seed[:_HASH]
        return f"{self._prefix}1{base32.encode(payload + _checksum(bytes([1]) + payload), base32.LOWER)}"

    def _check_network(self, letter: str, protocol: str) -> None:
        if letter not in _NETWORKS or protocol not in _PROTOCOLS:
            raise refusal("bad_prefix")
        if letter != self._prefix:
            raise refusal("not_on_chain", "This is an address of another Filecoin network: state the network.")


def _check_delegated(body: str) -> None:
    number, _, subaddress = body.partition("f")
    namespace = decimal.decode(number, _NUMBERS)
    payload = _decode(subaddress, bytes([4]) + _leb128(namespace))
    if len(payload) > _SUBADDRESS or (namespace == _ETHEREUM and len(payload) != _HASH):
        raise refusal("bad_length")


def _decode(text: str, head: bytes, length: int = 0) -> bytes:
    """Return the bytes before the checksum, which also covers `head`; `length` as of base32."""
    raw = base32.decode(text, _TABLE, length)
    payload = raw[:-_CHECKSUM]
    if len(raw) < _CHECKSUM:
        raise refusal("bad_length")
    if _checksum(head + payload) != raw[-_CHECKSUM:]:
        raise refusal("bad_checksum")
    return payload


def _checksum(data: bytes) -> bytes:
    return blake2b(data, digest_size=_CHECKSUM).digest()


def _leb128(number: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first."""
    groups = bytearray()
    while number >> 7:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])
