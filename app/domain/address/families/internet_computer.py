"""Addresses of the Internet Computer: principals, their subaccounts (ICRC-1), and account identifiers.

The rule here: an account identifier is a hash of a principal and a subaccount, so a principal shares its identity with
the identifier of its default account, and an ICRC-1 text with that of its subaccount; an identifier does not tell its
principal. Standards: IC interface specification "Textual representation of principals", ICRC-1 TextualEncoding.
"""

from binascii import crc32
from hashlib import sha224
from typing import Final

from app.domain.address.codecs import base32, hexadecimal
from app.domain.address.identity import VERIFIED, Address
from app.domain.address.refusals import refusal

_TABLE: Final = base32.digits(base32.LOWER)
_CHECKSUM: Final = 4  # bytes of CRC-32, before what they check
_PRINCIPAL: Final = 29  # bytes at most
_GROUP: Final = 5  # characters between dashes
_IDENTIFIER: Final = 64  # hexadecimal digits
_SUBACCOUNT: Final = 64  # hexadecimal digits
_HASHED: Final = 28  # bytes of an account identifier after the checksum
_DOMAIN: Final = b"\x0aaccount-id"
_CANISTER: Final = b"\x01"  # how the id of a program ends


class InternetComputer:
    """Principals, ICRC-1 accounts and account identifiers."""

    starts = "0123456789abcdefghijklmnopqrstuvwxyzABCDEF"

    def __init__(self, family: str) -> None:
        self.family = family

    def read(self, text: str) -> Address:
        """Return the account in `text`; its `account` is the account identifier.

        Raises InvalidAddress: bad_character, bad_length, bad_padding, bad_checksum.
        """
        if "-" not in text:
            return self._read_identifier(text)
        if "." in text:
            return self._read_subaccount(text)
        principal = _principal(text)
        kind = "canister" if principal.endswith(_CANISTER) else "principal"
        return Address(self.family, text, VERIFIED, kind, account=_identifier(principal, "0"))

    def sample(self, seed: bytes) -> str:
        """Return the account identifier whose hash is taken from `seed`, 32 bytes."""
        return _checked(seed[:_HASHED]).hex()

    def _read_identifier(self, text: str) -> Address:
        lower = hexadecimal.lower(text, _IDENTIFIER)
        raw = bytes.fromhex(lower)
        if _checked(raw[_CHECKSUM:]) != raw:
            raise refusal("bad_checksum")
        return Address(self.family, lower, VERIFIED, "account", account=lower)

    def _read_subaccount(self, text: str) -> Address:
        head, _, subaccount = text.partition(".")
        owner, _, stated = head.rpartition("-")
        principal = _principal(owner)
        _check_subaccount(subaccount)
        field = bytes.fromhex(subaccount.rjust(_SUBACCOUNT, "0"))
        if base32.decode(stated, _TABLE) != _checked(principal + field)[:_CHECKSUM]:
            raise refusal("bad_checksum")
        return Address(self.family, text, VERIFIED, "subaccount", account=_identifier(principal, subaccount))


def _principal(text: str) -> bytes:
    raw = base32.decode(text.replace("-", ""), _TABLE)
    if not _CHECKSUM <= len(raw) <= _CHECKSUM + _PRINCIPAL:
        raise refusal("bad_length")
    if _checked(raw[_CHECKSUM:]) != raw:
        raise refusal("bad_checksum")
    if _grouped(raw) != text:
        raise refusal("bad_character", "The dashes of a principal stand after each fifth character: copy it again.")
    return raw[_CHECKSUM:]


def _grouped(raw: bytes) -> str:
    plain = base32.encode(raw, base32.LOWER)
    return "-".join(plain[at : at + _GROUP] for at in range(0, len(plain), _GROUP))


def _check_subaccount(text: str) -> None:
    """Check hexadecimal digits, in small letters and without leading zeros; the default is not written (ICRC-1)."""
    if not 0 < len(text) <= _SUBACCOUNT:
        raise refusal("bad_length")
    if hexadecimal.lower(text, len(text)) != text:
        raise refusal("bad_character")
    if text[0] == "0":
        raise refusal("bad_padding")


def _identifier(principal: bytes, subaccount: str) -> str:
    field = bytes.fromhex(subaccount.rjust(_SUBACCOUNT, "0"))
    return _checked(sha224(_DOMAIN + principal + field).digest()).hex()


def _checked(data: bytes) -> bytes:
    return crc32(data).to_bytes(_CHECKSUM, "big") + data
