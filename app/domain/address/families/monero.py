"""Addresses of Monero: standard, subaddress, and integrated with a payment id.

The rule here: an integrated address is the standard address it wraps; the payment id becomes the `tag`.
"""

from hashlib import sha256
from typing import Final

from app.domain.address.codecs import base58, ed25519, keccak
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_KEYS: Final = 64  # bytes: public spend key, public view key
_PAYMENT_ID: Final = 8
_CHECKSUM: Final = 4
_LENGTHS: Final = (95, 106)  # characters, without and with a payment id


class Monero:
    """Addresses of one network: its byte for standard addresses, integrated ones and subaddresses."""

    def __init__(self, family: str, standard: int, integrated: int, subaddress: int) -> None:
        self.family = family
        self._standard = bytes([standard])
        self._kinds = {standard: "standard", integrated: "integrated", subaddress: "subaddress"}
        self.starts = "".join(base58.encode_blocks(bytes([byte]) + b"\x80" * 7)[0] for byte in self._kinds)

    def read(self, text: str) -> Address:
        """Return the address in `text`, and its payment id in hexadecimal when it holds one.

        Raises InvalidAddress: bad_character, bad_length, bad_checksum, bad_version, bad_padding (no keys).
        """
        raw = base58.decode_blocks(text)
        if len(text) not in _LENGTHS:
            raise refusal(
                "bad_length", f"An address of this chain has 95 or 106 characters, not {len(text)}: copy it again."
            )
        payload = raw[:-_CHECKSUM]
        if keccak.keccak256(payload)[:_CHECKSUM] != raw[-_CHECKSUM:]:
            raise refusal("bad_checksum")
        if not all(map(ed25519.is_point, (payload[1:33], payload[33:65]))):
            raise refusal("bad_padding", "A key in the address is no point of the curve, so no wallet made this text.")
        kind = self._kinds.get(payload[0])
        if kind is None or (kind == "integrated") != (len(payload) > 1 + _KEYS):
            raise refusal("bad_version")
        if kind == "integrated":
            return self._unwrap(payload)
        return Address(self.family, text, VERIFIED, kind)

    def sample(self, seed: bytes) -> str:
        """Return the standard address whose keys are taken from `seed`, 32 bytes."""
        return _spell(self._standard + ed25519.some_point(seed) + ed25519.some_point(sha256(seed).digest()))

    def _unwrap(self, payload: bytes) -> Address:
        inner = self._standard + payload[1:-_PAYMENT_ID]
        return Address(self.family, _spell(inner), VERIFIED, "integrated", payload[-_PAYMENT_ID:].hex())


def _spell(payload: bytes) -> str:
    return base58.encode_blocks(payload + keccak.keccak256(payload)[:_CHECKSUM])
