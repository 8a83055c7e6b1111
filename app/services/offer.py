"""Offer: what this node lets a peer have - heads of logs, pages of entries, proofs, and what it refused of the peer's.

The rule here: a peer gets what its access says and learns nothing of any other log, by answer, by waiting or by what is
counted. What is served is noted before it leaves, so that who leaves later still hears what undoes it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from app.domain import audience as audiences
from app.domain import merkle, page
from app.domain.actor import Actor
from app.domain.errors import Invalid, NotFound, Unavailable
from app.domain.merkle import Span
from app.domain.peer import may_have
from app.domain.signing import Envelope
from app.services import gossip, peer_access
from app.services.node import Node
from app.services.peer_access import Shown
from app.services.read_log import Proof
from app.services.remote import Heads, Held, Refusals, RemoteHead, RemoteRefusal
from app.storage import deliveries, holes, logs, peers, standing
from app.storage.deliveries import Receipt
from app.storage.logs import Entry
from app.storage.store import ReadTx

MAX_HEADS = 1_000  # heads of one answer
ANSWER_BYTES = 12 * 1024 * 1024  # bytes of heads and node records in one answer: one of 10,000 organizations is 2 MiB
MAX_CHECKED = 20  # receipts of earlier sizes checked at one question: each costs some 20 reads
MAX_REFUSALS = 1_000  # rows of one answer
LOOK_EVERY = 5.0  # seconds between looks while a peer waits: what another process has moved
COALESCE = 0.1  # seconds from one look to the next, however much moves: the first move is seen at once
HEAD_BYTES = 600  # bytes of a head beside the organizations that its audience names
NAME_BYTES = 40  # bytes of a named organization


@dataclass(slots=True)
class _Answer:
    """What an answer about logs is put together from."""

    heads: list[RemoteHead] = field(default_factory=list)
    nodes: dict[str, bytes] = field(default_factory=dict)
    show: list[str] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    lost: list[Shown] = field(default_factory=list)
    more: bool = False
    cost: int = 0
    checked: int = 0


async def heads(node: Node, peer: Actor, held: Sequence[Held], notes: Sequence[str], now: datetime) -> Heads:
    """Answer the checkpoints of logs that differ from what the peer holds, and that it may read or has left.

    This node's own logs come first, the others from a place that is another each time, so that logs which the peer does
    not take never stand in the way of the rest. A log that the peer has left is told each time. What the peer holds is
    its receipt, where this node's tree has the same root.
    """
    asked = {item.log_id: item for item in held}
    answer, state = _Answer(), _State()
    own = node.identity.node_id
    async with node.store.read(peer) as tx:
        rights = await peer_access.rights_of(node, tx, now)
        async for shown in rights.walk(tx, origin=own):
            state.add(shown)
            await _answer(node, tx, answer, shown, asked.get(shown.head.log.id))
        async for shown in rights.walk(tx, start=node.random(16).hex()):
            if shown.head.log.origin != own:
                state.add(shown)
                await _answer(node, tx, answer, shown, asked.get(shown.head.log.id))
        async for shown in rights.left(tx, state.readable):
            state.add(shown)
            await _answer(node, tx, answer, shown, asked.get(shown.head.log.id))
    await _note(node, peer, answer, now)
    # What the peer holds is noted; if this ends here, it says so again.
    compared = await gossip.compare(node, peer, notes, now)
    return Heads(
        state=state.token(node, peer),
        heads=tuple(answer.heads),
        nodes=tuple(answer.nodes.values()),
        gossip=tuple(compared.answers),
        show=tuple(answer.show[:MAX_HEADS]),
        more=answer.more,
    )


async def _answer(node: Node, tx: ReadTx, answer: _Answer, shown: Shown, asked: Held | None) -> None:
    """Put one log into the answer: its head if it differs, the receipt, and whether the peer should show its own."""
    head, told = shown.head, shown.told
    if told.was_visible and not shown.access.visible:
        answer.lost.append(shown)
    differs = asked is None or (asked.size, asked.root) != (head.size, head.root.hex())
    reopened = shown.access.visible and told.served > 0 and not told.was_visible
    if shown.is_whole and (differs or reopened or not shown.access.visible):
        await _add_head(node, tx, answer, shown)
    if asked is None:
        return
    agrees = await _agrees(tx, answer, shown, asked)
    if agrees and (asked.size > told.held or asked.refused != told.refused_there):
        answer.receipts.append(Receipt(head.log.id, asked.size, asked.refused))
    if agrees is False and head.log.origin == node.identity.node_id:
        answer.show.append(head.log.id)


async def _agrees(tx: ReadTx, answer: _Answer, shown: Shown, asked: Held) -> bool | None:
    """Tell whether the peer's tree is the beginning of this node's; None: that was not looked at now."""
    head = shown.head
    if asked.size >= head.size:
        return (asked.size, asked.root) == (head.size, head.root.hex())
    if asked.size <= shown.told.held and asked.refused == shown.told.refused_there:
        return None
    if not asked.size or answer.checked >= MAX_CHECKED:
        return None
    answer.checked += 1
    read = await gossip.tree_reader(tx, head, merkle.frontier_nodes(asked.size))
    return merkle.frontier_at(asked.size, read).root().hex() == asked.root


async def _add_head(node: Node, tx: ReadTx, answer: _Answer, shown: Shown) -> None:
    log = shown.head.log
    audience = audiences.parse(dict(log.audience))
    document = b""
    if log.origin not in {node.identity.node_id, tx.actor.node} and log.origin not in answer.nodes:
        known = await peers.find_node(tx, log.origin)
        document = b"" if known is None else known.document
    cost = HEAD_BYTES + NAME_BYTES * len(audience.organizations) + len(document)
    if len(answer.heads) >= MAX_HEADS or (answer.heads and answer.cost + cost > ANSWER_BYTES):
        answer.more = True
        return
    answer.cost += cost
    if document:
        answer.nodes[log.origin] = document
    answer.heads.append(
        RemoteHead(
            log_id=log.id,
            origin=log.origin,
            audience=audience,
            red=shown.head.red,
            epoch=log.epoch,
            note=shown.head.note,
            start=shown.head.size if shown.lapsed else shown.access.from_index,
            ended=not shown.access.visible and not shown.lapsed,
        )
    )


async def _note(node: Node, peer: Actor, answer: _Answer, now: datetime) -> None:
    """Keep what the question told: what the peer holds, and that it may not read a log any more."""
    if not answer.receipts and not answer.lost:
        return
    assert peer.node is not None
    async with node.store.write(peer) as tx:
        await deliveries.note_held(tx, peer.node, answer.receipts, now)
        for shown in answer.lost:
            await deliveries.note_rights(
                tx, peer.node, shown.head.log.id, from_index=shown.told.from_index, visible=False
            )


class _State:
    """What a peer sees at a moment, as a token to wait on: the same for the same logs, sizes and access."""

    def __init__(self) -> None:
        self.readable: set[str] = set()
        self._sum = 0

    def add(self, shown: Shown) -> None:
        head, access = shown.head, shown.access
        if access.visible:
            self.readable.add(head.log.id)
        if shown.is_whole:
            line = f"{head.log.id} {head.size} {head.root.hex()} {access.visible} {access.from_index}"
            self._sum += int.from_bytes(sha256(line.encode()).digest(), "big")

    def token(self, node: Node, peer: Actor) -> str:
        said = f"{peer.node} {self._sum}".encode()
        return node.identity.digest("peer-state", said)[:16].hex()


async def _look(node: Node, peer: Actor, now: datetime) -> str:
    """Give the token of what a peer sees now."""
    state = _State()
    async with node.store.read(peer) as tx:
        rights = await peer_access.rights_of(node, tx, now)
        async for shown in rights.walk(tx):
            state.add(shown)
        async for shown in rights.left(tx, state.readable):
            state.add(shown)
    return state.token(node, peer)


async def wait(node: Node, peer: Actor, state: str, seconds: float, clock: Callable[[], datetime]) -> str:
    """Wait, at most so long, until what the peer sees is not `state` any more; give the token of what it sees then.

    Logs that are hidden from the peer may wake this, and never end it. No transaction is open while it waits.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        number = node.moved.number
        seen = await _look(node, peer, clock())
        looked = loop.time()
        left = end - looked
        if seen != state or left <= 0 or node.moved.closed:
            return seen
        if number == node.moved.number:
            await node.moved.wait(min(left, LOOK_EVERY))
        await asyncio.sleep(max(0.0, min(looked + COALESCE, end) - loop.time()))


