"""Tokens: signed JWTs (RFC 7519, under the advice of RFC 8725), made and read through one gate around PyJWT.

It holds the access token that this node gives out (RFC 9068) and the reading of the assertion by which an organization
proves its key (`private_key_jwt`, RFC 7523). PyJWT is asked for the signature alone: by itself it accepts a token
without exp, aud or iss, ignores `typ`, and reads the clock. Another kind of token is another `Policy`.

The rule here: a claim is believed only after its signature, and only if its policy names it. Whatever is wrong raises
Unauthenticated with the same sentence; why is in its `__cause__`, a TokenError, which is for logs and quotes no token.
"""

import base64
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, NoReturn
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from app.domain import signing
from app.domain.actor import Scope
from app.domain.errors import Invalid, Unauthenticated
from app.domain.ids import parse_id

NOT_ACCEPTED = "The token is not accepted. Get a new one; check the clock, the key and the id of this node."

ACCESS_LIFETIME = timedelta(minutes=15)  # the design's figure: what a stolen token is worth
ASSERTION_LIFETIME = timedelta(minutes=5)  # as long as a jti has to be kept against replay
LEEWAY = 30  # seconds that iat and nbf may lie ahead; exp has none, so that a jti may be forgotten at exp
MAX_LENGTH = 4096  # characters; our own tokens have about 600

_ALG = "EdDSA"  # RFC 8037; the curve is fixed by the type of the key
_HEADER = {"alg", "typ", "kid"}
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")  # 86 characters: the 64 bytes of a signature
_NAME = re.compile(r"[!-~]{1,255}")
_SCOPES = frozenset(Scope)
_MAX_SECONDS = 2**40  # far beyond any date that is meant
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JWS = PyJWS(algorithms=[_ALG])


class TokenError(Exception):
    """Say in a few fixed words, for logs, why a token was refused."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What an access token says: which credential (`principal`) acts for which organization, and what it may do.

    `strong`: the caller proved possession of a private key. `token_id` is the jti.
    """

    organization: UUID
    principal: str
    scopes: frozenset[Scope]
    strong: bool
    token_id: str


@dataclass(frozen=True, slots=True)
class AccessClaims(AccessToken):
    """A verified access token, and from when until when it is good."""

    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AssertionClaims:
    """A verified client assertion. The caller owes: refuse a `token_id` seen before, and keep it until `expires_at`."""

    organization: UUID
    keyid: str
    audience: str
    token_id: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Policy:
    """What one kind of token must be.

    `claims` names each required claim and tells a well-formed value; `max_lifetime` is in seconds from iat to exp,
    `max_length` in characters of the whole token.
    """

    typ: tuple[str, ...]
    claims: Mapping[str, Callable[[Any], bool]]
    max_lifetime: int
    max_length: int = MAX_LENGTH
    alg: str = _ALG


class Verified(NamedTuple):
    """The claims of a token that met its policy, and the id of the key that signed it."""

    kid: str
    claims: dict[str, Any]


def mint_access(
    token: AccessToken, seed: bytes, node_id: str, now: datetime, lifetime: timedelta = ACCESS_LIFETIME
) -> str:
    """Sign an access token (RFC 9068) with the node's key, whose 32-byte seed this is.

    `now` is aware; times are cut to seconds. Raises ValueError: what this node would itself refuse, as a lifetime above
    ACCESS_LIFETIME, no scope, or a principal or token id that is not 1 to 255 printable characters without space.
    """
    issued = seconds(now)
    claims = {
        "iss": node_id,
        "aud": node_id,
        "sub": str(token.organization),
        "client_id": token.principal,
        "scope": " ".join(sorted(token.scopes)),
        "strong": token.strong,
        "jti": token.token_id,
        "iat": issued,
        "exp": issued + lifetime // timedelta(seconds=1),
    }
    text = sign(claims, _ACCESS.typ[0], seed)
    try:
        verify_access(text, signing.public_key(seed), node_id, now)
    except Unauthenticated as error:
        raise ValueError("these values make no access token that this node would accept") from error
    return text


