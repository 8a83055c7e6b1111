"""Peer tokens: how one node proves to another, with each request, that it is who it says.

A peer token is a JWT signed by the node's newest key, made for one request to one node: it names the method, the path
with its query, and the digest of the body (as DPoP, RFC 9449, does), and is good for a minute.

The rule here: what was stolen on its way is good for nothing but the same request to the same node, within that minute;
and every request may be repeated, so that is worth nothing.
"""

import hashlib
import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from app.domain import node_record, signing
from app.services import tokens
from app.services.node import Node
from app.services.tokens import Policy, require

LIFETIME = timedelta(seconds=60)  # longer than any request takes, the long poll included, that begins at once
TYP = "watchfire-peer+jwt"
MAX_LENGTH = 8_192  # characters: a path with its query is at most 4,096 of them
MAX_TARGET = 4_096  # characters
HELD_RECORDS = 32  # node records whose keys are held: at most 2 MiB each, mostly 2 KiB
_NODE_ID = re.compile(r"wf[a-z2-7]{32}")
_METHOD = re.compile(r"[A-Z]{1,16}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def _matches(form: re.Pattern[str]) -> Any:
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


_POLICY = Policy(
    typ=(TYP,),
    claims={
        **tokens.REGISTERED,
        "iss": _matches(_NODE_ID),
        "sub": _matches(_NODE_ID),
        "aud": _matches(_NODE_ID),
        "htm": _matches(_METHOD),
        "htu": lambda value: isinstance(value, str) and 1 <= len(value) <= MAX_TARGET,
        "sha256": _matches(_DIGEST),
    },
    max_lifetime=LIFETIME // timedelta(seconds=1),
    max_length=MAX_LENGTH,
)


def mint(node: Node, to: str, method: str, target: str, body: bytes, now: datetime) -> str:
    """Sign the token of one request to the node `to`; `target` is the path with its query as it is sent."""
    issued = tokens.seconds(now)
    claims = {
        "iss": node.identity.node_id,
        "sub": node.identity.node_id,
        "aud": to,
        "jti": node.random(16).hex(),
        "iat": issued,
        "exp": issued + LIFETIME // timedelta(seconds=1),
        "htm": method,
        "htu": target,
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return tokens.sign(claims, TYP, node.identity.seed)


def claimed_node(token: str) -> str:
    """Read which node a token says it is from, in order to find its key.

    Raises Unauthenticated. Not checked: anything but the form; this proves nothing until `verify`.
    """
    return tokens.claimed_subject(token, _POLICY)


def verify(token: str, newest_key: bytes, own_id: str, method: str, target: str, now: datetime) -> str:
    """Verify that the node of this newest key made this request to this node; give the digest of its body.

    1. The token meets the policy of peer tokens, is signed by that key and meant for this node: see `tokens.decode`.
    2. The node speaks for itself: iss is sub.
    3. The method and the path with its query are those of this request.

    Raises Unauthenticated. Not checked: the body, which the caller reads after this and owes to `check_body`; that the
    key is the claimed node's; and that the request is new: it must be one that may be repeated.
    """
    with tokens.one_answer():
        # 1
        claims = tokens.decode(token, _POLICY, {signing.key_id(newest_key): newest_key}, (own_id,), now).claims
        # 2
        require(claims["iss"] == claims["sub"], "iss is not sub")
        # 3
        require((claims["htm"], claims["htu"]) == (method, target), "another request")
    return str(claims["sha256"])


def check_body(digest: str, body: bytes) -> None:
    """Check that a body is the one that a verified token names. Raises Unauthenticated."""
    with tokens.one_answer():
        require(hashlib.sha256(body).hexdigest() == digest, "another body")


@lru_cache(maxsize=HELD_RECORDS)
def newest_key(document: bytes) -> bytes:
    """Give the newest key of a kept node record, which was verified before it was kept."""
    return node_record.parse(document).newest
