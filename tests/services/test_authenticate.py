"""Authenticate: who proves to be whom gets exactly what that credential may do, and no longer than it counts."""

import base64
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.domain import signing
from app.domain.actor import Scope
from app.domain.errors import Forbidden, Unauthenticated
from app.services import authenticate, membership, tokens
from app.services.authenticate import Authenticator

ENDPOINT = "https://node.example/v1/token"


@pytest.fixture
def auth(home):
    return Authenticator(home.node, home.questions)


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


def shapes(made):
    key_id, text = made.credential.id, made.text
    return [
        {"authorization": f"Bearer {text}"},
        {"authorization": f"Token {text}"},
        {"authorization": basic(f"{key_id}:{text.split('_')[2]}")},
        {"authorization": text},
        {"x-api-key": text},
    ]


async def refuse(auth, headers, now, ip=None):
    with pytest.raises(Unauthenticated) as refused:
        await auth.authenticate(headers, ip, now)
    return refused.value.detail


def assertion(home, partner, now, jti="jti-1", **change):
    key = signing.key_id(signing.public_key(partner.seed))
    issued = int(now.timestamp())
    claims = {"iss": str(partner.id), "sub": str(partner.id), "aud": ENDPOINT, "jti": jti, "iat": issued,
              "exp": issued + 60} | change  # fmt: skip
    private = Ed25519PrivateKey.from_private_bytes(partner.seed)
    return jwt.encode(claims, private, "EdDSA", {"typ": "client-authentication+jwt", "kid": key})


async def sign_in(home, auth, partner, wanted=(), **change):
    now = home.tick()
    audiences = (ENDPOINT, home.node.identity.node_id)
    return await auth.exchange_assertion(assertion(home, partner, now, **change), audiences, wanted, now)


async def test_a_key_in_its_five_shapes_is_one_actor(home, auth):
    ngo = await home.organization()
    made = await home.credential(ngo, "query", "submit")
    found = {await auth.authenticate(headers, None, home.tick()) for headers in shapes(made)}
    [actor] = found
    assert (actor.organization, actor.scopes, actor.strong) == (ngo.id, {Scope.QUERY, Scope.SUBMIT}, False)
    assert actor.principal == f"key:{made.credential.id}"
    assert home.questions.used[made.credential.id] == home.world.clock.now


async def test_every_failure_is_one_answer(home, auth):
    ngo = await home.organization()
    good, gone = await home.credential(ngo), await home.credential(ngo)
    short = await home.credential(ngo, expires_at=home.world.clock.now + timedelta(hours=1))
    await membership.revoke_credential(home.node, ngo.strong, ngo.id, gone.credential.id, home.tick())
    unknown = type(home)(home.world, home.url, "other", bytes(32), bytes(32), bytes(32))
    from app.services import api_keys  # noqa: PLC0415

    absent = api_keys.mint(home.random(api_keys.RANDOM_BYTES)).text
    now = home.tick()
    details = {
        await refuse(auth, {"x-api-key": gone.text}, now),
        await refuse(auth, {"x-api-key": absent}, now),
        await refuse(auth, {"x-api-key": short.text}, now + timedelta(hours=1)),
    }
    assert details == {authenticate.REFUSED}
    assert await refuse(auth, {}, now)
    assert await refuse(auth, {"authorization": "Bearer " + "a" * 9000}, now)
    assert await refuse(auth, {"x-api-key": good.text[:-1]}, now)
    assert await refuse(auth, {"authorization": f"Bearer {good.text}", "x-api-key": absent}, now)
    assert unknown.name == "other"


async def test_a_key_expires_while_it_is_held(home, auth):
    ngo = await home.organization()
    made = await home.credential(ngo, expires_at=home.world.clock.now + timedelta(minutes=1))
    await auth.authenticate({"x-api-key": made.text}, None, home.tick())
    await refuse(auth, {"x-api-key": made.text}, home.world.clock.tick(minutes=1))


