"""Addresses of Zcash: transparent, Sprout, Sapling, unified, and TEX.

The rule here: an address is what may be paid. A TEX address (ZIP 320) is the transparent address that it names; a
unified address (ZIP 316) is itself, whatever its receivers are, and is refused whole when one part of it is wrong.
That a shielded key is a point of its curve is not checked.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from app.domain.address.codecs import bech32, f4jumble
from app.domain.address.families.base58check import Base58Check
from app.domain.address.families.bech32 import LONGEST, beginnings, has_prefix, read_symbols
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_KEY_HASH: Final = 20  # bytes
_SAPLING: Final = 43
_SPROUT: Final = 64
_SPROUT_TEXT: Final = 95  # characters

_PADDING: Final = 16  # bytes of the prefix at the end of a unified address
_SIZES: Final = {0: 20, 1: 20, 2: 43, 3: 43}  # bytes by typecode: P2PKH, P2SH, Sapling, Orchard
_TRANSPARENT, _SHIELDED = (0, 1), (2, 3)
_EXPIRIES: Final = {0xE0: 4, 0xE1: 8}  # bytes of height and time
_METADATA: Final = range(0xC0, 0xFD)
_MUST_UNDERSTAND: Final = range(0xE0, 0xFD)
_LARGEST: Final = 0x2000000  # typecode or length
_WIDTHS: Final = {253: (2, 253), 254: (4, 1 << 16)}  # bytes and least value, by first byte of a compactSize
_TOO_LONG: Final = "A unified address of this length cannot be checked here: report it as an opaque address."


class Zcash:
    """Addresses of one network.

    `versions` are the transparent versions as of Base58Check, "p2pkh" among their kinds; the others are prefixes, and
    `sprout` a version in hexadecimal. `revised` are the prefixes of revision 2 of ZIP 316: the first may hold a
    transparent receiver, the second may not.
    """

    def __init__(
        self,
        family: str,
        versions: Mapping[str, str],
        sapling: str = "zs",
        unified: str = "u",
        tex: str = "tex",
        sprout: str = "169a",
        revised: Sequence[str] = ("tu", "zu"),
    ) -> None:
        self.family = family
        self.transparent = Base58Check(family, versions)
        self._sprout = Base58Check(family, {sprout: "sprout"}, size=_SPROUT)
        self._sapling = sapling
        self._unified = unified
        self._tex = tex
        self._revised = tuple(revised)

    @property
    def starts(self) -> tuple[str, ...]:
        """Return the beginnings of all forms."""
        prefixes = (self._sapling, self._unified, self._tex, *self._revised)
        shielded = (start for prefix in prefixes for start in beginnings(prefix))
        return (*self.transparent.starts, *self._sprout.starts, *shielded)

    def read(self, text: str) -> Address:
        """Return the address in `text`.

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum, bad_padding,
        bad_version, unsupported.
        """
        if has_prefix(text, self._sapling):
            self._payload(text, self._sapling, bech32.BECH32, _SAPLING)
            return Address(self.family, text.lower(), VERIFIED, "sapling")
        if has_prefix(text, self._tex):
            payload = self._payload(text, self._tex, bech32.BECH32M, _KEY_HASH)
            return Address(self.family, self.transparent.spell("p2pkh", payload), VERIFIED, "tex")
        for hrp in (self._unified, *self._revised):
            if has_prefix(text, hrp):
                self._check_unified(text, hrp)
                return Address(self.family, text.lower(), VERIFIED, "unified")
        return (self._sprout if len(text) == _SPROUT_TEXT else self.transparent).read(text)

    def _payload(self, text: str, hrp: str, constant: int, size: int) -> bytes:
        payload = bech32.pack(read_symbols(text, hrp, constant))
        if len(payload) != size:
            raise refusal("bad_length")
        return payload

    def _check_unified(self, text: str, hrp: str) -> None:
        if len(text) > LONGEST:
            raise refusal("unsupported", _TOO_LONG)
        raw = bech32.pack(read_symbols(text, hrp, bech32.BECH32M))
        if len(raw) < f4jumble.SHORTEST:
            raise refusal("bad_length")
        message = f4jumble.unjumble(raw)
        if message[-_PADDING:] != hrp.encode().ljust(_PADDING, b"\0"):
            raise refusal("bad_padding")
        codes = list(_typecodes(message[:-_PADDING]))
        if codes != sorted(set(codes)) or set(_TRANSPARENT) <= set(codes):
            raise refusal("bad_version", "Two receivers of the address exclude each other, or are not in their order.")
        if hrp == self._unified:
            _check_first_revision(codes)
        else:
            self._check_second_revision(codes, hrp)

    def _check_second_revision(self, codes: list[int], hrp: str) -> None:
        if all(code in _METADATA for code in codes):
            raise refusal("bad_version", "The address holds no receiver.")
        if any(code in _MUST_UNDERSTAND and code not in _EXPIRIES for code in codes):
            raise refusal("unsupported")
        if hrp == self._revised[-1] and not set(codes).isdisjoint(_TRANSPARENT):
            raise refusal("bad_version", "A shielded address holds a transparent receiver.")

    def sample(self, seed: bytes) -> str:
        """Return the transparent address of the key hash that `seed` begins with."""
        return self.transparent.sample(seed)


def _check_first_revision(codes: list[int]) -> None:
    if set(codes).isdisjoint(_SHIELDED):
        raise refusal("bad_version", "The address holds no shielded receiver.")
    if any(code in _MUST_UNDERSTAND for code in codes):
        raise refusal("bad_version", "The address holds what its revision does not know.")


def _typecodes(items: bytes) -> Iterator[int]:
    """Return the typecode of each item, whose length has been checked where it is known."""
    sizes = _SIZES | _EXPIRIES
    while items:
        code, items = _compact_size(items)
        size, items = _compact_size(items)
        if size > len(items) or size != sizes.get(code, size):
            raise refusal("bad_length")
        items = items[size:]
        yield code


def _compact_size(raw: bytes) -> tuple[int, bytes]:
    """Return the number at the beginning and what follows it."""
    if not raw:
        raise refusal("bad_length")
    first = raw[0]
    if first < min(_WIDTHS):
        return first, raw[1:]
    if first not in _WIDTHS:
        raise refusal("bad_length")
    width, least = _WIDTHS[first]
    number = int.from_bytes(raw[1 : 1 + width], "little")
    if len(raw) <= width or number > _LARGEST:
        raise refusal("bad_length")
    if number < least:
        raise refusal("bad_padding")
    return number, raw[1 + width :]
