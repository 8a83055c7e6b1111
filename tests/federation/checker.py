"""The checker of a simulation: after each deed it reads every honest node's rows, past the product, and judges them.

The rule here: it knows what no node knows - who is at home where, what was acknowledged, what was signed, and what went
over every road - and takes nothing from the product but its formats and its own check of everything stored.

What it holds to: I1 what was acknowledged stays; I2 indices run on and no log has two roots of one size; I3 nothing
stands that its issuer's home has not signed; I4 what is held is what the origin signed; I7 what is not held has a
reason; I8 no honest node is accused. What went over the roads is judged in `overhearing.py`, what is left when all is
quiet in `settled.py`.
"""

import base64
import json
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from app.domain import evidence as proofs
from app.domain import merkle, signing
from app.domain.errors import InvalidProof
from app.domain.signing import Envelope
from app.services import verify_log
from tests.federation import overhearing, settled
from tests.federation.crook import Crook
from tests.federation.roads import Stand

if TYPE_CHECKING:
    from tests.federation.simulation import Simulation

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ADDRESSES = tuple(f"0x{number:040x}" for number in range(1, 5))  # that many reports name
OF_OTHERS = frozenset({"pull", "loop", "round", "end"})  # deeds that make no record of a node's own


class Broken(AssertionError):  # noqa: N818 - what is broken is an invariant
    """An invariant does not hold."""


@dataclass
class View:
    """What a node's rows say."""

    logs: dict[str, dict[str, Any]]
    entries: dict[str, list[tuple[bytes, bytes | None, int | None]]]
    records: dict[bytes, dict[str, Any]]
    replicas: dict[str, dict[str, Any]]
    checkpoints: dict[str, dict[int, bytes]]
    holes: set[tuple[str, int]]
    evidence: dict[str, dict[str, Any]]


