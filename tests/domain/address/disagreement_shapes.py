"""What a disagreement is, and the shapes of texts that disagreements are about.

The rule here: a shape is as narrow as its reason, and is found out without our code and without the package that it
is about.
"""

import base64
import re
from collections.abc import Callable
from typing import NamedTuple

import base58
import bech32
from bip_utils import Base58XmrDecoder

from tests.domain.address.mutations import NANO, SYMBOLS, XRP

RFC_4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
OURS, THEIRS = "ours", "theirs"


class Disagreement(NamedTuple):
    """One explained difference, of one package and the formats that it reads so.

    `accepted_by` is who accepts the texts of `shape`, `right` is who judges as the specification does; `examples` are
    texts of the shape, one for each format.
    """

    package: str
    formats: tuple[str, ...]
    shape: Callable[[str], bool]
    accepted_by: str
    right: str
    why: str
    examples: tuple[str, ...]


def has_shape(row: Disagreement, text: str) -> bool:
    """Say whether a text is of a row's shape; what cannot be decoded is of none."""
    try:
        return row.shape(text)
    except Exception:  # noqa: BLE001 - the decoders of other packages raise what they like
        return False


def matches(pattern: str) -> Callable[[str], bool]:
    """Return the shape of a whole text."""
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


def ends_blank(text: str) -> bool:
    return text != text.rstrip()


_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P


def is_on_edwards(key: bytes) -> bool:
    """Say whether 32 bytes are a point of Ed25519 (RFC 8032, 5.1.3)."""
    y = int.from_bytes(key, "little") & (1 << 255) - 1
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return y < _P and pow(square, (_P - 1) // 2, _P) in (0, 1) and not (square == 0 and key[31] >> 7)


def off_edwards(*keys: Callable[[str], bytes]) -> Callable[[str], bool]:
    return lambda text: not all(is_on_edwards(key(text)) for key in keys)


def no_monero_keys(text: str) -> bool:
    """Say whether one of the two keys of a Monero address is no point, or not in its one encoding."""
    keys = [Base58XmrDecoder.Decode(text)[start : start + 32] for start in (1, 33)]
    return not all(map(is_on_edwards, keys))


def base32_key(start: int) -> Callable[[str], bytes]:
    return lambda text: base64.b32decode(text + "=" * (-len(text) % 8))[start : start + 32]


def nano_key(text: str) -> bytes:
    number = 0
    for character in text.rpartition("_")[2][:52]:
        number = number << 5 | NANO.index(character)
    return number.to_bytes(33, "big")[1:]


def bech32_symbols(text: str) -> list[int]:
    return [SYMBOLS.index(character) for character in text.lower().rpartition("1")[2]]


def bech32_key(text: str) -> bytes:
    return bytes(bech32.convertbits(bech32_symbols(text)[:-6], 5, 8, False))


def is_later_witness(constant: int) -> Callable[[str], bool]:
    """Return the shape of a witness version from 1 on whose checksum has a constant."""

    def shape(text: str) -> bool:
        symbols = bech32_symbols(text)
        whole = [*bech32.bech32_hrp_expand(text.lower().rpartition("1")[0]), *symbols]
        return symbols[0] > 0 and bech32.bech32_polymod(whole) == constant

    return shape


def xrp_payload(text: str) -> bytes:
    return base58.b58decode(text, XRP)[:-4]


def ss58_body(text: str) -> bytes:
    return base58.b58decode(text)


def ss58_size(text: str) -> int:
    return 2 if ss58_body(text)[0] & 0x40 else 1


def is_generic(text: str) -> bool:
    """Say whether the number is Substrate's own, 42."""
    return ss58_body(text)[0] == 42


def ton_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)


def is_well_ton(text: str) -> bool:
    return matches(r"[-_A-Za-z0-9]{48}|[+/A-Za-z0-9]{48}")(text)


def is_long_number(text: str) -> bool:
    """Say whether a number below 64 takes two bytes."""
    raw = ss58_body(text)
    return 64 <= raw[0] < 128 and (raw[0] & 63) << 2 | raw[1] >> 6 | (raw[1] & 63) << 8 < 64


def has_spare_bits(bits: int) -> Callable[[str], bool]:
    """Return the shape of base32 with other than zeros in the `bits` after its last byte."""
    return lambda text: RFC_4648.index(text[-1].upper()) % 2**bits != 0