async def entries(node: Node, peer: Actor, log_id: str, start: int, stop: int | None, now: datetime) -> bytes:
    """Give a page of a log from index `start`, before `stop` if that is given: see `domain.page`.

    At most `page.MAX_PAGE_ENTRIES` entries, and of records at most `page.PAGE_BYTES` beyond the first. Raises NotFound
    for a hidden log and an absent one alike; Invalid: the log ends before `start`; Unavailable: it is being pulled.
    """
    async with node.store.read(peer) as tx:
        shown = await _get(node, tx, log_id, now)
        head = shown.head
        if start > head.size or (stop is not None and not start < stop <= head.size):
            raise Invalid(f"The log has {head.size} entries; ask from one of them, to a later one.")
        found = await _taken(tx, shown, start, head.size if stop is None else stop)
        end = start + len(found)
        proof: list[bytes] = []
        if 0 < end < head.size:
            read = await gossip.tree_reader(tx, head, merkle.consistency_nodes(end, head.size))
            proof = merkle.consistency_proof(end, head.size, read)
        lines, damaged = await _lines(node, tx, shown, found)
    if damaged:
        async with node.store.write(peer) as writing:
            await holes.add_damaged(writing, log_id, damaged, now)
    if shown.access.visible and (end > shown.told.served or not shown.told.was_visible):
        assert peer.node is not None
        async with node.store.write(peer) as writing:
            await deliveries.note_served(
                writing, peer.node, log_id, end, from_index=shown.access.from_index, visible=True
            )
    # Noted as served; if this ends here, the peer asks again and gets the same.
    return b"".join((page.header(log_id, start, end, head.size, head.note, proof), *lines, page.trailer(end)))


