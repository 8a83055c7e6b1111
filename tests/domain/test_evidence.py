import base64
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import canonical, checkpoint, evidence, merkle, node_record
from app.domain.checkpoint import Checkpoint
from app.domain.errors import InvalidProof, InvalidRecord
from app.domain.evidence import Fork, compare
from app.domain.merkle import Frontier
from app.domain.node_record import NodeRecord, hand_over
from tests import make, strategies
from tests.strategies import quick

SEEDS = (make.seed("node"), make.seed("node 1"))
KEYS = (make.key("node"), make.key("node 1"))
NODE = NodeRecord(make.NODE, "n", None, KEYS, (hand_over(make.NODE, 1, KEYS[1], SEEDS[0]),), (), make.NOW, ())
RAW = node_record.sign(NODE, SEEDS[1])
STRANGER = node_record.sign(
    NodeRecord(make.node_id("other"), "o", None, (make.key("other"),), (), (), make.NOW, ()), make.seed("other")
)
LINE = checkpoint.origin_line(make.NODE, "public", 1)
HONEST = [make.noise(("leaf", number)) for number in range(32)]


def forked_at(place):
    return [*HONEST[:place], *(make.noise(("fork", number)) for number in range(place, 32))]


def root(leaves):
    return Frontier().extend(leaves).root()


def note(leaves, line=LINE, generation=0):
    return checkpoint.sign_checkpoint(Checkpoint(line, len(leaves), root(leaves)), make.NODE, SEEDS[generation])


def proof(size, leaves):
    def read(level, index):
        return merkle.root_of(b"".join(leaves[index << level : (index + 1) << level]))

    return merkle.consistency_proof(size, len(leaves), read)


def prove(smaller, larger, prefix):
    """Try to convict with the proof from `prefix`, the leaves that the larger tree begins with."""
    return evidence.fork_by_proof(RAW, note(smaller), note(larger), root(prefix), proof(len(prefix), larger))


def proves_nothing(raw):
    with pytest.raises(InvalidProof):
        evidence.verify(raw)


sizes = st.integers(1, 32)


@quick
@given(st.integers(0, 31), st.data(), st.tuples(st.integers(0, 1), st.integers(0, 1)))
def test_two_roots_of_one_size_convict(place, data, by):
    size, other = data.draw(st.integers(place + 1, 32)), forked_at(place)
    first, second = note(HONEST[:size], generation=by[0]), note(other[:size], generation=by[1])
    found = evidence.verify(evidence.fork(RAW, first, second))
    assert found == Fork(make.NODE, LINE, (size, size), (root(HONEST[:size]), root(other[:size])))
    assert compare(first, second, NODE) == found
    assert evidence.verify(evidence.fork(RAW, second, first)).id == found.id


@quick
@given(st.integers(0, 30), st.data())
def test_a_larger_checkpoint_that_began_otherwise_convicts(place, data):
    small = data.draw(st.integers(place + 1, 31))
    large = data.draw(st.integers(small + 1, 32))
    other = forked_at(place)[:large]
    found = evidence.verify(prove(HONEST[:small], other, other[:small]))
    assert found == Fork(make.NODE, LINE, (small, large), (root(HONEST[:small]), root(other)))


@quick
@given(sizes, sizes, st.binary(min_size=32, max_size=32), st.lists(st.binary(min_size=32, max_size=32), max_size=6))
def test_an_honest_node_is_never_accused(one, other, any_root, any_proof):
    first, second = note(HONEST[:one]), note(HONEST[:other], generation=1)
    assert compare(first, second, NODE) is None
    small, large = sorted((one, other))
    with pytest.raises(InvalidProof):
        evidence.fork(RAW, first, second)
    for prefix_root in (any_root, root(HONEST[:small])):
        for hashes in (any_proof, proof(small, HONEST[:large])):
            with pytest.raises(InvalidProof):
                evidence.fork_by_proof(RAW, note(HONEST[:small]), note(HONEST[:large]), prefix_root, hashes)


