"""Read logs: checkpoints, entries, tiles and proofs of the logs that the actor may read.

The rule here: a log is read whole or not at all, and everything served can be proved against a signed checkpoint.
"""

from dataclasses import dataclass

from app.domain import access, merkle
from app.domain.actor import Actor
from app.domain.errors import Invalid, NotFound
from app.domain.merkle import Node as TreeNode
from app.domain.merkle import Read, Span
from app.services.node import Node
from app.storage import logs
from app.storage.logs import Entry as Entry  # noqa: PLC0414 - part of this floor's interface
from app.storage.logs import Head, Log
from app.storage.store import ReadTx


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof against the tree of `size` entries: its hashes, and for an entry its index and leaf hash."""

    size: int
    hashes: list[bytes]
    root: bytes
    index: int | None = None
    leaf_hash: bytes | None = None


async def list_logs(node: Node, actor: Actor, after: str, limit: int) -> list[tuple[Log, Head]]:
    """List the logs that the actor may read, by id, each with its newest head."""
    access.check_act(actor, "read_log")
    async with node.store.read(actor) as tx:
        found = await logs.search_visible(tx, after, limit)
        return [(log, await logs.head(tx, log.id)) for log in found]


async def get_checkpoint(node: Node, actor: Actor, log_id: str) -> str:
    """Give the newest signed checkpoint of a log."""
    access.check_act(actor, "read_log")
    async with node.store.read(actor) as tx:
        log = await logs.get_visible(tx, log_id)
        note = (await logs.head(tx, log.id)).note
    if note is None:
        raise NotFound("There is no such log, or it is not for you.")
    return note


async def list_entries(
    node: Node, actor: Actor, log_id: str, start: int, limit: int, most_bytes: int
) -> tuple[list[Entry], int | None]:
    """Give entries of a log from index `start`, and the index after them (None at the end).

    At most `limit` entries, and of records at most `most_bytes` bytes beyond the first: memory is bounded by the page.
    """
    access.check_act(actor, "read_log")
    async with node.store.read(actor) as tx:
        log = await logs.get_visible(tx, log_id)
        size = (await logs.head(tx, log.id)).size
        sizes = await logs.entry_sizes(tx, log, start, limit)
        taken, total = 0, 0
        for length in sizes:
            total += length
            if taken and total > most_bytes:
                break
            taken += 1
        found = await logs.entries(tx, log, start, taken) if taken else []
    following = start + len(found)
    return found, following if found and following < size else None


async def get_tile(node: Node, actor: Actor, log_id: str, level: int, index: int, width: int) -> bytes:
    """Give the hashes of a tile, full or partial, end to end. Raises NotFound: the log has no such tile yet."""
    access.check_act(actor, "read_log")
    async with node.store.read(actor) as tx:
        log = await logs.get_visible(tx, log_id)
        size = (await logs.head(tx, log.id)).size
        start = index * merkle.TILE_WIDTH
        if start + width > size >> (merkle.TILE_HEIGHT * level):
            raise NotFound("The log has no such tile yet.")
        span = Span(level, start, start + width)
        return (await logs.fetch_spans(tx, log.id, size, [span]))[span]


async def prove_entry(node: Node, actor: Actor, log_id: str, index: int, size: int | None) -> Proof:
    """Prove that the entry at `index` is in the log's tree of `size` entries (the newest by default)."""
    access.check_act(actor, "read_log")
    async with node.store.read(actor) as tx:
        log = await logs.get_visible(tx, log_id)
        head = await logs.head(tx, log.id)
        size = _size(head, size)
        if not 0 <= index < size:
            raise Invalid(f"The log has no entry {index} at size {size}.")
        leaf = Span(0, index, index + 1)
        leaf_hash = (await logs.fetch_spans(tx, log.id, head.size, [leaf]))[leaf]
        read = await _reader(tx, log, head, [*merkle.inclusion_nodes(index, size), *merkle.frontier_nodes(size)])
    root = merkle.frontier_at(size, read).root()
    return Proof(size, merkle.inclusion_proof(index, size, read), root, index, leaf_hash)


async def prove_growth(node: Node, actor: Actor, log_id: str, old: int, size: int | None) -> Proof:
    """Prove that the log's tree of `old` entries is the beginning of that of `size` entries."""
    access.check_act(actor, "read_log")
    async with node.store.read(actor) as tx:
        log = await logs.get_visible(tx, log_id)
        head = await logs.head(tx, log.id)
        size = _size(head, size)
        if not 1 <= old <= size:
            raise Invalid(f"from must be 1 to {size}.")
        read = await _reader(tx, log, head, [*merkle.consistency_nodes(old, size), *merkle.frontier_nodes(size)])
    return Proof(size, merkle.consistency_proof(old, size, read), merkle.frontier_at(size, read).root())


def _size(head: Head, size: int | None) -> int:
    if size is None:
        return head.size
    if not 1 <= size <= head.size:
        raise Invalid(f"size must be 1 to {head.size}, the newest published.")
    return size


async def _reader(tx: ReadTx, log: Log, head: Head, nodes: list[TreeNode]) -> Read:
    spans = sorted({tree_node.span() for tree_node in nodes})
    return merkle.subtree_reader(await logs.fetch_spans(tx, log.id, head.size, spans))