async def test_a_key_counts_only_from_its_networks(home, auth):
    ngo = await home.organization()
    made = await home.credential(ngo, networks=["192.0.2.0/24", "2001:db8::/32"])
    token = None
    for ip, good in (("192.0.2.7", True), ("::ffff:192.0.2.7", True), ("2001:db8::1", True), ("198.51.100.1", False),
                     (None, False), ("x", False)):  # fmt: skip
        if good:
            actor = await auth.authenticate({"x-api-key": made.text}, ip, home.tick())
            token = await auth.exchange_key(actor, [], home.tick())
        else:
            await refuse(auth, {"x-api-key": made.text}, home.tick(), ip)
    bearer = {"authorization": f"Bearer {token.text}"}
    await auth.authenticate(bearer, "192.0.2.7", home.tick())
    assert await refuse(auth, bearer, home.tick(), "198.51.100.1") == authenticate.REFUSED


async def test_a_revocation_counts_at_once_when_it_is_told_and_soon_otherwise(home, auth, monkeypatch):
    ngo = await home.organization()
    made = await home.credential(ngo)
    other = Authenticator(home.node, home.questions)
    headers = {"x-api-key": made.text}
    actor = await auth.authenticate(headers, None, home.tick())
    token = await auth.exchange_key(actor, [], home.tick())
    bearer = {"authorization": f"Bearer {token.text}"}
    for who in (auth, other):
        await who.authenticate(headers, None, home.tick())
        await who.authenticate(bearer, None, home.tick())
    await membership.revoke_credential(home.node, ngo.strong, ngo.id, made.credential.id, home.tick())
    auth.forget()
    for presented in (headers, bearer):
        await refuse(auth, presented, home.tick())
        await other.authenticate(presented, None, home.tick())  # nobody told this process
    real = authenticate.time.monotonic
    monkeypatch.setattr(authenticate.time, "monotonic", lambda: real() + authenticate.HELD_SECONDS)
    for presented in (headers, bearer):
        await refuse(other, presented, home.tick())


async def test_a_revocation_that_overtakes_a_verification_counts(home):
    """The key was read as valid, revoked and forgotten, and only then held: it must not be."""
    ngo = await home.organization()
    made = await home.credential(ngo)
    node, real = home.node, home.node.store.read

    class Overtaken:
        def __getattr__(self, name):
            return getattr(node.store, name)

        def read(self, actor):
            return _After(real(actor), revoke)

    async def revoke():
        await membership.revoke_credential(node, ngo.strong, ngo.id, made.credential.id, home.tick())
        auth.forget()

    auth = Authenticator(replace(node, store=Overtaken()), home.questions)
    await auth.authenticate({"x-api-key": made.text}, None, home.tick())  # it was asked before
    await refuse(auth, {"x-api-key": made.text}, home.tick())


class _After:
    """A block, and a deed at its end."""

    def __init__(self, block, deed):
        self._block, self._deed = block, deed

    async def __aenter__(self):
        return await self._block.__aenter__()

    async def __aexit__(self, *error):
        await self._block.__aexit__(*error)
        await self._deed()


async def test_a_token_has_the_scopes_that_were_wanted_and_ends(home, auth):
    ngo = await home.organization()
    made = await home.credential(ngo, "query", "submit")
    actor = await auth.authenticate({"x-api-key": made.text}, None, home.tick())
    token = await auth.exchange_key(actor, ["query"], home.tick())
    assert (token.scopes, token.expires_in) == ({Scope.QUERY}, 900)
    bearer = {"authorization": f"Bearer {token.text}"}
    held = await auth.authenticate(bearer, None, home.tick())
    assert (held.organization, held.principal, held.scopes, held.strong) == (
        ngo.id,
        actor.principal,
        {Scope.QUERY},
        False,
    )
    with pytest.raises(Forbidden, match="only the scopes"):
        await auth.exchange_key(actor, ["query", "audit"], home.tick())
    with pytest.raises(Forbidden):
        await auth.exchange_key(actor, ["rule"], home.tick())
    await refuse(auth, bearer, home.world.clock.now + tokens.ACCESS_LIFETIME)
    auth.forget()
    await refuse(auth, bearer, home.world.clock.now + tokens.ACCESS_LIFETIME)


