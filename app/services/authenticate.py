"""Authenticate: find out who is asking, and exchange a credential for a token.

The rule here: every failure is the same answer, and takes the same work whether or not the credential exists. What was
verified is held for seconds and forgotten at every change made here; a revoked credential ends its tokens too.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.actor import Actor, Scope, system
from app.domain.errors import Forbidden, Unauthenticated
from app.services import api_keys, audit, tokens
from app.services.api_keys import ParsedKey
from app.services.audit import Questions
from app.services.node import Node
from app.services.tokens import ACCESS_LIFETIME, AccessToken
from app.storage import credentials, organizations
from app.storage.store import ReadTx

HELD_SECONDS = 5.0  # seconds: how long a revocation made in another process may go unnoticed here
MAX_HELD = 10_000  # verified credentials held at once, about 1 KB each
MAX_HEADER = 8_192  # characters of a credential as presented
REFUSED = "The credential is not valid here: check it, its expiry, and the network it may be used from."
API_KEY, ASSERTION = "key:", "assertion:"


@dataclass(frozen=True, slots=True)
class _Held:
    until: float
    actor: Actor
    networks: Sequence[str]
    credential_id: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Token:
    """An access token: its text, how long it is good (seconds), and what it may do."""

    text: str
    expires_in: int
    scopes: frozenset[Scope]


class Authenticator:
    """Verifies credentials, and holds what it has verified."""

    def __init__(self, node: Node, questions: Questions) -> None:
        """Start with nothing held."""
        self._node = node
        self._questions = questions
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()
        self._generation = 0

    async def authenticate(self, headers: Mapping[str, str], ip: str | None, now: datetime) -> Actor:
        """Give the actor of a request's headers (lower-case names). Raises Unauthenticated."""
        presented = (headers.get("authorization", ""), headers.get("x-api-key", ""))
        held = self._held.get(presented)
        if held is None or held.until < time.monotonic():
            if max(map(len, presented)) > MAX_HEADER:
                raise Unauthenticated(REFUSED)
            generation = self._generation
            held = await self._verify(headers, now)
            if generation == self._generation:  # else something was revoked while this was verified
                self._held[presented] = held
            while len(self._held) > MAX_HELD:
                self._held.popitem(last=False)
        if held.expires_at is not None and held.expires_at <= now:
            raise Unauthenticated(REFUSED)
        if held.networks and not api_keys.allowed_network(ip, held.networks):
            raise Unauthenticated(REFUSED)
        if held.credential_id is not None:
            self._questions.used[held.credential_id] = now
        return held.actor

    def forget(self) -> None:
        """Forget everything held: a credential or a key was revoked."""
        self._generation += 1
        self._held.clear()

    async def _verify(self, headers: Mapping[str, str], now: datetime) -> _Held:
        presented = api_keys.read_authorization(headers)
        if presented is None:
            raise Unauthenticated("Sign in: send an API key or a token, for example as 'Authorization: Bearer ...'.")
        until = time.monotonic() + HELD_SECONDS
        async with self._node.store.read(system(self._node.operator)) as tx:
            if isinstance(presented, ParsedKey):
                return await self._verify_key(tx, presented, now, until)
            return await self._verify_token(tx, presented.text, now, until)

    async def _verify_key(self, tx: ReadTx, key: ParsedKey, now: datetime, until: float) -> _Held:
        kept = await credentials.find(tx, key.id)
        good = api_keys.matches(key, None if kept is None else kept.digest, self._node.identity.pepper)
        if kept is None or not good or not _is_alive(kept, now):
            raise Unauthenticated(REFUSED)
        scopes = frozenset(Scope(scope) for scope in kept.scopes)
        actor = Actor(kept.organization_id, API_KEY + kept.id, "machine", scopes)
        return _Held(until, actor, kept.networks, kept.id, kept.expires_at)

    async def _verify_token(self, tx: ReadTx, text: str, now: datetime, until: float) -> _Held:
        identity = self._node.identity
        claims = tokens.verify_access(text, identity.public_key, identity.node_id, now)
        networks: Sequence[str] = ()
        credential_id = None
        if claims.principal.startswith(API_KEY):
            credential_id = claims.principal.removeprefix(API_KEY)
            kept = await credentials.find(tx, credential_id)
            if kept is None or kept.organization_id != claims.organization or not _is_alive(kept, now):
                raise Unauthenticated(REFUSED)
            networks = kept.networks
        else:
            keyid = claims.principal.removeprefix(ASSERTION)
            if keyid not in await _valid_keys(tx, claims.organization):
                raise Unauthenticated(REFUSED)
        actor = Actor(claims.organization, claims.principal, "machine", claims.scopes, claims.strong)
        return _Held(until, actor, networks, credential_id, claims.expires_at)

    async def exchange_key(self, actor: Actor, wanted: Sequence[str], now: datetime) -> Token:
        """Give a token for an API key, with all its scopes or those wanted. Raises Forbidden."""
        if not actor.principal.startswith(API_KEY):
            raise Unauthenticated("A token is exchanged for an API key or an assertion, not for another token.")
        return self._mint(actor, _narrow(actor.scopes, wanted), now)

    async def exchange_assertion(
        self, assertion: str, audiences: Sequence[str], wanted: Sequence[str], now: datetime
    ) -> Token:
        """Give a strong token for a private_key_jwt (RFC 7523), once for each assertion. Raises Unauthenticated."""
        organization = tokens.claimed_organization(assertion)
        # Verified before anything is written: a stranger must not take the writing lock.
        async with self._node.store.read(system(organization)) as reading:
            keys = await _valid_keys(reading, organization)
        claims = tokens.verify_assertion(assertion, keys, audiences, now)
        async with self._node.store.write(system(organization)) as tx:
            if claims.keyid not in await _valid_keys(tx, organization):
                raise Unauthenticated(REFUSED)
            if not await credentials.use_assertion(tx, organization, claims.token_id, claims.expires_at):
                raise Unauthenticated("This assertion was used before; sign a new one.")
            scopes = set(Scope)
            if organization != self._node.operator:
                scopes.discard(Scope.OPERATE)
            actor = Actor(organization, ASSERTION + claims.keyid, "machine", frozenset(scopes), strong=True)
            await audit.note(tx, "sign_in", now, subject=claims.keyid)
        return self._mint(actor, _narrow(actor.scopes, wanted), now)

    def _mint(self, actor: Actor, scopes: frozenset[Scope], now: datetime) -> Token:
        identity = self._node.identity
        said = AccessToken(actor.organization, actor.principal, scopes, actor.strong, self._node.random(16).hex())
        text = tokens.mint_access(said, identity.seed, identity.node_id, now)
        return Token(text, int(ACCESS_LIFETIME.total_seconds()), scopes)


def _narrow(held: frozenset[Scope], wanted: Sequence[str]) -> frozenset[Scope]:
    if not wanted:
        return held
    scopes = frozenset(scope for scope in held if scope in wanted)
    if len(scopes) != len(set(wanted)):
        raise Forbidden(f"This credential has only the scopes: {', '.join(sorted(held))}.")
    return scopes


def _is_alive(kept: credentials.Credential, now: datetime) -> bool:
    return kept.revoked_at is None and (kept.expires_at is None or kept.expires_at > now)


async def _valid_keys(tx: ReadTx, organization: UUID) -> dict[str, bytes]:
    held = await organizations.keys(tx, organization)
    return {key.keyid: key.public_key for key in held if key.revoked_at is None}
