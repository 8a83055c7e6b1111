"""Addresses of the XRP Ledger: classic, and the X-address that carries a destination tag.

The rule here: the canonical text is classic; the tag leaves the text and becomes the address's `tag`. An X-address
of the other network is refused. Standards: XLS-5 (X-address), base58 in the ledger's own alphabet.
"""

from typing import Final

from app.domain.address.codecs import base58
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_DIGITS: Final = base58.digits(base58.RIPPLE)
_ACCOUNT: Final = b"\0"
_HASH: Final = 20  # bytes
_CLASSIC: Final = 25  # bytes: version, account, checksum
_X: Final = 35  # bytes: two of prefix, account, flag, eight of tag, checksum
_PREFIXES: Final = {False: b"\x05\x44", True: b"\x04\x93"}
_LONG: Final = 40  # characters: a classic address has at most 35, an X-address 46 to 47
_NO_TAG, _TAG = 0, 1


class Xrp:
    """Accounts of the main or a test network."""

    def __init__(self, family: str, *, test: bool = False) -> None:
        self.family = family
        self.starts = "rT" if test else "rX"
        self._prefix = _PREFIXES[test]
        self._other = _PREFIXES[not test]

    def read(self, text: str) -> Address:
        """Return the account in `text`, and its tag when it holds one.

        Raises InvalidAddress: bad_character, bad_length, bad_checksum, bad_version, bad_padding (reserved bytes),
        not_on_chain (the other network).
        """
        if len(text) > _LONG:
            return self._read_x(text)
        payload = base58.decode_check(text, _CLASSIC, _DIGITS)
        if payload[:1] != _ACCOUNT:
            raise refusal("bad_version")
        return Address(self.family, text, VERIFIED, "account")

    def sample(self, seed: bytes) -> str:
        """Return the classic address whose account is taken from `seed`, 32 bytes."""
        return base58.encode_check(_ACCOUNT + seed[:_HASH], base58.RIPPLE)

    def _read_x(self, text: str) -> Address:
        payload = base58.decode_check(text, _X, _DIGITS)
        prefix, account, flag, tag = payload[:2], payload[2:22], payload[22], payload[23:]
        if prefix == self._other:
            raise refusal("not_on_chain", "The X-address is of the other XRP network: state the network that it is of.")
        if prefix != self._prefix or flag not in (_NO_TAG, _TAG):
            raise refusal("bad_version")
        number = int.from_bytes(tag, "little")
        if number >> (32 if flag else 0):
            raise refusal("bad_padding")
        classic = base58.encode_check(_ACCOUNT + account, base58.RIPPLE)
        return Address(self.family, classic, VERIFIED, "account", str(number) if flag else None)
