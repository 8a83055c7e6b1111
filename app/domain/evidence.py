"""Evidence that a node has signed two histories of one log: a fork, which anybody can verify without asking anybody.

Two shapes: two checkpoints of one size with two roots; or a smaller and a larger checkpoint, with a consistency proof
that the larger one's tree began with another root than the smaller one states.

The rule here: evidence convicts by the node's own signatures and by nothing else, so no honest node is ever accused.
Whatever does not prove a fork raises InvalidProof. The operator of a node answers for all of its keys.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from app.domain import canonical, checkpoint, merkle, node_record, reading, signing
from app.domain.checkpoint import MAX_NOTE_BYTES, Checkpoint
from app.domain.errors import Invalid, InvalidProof
from app.domain.node_record import NodeRecord

MAX_PROOF = 64  # hashes: at most one for each level of a tree, and one
_LONGEST_HASH = 44  # characters of a hash in base64


@dataclass(frozen=True, slots=True)
class Fork:
    """A proved fork: whose, of which log, and the sizes and roots of the two checkpoints that contradict each other."""

    node_id: str
    origin_line: str
    sizes: tuple[int, int]
    roots: tuple[bytes, bytes]

    @property
    def id(self) -> str:
        """The same name for the same two checkpoints, in whatever order: 32 hexadecimal characters."""
        lines = sorted(f"{size} {root.hex()}" for size, root in zip(self.sizes, self.roots, strict=True))
        return sha256("\n".join([self.origin_line, *lines]).encode()).hexdigest()[:32]


def compare(first: str, second: str, node: NodeRecord) -> Fork | None:
    """Compare two checkpoints of one log of a node: a Fork where they are of one size with two roots, else None.

    Raises InvalidProof: one is not signed by the node, or they are of two logs. None says nothing about checkpoints of
    two sizes: those need a proof (see `fork_by_proof`).
    """
    one, other = _read(first, node), _read(second, node)
    if one.origin != other.origin:
        raise InvalidProof("The checkpoints are of two logs.")
    if one.size != other.size or one.root == other.root:
        return None
    return _fork(one, other, node)


def fork(node_raw: bytes, first: str, second: str) -> bytes:
    """Make evidence of two checkpoints of one size.

    Raises InvalidProof: they prove no fork; InvalidRecord: the bytes are not a node record's.
    """
    return _made({"kind": "fork", "node": canonical.decode(node_raw), "first": first, "second": second})


def fork_by_proof(node_raw: bytes, smaller: str, larger: str, prefix_root: bytes, proof: Sequence[bytes]) -> bytes:
    """Make evidence of two checkpoints of two sizes.

    `proof` is the consistency proof from the tree that has `prefix_root` at the smaller size to the larger checkpoint.
    Raises InvalidProof: they prove no fork; InvalidRecord: the bytes are not a node record's.
    """
    return _made(
        {
            "kind": "fork",
            "node": canonical.decode(node_raw),
            "first": smaller,
            "second": larger,
            "prefix_root": base64.b64encode(prefix_root).decode(),
            "proof": [base64.b64encode(item).decode() for item in proof],
        }
    )


def verify(raw: bytes) -> Fork:
    """Verify evidence, offline.

    1. It is a canonical document of a kind that is known here.
    2. The node record in it verifies: it has all keys of the node that its id names.
    3. Both checkpoints are of one log of this node, each signed by a key of the node.
    4. Of one size: their roots differ.
    5. Of two sizes, the first smaller: the tree with `prefix_root` at the smaller size is the beginning of the larger
       checkpoint's tree, and the smaller checkpoint has another root.

    Raises InvalidProof, for whatever else the bytes are. Not checked: when it was signed.
    """
    try:
        # 1
        document = reading.mapping(canonical.decode(raw), "")
        reading.word(reading.need(document, "kind"), ("fork",), "/kind")
        # 2
        node = node_record.parse(canonical.encode(reading.need(document, "node")))
        # 3
        first, second = (reading.text(reading.need(document, name), f"/{name}", MAX_NOTE_BYTES) for name in _NOTES)
        found = compare(first, second, node)
        # 4
        if found is not None:
            return found
        # 5
        return _by_proof(_read(first, node), _read(second, node), document, node)
    except InvalidProof:
        raise
    except Invalid as error:
        raise InvalidProof(f"The evidence is malformed: {error.detail}") from error


_NOTES = ("first", "second")


def _by_proof(smaller: Checkpoint, larger: Checkpoint, document: Mapping[str, Any], node: NodeRecord) -> Fork:
    if smaller.size >= larger.size:
        raise InvalidProof("The checkpoints do not contradict each other.")
    prefix_root = _hash(reading.need(document, "prefix_root"), "/prefix_root")
    rows = reading.rows(reading.need(document, "proof"), "/proof", 0, MAX_PROOF)
    proof = [_hash(row, "/proof") for row in rows]
    merkle.verify_consistency(smaller.size, prefix_root, larger.size, larger.root, proof)
    if prefix_root == smaller.root:
        raise InvalidProof("The smaller tree is the beginning of the larger one: there is no fork.")
    return _fork(smaller, larger, node)


def _fork(one: Checkpoint, other: Checkpoint, node: NodeRecord) -> Fork:
    return Fork(node.id, one.origin, (one.size, other.size), (one.root, other.root))


def _made(document: dict[str, Any]) -> bytes:
    raw = canonical.encode(document)
    verify(raw)
    return raw


def _read(note: str, node: NodeRecord) -> Checkpoint:
    generation = checkpoint.signer_generation(note, node.id, node.keys)
    if generation is None:
        raise InvalidProof("A checkpoint is not signed with a key of the node.")
    return checkpoint.parse_checkpoint(note, node.id, node.keys[generation])


def _hash(value: object, pointer: str) -> bytes:
    return signing.read_base64(reading.text(value, pointer, _LONGEST_HASH), pointer)
