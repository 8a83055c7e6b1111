"""Accounts of Flow: words of a linear code in hexadecimal.

The rule here: an address is 64 bits of which 19 check the others, so that two addresses differ in seven bits at least;
each network adds a constant of its own, and a word of another network is refused. Source: flow-go, model/flow/address.
"""

from functools import reduce
from operator import xor
from typing import Final

from app.domain.address.codecs import hexadecimal
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_DIGITS: Final = 16
_CHECK: Final = 19  # bits, the lowest of the word
_NETWORKS: Final = {"mainnet": 0, "testnet": 0x6834BA37B3980209, "emulator": 0x1CB159857AF02018}
# What each higher bit of a word adds to the check, the lowest first: the columns of the code's parity-check matrix.
_COLUMNS: Final = (
    *(0x7328D, 0x6689A, 0x6112F, 0x6084B, 0x433FD, 0x42AAB, 0x41951, 0x233CE, 0x22A81, 0x21948, 0x1EF60, 0x1DECA),
    *(0x1C639, 0x1BDD8, 0x1A535, 0x194AC, 0x18C46, 0x1632B, 0x1529B, 0x14A43, 0x13184, 0x12942, 0x118C1, 0x0F812),
    *(0x0E027, 0x0D00E, 0x0C83C, 0x0B01D, 0x0A831, 0x0982B, 0x07034, 0x0682A, 0x05819, 0x03807, 0x007D2, 0x00727),
    *(0x0068E, 0x0067C, 0x0059D, 0x004EB, 0x003B4, 0x0036A, 0x002D9, 0x001C7, 0x0003F),
)


class Flow:
    """Accounts of one network: mainnet, testnet or emulator."""

    starts = "0123456789abcdefABCDEF"

    def __init__(self, family: str, network: str = "mainnet") -> None:
        self.family = family
        self._constant = _NETWORKS[network]

    def read(self, text: str) -> Address:
        """Return the account in `text`, which may leave 0x out.

        Raises InvalidAddress: bad_character, bad_length, bad_checksum, not_on_chain (another network).
        """
        body = hexadecimal.unmarked(text) if hexadecimal.is_marked(text) else text
        digits = hexadecimal.lower(body, _DIGITS)
        word = int(digits, 16)
        if not _is_account(word ^ self._constant):
            if any(_is_account(word ^ constant) for constant in _NETWORKS.values()):
                raise refusal("not_on_chain", "This is an account of another Flow network: state the network.")
            raise refusal("bad_checksum")
        return Address(self.family, "0x" + digits, VERIFIED, "account")

    def sample(self, seed: bytes) -> str:
        """Return the account whose 45 free bits are taken from `seed`, 32 bytes."""
        free = int.from_bytes(seed[:8], "big") >> _CHECK or 1  # the zero word is nobody's
        word = free << _CHECK | _check(free)
        return f"0x{word ^ self._constant:016x}"


def _check(free: int) -> int:
    return reduce(xor, (column for place, column in enumerate(_COLUMNS) if free >> place & 1), 0)


def _is_account(word: int) -> bool:
    free = word >> _CHECK
    return free != 0 and _check(free) == word & (1 << _CHECK) - 1
