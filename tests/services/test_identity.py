"""Identity: the node's secrets make things, and are shown to nobody."""

import pytest

from app.domain import signing
from app.domain.errors import Unavailable
from app.services import identity

ONE = identity.new(bytes(32), b"p" * 32, b"w" * 32)
OTHER = identity.new(bytes(32), b"q" * 32, b"x" * 32)


def test_the_id_follows_from_the_key():
    assert ONE.node_id == signing.node_id(signing.public_key(bytes(32))) == OTHER.node_id


def test_what_is_sealed_is_opened_by_the_same_node_only():
    seed = b"s" * 32
    sealed = ONE.seal(seed)
    assert ONE.unseal(sealed) == seed
    assert seed not in sealed
    assert ONE.seal(seed) != sealed, "each sealing has its own nonce"
    for who, what in ((OTHER, sealed), (ONE, sealed[:-1]), (ONE, b""), (ONE, sealed[:-1] + b"\x00")):
        if what == sealed and who is ONE:
            continue
        with pytest.raises(Unavailable, match="key file"):
            who.unseal(what)


def test_a_digest_is_of_one_purpose_and_one_node():
    digests = {ONE.digest("a", b"v"), ONE.digest("b", b"v"), ONE.digest("a", b"w"), OTHER.digest("a", b"v")}
    assert len(digests) == 4
    assert ONE.digest("a", b"v") == ONE.digest("a", b"v")
    assert len(ONE.address_digest(bytes(16))) == 32


def test_no_secret_is_in_a_repr():
    for secret in (bytes(32), b"p" * 32, b"w" * 32):
        assert repr(secret) not in repr(ONE)
        assert secret.hex() not in repr(ONE)
