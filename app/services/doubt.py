"""Doubt: whether a checkpoint that a node shows of its own log contradicts what it has signed before.

The rule here: only what the node itself has signed twice is held against it, and everybody can verify the proof. An
honest node that was restored from a backup shows less than it signed, and the same story: that is no fork.
"""

from datetime import datetime

from app.domain import evidence as proofs
from app.domain import merkle, page
from app.domain.actor import peer as peer_actor
from app.domain.checkpoint import Checkpoint
from app.domain.entry_rules import LogName
from app.domain.errors import InvalidProof
from app.domain.node_record import NodeRecord
from app.services.node import Node
from app.storage import evidence, logs, peers
from app.storage.evidence import Evidence
from app.storage.store import ReadTx


async def doubt(node: Node, peer_id: str, log: LogName, signer: NodeRecord, note: str, now: datetime) -> bool:
    """Compare a checkpoint with what is held of the log, and keep the evidence; tell whether the log is forked.

    Raises InvalidProof: the checkpoint is not one of this log by its node.
    """
    theirs, _ = page.read_checkpoint(note, log, signer)
    async with node.store.read(peer_actor(peer_id)) as tx:
        known = await peers.find_node(tx, log.origin)
        held = (await logs.head(tx, log.id)).note
        if known is None or held is None:
            return False
        mine, _ = page.read_checkpoint(held, log, signer)
        document = await _evidence(tx, log, known.document, (held, mine), (note, theirs))
    if document is None:
        return False
    found = Evidence(proofs.verify(document).id, log.id, log.origin, "fork", document, peer_id, now)
    async with node.store.write(peer_actor(peer_id)) as writing:
        await evidence.add(writing, found)
    return True


async def _evidence(
    tx: ReadTx, log: LogName, record: bytes, held: tuple[str, Checkpoint], shown: tuple[str, Checkpoint]
) -> bytes | None:
    """Make evidence of two roots of one size, or of a smaller tree that is not the beginning of the one held."""
    (my_note, mine), (note, theirs) = held, shown
    if theirs.size == mine.size:
        return None if theirs.root == mine.root else proofs.fork(record, my_note, note)
    size = (await logs.head(tx, log.id)).size
    if not 0 < theirs.size < mine.size or size != mine.size:
        return None
    wanted = [*merkle.frontier_nodes(theirs.size), *merkle.consistency_nodes(theirs.size, size)]
    spans = sorted({tree_node.span() for tree_node in wanted})
    read = merkle.subtree_reader(await logs.fetch_spans(tx, log.id, size, spans))
    prefix = merkle.frontier_at(theirs.size, read).root()
    if prefix == theirs.root:
        return None
    proof = merkle.consistency_proof(theirs.size, size, read)
    try:
        return proofs.fork_by_proof(record, note, my_note, prefix, proof)
    except InvalidProof:
        return None  # what is stored here is damaged: that is nobody's fork
