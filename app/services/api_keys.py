"""API keys: their text, their digest, and where in a request they stand.

A key is `wfk_<id>_<secret>_<check>`: an id of 80 random bits, a secret of 256, and the CRC-32 of everything before it,
each in Crockford's base32 in lower case. A scanner for leaked secrets needs only API_KEY_PATTERN, which is plain enough
for RE2; `is_genuine` then rules out a false alarm.

The rule here: a secret is in no message, no `repr` and no table; only its digest is kept. What cannot be read as a
credential is refused, never taken for nobody.
"""

import base64
import hmac
import ipaddress
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, TypeAlias

from app.domain.errors import Invalid, Refused, Unauthenticated

API_KEY_PATTERN: Final = (
    "wfk_[0-9a-hjkmnp-tv-z]{16}_[01][0-9a-hjkmnp-tv-z]{51}_[0-3][0-9a-hjkmnp-tv-z]{6}"  # wherever it stands in a text
)
RANDOM_BYTES = 42  # bytes that a new key needs: 10 for its id, 32 for its secret
MIN_PEPPER_BYTES = 32  # bytes: as long as the digest (RFC 2104, 3)
MAX_HEADER = 4608  # characters: a token of 4 KiB, its scheme, and some air
MAX_CIDRS = 64  # networks of one key; this house's own limit