@dataclass
class Checker:
    """Everything that is known of a simulation, and what was seen of each node last."""

    stands: list[Stand]
    crook: Crook | None
    homes: dict[UUID, str] = field(default_factory=dict)
    acknowledged: dict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    genuine: set[bytes] = field(default_factory=set)
    published: dict[tuple[str, int], bytes] = field(default_factory=dict)
    groups: dict[UUID, dict[int, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    heard: dict[tuple[str, str], datetime] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    files: dict[str, sqlite3.Connection] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)
    addresses: tuple[str, ...] = ADDRESSES
    turn: int = 0  # the product's own check of everything stored is made at every `own_check`th look, and at the end
    own_check: int = 8

    def check(self, holds: bool, words: str) -> None:
        """Say what is broken, unless it holds."""
        if not holds:
            raise Broken(words)

    def is_honest(self, node_id: str) -> bool:
        """Tell whether a node is one of the honest ones."""
        return any(stand.id == node_id for stand in self.honest)

    @property
    def honest(self) -> list[Stand]:
        """The nodes that are checked."""
        return [stand for stand in self.stands if self.crook is None or stand is not self.crook.stand]

    def known_everywhere(self, organization: UUID) -> bool:
        """Tell whether every honest node knows by now where an organization is at home."""
        query = "SELECT home FROM organizations WHERE id = ?"
        homes = [self.query(stand, query, organization.bytes) for stand in self.honest]
        return all(rows and rows[0]["home"] == self.homes[organization] for rows in homes)

    def acknowledge(self, stand: Stand, record: UUID) -> None:
        """Note what a partner was promised."""
        self.acknowledged[stand.host].add(record)

    def restored(self, stand: Stand, acknowledged: set[UUID]) -> None:
        """Forget what a node had after its backup: that may be gone, or come back from its peers."""
        self.acknowledged[stand.host] = acknowledged
        self.reopen(stand, forget=True)

    def reopen(self, stand: Stand, *, forget: bool = False) -> None:
        """Look at another file from now on."""
        if stand.host in self.files:
            self.files.pop(stand.host).close()
        self.versions.pop(stand.host, None)
        if forget:
            self.views.pop(stand.host, None)

    def close(self) -> None:
        """Close the files."""
        for file in self.files.values():
            file.close()

    def query(self, stand: Stand, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Read a node's rows past the product."""
        if stand.host not in self.files:
            self.files[stand.host] = sqlite3.connect(stand.file, isolation_level=None)
        cursor = self.files[stand.host].execute(statement, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def overhear(self, name: str, to: str, request: httpx.Request, answer: httpx.Response) -> None:
        """Judge what went over a road; what is broken is said at the next look, because the asker takes any error."""
        try:
            overhearing.overhear(self, name, to, request, answer)
        except Broken as error:
            self.breaches.append(str(error))

    async def look(self, deed: str, stands: list[Stand]) -> None:
        """Check each node that has changed since it was looked at."""
        self.check(not self.breaches, f"after {deed}: {self.breaches[:1]}")
        changed = [stand for stand in stands if self._has_changed(stand)]
        for stand in changed:
            self.learn_groups(stand)
            if stand in self.honest:
                rows = self.query(stand, "SELECT * FROM records WHERE origin = ?", stand.id)
                self.genuine |= {row["digest"] for row in rows if deed not in OF_OTHERS or _is_stated(stand, row)}
        for stand in changed:
            if stand in self.honest:
                try:
                    await self._look(stand, deed)
                except Broken as error:
                    raise Broken(f"{stand.home.name} after {deed}: {error}") from None
        self.times = {stand.host: stand.home.world.clock.now for stand in stands}

    def forget_published(self, stand: Stand) -> None:
        """Forget what a node has published and no peer of it has kept: without its file of heads nobody knows of it."""
        held = set()
        paper = settled.Paper(self)
        for other in self.honest:
            if other is not stand and paper.active(other.id, stand.id):
                held |= {
                    overhearing.read_note(row["note"])[:2] for row in self.query(other, "SELECT note FROM replicas")
                }
        self.published = {
            place: root
            for place, root in self.published.items()
            if not place[0].startswith(f"{stand.id}/") or place in held
        }

    def _has_changed(self, stand: Stand) -> bool:
        version = self.query(stand, "PRAGMA data_version")[0]["data_version"]
        before, self.versions[stand.host] = self.versions.get(stand.host), version
        return bool(before != version)

    def learn_groups(self, stand: Stand) -> None:
        """Keep who was in a group in each version, as its steward's node has said."""
        for row in self.query(stand, "SELECT payload, origin FROM records WHERE kind = 'group' AND payload NOT NULL"):
            if row["origin"] == stand.id:
                said = json.loads(row["payload"])
                body = said["body"]
                self.groups[UUID(body["group"])][body["version"]] = body | {"home": stand.id}

    def _view(self, stand: Stand) -> View:
        logs = {
            row["id"]: row
            for row in self.query(
                stand, "SELECT l.*, a.key, a.document FROM logs l JOIN audiences a ON a.id = l.audience_id"
            )
        }
        entries: dict[str, list[tuple[bytes, bytes | None, int | None]]] = {log: [] for log in logs}
        for row in self.query(stand, 'SELECT * FROM log_entries ORDER BY log_id, "index"'):
            mine = entries[row["log_id"]]
            self.check(row["index"] == len(mine), f"index {row['index']} where {len(mine)} comes next")
            mine.append((row["leaf_hash"], row["record_id"], row["arrival"]))
        checkpoints: dict[str, dict[int, bytes]] = defaultdict(dict)
        for row in self.query(stand, "SELECT log_id, size, root FROM checkpoints"):
            checkpoints[row["log_id"]][row["size"]] = row["root"]
        return View(
            logs,
            entries,
            {row["id"]: row for row in self.query(stand, "SELECT * FROM records")},
            {row["log_id"]: row for row in self.query(stand, "SELECT * FROM replicas")},
            checkpoints,
            {(row["log_id"], row["index"]) for row in self.query(stand, 'SELECT log_id, "index" FROM log_holes')},
            {row["id"]: row for row in self.query(stand, "SELECT * FROM evidence")},
        )

    async def _look(self, stand: Stand, deed: str) -> None:
        view, before = self._view(stand), self.views.get(stand.host)
        if before is not None:
            self._check_growth(before, view)
        self._check_trees(stand, view)
        self._check_records(stand, view, before, deed)
        self._check_evidence(view)
        self.views[stand.host] = view
        kept = {UUID(bytes=item) for item in view.records}
        self.check(self.acknowledged[stand.host] <= kept, "what was acknowledged is gone")
        self.turn += 1
        if deed == "end" or self.turn % self.own_check == 0:
            verdict = await verify_log.verify(stand.home.node, stand.home.world.clock.now)
            self.check(not verdict.faults, f"its own check finds {verdict.faults[:3]}")

    def _check_growth(self, before: View, view: View) -> None:
        """Check that nothing that stood has moved: entries, arrivals, what covers them, and what records say."""
        for log, known in before.entries.items():
            now = view.entries.get(log, [])
            for place, (old, new) in enumerate(zip(known, now, strict=False)):
                same = old[0] == new[0] and all(a is None or a == b for a, b in zip(old[1:], new[1:], strict=True))
                self.check(same, f"entry {place} of {log[:6]} changed from {old} to {new}")
            self.check(len(now) >= len(known), f"{log[:6]} went back from {len(known)} to {len(now)} entries")
        for log, row in before.replicas.items():
            covers = view.replicas[log]["cover_size"]
            self.check(covers >= row["cover_size"], f"what covers {log[:6]} went back to {covers}")
        logged = {entry[1] for entries in before.entries.values() for entry in entries}
        for record, row in before.records.items():
            now_row = view.records.get(record)
            if now_row is None and row["kind"] == "organization" and record not in logged:
                continue  # a statement that was owed, and found to stand in the log already
            self.check(now_row is not None, f"the record {record.hex()} is gone")
            assert now_row is not None
            for name in ("digest", "origin", "issuer", "received_at", "leaf_hash", "keyid", "signature"):
                self.check(row[name] == now_row[name], f"records.{name} of {record.hex()} changed")

    def _check_trees(self, stand: Stand, view: View) -> None:
        """Check that what is held of a log is what its node has signed, and that what has no body has a reason."""
        arrivals = []
        for log, entries in view.entries.items():
            roots, frontier = [merkle.Frontier().root()], merkle.Frontier()
            for place, (leaf, record, arrival) in enumerate(entries):
                frontier = frontier.append(leaf)
                roots.append(frontier.root())
                arrivals += [] if arrival is None else [arrival]
                self.check(
                    record is not None or (log, place) in view.holes, f"entry {place} of {log[:6]} has no reason"
                )
            for size, root in view.checkpoints.get(log, {}).items():
                self.check(
                    size < len(roots) and roots[size] == root, f"the checkpoint {size} of {log[:6]} is of another tree"
                )
            replica = view.replicas.get(log)
            if replica is not None:
                self.check(replica["size"] <= len(entries), f"{log[:6]} stands behind its {replica['size']} entries")
                overhearing.check_note(self, replica["note"])
                line, size, root = overhearing.read_note(replica["note"])
                fits = size >= replica["size"] and (size >= len(roots) or roots[size] == root)
                self.check(fits, f"what covers {log[:6]} is of another tree")
                known = self.published.get((line, replica["size"]))
                is_so = known is None or known == roots[replica["size"]]
                self.check(is_so, f"{log[:6]} is another log than its node has signed")
            if view.logs[log]["origin"] != stand.id:
                self.check(
                    replica is not None and replica["size"] == len(entries), f"{log[:6]} has entries that nobody signed"
                )
        self.check(len(set(arrivals)) == len(arrivals), "two have arrived at one time")

    def _check_records(self, stand: Stand, view: View, before: View | None, deed: str) -> None:
        """Check what is new: it came now, is signed by a key that its issuer had there, and its home knows of it."""
        known = {} if before is None else before.records
        earliest = self.times.get(stand.host, stand.home.world.clock.now) - timedelta(days=2 if deed == "clock" else 0)
        latest = stand.home.world.clock.now
        for record, row in view.records.items():
            if record in known:
                continue
            home = self.homes.get(UUID(bytes=row["issuer"]))
            if home is not None and self.is_honest(home):
                self.check(
                    row["digest"] in self.genuine, f"{row['kind']} {record.hex()} was never signed by its issuer"
                )
                self.check(row["origin"] == home, f"{row['kind']} {record.hex()} is of another origin")
            if before is not None and deed not in {"clock", "restore"}:
                at = EPOCH + timedelta(microseconds=row["received_at"])
                self.check(earliest <= at <= latest, f"{row['kind']} came at {at}, not between {earliest} and {latest}")
        for log, entries in view.entries.items():
            self._check_signatures(view, log, entries)

    def _check_signatures(self, view: View, log: str, entries: list[tuple[bytes, bytes | None, int | None]]) -> None:
        origin = next((stand for stand in self.stands if stand.id == view.logs[log]["origin"]), None)
        self.check(origin is not None, f"{log[:6]} is of a node that nobody runs")
        assert origin is not None
        node_keys = {signing.key_id(key): key for key in origin.home.node.identity.keys}
        valid: dict[str, dict[str, bytes]] = {}
        for place, (leaf, record, _) in enumerate(entries):
            row = None if record is None else view.records[record]
            if row is None or row["payload"] is None:
                continue
            envelope = Envelope(row["payload"], row["keyid"], row["signature"])
            self.check(merkle.leaf_hash(envelope.to_bytes()) == leaf, f"entry {place} of {log[:6]} is not its record")
            said = json.loads(row["payload"])
            is_node = said["kind"] in {"organization", "node", "group"} and row["keyid"] in node_keys
            keys = node_keys if is_node else valid.get(said["issuer"], {})
            self.check(
                row["keyid"] in keys, f"entry {place} of {log[:6]} ({said['kind']}) has a key that does not count"
            )
            try:
                VerifyKey(keys[row["keyid"]]).verify(
                    signing.pre_authentication_encoding(row["payload"]), row["signature"]
                )
            except (BadSignatureError, ValueError):
                self.check(False, f"entry {place} of {log[:6]} ({said['kind']}) is not signed")
            if said["kind"] == "organization":
                valid[said["issuer"]] = {
                    key["keyid"]: base64.b64decode(key["public_key"])
                    for key in said["body"]["keys"]
                    if key["state"] == "valid"
                }

    def _check_evidence(self, view: View) -> None:
        for row in view.evidence.values():
            self.check(not self.is_honest(row["origin"]), f"an honest node is accused: {row['document']!r}")
            try:
                fork = proofs.verify(row["document"])
            except InvalidProof as error:
                self.check(False, f"evidence does not verify: {error}")
            else:
                self.check(fork.node_id == row["origin"], "evidence is of another node")

    def positions(self) -> list[Any]:
        """Give all that a round may move: it is over when this stays the same."""
        found: list[Any] = []
        for stand in self.honest:
            found.append(
                self.query(stand, "SELECT log_id, count(*), count(record_id) FROM log_entries GROUP BY 1 ORDER BY 1")
            )
            found.append(self.query(stand, "SELECT id, payload IS NULL FROM records ORDER BY 1"))
            found.append(self.query(stand, "SELECT record_id, state, followed FROM reports ORDER BY 1"))
            found.append(self.query(stand, "SELECT id FROM evidence ORDER BY 1"))
            found.append(self.query(stand, "SELECT count(*) FROM log_pending"))
            found.append((stand.home.node.heads.vouched, sorted(stand.home.node.heads.asked)))
        return found

    def waits(self) -> bool:
        """Tell whether an honest node will ask for a body again."""
        query = "SELECT 1 FROM log_holes WHERE next_try IS NOT NULL LIMIT 1"
        return any(self.query(stand, query) for stand in self.honest)

    async def settled(self, simulation: "Simulation") -> None:
        """Check what is left when nothing moves any more."""
        for stand in self.honest:
            await self._look(stand, "end")
        await settled.check(self, simulation)


def _is_stated(stand: Stand, row: dict[str, Any]) -> bool:
    """Tell whether a node has signed this of one of its organizations: while it gets its own entries back, too."""
    keys = {signing.key_id(key): key for key in stand.home.node.identity.keys}
    if row["kind"] != "organization" or row["payload"] is None or row["keyid"] not in keys:
        return False
    try:
        VerifyKey(keys[row["keyid"]]).verify(signing.pre_authentication_encoding(row["payload"]), row["signature"])
    except BadSignatureError:
        return False
    return True
