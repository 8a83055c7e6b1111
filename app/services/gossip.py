"""Gossip: nodes show each other what third nodes have signed, so that nobody can tell two of them two stories.

The rule here: a checkpoint counts by its signature alone, and only of a log that the other side may read too. What
contradicts what this node holds becomes evidence, which anybody can verify; that log is frozen, and nothing else stops.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from app.domain import audience as audiences
from app.domain import checkpoint, merkle, node_record, page
from app.domain import evidence as proofs
from app.domain.actor import Actor
from app.domain.checkpoint import Checkpoint
from app.domain.entry_rules import LogName
from app.domain.errors import InvalidProof, NotFound
from app.domain.merkle import Node as TreeNode
from app.domain.merkle import Read
from app.domain.node_record import NodeRecord
from app.services import peer_access
from app.services.node import Node
from app.services.remote import MAX_NOTES
from app.storage import evidence, logs, peers
from app.storage.evidence import Evidence
from app.storage.replicas import LogHead
from app.storage.store import ReadTx


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison gives: this node's own checkpoints as an answer, and the ids of the evidence that was found."""

    answers: list[str]
    evidence: list[str]


class Signer(NamedTuple):
    """The record of a log's node: as it was signed, and read."""

    document: bytes
    record: NodeRecord


async def to_show(node: Node, tx: ReadTx) -> list[str]:
    """Give checkpoints of third nodes' logs that the transaction's actor, a peer, may read too.

    At most MAX_NOTES; where there are more, each time others.
    """
    notes: list[str] = []
    async for heads in peer_access.around(tx, node.random(16).hex()):
        notes += [head.note for head in heads if _is_third(node, tx, head.log.origin)]
        if len(notes) >= MAX_NOTES:
            break
    return notes[:MAX_NOTES]


async def compare(node: Node, peer: Actor, notes: Sequence[str], now: datetime) -> Compared:
    """Compare checkpoints that a peer shows of third nodes' logs with what this node holds; keep evidence of forks.

    Answered is this node's own checkpoint of a log where it holds another root for the same size, or is behind. What
    is not signed by the log's node, or not for the peer by audience, is passed over.
    """
    answers: dict[str, str] = {}
    found: list[Evidence] = []
    signers: dict[str, Signer | None] = {}
    async with node.store.read(peer) as tx:
        for note in notes[:MAX_NOTES]:
            head = await _known(node, tx, note)
            if head is None:
                continue
            origin = head.log.origin
            if origin not in signers:
                signers[origin] = await _signer(tx, origin)
            behind, document = await _compare(tx, head, note, signers[origin])
            if behind or document is not None:
                answers[head.log.id] = head.note
            if document is not None:
                fork = proofs.verify(document)
                found.append(Evidence(fork.id, head.log.id, fork.node_id, "fork", document, peer.node, now))
    if found:
        async with node.store.write(peer) as writing:
            for item in found:
                await evidence.add(writing, item)
    return Compared(list(answers.values()), [item.id for item in found])


def _is_third(node: Node, tx: ReadTx, origin: str) -> bool:
    return origin not in {node.identity.node_id, tx.actor.node}


async def _known(node: Node, tx: ReadTx, note: str) -> LogHead | None:
    """Give the head held of a checkpoint's log, if that is a third node's and for the peer."""
    try:
        origin = checkpoint.parse_origin(note.partition("\n")[0])
        log = await logs.get_visible(tx, checkpoint.log_id(*origin))
    except (InvalidProof, NotFound):
        return None
    return await peer_access.head_of(tx, log) if _is_third(node, tx, log.origin) else None


async def _signer(tx: ReadTx, origin: str) -> Signer | None:
    known = await peers.find_node(tx, origin)
    return None if known is None else Signer(known.document, node_record.parse(known.document))


async def _compare(tx: ReadTx, held: LogHead, note: str, known: Signer | None) -> tuple[bool, bytes | None]:
    """Compare a checkpoint with the one held of the same log: whether that is behind, and evidence of a fork.

    1. Both are signed by the log's node, by its record; else nothing is said.
    2. Of one size: two roots are a fork.
    3. A larger one cannot be judged here, and none while what is held is not whole: the other side can.
    4. A smaller one must be the beginning of what is held.
    """
    if known is None:
        return False, None
    try:
        # 1
        theirs, mine = _read(note, held, known.record), _read(held.note, held, known.record)
        # 2
        if theirs.size == mine.size:
            return False, None if theirs.root == mine.root else proofs.fork(known.document, held.note, note)
        # 3
        if theirs.size > mine.size or held.size < mine.size or not theirs.size:
            return theirs.size > mine.size, None
        # 4
        nodes = [*merkle.frontier_nodes(theirs.size), *merkle.consistency_nodes(theirs.size, mine.size)]
        read = await tree_reader(tx, held, nodes)
        prefix = merkle.frontier_at(theirs.size, read).root()
        if prefix == theirs.root:
            return False, None
        proof = merkle.consistency_proof(theirs.size, mine.size, read)
        return False, proofs.fork_by_proof(known.document, note, held.note, prefix, proof)
    except InvalidProof:
        return False, None


def _read(note: str, held: LogHead, signer: NodeRecord) -> Checkpoint:
    log = held.log
    audience = audiences.parse(dict(log.audience))
    name = LogName(log.id, log.origin, audience, log.audience_key, held.red, log.epoch)
    return page.read_checkpoint(note, name, signer)[0]


async def tree_reader(tx: ReadTx, held: LogHead, nodes: Sequence[TreeNode]) -> Read:
    """Fetch what these nodes of a log's tree are made of, within what is held of it."""
    spans = sorted({tree_node.span() for tree_node in nodes})
    return merkle.subtree_reader(await logs.fetch_spans(tx, held.log.id, held.size, spans))
