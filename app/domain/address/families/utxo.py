"""Addresses of Bitcoin and the chains that took its scripts: base58check, and segregated witness where they have it.

The rule here: witness programs follow BIP-173 and BIP-350 to the letter; version 0 is bech32 and every later
version bech32m, and neither is accepted in place of the other.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.families.base58check import Base58Check
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal
from app.domain.errors import InvalidAddress

_LAST_VERSION: Final = 16
_SHORTEST, _LONGEST = 2, 40  # bytes of a witness program, BIP-141
_V0: Final = {20: "p2wpkh", 32: "p2wsh"}
_TAPROOT: Final = 32


class Segwit:
    """A witness version and program under a prefix (`hrp`)."""

    def __init__(self, family: str, hrp: str) -> None:
        self.family = family
        self.hrp = hrp
        self.starts = f"{hrp}1", f"{hrp.upper()}1"

    def read(self, text: str) -> Address:
        """Return the address in `text`, whose canonical form is lower case.

        Raises InvalidAddress: those of `bech32.decode`, bad_prefix, bad_version, bad_checksum, bad_length, bad_padding.
        """
        hrp, data, constant = bech32.decode(text)
        if hrp != self.hrp:
            raise refusal("bad_prefix")
        if constant not in (bech32.BECH32, bech32.BECH32M):
            raise refusal("bad_checksum")
        return Address(self.family, text.lower(), VERIFIED, _kind(data, constant))

    def spell(self, version: int, program: bytes) -> str:
        """Return the address of a witness version and program."""
        constant = bech32.BECH32M if version else bech32.BECH32
        return bech32.encode(self.hrp, bytes([version]) + bech32.unpack(program), constant)


def _kind(data: bytes, constant: int) -> str:
    if not data:
        raise refusal("bad_length")
    version, bits = data[0], 5 * (len(data) - 1)
    if version > _LAST_VERSION:
        raise refusal("bad_version")
    if (constant == bech32.BECH32) != (version == 0):
        raise refusal("bad_checksum", "The checksum is not the one for this witness version: copy the address again.")
    size, spare = divmod(bits, 8)
    if not _SHORTEST <= size <= _LONGEST or (version == 0 and size not in _V0):
        raise refusal("bad_length")
    if spare >= 5 or data[-1] & (1 << spare) - 1:  # noqa: PLR2004 - five bits are one symbol
        raise refusal("bad_padding")
    if version == 0:
        return _V0[size]
    return "p2tr" if version == 1 and size == _TAPROOT else f"witness_v{version}"


class Utxo:
    """The addresses of a chain with both forms: `versions` and `replaced` as of Base58Check, `hrp` of Segwit.

    Capitals are read as segwit first: "LTC1..." begins both.
    """

    def __init__(
        self, family: str, versions: Mapping[str, str], hrp: str, replaced: Mapping[str, str] | None = None
    ) -> None:
        self.family = family
        self.legacy = Base58Check(family, versions, replaced)
        self.segwit = Segwit(family, hrp)
        self._beginnings = self.segwit.starts

    @property
    def starts(self) -> tuple[str, ...]:
        """Return the beginnings of both forms."""
        return (*self.legacy.starts, *self.segwit.starts)

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: those of `Segwit.read` for a text with the prefix, else those of `Base58Check.read`.
        """
        if text.startswith(self._beginnings):
            return self._read_either(text)
        try:
            return self.legacy.read(text)
        except InvalidAddress as refused:
            raise self._as_segwit(text) or refused from None

    def read_many(self, texts: Sequence[str]) -> list[Address | None]:
        """Return the address in each text; None for each that `read` refuses, or rewrites."""
        beginnings = self._beginnings
        found = self.legacy.read_many(texts)
        for place, text in enumerate(texts):
            if text.startswith(beginnings):
                found[place] = self._read_segwit(text)
        return found

    def _read_segwit(self, text: str) -> Address | None:
        try:
            return self.segwit.read(text)
        except InvalidAddress:
            return None

    def sample(self, seed: bytes) -> str:
        """Return the old form whose hash is taken from `seed`, 32 bytes."""
        return self.legacy.sample(seed)

    def _read_either(self, text: str) -> Address:
        try:
            return self.segwit.read(text)
        except InvalidAddress as refused:
            try:
                return self.legacy.read(text)
            except InvalidAddress:
                raise refused from None

    def _as_segwit(self, text: str) -> InvalidAddress | None:
        """Return why a text that is no old form is no witness program here; None when it is not meant as one."""
        try:
            _, _, constant = bech32.decode(text)
        except InvalidAddress as refused:
            return refused if text.lower().startswith(self._beginnings) else None
        return refusal("bad_prefix") if constant in (bech32.BECH32, bech32.BECH32M) else None
