"""Signing in with the organization's own key: the assertion that is exchanged for a token (RFC 7523).

The rule here: an assertion lives 60 seconds, is for one node and is used once; the seed stays in this process.
"""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.domain import signing

LIFETIME = 60  # seconds
TYPE = "client-authentication+jwt"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def make_assertion(seed: bytes, organization: UUID, node: str, now: datetime | None = None) -> str:
    """Make the signed assertion with which an organization proves to one node (its id) that it holds its key."""
    issued = int((now or datetime.now(UTC)).timestamp())
    claims = {
        "iss": str(organization),
        "sub": str(organization),
        "aud": node,
        "iat": issued,
        "exp": issued + LIFETIME,
        "jti": str(uuid4()),
    }
    headers = {"typ": TYPE, "kid": signing.key_id(signing.public_key(seed))}
    return jwt.encode(claims, Ed25519PrivateKey.from_private_bytes(seed), algorithm="EdDSA", headers=headers)


def token_form(assertion: str, scope: str = "") -> dict[str, str]:
    """Give the fields of the token request."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    return {**form, "scope": scope} if scope else form
