"""Tokens: what is accepted, and a table of forgeries, each refused for its own reason and with the same sentence."""

import base64
import contextlib
import hmac
import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jwt.api_jws import PyJWS
from nacl.signing import SigningKey

from app.domain import signing
from app.domain.actor import Scope
from app.domain.errors import Unauthenticated
from app.domain.ids import uuid7
from app.services import tokens

NOW = datetime(2026, 5, 1, 12, 0, 0, 500_000, tzinfo=UTC)
T = int(NOW.timestamp())
SEED, OTHER_SEED = bytes(range(32)), bytes(range(1, 33))
PUBLIC = signing.public_key(SEED)
KID = signing.key_id(PUBLIC)
NODE = signing.node_id(PUBLIC)
ENDPOINT = "https://node.example/v1/token"
ORGANIZATION = uuid7(NOW, bytes(10))
SMALL_ORDER = b"\x01" + bytes(31)  # the neutral point: it "signs" every message with (itself, 0)
SCOPES = frozenset({Scope.QUERY, Scope.SUBMIT})
GRANT = tokens.AccessToken(ORGANIZATION, "credential-1", SCOPES, strong=True, token_id="jti-1")


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def seal(header: bytes, payload: bytes, seed: bytes = SEED) -> str:
    signed = f"{b64(header)}.{b64(payload)}"
    return f"{signed}.{b64(SigningKey(seed).sign(signed.encode()).signature)}"


@dataclass(frozen=True)
class Draft:
    """A token before it is signed: everything about it can be made wrong."""

    claims: dict[str, Any]
    header: dict[str, Any]
    seed: bytes = SEED

    def head(self, **changes: Any) -> str:
        return replace(self, header=changed(self.header, changes)).token()

    def say(self, **changes: Any) -> str:
        return replace(self, claims=changed(self.claims, changes)).token()

    def raw(self, header: Callable[[str], str] = str, payload: Callable[[str], str] = str) -> str:
        return seal(header(json.dumps(self.header)).encode(), payload(json.dumps(self.claims)).encode(), self.seed)

    def token(self) -> str:
        return self.raw()

    def parts(self) -> list[str]:
        return self.token().split(".")


ABSENT = object()


def changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**document, **changes}.items() if value is not ABSENT}


def access_draft() -> Draft:
    claims = {"iss": NODE, "aud": NODE, "sub": str(ORGANIZATION), "jti": "jti-1", "iat": T, "exp": T + 900}
    claims |= {"client_id": "credential-1", "scope": "query submit", "strong": True}
    return Draft(claims, {"alg": "EdDSA", "typ": "at+jwt", "kid": KID})


def assertion_draft() -> Draft:
    me = str(ORGANIZATION)
    claims = {"iss": me, "sub": me, "aud": NODE, "jti": "jti-1", "iat": T, "exp": T + 300}
    return Draft(claims, {"alg": "EdDSA", "typ": "client-authentication+jwt", "kid": KID})


def verify_access(token: str) -> tokens.AccessClaims:
    return tokens.verify_access(token, PUBLIC, NODE, NOW)


def verify_assertion(token: str) -> tokens.AssertionClaims:
    return tokens.verify_assertion(token, {KID: PUBLIC}, (NODE, ENDPOINT), NOW)


KINDS = {"access": (access_draft, verify_access), "assertion": (assertion_draft, verify_assertion)}


def reason(refusal: pytest.ExceptionInfo[Unauthenticated]) -> str:
    assert refusal.value.detail == tokens.NOT_ACCEPTED
    assert type(refusal.value) is Unauthenticated
    assert type(refusal.value.__cause__) is tokens.TokenError
    return str(refusal.value.__cause__)


def resigned(draft: Draft, signature: bytes, **header: Any) -> str:
    """The token with this header and this signature."""
    return f"{draft.head(**header).rpartition('.')[0]}.{b64(signature)}"


def with_hmac(draft: Draft, alg: str, digest: str) -> str:
    """The token "signed" with the public key as a shared secret."""
    signed = draft.head(alg=alg).rpartition(".")[0]
    return f"{signed}.{b64(hmac.digest(PUBLIC, signed.encode(), digest))}"


def swapped(draft: Draft, index: int, change: Callable[[str], str]) -> str:
    parts = draft.parts()
    parts[index] = change(parts[index])
    return ".".join(parts)