async def _get(node: Node, tx: ReadTx, log_id: str, now: datetime) -> Shown:
    rights = await peer_access.rights_of(node, tx, now)
    shown = await rights.get(tx, log_id)
    if not shown.is_whole:
        raise Unavailable("This node has not all of the log yet that its newest checkpoint covers; ask again.")
    return shown


async def _taken(tx: ReadTx, shown: Shown, start: int, stop: int) -> list[Entry]:
    """Read the entries of one page: their sizes first, so that no more is in memory than a page."""
    log = shown.head.log
    sizes = await logs.entry_sizes(tx, log, start, min(page.MAX_PAGE_ENTRIES, stop - start))
    taken, total = 0, 0
    for length in sizes:
        total += length
        if taken and total > page.PAGE_BYTES:
            break
        taken += 1
    return await logs.entries(tx, log, start, taken) if taken else []


async def _lines(node: Node, tx: ReadTx, shown: Shown, found: Sequence[Entry]) -> tuple[list[bytes], list[int]]:
    """Write the entries, each with its body or bare, as the peer may have them; and tell which are damaged here."""
    access, log = shown.access, shown.head.log
    subjects, issuers = set(), set()
    if not access.visible:
        named = {item.subject for item in found if item.subject is not None}
        stated = {item.issuer for item in found if item.kind == "organization" and item.issuer is not None}
        subjects = await standing.subjects_before(tx, log.id, access.served, named)
        issuers = await standing.issuers_before(tx, log.id, access.served, stated)
    is_own = log.origin == node.identity.node_id
    lines, damaged = [], []
    for item in found:
        had = may_have(item.kind or "", item.index, access, item.subject in subjects, item.issuer in issuers)
        line = _line(item, had, "withheld" if access.visible else "ended", is_own=is_own)
        if line is None:
            damaged.append(item.index)
        lines.append(line or page.bare(item.index, item.leaf_hash, "damaged"))
    return lines, damaged


def _line(item: Entry, had: bool, why: str, *, is_own: bool) -> bytes | None:
    """Write one entry; None where the stored body is not the one that was signed."""
    if item.payload is None or item.keyid is None or item.signature is None:
        gone = item.hole is None or item.hole == "erased"
        return page.bare(item.index, item.leaf_hash, "erased" if is_own and gone else "refused")
    if not had:
        return page.bare(item.index, item.leaf_hash, why)
    envelope = Envelope(item.payload, item.keyid, item.signature)
    if merkle.leaf_hash(envelope.to_bytes()) != item.leaf_hash:
        return None
    return page.entry(item.index, envelope)


async def tile(node: Node, peer: Actor, log_id: str, level: int, index: int, width: int, now: datetime) -> bytes:
    """Give the hashes of a tile of a log, full or partial. Raises NotFound."""
    async with node.store.read(peer) as tx:
        head = (await _get(node, tx, log_id, now)).head
        start = index * merkle.TILE_WIDTH
        if start + width > head.size >> (merkle.TILE_HEIGHT * level):
            raise NotFound("The log has no such tile yet.")
        span = Span(level, start, start + width)
        return (await logs.fetch_spans(tx, log_id, head.size, [span]))[span]


async def prove_growth(node: Node, peer: Actor, log_id: str, old: int, size: int | None, now: datetime) -> Proof:
    """Prove that the log's tree of `old` entries is the beginning of that of `size`. Raises NotFound, Invalid."""
    async with node.store.read(peer) as tx:
        head = (await _get(node, tx, log_id, now)).head
        size = head.size if size is None else size
        if not 1 <= old <= size <= head.size:
            raise Invalid(f"The log has {head.size} entries; ask for a growth within them.")
        nodes = [*merkle.frontier_nodes(size), *merkle.consistency_nodes(old, size)]
        read = await gossip.tree_reader(tx, head, nodes)
    return Proof(size, merkle.consistency_proof(old, size, read), merkle.frontier_at(size, read).root())


async def refusals(node: Node, peer: Actor, after: str | None) -> Refusals:
    """List what this node refused of the peer's own logs, after the place of a cursor. Raises Invalid."""
    assert peer.node is not None
    async with node.store.read(peer) as tx:
        found = await holes.refused_of_origin(tx, peer.node, _place(after), MAX_REFUSALS + 1)
    rows = tuple(
        RemoteRefusal(item.log_id, item.index, item.leaf_hash, item.code, item.detail) for item in found[:MAX_REFUSALS]
    )
    return Refusals(rows, f"{rows[-1].log_id}:{rows[-1].index}" if len(found) > MAX_REFUSALS else None)


def _place(after: str | None) -> tuple[str, int] | None:
    if after is None:
        return None
    log_id, _, index = after.partition(":")
    if not (index.isascii() and index.isdigit() and int(index) <= merkle.MAX_SIZE):
        raise Invalid("after is <log id>:<index>, as an earlier answer gave it.")
    return log_id, int(index)
