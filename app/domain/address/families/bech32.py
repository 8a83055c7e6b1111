"""Addresses that are one payload in bech32 or bech32m under a prefix of their chain: BNB Beacon, IOTA, Chia and more.

The rule here: the prefix, the constant of the checksum and the number of bytes are the chain's and nothing else is
read; where the first byte is a type, only the types that the chain's specification names are read.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

CONSTANTS: Final = {"bech32": bech32.BECH32, "bech32m": bech32.BECH32M}
LONGEST: Final = 256  # characters; as far as the codec's tables reach


def has_prefix(text: str, hrp: str) -> bool:
    """Say whether a text begins with `hrp` and the separator, in capitals or small letters."""
    return text[: len(hrp) + 1].lower() == hrp + "1"


def beginnings(hrp: str) -> tuple[str, str]:
    """Return how a text under a prefix begins, in small letters and in capitals."""
    return f"{hrp}1", f"{hrp.upper()}1"


def read_symbols(text: str, hrp: str, constant: int) -> bytes:
    """Return the symbols between the prefix `hrp` and the checksum, which `constant` has made.

    What follows the prefix is data, so that a "1" in it is a wrong character and not another prefix. Raises
    InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum.
    """
    if not has_prefix(text, hrp):
        raise refusal("bad_prefix", f"An address of this chain begins with {hrp}1: check the address and the chain.")
    values = bech32.symbols(bech32.one_case(text)[len(hrp) + 1 :])
    if len(values) < bech32.CHECKSUM or len(text) > LONGEST:
        raise refusal("bad_length")
    if bech32.residue(hrp, values) != constant:
        raise refusal("bad_checksum")
    return values[: -bech32.CHECKSUM]


def write(hrp: str, payload: bytes, constant: int) -> str:
    """Return the text of a payload under a prefix."""
    return bech32.encode(hrp, bech32.unpack(payload), constant)


class Bech32:
    """One payload under `hrp`.

    `sizes` are the bytes that it may have, `constant` is "bech32" or "bech32m". `leads` is first byte (in hexadecimal)
    to kind, for chains whose first byte is a type; without it every address is of one `kind`.
    """

    def __init__(
        self,
        family: str,
        hrp: str,
        sizes: Sequence[int] = (20,),
        kind: str = "account",
        constant: str = "bech32",
        leads: Mapping[str, str] | None = None,
    ) -> None:
        self.family = family
        self.hrp = hrp
        self.starts = beginnings(hrp)
        self._sizes = tuple(sizes)
        self._kind = kind
        self._constant = CONSTANTS[constant]
        self._leads = {int(lead, 16): known for lead, known in (leads or {}).items()}

    def read(self, text: str) -> Address:
        """Return the address in `text`, whose canonical form is lower case.

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum, bad_padding,
        bad_version.
        """
        payload = bech32.pack(read_symbols(text, self.hrp, self._constant))
        if len(payload) not in self._sizes:
            raise refusal("bad_length")
        return Address(self.family, text.lower(), VERIFIED, self._kind_of(payload))

    def _kind_of(self, payload: bytes) -> str:
        if not self._leads:
            return self._kind
        kind = self._leads.get(payload[0])
        if kind is None:
            raise refusal("bad_version")
        return kind

    def sample(self, seed: bytes) -> str:
        """Return the address, of the first size and type, whose payload is taken from `seed` (32 bytes)."""
        payload = bytes([next(iter(self._leads))]) + seed if self._leads else seed
        size = self._sizes[0]
        return write(self.hrp, payload[:size].ljust(size, b"\0"), self._constant)
