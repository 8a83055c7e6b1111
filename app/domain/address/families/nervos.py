"""Addresses of Nervos CKB: a lock script (code hash, hash type, arguments) in bech32m, and its two older spellings.

The rule here: the script is the address, so the old short and full forms become the full form of 2021. Standard: CKB
RFC 21; code hashes of the short form are those of RFC 24 and 26.
"""

from typing import Final

from app.domain.address.codecs import bech32
from app.domain.address.families.bech32 import read_symbols, write
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal
from app.domain.errors import InvalidAddress

_HASH: Final = 32  # bytes of a code hash
_ARGUMENTS: Final = 20  # bytes of a key or script hash
_SHORT_SIZES: Final = ((20,), (20,), (20, 21, 22))  # bytes of arguments in the short form, by index of the code
_LONGEST: Final = 84  # bytes of arguments: with more, the canonical text has over 200 characters
_FULL, _SHORT = 0, 1
_OLD_FULL: Final = {2: 0, 4: 1}  # format to hash type: data, type
_HASH_TYPES: Final = (0, 1, 2, 4)  # data, type, data1, data2
_TYPE: Final = 1
_SECP256K1: Final = "9bd7e06f3ecf4be0f2fcd2188b23f1b9fcc88e5d4b65a8637b17723bbda3cce8"
_MULTISIG: Final = "5c5069eb0857efc65e1bca0c07df34c31663b3622fd3876c876320fc9634e2a8"
_PAY_ANY: Final = {
    "ckb": "d369597ff47f29fbc0d47d2e3775370d1250b85140c670e4718af712983a2354",
    "ckt": "3419a1c09eb2567f6552ee7a8ecffd64155cffe0f1796e6e61ec088d740c1356",
}
_KINDS: Final = ("account", "multisig", "anyone_can_pay")


class Nervos:
    """Lock scripts of the network with prefix `hrp`: "ckb", or "ckt" for the test network."""

    def __init__(self, family: str, hrp: str = "ckb") -> None:
        self.family = family
        self.starts = hrp[0] + hrp[0].upper()
        self._hrp = hrp
        self._codes = tuple(bytes.fromhex(code) for code in (_SECP256K1, _MULTISIG, _PAY_ANY[hrp]))

    def read(self, text: str) -> Address:
        """Return the lock script in `text`, whose canonical form is the full one.

        Raises InvalidAddress: bad_prefix, bad_character, mixed_case, bad_length, bad_checksum, bad_padding,
        bad_version.
        """
        payload = self._payload(text)
        script = self._script(payload)
        code, hash_type, arguments = script[:_HASH], script[_HASH], script[_HASH + 1 :]
        if len(arguments) > _LONGEST:
            raise refusal("unsupported")
        known = hash_type == _TYPE and code in self._codes
        kind = _KINDS[self._codes.index(code)] if known else "script"
        return Address(self.family, self._write(script), VERIFIED, kind)

    def _payload(self, text: str) -> bytes:
        try:
            payload, old = bech32.pack(read_symbols(text, self._hrp, bech32.BECH32M)), False
        except InvalidAddress as refused:
            if refused.reason != "bad_checksum":
                raise
            payload, old = bech32.pack(read_symbols(text, self._hrp, bech32.BECH32)), True
        if not payload:
            raise refusal("bad_length")
        if old != (payload[0] != _FULL):
            raise refusal("bad_checksum", "The checksum is not the one for this format: copy the address again.")
        return payload

    def _script(self, payload: bytes) -> bytes:
        """Return code hash, hash type and arguments in the order of the full format."""
        style, rest = payload[0], payload[1:]
        if style == _SHORT:
            return self._short_script(rest)
        if style in _OLD_FULL:
            rest = rest[:_HASH] + bytes([_OLD_FULL[style]]) + rest[_HASH:]
        elif style != _FULL:
            raise refusal("bad_version")
        if len(rest) <= _HASH:
            raise refusal("bad_length")
        if rest[_HASH] not in _HASH_TYPES:
            raise refusal("bad_version")
        return rest

    def _short_script(self, rest: bytes) -> bytes:
        if not rest:
            raise refusal("bad_length")
        if rest[0] >= len(self._codes):
            raise refusal("bad_version")
        if len(rest) - 1 not in _SHORT_SIZES[rest[0]]:
            raise refusal("bad_length")
        return self._codes[rest[0]] + bytes([_TYPE]) + rest[1:]

    def _write(self, script: bytes) -> str:
        return write(self._hrp, bytes([_FULL]) + script, bech32.BECH32M)

    def sample(self, seed: bytes) -> str:
        """Return the address of the key hash that `seed` begins with, under the usual lock."""
        return self._write(self._codes[0] + bytes([_TYPE]) + seed[:_ARGUMENTS])
