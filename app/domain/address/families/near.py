"""Accounts of NEAR: names, and the accounts that a key or a contract's state implies.

The rule here: a lawful name may be an ordinary word, so what ends in none of the chain's known suffixes is of kind
"name", which a reading without a stated chain must not believe. Specification: nomicon, "Account ID"; NEP-518, NEP-616.
"""

import re
from collections.abc import Sequence
from typing import Final

from app.domain.address.identity import ABSENT, Address
from app.domain.address.refusals import refusal

_SHORTEST, _LONGEST = 2, 64  # characters
_characters: Final = re.compile(r"[-_.a-z0-9]*").fullmatch
_separated: Final = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*").fullmatch
_IMPLIED: Final = (
    (re.compile(r"[0-9a-f]{64}").fullmatch, "implicit"),
    (re.compile(r"0x[0-9a-f]{40}").fullmatch, "eth_implicit"),
    (re.compile(r"0s[0-9a-f]{40}").fullmatch, "deterministic"),
)


class Near:
    """Accounts of one network.

    `suffixes` are the top-level accounts under which its users have names ("near", "tg"), `foreign` those of other
    networks ("testnet").
    """

    starts = "abcdefghijklmnopqrstuvwxyz0123456789"

    def __init__(self, family: str, suffixes: Sequence[str], foreign: Sequence[str] = ()) -> None:
        self.family = family
        self._suffixes = tuple(f".{suffix}" for suffix in suffixes)
        self._foreign = tuple(f".{suffix}" for suffix in foreign)

    def read(self, text: str) -> Address:
        """Return the account in `text`.

        Raises InvalidAddress: bad_character (also a separator at an end or beside another), bad_length, not_on_chain.
        """
        if not _characters(text):
            raise refusal("bad_character")
        if not _SHORTEST <= len(text) <= _LONGEST:
            raise refusal("bad_length")
        if not _separated(text):
            raise refusal(
                "bad_character", "A dot, dash or underscore stands at an end or beside another: copy it again."
            )
        if text.endswith(self._foreign):
            raise refusal("not_on_chain", "This is an account of another NEAR network: state the network.")
        return Address(self.family, text, ABSENT, self._kind(text))

    def sample(self, seed: bytes) -> str:
        """Return the account that the key `seed`, 32 bytes, implies."""
        return seed.hex()

    def _kind(self, text: str) -> str:
        for matches, kind in _IMPLIED:
            if matches(text):
                return kind
        return "named" if text.endswith(self._suffixes) else "name"