async def test_a_strong_token_is_not_exchanged_for_another(home, auth):
    """That a token of an API key is not either, the surface sees to: it knows what was presented."""
    ngo = await home.organization(own_key=True)
    token = await sign_in(home, auth, ngo)
    holder = await auth.authenticate({"authorization": f"Bearer {token.text}"}, None, home.tick())
    with pytest.raises(Unauthenticated, match="not for another token"):
        await auth.exchange_key(holder, [], home.tick())


async def test_who_proves_its_key_is_strong_once(home, auth):
    ngo = await home.organization(own_key=True)
    token = await sign_in(home, auth, ngo)
    actor = await auth.authenticate({"authorization": f"Bearer {token.text}"}, None, home.tick())
    assert (actor.organization, actor.strong, actor.scopes) == (ngo.id, True, frozenset(Scope) - {Scope.OPERATE})
    with pytest.raises(Unauthenticated, match="used before"):
        await sign_in(home, auth, ngo)
    assert (await sign_in(home, auth, ngo, ["query"], jti="jti-2")).scopes == {Scope.QUERY}
    with pytest.raises(Forbidden):
        await sign_in(home, auth, ngo, ["operate"], jti="jti-3")


async def test_an_assertion_that_is_not_good_uses_up_nothing(home, auth):
    ngo, other = await home.organization(own_key=True), await home.organization(own_key=True)
    for change in ({"aud": "elsewhere"}, {"exp": 1}, {"sub": str(other.id), "iss": str(other.id)}):
        with pytest.raises(Unauthenticated):
            await sign_in(home, auth, ngo, **change)
    with pytest.raises(Unauthenticated):
        await auth.exchange_assertion("nonsense", (ENDPOINT,), (), home.tick())
    assert await home.rows("SELECT * FROM assertions") == []
    await sign_in(home, auth, ngo)


async def test_an_assertion_at_the_same_moment_counts_once(home, auth):
    import asyncio  # noqa: PLC0415

    ngo = await home.organization(own_key=True)
    done = await asyncio.gather(*(sign_in(home, auth, ngo) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(item, authenticate.Token) for item in done) == 1
    assert sum(isinstance(item, Unauthenticated) for item in done) == 4


async def test_a_revoked_signing_key_signs_in_no_more_and_ends_its_tokens(home, auth):
    ngo = await home.organization(own_key=True)
    token = await sign_in(home, auth, ngo)
    bearer = {"authorization": f"Bearer {token.text}"}
    await auth.authenticate(bearer, None, home.tick())
    newer = await home.rotate(ngo)
    auth.forget()
    await refuse(auth, bearer, home.tick())
    with pytest.raises(Unauthenticated):
        await sign_in(home, auth, ngo, jti="jti-2")
    assert await sign_in(home, auth, newer, jti="jti-3")


async def test_the_operators_key_may_operate(home, auth):
    seed = home.random(32)
    owner = home.operator.organization
    await membership.enrol_key(home.node, home.operator, owner, signing.public_key(seed), home.tick())
    from tests.world import Partner  # noqa: PLC0415

    token = await sign_in(home, auth, Partner(owner, "operator", seed))
    actor = await auth.authenticate({"authorization": f"Bearer {token.text}"}, None, home.tick())
    made = await membership.add_organization(home.node, actor, "by token", "ngo", home.tick(), trusted=True)
    assert made.name == "by token"


async def test_what_is_held_is_bounded(home, auth, monkeypatch):
    monkeypatch.setattr(authenticate, "MAX_HELD", 2)
    ngo = await home.organization()
    for _ in range(4):
        made = await home.credential(ngo)
        await auth.authenticate({"x-api-key": made.text}, None, home.tick())
    assert len(auth._held) == 2
