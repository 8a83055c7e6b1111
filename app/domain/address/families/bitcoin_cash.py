"""Addresses of Bitcoin Cash and eCash: cashaddr, and Bitcoin's old form for the same scripts.

The rule here: the canonical text is cashaddr with its prefix; the old form and the token-aware types (CashTokens,
CHIP-2022-02) name the same scripts and become it.
"""

from collections.abc import Mapping
from typing import Final

from app.domain.address.codecs import cashaddr
from app.domain.address.families.base58check import Base58Check
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_KINDS: Final = ("p2pkh", "p2sh")
_SIZES: Final = {"p2pkh": (20,), "p2sh": (20, 32)}  # bytes; 32 since the upgrade of May 2023
_HASH: Final = 20  # bytes
_TOKEN_AWARE: Final = 2  # types 2 and 3 are types 0 and 1 of a wallet that takes tokens


class CashAddr:
    """Cashaddr under `prefix`, and the old form with the versions of Base58Check.

    An `upgraded` chain has taken Bitcoin Cash's later types: for tokens, and of 32 bytes.
    """

    def __init__(self, family: str, versions: Mapping[str, str], prefix: str, *, upgraded: bool = False) -> None:
        self.family = family
        self.prefix = prefix
        self.legacy = Base58Check(family, versions)
        self._old = frozenset(start[0] for start in self.legacy.starts)
        self._kinds = 2 * len(_KINDS) if upgraded else len(_KINDS)
        self._sizes = _SIZES if upgraded else dict.fromkeys(_KINDS, (_HASH,))

    @property
    def starts(self) -> tuple[str, ...]:
        """Return the beginnings of the old form, of the prefix and of each type without it."""
        new = f"{self.prefix}:", *"qpzr"
        return (*self.legacy.starts, *new, *(start.upper() for start in new))

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: those of `Base58Check.read` for a text that begins as the old form does, else those of
        `cashaddr.decode`, and unsupported for a type or size that no wallet of the chain makes.
        """
        if text[:1] in self._old:
            kind, payload = self.legacy.payload(text)
        else:
            kind, payload = self._decode(text)
        canonical = cashaddr.encode(self.prefix, _KINDS.index(kind), payload)
        return Address(self.family, canonical, VERIFIED, kind)

    def sample(self, seed: bytes) -> str:
        """Return the p2pkh address whose hash is taken from `seed`, 32 bytes."""
        return cashaddr.encode(self.prefix, 0, seed[: _SIZES["p2pkh"][0]])

    def _decode(self, text: str) -> tuple[str, bytes]:
        number, payload = cashaddr.decode(text, self.prefix)
        if number >= self._kinds:
            raise refusal("unsupported")
        kind = _KINDS[number % _TOKEN_AWARE]
        if len(payload) not in self._sizes[kind]:
            raise refusal("unsupported")
        return kind, payload