_PREFIX = "wfk"
_ID_BYTES = 10
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32
_ID_LENGTH, _SECRET_LENGTH, _CHECK_LENGTH = 16, 52, 7  # characters: 80, 256 and 32 bits
_KEY = re.compile(API_KEY_PATTERN)
_ID = re.compile("[0-9a-hjkmnp-tv-z]{16}")
_SECRET = re.compile("[01][0-9a-hjkmnp-tv-z]{51}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_PURPOSE = b"watchfire api key\x00"
_ABSENT = bytes(32)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key: its id, and the text that is shown once to whom it belongs."""

    id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """An API key as presented: its id, and the 52 characters of its secret."""

    kind: ClassVar[Literal["api_key"]] = "api_key"

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A JWT as presented, of which nothing is verified: see `tokens.py`."""

    kind: ClassVar[Literal["jwt"]] = "jwt"

    text: str = field(repr=False)


Presented: TypeAlias = ParsedKey | PresentedToken


def mint(random: bytes) -> NewKey:
    """Make a key of RANDOM_BYTES random bytes. Raises ValueError: another number of bytes."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a key is made of {RANDOM_BYTES} random bytes")
    key_id = _base32(int.from_bytes(random[:_ID_BYTES], "big"), _ID_LENGTH)
    secret = _base32(int.from_bytes(random[_ID_BYTES:], "big"), _SECRET_LENGTH)
    body = f"{_PREFIX}_{key_id}_{secret}"
    return NewKey(key_id, f"{body}_{_check_digits(body)}")


def parse(text: str) -> ParsedKey | None:
    """Read the text of a key; None if it is not one, or its check digits are wrong. Not checked: that it exists."""
    if not is_genuine(text):
        return None
    _, key_id, secret, _ = text.split("_")
    return ParsedKey(key_id, secret)


def is_genuine(text: str) -> bool:
    """Tell whether a text was made by `mint`, here or on another node: its form and its CRC-32 are right."""
    body, _, check = text.rpartition("_")
    return _KEY.fullmatch(text) is not None and _check_digits(body) == check


def digest(key: ParsedKey, pepper: bytes) -> bytes:
    """Give the HMAC-SHA-256 of id and secret, 32 bytes: what is kept of a key.

    The id is in it, so that a digest copied to another row opens nothing. Raises ValueError: a pepper shorter than
    MIN_PEPPER_BYTES.
    """
    if len(pepper) < MIN_PEPPER_BYTES:
        raise ValueError(f"a pepper has at least {MIN_PEPPER_BYTES} bytes")
    return hmac.digest(pepper, _PURPOSE + f"{key.id}_{key.secret}".encode(), "sha256")


def matches(key: ParsedKey, kept: bytes | None, pepper: bytes) -> bool:
    """Tell in constant time whether a key is the one whose digest was kept.

    None, for an id that no row has, costs the same as a wrong secret. Not checked: revocation, expiry, network.
    """
    same = hmac.compare_digest(digest(key, pepper), kept if kept is not None else _ABSENT)
    return same and kept is not None


def read_authorization(headers: Mapping[str, str]) -> Presented | None:
    """Read the credential of a request, in any of the shapes that real clients send; None if there is none.

    - `Authorization: Bearer <key or JWT>` (RFC 6750)
    - `Authorization: Token <key>` (taxii2-client)
    - `Authorization: Basic <base64(id:key)>` or `<base64(id:secret)>` (RFC 7617; Sentinel, and `basic` from MISP)
    - `Authorization: <key>` (PyMISP)
    - `X-API-Key: <key>`

    Schemes in any case. `headers` has lower-case names, each once: a repeated header is refused before. The same
    credential in both headers is one credential.

    Raises Unauthenticated: what is there cannot be read, or two credentials disagree. No sentence depends on what this
    node keeps. Not checked: that the key exists, that the token verifies.
    """
    values = [(read, headers.get(name, "").strip(" \t")) for name, read in _HEADERS.items()]
    found = {_read(read, value) for read, value in values if value}
    if len(found) > 1:
        raise Unauthenticated("The request presents two credentials that differ; send one.")
    return next(iter(found), None)


def check_cidrs(cidrs: Sequence[str], pointer: str = "") -> None:
    """Check the list of networks from which a key may be used: CIDR, in canonical form.

    IPv4 is written as IPv4, not mapped into IPv6. Raises Invalid, with one error for each bad row under `pointer`.
    """
    if len(cidrs) > MAX_CIDRS:
        raise Invalid(f"A key may name at most {MAX_CIDRS} networks.")
    errors = [
        Refused("invalid_network", f"Write the network {hint}.", f"{pointer}/{index}")
        for index, text in enumerate(cidrs)
        if (hint := _better_network(text)) is not None
    ]
    if errors:
        raise Invalid("A network is not in CIDR notation.", errors=errors)


def allowed_network(ip: str | None, cidrs: Sequence[str]) -> bool:
    """Tell whether a key with these networks may be used from an address. No network means: from anywhere.

    An IPv4 address mapped into IPv6 (`::ffff:192.0.2.1`) counts as IPv4. An unknown or unreadable address is in no
    network, and an unreadable list has none.
    """
    if not cidrs:
        return True
    try:
        address = ipaddress.ip_address(ip or "")
        networks = [ipaddress.ip_network(text) for text in cidrs]
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in networks)


def _base32(number: int, length: int) -> str:
    return "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(length)))


def _check_digits(body: str) -> str:
    return _base32(zlib.crc32(body.encode()), _CHECK_LENGTH)


def _read(read: Callable[[str], Presented | None], value: str) -> Presented:
    if len(value) > MAX_HEADER:
        raise Unauthenticated("The credential is too long.")
    presented = read(value)
    if presented is None:
        raise Unauthenticated(
            "The credential cannot be read: send a whole API key or a token, as `Authorization: Bearer`."
        )
    return presented


def _read_header(value: str) -> Presented | None:
    """Read an Authorization header: a scheme of the table and its credential, or a bare key."""
    scheme, _, credential = value.partition(" ")
    if not credential:
        return parse(value)
    read = _SCHEMES.get(scheme.lower())
    return read(credential.strip(" ")) if read else None


def _read_bearer(credential: str) -> Presented | None:
    return PresentedToken(credential) if _TOKEN.fullmatch(credential) else parse(credential)


def _read_basic(credential: str) -> Presented | None:
    """Read id and key, or id and secret. A user that is not the key's id is refused."""
    try:
        user, _, password = base64.b64decode(credential, validate=True).decode().partition(":")
    except ValueError:
        return None
    key = parse(password)
    if key is None and _ID.fullmatch(user) and _SECRET.fullmatch(password):
        return ParsedKey(user, password)
    return key if key is not None and key.id == user else None


_SCHEMES: Mapping[str, Callable[[str], Presented | None]] = {
    "bearer": _read_bearer,
    "token": parse,
    "basic": _read_basic,
}
_HEADERS: Mapping[str, Callable[[str], Presented | None]] = {"authorization": _read_header, "x-api-key": parse}


def _better_network(text: str) -> str | None:
    """Say how a network should be written; None if it is well written."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "like 192.0.2.0/24 or 2001:db8::/32"
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped is not None:
        return "as IPv4, like 192.0.2.0/24"
    if "%" in text:
        return "without a zone"
    return None if str(network) == text else f"as {network}"
