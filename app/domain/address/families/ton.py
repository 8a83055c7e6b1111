"""Addresses of TON and the chains of its kind (Everscale, Venom): raw and user-friendly (TEP-2).

The rule here: the canonical text is raw, `workchain:hex`; whether a message bounces is no identity, and a text that is
marked for test networks is refused on a main network.
"""

from base64 import b64decode
from binascii import crc_hqx
from typing import Final

from app.domain.address.codecs import hexadecimal
from app.domain.address.identity import ABSENT, VERIFIED, Address
from app.domain.address.refusals import refusal

_DIGITS: Final = 64  # hexadecimal, of the account in its workchain
_LENGTH: Final = 48  # characters of a user-friendly address
_CHECKSUM: Final = 2
_WORKCHAINS: Final = ("0", "-1")
_BYTES: Final = {0: "0", 255: "-1"}
_BOUNCEABLE, _NOT_BOUNCEABLE = 0x11, 0x51
_TEST: Final = 0x80
_SETS: Final = tuple(
    frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + extra) for extra in ("-_", "+/")
)


class Ton:
    """Accounts of one network; `test` says that it is a test network."""

    def __init__(self, family: str, test: bool = False) -> None:
        self.family = family
        self._test = test
        self.starts = "-0EU" + "k" * test

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_character, bad_length, bad_version (workchain or kind), bad_checksum, not_on_chain.
        """
        if ":" in text:
            workchain, _, account = text.partition(":")
            if workchain not in _WORKCHAINS:
                raise refusal("bad_version", "The workchain before the colon is not 0 or -1: copy the address again.")
            return self._address(workchain, hexadecimal.lower(account, _DIGITS), ABSENT)
        return self._read_friendly(text)

    def sample(self, seed: bytes) -> str:
        """Return the account of workchain 0 whose bytes are `seed`, 32 bytes."""
        return f"0:{seed.hex()}"

    def _read_friendly(self, text: str) -> Address:
        raw = _decode(text)
        if crc_hqx(raw[:-_CHECKSUM], 0) != int.from_bytes(raw[-_CHECKSUM:], "big"):
            raise refusal("bad_checksum")
        workchain = _BYTES.get(raw[1])
        if raw[0] & ~_TEST not in (_BOUNCEABLE, _NOT_BOUNCEABLE) or workchain is None:
            raise refusal("bad_version")
        if raw[0] & _TEST and not self._test:
            raise refusal("not_on_chain", "The address is marked for test networks: give the one of this network.")
        return self._address(workchain, raw[2:-_CHECKSUM].hex(), VERIFIED)

    def _address(self, workchain: str, account: str, checksum: str) -> Address:
        return Address(self.family, f"{workchain}:{account}", checksum, "account")


def _decode(text: str) -> bytes:
    if not any(characters.issuperset(text) for characters in _SETS):
        raise refusal("bad_character")
    if len(text) != _LENGTH:
        raise refusal("bad_length")
    return b64decode(text, b"-_" if "-" in text or "_" in text else b"+/")
