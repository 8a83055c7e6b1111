"""Peer tokens: good for the request they were made for, and a table of others, each refused with one sentence."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import node_record, signing
from app.domain.errors import Unauthenticated
from app.services import identity, peer_tokens, tokens
from app.services.tokens import TokenError
from tests import make
from tests.make import NOW
from tests.strategies import quick

SEED, OTHER = make.seed("sender"), make.seed("another")
SENDER = identity.new(SEED, SEED, SEED)
HERE = make.NODE
TARGET = "/federation/v1/logs/0/entries?from=3&to=7"
BODY = b'{"logs":[]}'


@dataclass
class Node:
    """As much of a node as signs."""

    identity: object = SENDER

    def random(self, size):
        return bytes(size)


def verified(token, *, key=None, here=HERE, method="POST", target=TARGET, body=BODY, now=NOW):
    key = key or SENDER.public_key
    peer_tokens.check_body(peer_tokens.verify(token, key, here, method, target, now), body)
    return peer_tokens.claimed_node(token)


def token(node=None, to=HERE, method="POST", target=TARGET, body=BODY, now=NOW):
    return peer_tokens.mint(node or Node(), to, method, target, body, now)


def claims(**changes):
    issued = tokens.seconds(NOW)
    said = {
        "iss": SENDER.node_id,
        "sub": SENDER.node_id,
        "aud": HERE,
        "jti": "1",
        "iat": issued,
        "exp": issued + 60,
        "htm": "POST",
        "htu": TARGET,
        "sha256": hashlib.sha256(BODY).hexdigest(),
    }
    return {name: value for name, value in (said | changes).items() if value is not None}


def test_a_token_is_good_for_the_request_it_was_made_for():
    assert verified(token()) == SENDER.node_id
    assert verified(tokens.sign(claims(), peer_tokens.TYP, SEED)) == SENDER.node_id


@pytest.mark.parametrize(
    "other",
    [
        {"here": make.node_id("third")},
        {"method": "GET"},
        {"target": TARGET.replace("to=7", "to=8")},
        {"target": TARGET.partition("?")[0]},
        {"body": BODY + b" "},
        {"body": b""},
        {"key": signing.public_key(OTHER)},
        {"now": NOW + timedelta(seconds=60)},
        {"now": NOW - timedelta(seconds=31)},
    ],
    ids=" ".join,
)
def test_a_stolen_token_is_good_for_nothing_else(other):
    stolen = token()
    with pytest.raises(Unauthenticated, match=tokens.NOT_ACCEPTED):
        verified(stolen, **other)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"sub": signing.node_id(signing.public_key(OTHER))}, "iss is not sub"),
        ({"sub": str(make.organization_id())}, "claim sub"),
        ({"iss": "wf"}, "claim iss"),
        ({"aud": [HERE]}, "claim aud"),
        ({"jti": None}, "claim jti"),
        ({"htm": None}, "claim htm"),
        ({"htu": None}, "claim htu"),
        ({"htu": "/" * 4_097}, "claim htu"),
        ({"sha256": None}, "claim sha256"),
        ({"sha256": "0" * 63}, "claim sha256"),
        ({"exp": tokens.seconds(NOW) + 61}, "lifetime"),
        ({"nbf": tokens.seconds(NOW) + 31}, "nbf is in the future"),
    ],
)
def test_each_claim_is_needed_in_its_form(said, reason):
    with pytest.raises(Unauthenticated, match=tokens.NOT_ACCEPTED) as refused:
        verified(tokens.sign(claims(**said), peer_tokens.TYP, SEED))
    assert isinstance(refused.value.__cause__, TokenError)
    assert str(refused.value.__cause__) == reason


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "client-authentication+jwt", ""])
def test_a_token_of_another_kind_is_none(typ):
    with pytest.raises(Unauthenticated):
        verified(tokens.sign(claims(), typ, SEED))


def test_a_peer_token_opens_no_other_door():
    with pytest.raises(Unauthenticated):
        tokens.verify_access(token(to=SENDER.node_id), SENDER.public_key, SENDER.node_id, NOW)
    with pytest.raises(Unauthenticated):
        tokens.verify_assertion(token(), {signing.key_id(SENDER.public_key): SENDER.public_key}, [HERE], NOW)


@quick
@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_what_is_no_token_names_nobody(text):
    with pytest.raises(Unauthenticated, match=tokens.NOT_ACCEPTED):
        peer_tokens.claimed_node(text)


@quick
@given(st.data())
def test_a_token_changed_in_one_character_is_refused(data):
    good = token()
    place = data.draw(st.integers(0, len(good) - 1))
    letter = data.draw(st.characters(codec="ascii"))
    changed = good[:place] + letter + good[place + 1 :]
    if changed != good:
        with pytest.raises(Unauthenticated):
            verified(changed)


def test_the_newest_key_counts():
    seeds = [make.seed(("key", number)) for number in range(2)]
    root = signing.public_key(seeds[0])
    node_id = signing.node_id(root)
    newer = signing.public_key(seeds[1])
    handover = node_record.hand_over(node_id, 1, newer, seeds[0])
    known = node_record.NodeRecord(node_id, "node", None, (root, newer), (handover,), (), NOW, ())
    key = peer_tokens.newest_key(node_record.sign(known, seeds[1]))
    now = identity.new(seeds[1], seeds[1], seeds[1], (root,), (handover,))
    assert verified(token(Node(now)), key=key) == node_id
    before = identity.new(seeds[0], seeds[0], seeds[0])
    with pytest.raises(Unauthenticated):
        verified(token(Node(before)), key=key)
