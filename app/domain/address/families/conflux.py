"""Addresses of Conflux's core space: a type and 20 bytes in an alphabet of its own, with the checksum of cashaddr.

The rule here: the canonical text is lower case and without the optional "type.user:" part, which must be right when it
is there. Standard: CIP-37 in its final form.
"""

from typing import Final

from app.domain.address.codecs import bch40, bech32
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_ALPHABET: Final = "abcdefghjkmnprstuvwxyz0123456789"
_ACCOUNT: Final = 20  # bytes
_KINDS: Final = {0: "builtin", 1: "user", 8: "contract"}  # by the first four bits
_NULL: Final = bytes(_ACCOUNT)


class Conflux:
    """Addresses of the network with `prefix`: "cfx", "cfxtest", or "net" and a number."""

    def __init__(self, family: str, prefix: str = "cfx") -> None:
        self.family = family
        self.starts = prefix[0] + prefix[0].upper()
        self._prefix = prefix

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum, bad_padding,
        bad_version.
        """
        parts = text.split(":")
        if parts[0].lower() != self._prefix or len(parts) == 1:
            raise refusal("bad_prefix", f"An address of this chain begins with {self._prefix}: - give all of it.")
        *stated, data = bech32.one_case(text).split(":")[1:]
        raw = bech32.pack(bch40.check(self._prefix, _symbols(data)))
        if len(raw) != 1 + _ACCOUNT:
            raise refusal("bad_length")
        if raw[0]:
            raise refusal("bad_version")
        kind = "null" if raw[1:] == _NULL else _KINDS.get(raw[1] >> 4)
        if kind is None:
            raise refusal("bad_version")
        if stated and stated != [f"type.{kind}"]:
            raise refusal("bad_prefix", "The type that the text states is not that of the address: copy it again.")
        return Address(self.family, f"{self._prefix}:{data}", VERIFIED, kind)

    def sample(self, seed: bytes) -> str:
        """Return the user account whose last 156 bits are taken from `seed`."""
        account = bytes([seed[0] & 15 | 16]) + seed[1:_ACCOUNT]
        values = bch40.extend(self._prefix, bech32.unpack(b"\0" + account))
        return f"{self._prefix}:{''.join(_ALPHABET[value] for value in values)}"


def _symbols(data: str) -> bytes:
    if not set(data) <= set(_ALPHABET):
        raise refusal("bad_character")
    return bytes(map(_ALPHABET.index, data))