def verify_access(token: str, public_key: bytes, node_id: str, now: datetime) -> AccessClaims:
    """Verify an access token that this node gave out.

    1. The token meets the policy of access tokens, is signed by this key and meant for this node: see `decode`.
    2. This node issued it.

    Raises Unauthenticated. Not checked: that the organization and the credential still stand; the caller owes that.
    """
    with one_answer():
        # 1
        claims = decode(token, _ACCESS, {signing.key_id(public_key): public_key}, (node_id,), now).claims
        # 2
        require(claims["iss"] == node_id, "iss is another node")
    return AccessClaims(
        organization=UUID(claims["sub"]),
        principal=claims["client_id"],
        scopes=frozenset(map(Scope, claims["scope"].split(" "))),
        strong=claims["strong"],
        token_id=claims["jti"],
        issued_at=moment(claims["iat"]),
        expires_at=moment(claims["exp"]),
    )


def verify_assertion(
    token: str, keys: Mapping[str, bytes], audiences: Collection[str], now: datetime
) -> AssertionClaims:
    """Verify a client assertion (RFC 7523, 3; `private_key_jwt`) by one of these keys, given by key id.

    The typ is `client-authentication+jwt` (draft-ietf-oauth-rfc7523bis-11, 4), or `JWT`, which older libraries write;
    nothing else, and not absent. `audiences` are the names by which this node may be meant: its id, its token endpoint.

    1. The token meets the policy of assertions, is signed by the key that kid names, and has one of these audiences.
    2. The organization speaks for itself: iss is sub.

    Raises Unauthenticated. Not checked: that the jti is new, and that the keys are valid now and belong to the
    organization; the caller passes no other keys than those of `claimed_organization(token)`.
    """
    with one_answer():
        # 1
        kid, claims = decode(token, _ASSERTION, keys, audiences, now)
        # 2
        require(claims["iss"] == claims["sub"], "iss is not sub")
    return AssertionClaims(
        organization=UUID(claims["sub"]),
        keyid=kid,
        audience=claims["aud"],
        token_id=claims["jti"],
        issued_at=moment(claims["iat"]),
        expires_at=moment(claims["exp"]),
    )


def claimed_organization(token: str) -> UUID:
    """Read which organization an assertion says it is from, in order to find its keys.

    Raises Unauthenticated. Not checked: anything but the form; this proves nothing until `verify_assertion`.
    """
    return UUID(claimed_subject(token, _ASSERTION))


def claimed_subject(token: str, policy: Policy) -> str:
    """Read whom a token says it is of, in order to find the keys.

    Raises Unauthenticated. Not checked: anything but the form of the token and of its sub.
    """
    with one_answer():
        _, payload = _split(token, policy.max_length)
        subject = _object(payload, "payload").get("sub")
        require(policy.claims["sub"](subject), "claim sub")
    return str(subject)


def decode(
    token: str, policy: Policy, keys: Mapping[str, bytes], audiences: Collection[str], now: datetime
) -> Verified:
    """Verify a token under its policy.

    1. It is not too long, and three segments of canonical base64url without padding.
    2. The header is a strict JSON object of exactly alg, typ and kid, with the policy's algorithm and type.
    3. kid names one of the keys, and that key is a point of prime order. Keys are never fetched, nor taken from the
       token.
    4. The signature verifies with it.
    5. The payload is a strict JSON object, and each required claim is there and well formed. Other claims are ignored.
    6. aud is a single string and one of the audiences.
    7. iat, and nbf if there is one, are at most LEEWAY ahead; exp is ahead, without leeway; exp follows iat by at most
       the policy's lifetime.

    Raises TokenError. Not checked: iss.
    """
    # 1
    header_bytes, _ = _split(token, policy.max_length)
    # 2
    kid = _check_header(_object(header_bytes, "header"), policy)
    # 3
    key = _checked_key(keys, kid)
    # 4
    payload = _verified_payload(token, key, policy.alg)
    # 5
    claims = _object(payload, "payload")
    for name, is_well_formed in policy.claims.items():
        require(is_well_formed(claims.get(name)), f"claim {name}")
    # 6
    require(any(claims["aud"] == audience for audience in audiences), "aud is another")
    # 7
    _check_times(claims, policy.max_lifetime, seconds(now))
    return Verified(kid, claims)


def _split(token: str, max_length: int) -> tuple[bytes, bytes]:
    """Give the bytes of header and payload."""
    require(len(token) <= max_length, "too long")
    require(_SHAPE.fullmatch(token) is not None, "not three segments of base64url")
    header, payload, _ = map(_from_base64url, token.split("."))
    return header, payload