def test_an_empty_log_proves_nothing():
    empty, full = note([]), note(HONEST)
    with pytest.raises(InvalidProof):
        evidence.fork_by_proof(RAW, empty, full, make.noise("root"), [])


def test_checkpoints_of_two_logs_or_of_another_node_are_no_fork():
    elsewhere = note(forked_at(0), checkpoint.origin_line(make.NODE, "public", 2))
    with pytest.raises(InvalidProof, match="two logs"):
        evidence.fork(RAW, note(HONEST), elsewhere)
    forged = checkpoint.sign_note(Checkpoint(LINE, 32, root(forked_at(0))).to_text(), make.NODE, make.seed("thief"))
    with pytest.raises(InvalidProof, match="not signed"):
        evidence.fork(RAW, note(HONEST), forged)
    with pytest.raises(InvalidProof, match="not signed"):
        evidence.fork(STRANGER, note(HONEST), note(forked_at(0)))


def test_a_node_record_that_was_made_up_does_not_convict():
    thief = replace(NODE, keys=(KEYS[0], make.key("thief")))
    made_up = node_record.sign(thief, make.seed("thief"))
    with pytest.raises(InvalidProof, match="malformed"):
        evidence.fork(made_up, note(HONEST), note(forked_at(0)))
    with pytest.raises(InvalidRecord):
        evidence.fork(b"not a document", note(HONEST), note(forked_at(0)))


@pytest.mark.parametrize("kind", ["by roots", "by proof"])
def test_evidence_with_any_byte_changed_still_accuses_nobody_else(kind):
    other = forked_at(3)
    by_roots = kind == "by roots"
    raw = evidence.fork(RAW, note(HONEST), note(other)) if by_roots else prove(HONEST[:9], other, other[:9])
    good = evidence.verify(raw)

    @settings(deadline=None, max_examples=5 * quick.max_examples)
    @given(st.integers(0, len(raw) - 1), st.integers(1, 255))
    def check(place, change):
        altered = bytearray(raw)
        altered[place] ^= change
        proves_nothing(bytes(altered))

    check()
    assert good.node_id == make.NODE


@quick
@given(st.binary(max_size=100) | strategies.documents.map(canonical.encode))
def test_whatever_is_no_evidence_proves_nothing(raw):
    proves_nothing(raw)


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "rumour"},
        {"kind": None},
        {"node": None},
        {"node": "wf"},
        {"node": {}},
        {"first": None},
        {"first": ""},
        {"first": 7},
        {"second": "x" * 20_000},
        {"prefix_root": None},
        {"prefix_root": "short"},
        {"prefix_root": base64.b64encode(bytes(31)).decode()},
        {"prefix_root": base64.b64encode(bytes(32)).decode()},
        {"proof": None},
        {"proof": "none"},
        {"proof": [7]},
        {"proof": [""]},
        {"proof": [base64.b64encode(bytes(32)).decode()] * 65},
    ],
    ids=repr,
)
def test_a_field_of_evidence_that_is_malformed_proves_nothing(said):
    other = forked_at(3)
    document = canonical.decode(prove(HONEST[:9], other, other[:9]))
    assert evidence.verify(canonical.encode(document)).sizes == (9, 32)
    proves_nothing(canonical.encode(document | said))
    proves_nothing(canonical.encode({name: value for name, value in document.items() if name not in said}))


def test_evidence_of_a_node_with_many_organizations_fits():
    ids = sorted(make.organization_id(number) for number in range(10_000))
    listed = tuple(node_record.Listed(item, "n" * 45, "law_enforcement") for item in ids)
    raw = node_record.sign(replace(NODE, organizations=listed), SEEDS[1])
    assert evidence.verify(evidence.fork(raw, note(HONEST), note(forked_at(0)))).node_id == make.NODE
