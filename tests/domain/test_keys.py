from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidSignature, NotNext
from app.domain.keys import LogKeys
from app.domain.record import Key, NodeStatement, Opinion, Unknown
from tests import make
from tests.strategies import quick

CHAIN = tuple(make.key(("node", number)) for number in range(4))
NGO = make.organization_id("ngo")


def by_node(kind, number=0, body=None):
    """Give a record and its envelope, signed with a key of the node."""
    body = body or (NodeStatement(number, CHAIN[number]) if kind == "node" else make.body(kind))
    record = make.record(kind, body)
    return record, record.sign(make.seed(("node", number)))


def by(what, kind="report", issuer="ngo"):
    record = make.record(kind, issuer=make.organization_id(issuer))
    return record, make.envelope(record, what)


def knowing(body):
    return LogKeys(CHAIN, stated={NGO: body})


def refusal(keys, record, envelope):
    with pytest.raises(InvalidSignature) as refused:
        keys.verify(record, envelope)
    return refused.value.detail


def test_an_organization_record_brings_the_keys_of_what_comes_after_it():
    keys = LogKeys(CHAIN)
    report, envelope = by("ngo")
    assert "no organization record" in refusal(keys, report, envelope)
    stated, signed = by_node("organization")
    assert keys.verify(stated, signed) == "node"
    keys.learn(stated)
    assert keys.verify(report, envelope) == "organization"
    assert keys.versions == {(NGO, 3)}
    assert "did not have" in refusal(keys, *by("stranger"))
    assert "revoked" in refusal(keys, *by(("ngo", "old")))
    assert "no organization record" in refusal(keys, *by("ngo", issuer="bank"))


def test_a_signature_is_verified_and_not_only_its_name():
    keys = knowing(make.organization())
    report, envelope = by("ngo")
    other = make.envelope(make.record(id=make.ident("another")))
    for forged in (replace(envelope, signature=other.signature), replace(envelope, signature=b"")):
        refusal(keys, report, forged)
    stated, signed = by_node("organization")
    refusal(keys, stated, replace(signed, signature=other.signature))


@pytest.mark.parametrize("kind", ["organization", "node"])
def test_what_a_node_states_of_itself_is_signed_by_the_node_alone(kind):
    assert "by the node alone" in refusal(knowing(make.organization()), *by("ngo", kind))


@pytest.mark.parametrize("kind", ["report", "revocation", "erasure", "opinion", "sighting", "prophecy"])
def test_the_node_signs_nothing_for_an_organization(kind):
    record = make.record(kind, Unknown({}) if kind == "prophecy" else None)
    keys = knowing(make.organization())
    assert "did not have" in refusal(keys, record, record.sign(make.seed(("node", 0))))
    assert keys.verify(record, make.envelope(record)) == "organization"


def test_a_group_record_is_by_its_steward_or_by_the_node_for_it():
    keys = knowing(make.organization())
    assert keys.verify(*by("ngo", "group")) == "organization"
    assert keys.verify(*by_node("group")) == "node"
    assert LogKeys(CHAIN).verify(*by_node("group")) == "node"


@quick
@given(st.lists(st.tuples(st.sampled_from(["organization", "group", "node"]), st.integers(0, 3)), max_size=8))
def test_the_number_of_the_nodes_key_never_falls(signed):
    keys, highest = LogKeys(CHAIN), 0
    for kind, number in signed:
        record, envelope = by_node(kind, number)
        if number < highest:
            assert "had replaced" in refusal(keys, record, envelope)
        else:
            assert keys.verify(record, envelope) == "node"
            highest = number
        assert keys.generation == highest


def test_a_forged_record_under_a_newer_key_replaces_nothing():
    keys = LogKeys(CHAIN)
    record, envelope = by_node("organization", 2)
    refusal(keys, record, replace(envelope, signature=bytes(64)))
    assert keys.generation == 0
    assert keys.verify(*by_node("organization", 0)) == "node"


def test_a_node_record_names_the_key_that_signed_it():
    for body in (NodeStatement(1, CHAIN[0]), NodeStatement(0, CHAIN[1]), NodeStatement(2, CHAIN[2])):
        assert "another key" in refusal(LogKeys(CHAIN), *by_node("node", 1, body))
    assert "by the node alone" in refusal(LogKeys(CHAIN[:1]), *by_node("node", 1))


def test_where_a_walk_begins_later_the_number_is_given():
    assert "had replaced" in refusal(LogKeys(CHAIN, 2), *by_node("node", 1))
    assert LogKeys(CHAIN, 2).verify(*by_node("node", 2)) == "node"


def test_nothing_is_learned_that_takes_back_what_was_stated():
    keys = LogKeys(CHAIN)
    first = make.organization(version=2)
    keys.learn(make.record("organization", first))
    used, old = first.keys
    for worse in (
        first,
        make.organization(version=1),
        make.organization(version=3, keys=(used,)),
        make.organization(version=3, keys=(used, replace(old, revoked=False))),
    ):
        with pytest.raises(NotNext):
            keys.learn(make.record("organization", worse))
        assert (keys.stated[NGO], keys.versions) == (first, {(NGO, 2)})
    better = make.organization(version=3, keys=(replace(used, revoked=True), old, Key(make.key("new"), "node")))
    keys.learn(make.record("organization", better))
    assert keys.versions == {(NGO, 2), (NGO, 3)}
    assert "revoked" in refusal(keys, *by("ngo"))
    assert keys.verify(*by("new")) == "node"


def test_a_group_goes_forward_only():
    keys = LogKeys(CHAIN)
    keys.learn(make.record("group", make.group()))
    for version in (1, 2):
        with pytest.raises(NotNext):
            keys.learn(make.record("group", make.group(version=version)))
    assert keys.group == make.group()
    keys.learn(make.record("group", make.group(version=3)))
    assert keys.group == make.group(version=3)


def test_whose_key_it_is_is_told_for_revoked_keys_too():
    keys = knowing(make.organization())
    used, old = make.organization().keys
    assert keys.custody_of(NGO, used.keyid) == "organization"
    assert keys.custody_of(NGO, old.keyid) == "node"
    assert keys.custody_of(NGO, "0" * 32) is None
    assert keys.custody_of(make.organization_id("bank"), used.keyid) is None


def test_other_records_state_nothing():
    keys = knowing(make.organization())
    for kind in ("report", "revocation", "node"):
        keys.learn(make.record(kind))
    keys.learn(make.record("opinion", Opinion(make.ident("report"), "agree", "own_evidence")))
    assert (keys.stated, keys.group) == ({NGO: make.organization()}, None)