def _from_base64url(segment: str) -> bytes:
    require(len(segment) % 4 != 1, "base64url of no length")
    raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    require(base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == segment, "base64url is not canonical")
    return raw


def _object(raw: bytes, part: str) -> dict[str, Any]:
    """Read strict JSON: UTF-8, no key twice, no number but integers."""
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise TokenError(f"{part} is not strict JSON") from None
    if not isinstance(value, dict):
        raise TokenError(f"{part} is not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refuse(_: str) -> NoReturn:
    raise ValueError


def _check_header(header: dict[str, Any], policy: Policy) -> str:
    """Check the header and give its kid."""
    require(header.keys() == _HEADER, "header is not alg, typ and kid")
    require(header["alg"] == policy.alg, "alg")
    require(header["typ"] in policy.typ, "typ")
    kid = header["kid"]
    if not isinstance(kid, str):
        raise TokenError("kid is not a text")
    return kid


def _checked_key(keys: Mapping[str, bytes], kid: str) -> Ed25519PublicKey:
    key = keys.get(kid)
    if key is None:
        raise TokenError("kid is of no known key")
    try:
        signing.check_public_key(key)
    except Invalid:
        raise TokenError("key is not a point of prime order") from None
    return Ed25519PublicKey.from_public_bytes(key)


def _verified_payload(token: str, key: Ed25519PublicKey, alg: str) -> bytes:
    try:
        payload: bytes = _JWS.decode(token, key, algorithms=[alg])
    except PyJWTError:
        raise TokenError("signature") from None
    return payload


def _check_times(claims: dict[str, Any], max_lifetime: int, now: int) -> None:
    issued, expires = claims["iat"], claims["exp"]
    starts = claims.get("nbf", issued)
    require(_is_time(starts), "claim nbf")
    require(issued <= now + LEEWAY, "iat is in the future")
    require(starts <= now + LEEWAY, "nbf is in the future")
    require(now < expires, "expired")
    require(0 < expires - issued <= max_lifetime, "lifetime")


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_SECONDS


def is_name(value: object) -> bool:
    """Tell whether a claim is 1 to 255 printable ASCII characters without space."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_organization(value: object) -> bool:
    try:
        parse_id(value)
    except Invalid:
        return False
    return True


def _is_scope(value: object) -> bool:
    return isinstance(value, str) and _SCOPES.issuperset(value.split(" "))


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


REGISTERED = {
    "iss": is_name,
    "sub": _is_organization,
    "aud": is_name,
    "jti": is_name,
    "iat": _is_time,
    "exp": _is_time,
}
_ACCESS = Policy(
    typ=("at+jwt",),
    claims=REGISTERED | {"client_id": is_name, "scope": _is_scope, "strong": _is_flag},
    max_lifetime=ACCESS_LIFETIME // timedelta(seconds=1),
)
_ASSERTION = Policy(
    typ=("client-authentication+jwt", "JWT"),
    claims=REGISTERED,
    max_lifetime=ASSERTION_LIFETIME // timedelta(seconds=1),
)


def sign(claims: dict[str, Any], typ: str, seed: bytes) -> str:
    """Sign claims as a token of this type, with the key of a 32-byte seed. Not checked: any policy."""
    header = {"typ": typ, "kid": signing.key_id(signing.public_key(seed))}
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return _JWS.encode(payload, Ed25519PrivateKey.from_private_bytes(seed), algorithm=_ALG, headers=header)


def require(fact: bool, reason: str) -> None:
    """Check one fact of a token. Raises TokenError."""
    if not fact:
        raise TokenError(reason)


@contextmanager
def one_answer() -> Iterator[None]:
    """Turn every reason into the one sentence that the outside gets."""
    try:
        yield
    except TokenError as error:
        raise Unauthenticated(NOT_ACCEPTED) from error


def seconds(now: datetime) -> int:
    """Give the whole seconds since 1970 of an aware time, as claims have them."""
    return (now - _EPOCH) // timedelta(seconds=1)


def moment(seconds: int) -> datetime:
    """Give the time of a claim."""
    return _EPOCH + timedelta(seconds=seconds)
