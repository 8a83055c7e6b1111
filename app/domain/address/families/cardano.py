"""Addresses of Cardano: Shelley's (base, pointer, enterprise), stake addresses, and Byron's older ones.

The rule here: an address is the bytes as they are, and a stake part joins nothing, because anybody may put another's
stake key into an address. Shelley is written in bech32 and Byron in base58, never the other way round. Standards:
CIP-19 and CIP-5; for Byron the CDDL annexed to CIP-19.
"""

import binascii
from typing import Final

from app.domain.address.codecs import base58_open, bech32, cbor
from app.domain.address.families.bech32 import has_prefix, read_symbols, write
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_HASH: Final = 28  # bytes of a key or script hash
_PREFIXES: Final = {False: ("addr", "stake"), True: ("addr_test", "stake_test")}  # main and test networks
_SIZES: Final = {0: 57, 1: 57, 2: 57, 3: 57, 6: 29, 7: 29, 14: 29, 15: 29}  # bytes by type; pointers vary
_POINTERS: Final = (4, 5)
_STAKE: Final = (14, 15)
_KINDS: Final = {0: "base", 2: "base", 4: "pointer", 6: "enterprise", 14: "stake"}  # odd types are of scripts
_COORDINATES: Final = 3  # slot, transaction, certificate
_COORDINATE_BITS: Final = 64
_MORE: Final = 0x80  # the bit of a byte after which a coordinate goes on

_BYRON: Final = b"\x82\xd8\x18"  # an array of two, the first of them bytes that hold CBOR (tag 24)
_MAGIC_BITS: Final = 32
_PATH, _MAGIC = 1, 2  # attributes: an encrypted derivation path, the number of a test network
_BYRON_KINDS: Final = {0: "byron", 2: "byron_redeem"}
_NETWORK: Final = "The address is of another Cardano network: state the network that it is of."


class Cardano:
    """Addresses of the main network, or of the test networks, which share their prefixes."""

    def __init__(self, family: str, testnet: bool = False) -> None:
        self.family = family
        self.starts = "aAsS23" if testnet else "aAsSD"  # Byron: Ae2..., Ddz...; on test networks 2cWK..., 37bt...
        self._testnet = testnet
        self._payment, self._stake = _PREFIXES[testnet]
        self._others = _PREFIXES[not testnet]

    def read(self, text: str) -> Address:
        """Return the address in `text`; bech32 becomes lower case.

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum, bad_padding,
        bad_version, unsupported, not_on_chain (the other network).
        """
        for hrp in (self._payment, self._stake):
            if has_prefix(text, hrp):
                raw = bech32.pack(read_symbols(text, hrp, bech32.BECH32))
                return Address(self.family, text.lower(), VERIFIED, self._shelley(raw, hrp))
        if any(has_prefix(text, hrp) for hrp in self._others):
            raise refusal("not_on_chain", _NETWORK)
        return Address(self.family, text, VERIFIED, self._byron(base58_open.decode(text)))

    def _shelley(self, raw: bytes, hrp: str) -> str:
        if not raw:
            raise refusal("bad_length")
        number, network = raw[0] >> 4, raw[0] & 15
        if number not in (*_SIZES, *_POINTERS) or (number in _STAKE) != (hrp == self._stake):
            raise refusal("bad_version")
        if network != (0 if self._testnet else 1):
            raise refusal("not_on_chain", _NETWORK)
        if number in _POINTERS:
            _check_pointer(raw[1 + _HASH :])
        elif len(raw) != _SIZES[number]:
            raise refusal("bad_length")
        return ("script_" if number & 1 else "") + _KINDS[number & ~1]

    def _byron(self, raw: bytes) -> str:
        if not raw.startswith(_BYRON):
            raise refusal("bad_prefix", f"An address of this chain begins with {self._payment}1: check the chain.")
        outer = cbor.Reader(raw[len(_BYRON) :])
        payload = outer.take(outer.head(cbor.BYTES))
        checksum = outer.head(cbor.UNSIGNED)
        outer.end()
        if binascii.crc32(payload) != checksum:
            raise refusal("bad_checksum")
        inner = cbor.Reader(payload)
        inner.expect(cbor.ARRAY, 3)
        inner.expect(cbor.BYTES, _HASH)
        inner.take(_HASH)
        self._check_attributes(inner)
        kind = _BYRON_KINDS.get(inner.head(cbor.UNSIGNED))
        inner.end()
        if kind is None:
            raise refusal("unsupported")
        return kind

    def _check_attributes(self, inner: cbor.Reader) -> None:
        keys, last = [], -1
        for _ in range(inner.head(cbor.MAP)):
            key = inner.head(cbor.UNSIGNED)
            value = inner.take(inner.head(cbor.BYTES))
            if key <= last:
                raise refusal("bad_padding", "The attributes are not in their order, so no wallet made this text.")
            if key == _PATH:
                _check_bytes(value)
            elif key == _MAGIC:
                _check_magic(value)
            else:
                raise refusal("unsupported")
            last = key
            keys.append(key)
        if (_MAGIC in keys) != self._testnet:
            raise refusal("not_on_chain", _NETWORK)

    def sample(self, seed: bytes) -> str:
        """Return the enterprise address of the key hash that `seed` begins with."""
        header = 6 << 4 | (0 if self._testnet else 1)
        return write(self._payment, bytes([header]) + seed[:_HASH], bech32.BECH32)


def _check_pointer(raw: bytes) -> None:
    """Check that these are three numbers of seven bits a byte, each in its shortest form, and nothing more."""
    rest = raw
    for _ in range(_COORDINATES):
        size = next((at for at, byte in enumerate(rest, 1) if not byte & _MORE), 0)
        if not size:
            raise refusal("bad_length")
        number, rest = rest[:size], rest[size:]
        if number[0] == _MORE:
            raise refusal("bad_padding")
        if 7 * (size - 1) + (number[0] & ~_MORE).bit_length() > _COORDINATE_BITS:
            raise refusal("bad_length")
    if rest:
        raise refusal("bad_length")


def _check_bytes(value: bytes) -> None:
    reader = cbor.Reader(value)
    reader.take(reader.head(cbor.BYTES))
    reader.end()


def _check_magic(value: bytes) -> None:
    reader = cbor.Reader(value)
    if reader.head(cbor.UNSIGNED) >> _MAGIC_BITS:
        raise refusal("bad_version")
    reader.end()