def respelled(segment: str) -> str:
    """The same bytes, spelled with other trailing bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) ^ 1]


def with_spare_bits(draft: Draft) -> Draft:
    """The draft with a jti of such a length that the payload leaves trailing bits."""
    drafts = [replace(draft, claims={**draft.claims, "jti": "j" * length}) for length in (1, 2, 3)]
    return next(fitted for fitted in drafts if len(json.dumps(fitted.claims)) % 3 == 1)


def plus_order(signature: str) -> str:
    """S + L instead of S: the malleable twin of a signature (RFC 8032, 5.1.7)."""
    raw = base64.urlsafe_b64decode(signature + "==")
    order = 2**252 + 27742317777372353535851937790883648493
    return b64(raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little"))


def jwk(seed: bytes) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(signing.public_key(seed))}


SHAPE, HEADER = "not three segments of base64url", "header is not alg, typ and kid"
BAD_HEADER, BAD_PAYLOAD = "header is not strict JSON", "payload is not strict JSON"
SPELLING, ANOTHER, NO_OBJECT = "base64url is not canonical", "aud is another", "is not an object"
FUTURE, UNKNOWN, BITS = "iat is in the future", "kid is of no known key", "base64url of no length"
SIX = ("aud", "exp", "iat", "iss", "jti", "sub")
EVIL = "https://evil.example/key"
Table = dict[str, tuple[Callable[[Draft], str], str]]

# Each row: name -> (how a forger builds it from a good draft, why it is refused). The right key signs unless said.
FORMS: Table = {
    "empty": (lambda _: "", SHAPE),
    "two segments": (lambda d: ".".join(d.parts()[:2]), SHAPE),
    "four segments": (lambda d: d.token() + ".AAAA", SHAPE),
    "five segments as in JWE": (lambda d: d.token() + ".AAAA.AAAA", SHAPE),
    "empty header segment": (lambda d: swapped(d, 0, lambda _: ""), SHAPE),
    "empty payload segment": (lambda d: swapped(d, 1, lambda _: ""), SHAPE),
    "empty signature segment": (lambda d: swapped(d, 2, lambda _: ""), SHAPE),
    "short signature": (lambda d: swapped(d, 2, lambda s: s[:84]), SHAPE),
    "trailing data": (lambda d: d.token() + "AAAA", SHAPE),
    "trailing newline": (lambda d: d.token() + "\n", SHAPE),
    "leading space": (lambda d: " " + d.token(), SHAPE),
    "space inside": (lambda d: swapped(d, 1, lambda s: s[:8] + " " + s[8:]), SHAPE),
    "padding": (lambda d: swapped(d, 2, lambda s: s + "=="), SHAPE),
    "standard base64 letters": (lambda d: swapped(d, 1, lambda s: "+/" + s[2:]), SHAPE),
    "letter beyond ASCII": (lambda d: swapped(d, 1, lambda s: "é" + s[1:]), SHAPE),
    "lone surrogate": (lambda d: swapped(d, 1, lambda s: "\ud800" + s[1:]), SHAPE),
    "JSON serialization": (lambda d: json.dumps({"protected": d.parts()[0], "payload": d.parts()[1]}), SHAPE),
    "impossible length": (lambda d: swapped(d, 0, lambda s: s[: len(s) // 4 * 4] + "A"), BITS),
    "trailing bits in payload": (lambda d: swapped(with_spare_bits(d), 1, respelled), SPELLING),
    "trailing bits in signature": (lambda d: swapped(d, 2, respelled), SPELLING),
    "huge": (lambda d: d.say(more="x" * 4096), "too long"),
    "header is a list": (lambda d: d.raw(header=lambda s: f"[{s}]"), f"header {NO_OBJECT}"),
    "header in UTF-16": (lambda d: seal(json.dumps(d.header).encode("utf-16"), b"{}"), BAD_HEADER),
    "header deeply nested": (lambda d: d.raw(header=lambda _: "[" * 2500), BAD_HEADER),
    "header with trailing data": (lambda d: d.raw(header=lambda s: s + "{}"), BAD_HEADER),
    "duplicate alg": (lambda d: d.raw(header=lambda s: '{"alg":"none",' + s[1:]), BAD_HEADER),
    "nested JWT": (lambda d: seal(json.dumps(d.header).encode(), d.token().encode()), BAD_PAYLOAD),
    "payload is a list": (lambda d: d.raw(payload=lambda s: f"[{s}]"), f"payload {NO_OBJECT}"),
    "payload is a text": (lambda d: d.raw(payload=json.dumps), f"payload {NO_OBJECT}"),
    "payload with trailing data": (lambda d: d.raw(payload=lambda s: s + "x"), BAD_PAYLOAD),
    "payload with byte order mark": (lambda d: d.raw(payload=lambda s: "\ufeff" + s), BAD_PAYLOAD),
    "payload not UTF-8": (lambda d: seal(json.dumps(d.header).encode(), b'{"\xff":1}'), BAD_PAYLOAD),
    "payload deeply nested": (lambda d: d.raw(payload=lambda _: '{"a":' * 500), BAD_PAYLOAD),
    "duplicate sub": (lambda d: d.raw(payload=lambda s: s[:-1] + ',"sub":"x"}'), BAD_PAYLOAD),
    "duplicate key below": (lambda d: d.raw(payload=lambda s: s[:-1] + ',"x":{"a":1,"a":2}}'), BAD_PAYLOAD),
    "duplicate key, escaped": (lambda d: d.raw(payload=lambda s: s[:-1] + ',"\\u0073ub":"x"}'), BAD_PAYLOAD),
}
SIGNATURES: Table = {
    "alg none, no signature": (lambda d: d.head(alg="none").rpartition(".")[0] + ".", SHAPE),
    "alg HS256, public key as secret": (lambda d: with_hmac(d, "HS256", "sha256"), SHAPE),
    "alg HS512, public key as secret": (lambda d: with_hmac(d, "HS512", "sha512"), "alg"),
    "alg EdDSA, HMAC of the public key": (lambda d: with_hmac(d, "EdDSA", "sha512"), "signature"),
    "alg ES256, psychic signature of zeros": (lambda d: resigned(d, bytes(64), alg="ES256"), "alg"),
    "another key": (lambda d: replace(d, seed=OTHER_SEED).token(), "signature"),
    "another key, brought along": (lambda d: replace(d, seed=OTHER_SEED).head(jwk=jwk(OTHER_SEED)), HEADER),
    "another key, as kid": (lambda d: replace(d, seed=OTHER_SEED).head(kid=jwk(OTHER_SEED)["x"]), UNKNOWN),
    "all-zero signature": (lambda d: resigned(d, bytes(64)), "signature"),
    "signature of the small-order key": (lambda d: resigned(d, SMALL_ORDER + bytes(32)), "signature"),
    "signature plus the group's order": (lambda d: swapped(d, 2, plus_order), "signature"),
    "payload of another token": (lambda d: swapped(d, 1, lambda _: replace(d, claims={}).parts()[1]), "signature"),
    "header respaced": (lambda d: swapped(d, 0, lambda _: b64(json.dumps(d.header, indent=1).encode())), "signature"),
}
HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    **{f"{name} absent": ({name: ABSENT}, HEADER) for name in ("alg", "typ", "kid")},
    **{f"alg {alg}": ({"alg": alg}, "alg") for alg in ("none", "None", "eddsa", "RS256", "ES256", "Ed448", "", None)},
    **{f"typ {typ}": ({"typ": typ}, "typ") for typ in ("peer+jwt", "AT+JWT", "jwt", "application/at+jwt", "", None)},
    **{f"kid {kid}": ({"kid": kid}, UNKNOWN) for kid in ("0" * 32, "../../dev/null", "' OR 1=1 --", EVIL, "")},
    **{f"{name} brought along": ({name: EVIL}, HEADER) for name in ("jku", "x5u", "x5t", "cty", "zip", "iss", "enc")},
    "alg list": ({"alg": ["EdDSA"]}, "alg"),
    "typ list": ({"typ": ["at+jwt", "JWT"]}, "typ"),
    "kid list": ({"kid": [KID]}, "kid is not a text"),
    "x5c": ({"x5c": ["MIIB"]}, HEADER),
    "crit": ({"crit": ["exp"], "exp": T}, HEADER),
    "b64 false": ({"b64": False, "crit": ["b64"]}, HEADER),
}
CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    **{f"{name} absent": ({name: ABSENT}, f"claim {name}") for name in SIX},
    **{f"{name} null": ({name: None}, f"claim {name}") for name in SIX},
    **{f"exp {exp}": ({"exp": exp}, BAD_PAYLOAD) for exp in (float("nan"), float("inf"), T + 60.0, 1e300)},
    **{f"exp {exp!r:.9}": ({"exp": exp}, "claim exp") for exp in (True, str(T + 60), 10**300, -1, [T + 60], {})},
    **{f"iat {iat!r}": ({"iat": iat}, "claim iat") for iat in (False, str(T), -1)},
    **{f"nbf {nbf!r}": ({"nbf": nbf}, "claim nbf") for nbf in ("0", None, True)},
    **{f"aud {aud!r}": ({"aud": aud}, "claim aud") for aud in ([NODE], [NODE, "wfother"], {NODE: 1}, "")},
    **{f"aud {aud}": ({"aud": aud}, ANOTHER) for aud in ("wfother", NODE[:-1], NODE.upper(), NODE + "/")},
    **{f"jti {jti!r:.9}": ({"jti": jti}, "claim jti") for jti in ("a\nb", "\ud800", "j" * 256, "é", 7)},
    "float elsewhere": ({"weight": 0.5}, BAD_PAYLOAD),
    "sub is no organization": ({"sub": "root", "iss": "root"}, "claim sub"),
    "sub in capitals": ({"sub": str(ORGANIZATION).upper()}, "claim sub"),
    "expired": ({"iat": T - 100, "exp": T}, "expired"),
    "expired long ago": ({"iat": 0, "exp": 60}, "expired"),
    "future iat": ({"iat": T + 31, "exp": T + 60}, FUTURE),
    "future nbf": ({"nbf": T + 31}, "nbf is in the future"),
    "old iat with long life": ({"iat": T - 900, "exp": T + 900}, "lifetime"),
    "ends before it begins": ({"iat": T + 20, "exp": T + 10}, "lifetime"),
}
ACCESS_ONLY: Table = {
    "a client's assertion": (lambda _: assertion_draft().token(), "typ"),
    "typ JWT": (lambda d: d.head(typ="JWT"), "typ"),
    "lifetime one second above the cap": (lambda d: d.say(exp=T + 901), "lifetime"),
    "iss of another node": (lambda d: d.say(iss="wfother"), "iss is another node"),
    **{f"{n} absent": ((lambda d, n=n: d.say(**{n: ABSENT})), f"claim {n}") for n in ("client_id", "scope", "strong")},
    **{
        f"scope {scope!r}": ((lambda d, s=scope: d.say(scope=s)), "claim scope")
        for scope in ("", "query root", "QUERY", "query  submit", "query\tsubmit", ["query"], None)
    },
    **{f"strong {v!r}": ((lambda d, v=v: d.say(strong=v)), "claim strong") for v in (1, 0, "true", "false", None)},
}
ASSERTION_ONLY: Table = {
    "an access token": (lambda _: access_draft().token(), "typ"),
    "lifetime one second above the cap": (lambda d: d.say(exp=T + 301), "lifetime"),
    "speaks for another": (lambda d: d.say(sub=str(uuid7(NOW, b"\xff" * 10))), "iss is not sub"),
    "iss is the node": (lambda d: d.say(iss=NODE), "iss is not sub"),
    "both audiences in a list": (lambda d: d.say(aud=[NODE, ENDPOINT]), "claim aud"),
    "almost the endpoint": (lambda d: d.say(aud=ENDPOINT + "/"), ANOTHER),
}
COMMON: Table = {
    **FORMS,
    **SIGNATURES,
    **{name: ((lambda d, c=changes: d.head(**c)), why) for name, (changes, why) in HEADERS.items()},
    **{name: ((lambda d, c=changes: d.say(**c)), why) for name, (changes, why) in CLAIMS.items()},
}
ATTACKS = {"access": COMMON | ACCESS_ONLY, "assertion": COMMON | ASSERTION_ONLY}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, table in ATTACKS.items() for name in table])
def test_forged_token_is_refused(kind, name):
    (draft, verify), (forge, why) = KINDS[kind], ATTACKS[kind][name]
    token = forge(draft())
    with pytest.raises(Unauthenticated) as refusal:
        verify(token)
    assert reason(refusal) == why
    shown = "".join(traceback.format_exception(refusal.value))
    assert not [segment for segment in token.split(".") if len(segment) > 8 and segment in shown]
    assert "credential-1" not in shown
    assert str(ORGANIZATION) not in shown


@pytest.mark.parametrize("kind", KINDS)
def test_the_good_draft_of_the_table_is_accepted(kind):
    draft, verify = KINDS[kind]
    assert verify(draft().token()).organization == ORGANIZATION


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", [SMALL_ORDER, bytes(32), b"\xff" * 32, PUBLIC[:31], b""])
def test_bad_key_is_refused_whatever_it_signed(kind, key):
    kid = signing.key_id(key)
    token = resigned(KINDS[kind][0](), SMALL_ORDER + bytes(32), kid=kid)
    verify = {
        "access": lambda: tokens.verify_access(token, key, NODE, NOW),
        "assertion": lambda: tokens.verify_assertion(token, {kid: key}, (NODE,), NOW),
    }[kind]
    with pytest.raises(Unauthenticated) as refusal:
        verify()
    assert reason(refusal) == "key is not a point of prime order"


def test_the_library_would_take_a_small_order_key():
    key = Ed25519PublicKey.from_public_bytes(SMALL_ORDER)
    token = resigned(access_draft(), SMALL_ORDER + bytes(32))
    assert PyJWS().decode(token, key, algorithms=["EdDSA"])


@pytest.mark.parametrize("typ", ["at+jwt", "anything"])
def test_pyjwt_by_itself_takes_what_the_gate_refuses(typ):
    token = Draft({"strong": True}, {"alg": "EdDSA", "typ": typ, "kid": KID}).token()
    assert jwt.decode(token, Ed25519PublicKey.from_public_bytes(PUBLIC), algorithms=["EdDSA"]) == {"strong": True}
    with pytest.raises(Unauthenticated):
        verify_access(token)


def test_minted_access_token_is_read_back():
    token = tokens.mint_access(GRANT, SEED, NODE, NOW)
    claims = verify_access(token)
    start = NOW.replace(microsecond=0)
    assert (claims.issued_at, claims.expires_at) == (start, start + timedelta(minutes=15))
    assert all(getattr(claims, name) == getattr(GRANT, name) for name in GRANT.__slots__)
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "at+jwt", "kid": KID}
    assert jwt.decode(token, options={"verify_signature": False}) == access_draft().claims


def test_access_token_lives_as_long_as_asked_and_no_longer():
    token = tokens.mint_access(GRANT, SEED, NODE, NOW, timedelta(seconds=60))
    assert tokens.verify_access(token, PUBLIC, NODE, NOW + timedelta(seconds=59)).expires_at.second == 0
    with pytest.raises(Unauthenticated) as refusal:
        tokens.verify_access(token, PUBLIC, NODE, NOW + timedelta(seconds=60))
    assert reason(refusal) == "expired"


@pytest.mark.parametrize("lifetime", [timedelta(minutes=15, seconds=1), timedelta(0), timedelta(seconds=-1)])
def test_no_lifetime_is_minted_that_would_be_refused(lifetime):
    with pytest.raises(ValueError, match="no access token"):
        tokens.mint_access(GRANT, SEED, NODE, NOW, lifetime)


@pytest.mark.parametrize(
    "change", [{"scopes": frozenset()}, {"principal": "two words"}, {"token_id": ""}, {"token_id": "j" * 4096}]
)
def test_nothing_is_minted_that_would_be_refused(change):
    with pytest.raises(ValueError, match="no access token"):
        tokens.mint_access(replace(GRANT, **change), SEED, NODE, NOW)


def test_naive_now_is_a_bug():
    with pytest.raises(TypeError):
        tokens.mint_access(GRANT, SEED, NODE, NOW.replace(tzinfo=None))


def test_token_of_another_node_is_refused():
    other = signing.public_key(OTHER_SEED)
    token = tokens.mint_access(GRANT, OTHER_SEED, signing.node_id(other), NOW)
    assert tokens.verify_access(token, other, signing.node_id(other), NOW)
    with pytest.raises(Unauthenticated) as refusal:
        verify_access(token)
    assert reason(refusal) == "kid is of no known key"


@pytest.mark.parametrize("typ", ["client-authentication+jwt", "JWT"])
@pytest.mark.parametrize("audience", [NODE, ENDPOINT])
def test_assertion_is_read(typ, audience):
    token = replace(assertion_draft(), header={"alg": "EdDSA", "typ": typ, "kid": KID}).say(aud=audience, jti="once")
    start = NOW.replace(microsecond=0)
    assert verify_assertion(token) == tokens.AssertionClaims(
        ORGANIZATION, KID, audience, "once", start, start + timedelta(minutes=5)
    )
    assert tokens.claimed_organization(token) == ORGANIZATION


def test_clock_may_be_thirty_seconds_ahead_and_other_claims_are_ignored():
    claims = verify_assertion(assertion_draft().say(iat=T + 30, nbf=T + 30, exp=T + 330, extra={"a": [1, None]}))
    assert claims.expires_at == NOW.replace(microsecond=0) + timedelta(seconds=330)


def test_assertion_is_verified_with_the_key_that_kid_names():
    other = signing.public_key(OTHER_SEED)
    keys = {KID: PUBLIC, signing.key_id(other): other}
    token = replace(assertion_draft(), seed=OTHER_SEED).head(kid=signing.key_id(other))
    assert tokens.verify_assertion(token, keys, [NODE], NOW).keyid == signing.key_id(other)
    with pytest.raises(Unauthenticated) as refusal:
        tokens.verify_assertion(replace(assertion_draft(), seed=OTHER_SEED).token(), keys, [NODE], NOW)
    assert reason(refusal) == "signature"


@pytest.mark.parametrize(
    ("keys", "audiences"), [({}, (NODE,)), ({KID: PUBLIC}, ()), ({KID: PUBLIC}, f"{NODE} and more")]
)
def test_no_key_or_no_audience_accepts_nothing(keys, audiences):
    with pytest.raises(Unauthenticated):
        tokens.verify_assertion(assertion_draft().token(), keys, audiences, NOW)


@pytest.mark.parametrize("text", ["", "a.b.c", assertion_draft().say(sub=ABSENT), assertion_draft().say(sub=[1])])
def test_claimed_organization_of_anything_else_is_refused(text):
    with pytest.raises(Unauthenticated) as refusal:
        tokens.claimed_organization(text)
    assert reason(refusal)


GOOD = {kind: draft().token() for kind, (draft, _) in KINDS.items()}


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(list(KINDS)), data=st.data())
def test_any_changed_character_is_refused(kind, data):
    good = GOOD[kind]
    index = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.sampled_from("ABCXYZabcxyz0189-_.=+/ \n\x00é") | st.characters())
    assume(other != good[index])
    with pytest.raises(Unauthenticated):
        KINDS[kind][1](good[:index] + other + good[index + 1 :])


def test_any_changed_bit_of_the_signature_is_refused():
    signed, _, signature = GOOD["access"].rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    for bit in range(512):
        forged = (int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(64, "big")
        with pytest.raises(Unauthenticated):
            verify_access(f"{signed}.{b64(forged)}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=3,
)
ENCODED = JSON.map(lambda value: b64(json.dumps(value).encode()))
SEGMENT = st.text("ABCxyz019-_", max_size=12) | st.binary(max_size=30).map(b64) | ENCODED


@settings(max_examples=60, deadline=None)
@given(text=st.text() | st.tuples(SEGMENT, SEGMENT, st.just("A" * 86) | SEGMENT).map(".".join))
def test_random_text_raises_nothing_else(text):
    for verify in (verify_access, verify_assertion, tokens.claimed_organization):
        with pytest.raises(Unauthenticated):
            verify(text)


@settings(max_examples=80, deadline=None)
@given(kind=st.sampled_from(list(KINDS)), where=st.sampled_from(["header", "claims"]), value=JSON, data=st.data())
def test_random_value_of_a_signed_token_raises_nothing_else(kind, where, value, data):
    draft, verify = KINDS[kind]
    document = getattr(draft(), where)
    name = data.draw(st.sampled_from([*document, "nbf"]))
    with contextlib.suppress(Unauthenticated):
        assert verify(replace(draft(), **{where: {**document, name: value}}).token()).organization == ORGANIZATION
