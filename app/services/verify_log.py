"""Verify the logs: everything that this node keeps, proved again from the stored rows.

The rule here: nothing is trusted but the node's public key. What one record says is checked in `verify_record.py`, the
tree in `verify_tree.py`, which key counts where in `domain/keys.py`, and what stands in no log in `verify_books.py`.
"""

from collections.abc import Sequence
from datetime import datetime

from app.domain import checkpoint, node_record
from app.domain.actor import operator
from app.domain.errors import InvalidProof, Meaning
from app.domain.keys import LogKeys
from app.domain.merkle import HASH_BYTES
from app.services import verify_books, verify_record
from app.services.node import Node
from app.services.verdict import Verdict
from app.services.verify_record import Content, Driver, Row, id_text
from app.services.verify_tree import GrowingTree
from app.storage import checking
from app.storage.store import ReadTx


async def verify(node: Node, now: datetime) -> Verdict:
    """Verify every log, every record, and the audit, in one consistent snapshot; memory is bounded by a page.

    For every log:
    1. Its id, origin and audience belong together, and its origin is this node or one whose record is here.
    2. Its indices run from 0 without a gap; in an own log the arrivals rise.
    3. Every entry has the leaf hash of its record, whose bytes, signature, columns, claim and indicators agree
       (`verify_record.check`); the key that signed it counted at this place; it was erased only at its issuer's wish.
       An entry without a record has a hole that says why.
    4. Every tile, checkpoint, right edge and signed note is that of the entries, and the newest covers them all; of
       another node's log the note that covers what was pulled so far.
    5. What an own log says of organizations and groups is what the tables say.
    For the store:
    6. A record stands in exactly one log, is owed to one, or waits for review; waiting and owed ones are checked alike.
    7. Each report that has arrived stands whole in the stream, in a room of its own; nothing points to what does not
       exist.
    8. Audiences are what their documents say, and nodes what their signed records say.
    9. The audit's hash chains are whole.

    Not found, because nothing signed speaks of it: times of receipt and arrival, an end cut off all tables alike
    (compare checkpoints that others hold), rows that were never there, and credentials.
    """
    verdict = Verdict(now)
    async with node.store.read(operator(node.operator)) as tx, checking.tolerant(tx):
        async for log in checking.all_logs(tx):
            await _LogWalk(node, tx, log, verdict).run()
        await verify_books.verify_unlogged(node, tx, verdict)
        await verify_books.verify_order(tx, verdict)
        await verify_books.verify_audiences(tx, verdict)
        await verify_books.verify_nodes(tx, verdict)
        await verify_books.verify_audit(tx, verdict)
    return verdict


class _LogWalk:
    """One log, read once from its first entry to its last."""

    def __init__(self, node: Node, tx: ReadTx, log: Row, verdict: Verdict) -> None:
        self._node, self._tx, self._log, self._verdict = node, tx, log, verdict
        self._driver = Driver(tx.dialect)
        self._keys = LogKeys(())
        self._own = log["origin"] == node.identity.node_id
        self._next = 0
        self._arrival = (0, 0)

    async def run(self) -> None:
        """Check the log: the numbers are those of `verify`."""
        self._verdict.logs += 1
        self._keys = LogKeys(await self._node_keys())
        origin = self._check_identity()  # 1
        tree = GrowingTree(self._tx, self._verdict, self._log, origin, self._keys.node_keys)
        async for page in checking.entries(self._tx, self._log["id"]):
            content = await verify_record.gather(self._tx, page)
            await tree.grow(self._leaves(page, content))  # 2, 3, 4
        await tree.finish(await checking.replica(self._tx, self._log["id"]))  # 4
        if not self._next and self._own:
            self._verdict.add("the log has no entries", log=self._log["id"])
        if self._own:
            await verify_books.verify_statements(self._tx, self._driver, self._log, self._keys, self._verdict)  # 5

    async def _node_keys(self) -> tuple[bytes, ...]:
        if self._own:
            return self._node.identity.keys
        try:
            said = node_record.parse(await checking.node_document(self._tx, self._log["origin"]))
        except Meaning as error:
            self._verdict.add(f"the record of the log's node cannot be read: {error.detail}", log=self._log["id"])
            return ()
        if said.id != self._log["origin"]:
            self._verdict.add("nodes.document is the record of another node", log=self._log["id"])
        return said.keys

    def _check_identity(self) -> str:
        node_id, key, epoch = self._log["origin"], self._log["audience_key"], self._log["epoch"]
        try:
            line = checkpoint.origin_line(str(node_id), str(key), epoch)
            named = checkpoint.log_id(str(node_id), str(key), epoch)
        except InvalidProof as error:
            self._verdict.add(f"the log's origin line cannot be made: {error.detail}", log=self._log["id"])
            return ""
        if named != self._log["id"]:
            self._verdict.add("logs.id is not the name of its origin, audience and epoch", log=self._log["id"])
        return line

    def _leaves(self, page: Sequence[Row], content: Content) -> list[bytes]:
        return [self._entry(row, content) for row in page]

    def _entry(self, row: Row, content: Content) -> bytes:
        """Check an entry and give its leaf hash: the one that its record has, unless the record is what is damaged."""
        faults: list[str] = []
        # 2
        index = _number(row["index"])
        if index != self._next:
            faults.append(f"the index is {index} where {self._next} comes next")
        self._next = index + 1
        faults += self._check_arrival(row)
        self._verdict.entries += 1
        # 3
        leaf: object = row["entry_leaf_hash"]
        if row["id"] is None:
            faults += [] if row["record_id"] is None and row["hole"] else ["the record of the entry is absent"]
        else:
            made = self._record(row, content, faults)
            kept = row["leaf_hash"]
            if leaf != (made or kept):
                faults.append("log_entries.leaf_hash is not the hash of the signed record")
            leaf = made if made is not None and made == kept else leaf
        for reason in faults:
            self._verdict.add(reason, log=self._log["id"], index=row["index"], record=id_text(row["record_id"]))
        return leaf if isinstance(leaf, bytes) and len(leaf) == HASH_BYTES else bytes(HASH_BYTES)

    def _check_arrival(self, row: Row) -> list[str]:
        waits = row["record_id"] is None or row["quarantined"]
        if waits or (not self._own and row["arrival"] is not None):
            return ["it has an arrival, and nobody can read it"] if waits and row["arrival"] is not None else []
        arrival, received = _number(row["arrival"]), _number(row["received_at"])
        before, self._arrival = self._arrival, (arrival, received)
        # What a restored node got back from a peer later than the entry after it has arrived later than that one.
        disordered = arrival <= 0 or (arrival <= before[0] and received >= before[1])
        return ["its arrival is not above the one of the entry before it"] if disordered else []

    def _record(self, row: Row, content: Content, faults: list[str]) -> bytes | None:
        checked = verify_record.check(self._driver, row, self._keys, content)
        faults += checked.faults
        self._verdict.signatures += checked.verified
        self._verdict.records += 1
        self._verdict.indicators += len(content.indicators.get(row["id"], ()))
        if row["quarantined"] and self._own:
            faults.append("records.quarantined says that it waits for review, and it stands in the log")
        if row["audience_id"] != self._log["audience_id"] and not row["quarantined"]:
            faults.append("records.audience_id is not the audience of the log")
        said = checked.record
        if said is not None:
            if said.origin != self._log["origin"] or said.audience_key != self._log["audience_key"]:
                faults.append("the signed bytes are for another log")
            if checked.verified:
                try:
                    self._keys.learn(said)
                except Meaning as error:
                    faults.append(error.detail)
        return checked.leaf


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1
