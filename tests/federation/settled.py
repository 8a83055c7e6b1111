"""What must be so in a simulation when the faults have ended and nothing moves any more.

The rule here: who should have a log follows from the graph, the groups and the policies, as a person would work it out
on paper; then every such node holds the same entries, the same bodies, the same states and gives the same answers as
the origin, and nobody holds what was erased, or what it was to forget.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.domain.vocabulary import DISAGREEING
from tests.federation.overhearing import _nodes
from tests.federation.roads import Stand
from tests.world import Partner

if TYPE_CHECKING:
    from tests.federation.checker import Checker, View
    from tests.federation.simulation import Simulation


async def check(checker: "Checker", simulation: "Simulation") -> None:
    """Check everything that is left: the numbers are those of page 5."""
    paper = Paper(checker)
    for stand in checker.honest:
        checker.check(stand.host in checker.views, f"{stand.home.name} was never looked at")
    for origin in checker.honest:
        for log, row in checker.views[origin.host].logs.items():
            if row["origin"] == origin.id:
                for stand in paper.holders(origin, log):
                    _compare(checker, paper, origin, stand, log)
        _check_own(checker, paper, origin)
    for stand in checker.honest:
        _check_forgotten(checker, paper, stand)
        _check_undone(checker, paper, stand)
        for at, partner in simulation.partners:
            if at is stand:
                await _check_answers(checker, paper, stand, partner)
    _check_forks(checker, paper)


@dataclass
class Paper:
    """Who should have what, worked out from the graph, the groups and the policies."""

    checker: "Checker"
    peers: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for stand in self.checker.stands:
            rows = self.checker.query(stand, "SELECT * FROM peers")
            self.peers[stand.id] = {row["node_id"]: row for row in rows}

    def active(self, one: str, other: str) -> bool:
        """Tell whether two nodes are active peers, as both say."""
        rows = self.peers[one].get(other), self.peers[other].get(one)
        return all(row is not None and row["state"] == "active" for row in rows)

    def hears(self, node: str, origin: str) -> bool:
        """Tell whether a node still pulls from an origin, which may have turned it away but lets it hear."""
        here, there = self.peers[node].get(origin), self.peers[origin].get(node)
        asks = here is not None and here["accepted_here"] and here["state"] in {"active", "proposed"}
        return bool(asks) and there is not None and there["state"] != "proposed"

    def newest(self, group: str) -> dict[str, Any] | None:
        """Give a group's newest version, as its steward's node has said: a later one may have gone by a restore."""
        versions = self.checker.groups.get(UUID(group), {})
        if not versions:
            return None
        last = max(versions)
        for stand in self.checker.honest:
            if stand.id == versions[last]["home"]:
                rows = self.checker.query(stand, "SELECT version FROM groups WHERE id = ?", UUID(group).bytes)
                last = rows[0]["version"] if rows else last
        return versions.get(last)

    def readers(self, audience: dict[str, Any]) -> set[str] | None:
        """Name the nodes that may read what is for an audience; None for everybody."""
        if audience["kind"] == "public":
            return None
        if audience["kind"] == "organizations":
            return {self.checker.homes.get(UUID(item), "") for item in audience["organizations"]}
        group = self.newest(audience["group"])
        return set() if group is None else _nodes(self.checker, group)

    def knows(self, node: str, audience: dict[str, Any]) -> bool:
        """Tell whether a node hears of a group's changes at once: it is, or has as a peer, its steward's node."""
        group = self.newest(audience["group"]) if audience["kind"] == "group" else None
        return audience["kind"] != "group" or (
            group is not None
            and self.checker.is_honest(group["home"])
            and (node == group["home"] or self.active(node, group["home"]))
        )

    def holders(self, origin: Stand, log: str) -> list[Stand]:
        """Name the nodes that have a log by now: the origin gives it to whom it is for, and some pass it on."""
        audience = json.loads(self.checker.views[origin.host].logs[log]["document"])
        readers = self.readers(audience)
        group = self.newest(audience["group"]) if audience["kind"] == "group" else None
        passes = audience["kind"] == "public" or (group is not None and not group["members"])
        found, queue = {origin.id}, deque([origin])
        while queue:
            giver = queue.popleft()
            for stand in self.checker.honest:
                if stand.id in found or not self.active(giver.id, stand.id) or not self.knows(giver.id, audience):
                    continue
                if readers is not None and stand.id not in readers:
                    continue
                if giver is not origin and not (
                    passes
                    and self._takes(stand.id, giver.id, origin.id)
                    and self.knows(stand.id, audience)
                    and not self.is_turned_away(giver.id, origin.id)
                ):
                    continue
                found.add(stand.id)
                queue.append(stand)
        return [stand for stand in self.checker.honest if stand.id in found and stand is not origin]

    def is_turned_away(self, node: str, origin: str) -> bool:
        """Tell whether a node gets bare leaves of an origin's logs, and so has not all to pass on."""
        return node != origin and origin in self.peers[node] and not self.active(origin, node)

    def _takes(self, node: str, giver: str, origin: str) -> bool:
        policy = json.loads(self.peers[node][giver]["policy"])
        known = self.peers[node].get(origin)
        return policy["relay"] == "any" or (policy["relay"] == "known" and known is not None and known["accepted_here"])


def _compare(checker: "Checker", paper: Paper, origin: Stand, stand: Stand, log: str) -> None:
    """I6, I5, I13: the same entries, bodies and states as at the origin."""
    there, here = checker.views[origin.host], checker.views[stand.host]
    name = f"{stand.home.name} of {origin.home.name}'s {there.logs[log]['key']}"
    mine, theirs = here.entries.get(log, []), there.entries[log]
    sizes = f"{len(mine)} of {len(theirs)} entries"
    checker.check([row[0] for row in mine] == [row[0] for row in theirs], f"{name}: other entries: {sizes}")
    group = json.loads(there.logs[log]["document"]).get("group")
    partly = group is not None and (paper.newest(group) or {}).get("history") == "from_join"
    # Whom the origin has turned away it gives bare leaves, also of what a relay might have given before.
    partly |= paper.is_turned_away(stand.id, origin.id)
    states = {row["record_id"]: row["state"] for row in checker.query(origin, "SELECT record_id, state FROM reports")}
    held = {row["record_id"]: row["state"] for row in checker.query(stand, "SELECT record_id, state FROM reports")}
    for place, (ours, their) in enumerate(zip(mine, theirs, strict=True)):
        if their[1] is None:
            continue
        said = there.records[their[1]]
        kept = None if ours[1] is None else here.records[ours[1]]
        words = f"{name}: entry {place} ({said['kind']} {their[1].hex()})"
        if said["kind"] == "report" and said["payload"] is None:
            gone = kept is None or (kept["payload"] is None and ours[1] not in held)
            checker.check(gone, f"{words} was erased, and is here")
            continue
        if said["payload"] is None or (kept is None and partly):
            continue
        if kept is not None and kept["payload"] is None:
            subject = here.records.get(kept["subject"])
            checker.check(subject is not None and subject["payload"] is None, f"{words} has lost its body")
            continue
        checker.check(kept is not None, f"{words} has no body: {_reason(checker, stand, log, place)}")
        if said["kind"] == "report" and ours[1] is not None:
            same = states.get(their[1]) == held.get(ours[1])
            checker.check(same, f"{words} is {held.get(ours[1])}, not {states.get(their[1])}")


def _reason(checker: "Checker", stand: Stand, log: str, place: int) -> Any:
    return checker.query(stand, 'SELECT * FROM log_holes WHERE log_id = ? AND "index" = ?', log, place)


def _check_own(checker: "Checker", paper: Paper, origin: Stand) -> None:
    """I1, I14: what the others hold of a node's logs is the beginning of what it has itself, in this epoch."""
    own = checker.views[origin.host]
    newest: dict[int, int] = {}
    for row in own.logs.values():
        if row["origin"] == origin.id:
            newest[row["audience_id"]] = max(newest.get(row["audience_id"], 0), row["epoch"])
    owed = checker.query(origin, "SELECT count(*) AS owed FROM log_pending")[0]["owed"]
    checker.check(not owed, f"{origin.home.name} still owes {owed} records to its logs")
    for stand in checker.honest:
        for log, row in checker.views[stand.host].logs.items():
            if row["origin"] != origin.id or stand is origin:
                continue
            theirs, mine = checker.views[stand.host].entries[log], own.entries.get(log, [])
            same = all(a[0] == b[0] for a, b in zip(theirs, mine, strict=False))
            ended = log in own.logs and newest[own.logs[log]["audience_id"]] > own.logs[log]["epoch"]
            checker.check(same, f"{stand.home.name} holds another {row['key']} of {origin.home.name}")
            words = (
                f"{origin.home.name} has {len(mine)} of the {len(theirs)} entries of {row['key']} at {stand.home.name}"
            )
            # A node that was restored gets its own entries back from whom it may ask.
            asks = paper.active(origin.id, stand.id)
            checker.check(len(mine) >= len(theirs) or ended or not asks, words)


def _check_forgotten(checker: "Checker", paper: Paper, stand: Stand) -> None:
    """Check that a node which was told that it has left a group has no content of it, where the group wants that."""
    view = checker.views[stand.host]
    for log, row in view.logs.items():
        audience = json.loads(row["document"])
        group = paper.newest(audience["group"]) if audience["kind"] == "group" else None
        if group is None or group["on_leave"] != "purge" or row["origin"] == stand.id:
            continue
        told = checker.is_honest(group["home"]) and paper.active(stand.id, group["home"])
        if not told or stand.id in _nodes(checker, group):
            continue
        for place, (_, record, _) in enumerate(view.entries[log]):
            kind = None if record is None else view.records[record]["kind"]
            gone = record is None or kind in {"organization", "group", "node", "erasure", "revocation"}
            words = f"{stand.home.name} has left {row['key']}, and keeps entry {place} ({kind}) of it"
            checker.check(gone or view.records[record]["payload"] is None, words)


def _check_undone(checker: "Checker", paper: Paper, stand: Stand) -> None:
    """Check that what its origin has taken back is taken back wherever it went, also where it would not go now."""
    here = checker.views[stand.host]
    held = {row["record_id"]: row["state"] for row in checker.query(stand, "SELECT record_id, state FROM reports")}
    for origin in checker.honest:
        if origin is stand or not paper.hears(stand.id, origin.id):
            continue
        there = checker.views[origin.host]
        for log, entries in here.entries.items():
            if here.logs[log]["origin"] != origin.id:
                continue
            theirs = [there.records[record] for _, record, _ in there.entries.get(log, []) if record is not None]
            ends = {row["subject"] for row in theirs if row["kind"] == "erasure"}
            for row in theirs:
                if row["kind"] == "revocation" and row["payload"] is not None:
                    ends |= set() if json.loads(row["payload"])["body"].get("addresses") else {row["subject"]}
            kept = {record for _, record, _ in entries if record in held}
            for record in kept & ends:
                words = f"{stand.home.name} has {held[record]} what {origin.home.name} took back: {record.hex()}"
                checker.check(held[record] == "revoked" and here.records[record]["payload"] is not None, words)


async def _check_answers(checker: "Checker", paper: Paper, stand: Stand, partner: Partner) -> None:
    """I6: look-ups give what all records amount to that the asker may read."""
    said = [one for origin in checker.honest for one in _readable(checker, paper, origin, stand, partner)]
    view = checker.views[stand.host]
    for log, row in view.logs.items():
        if not checker.is_honest(row["origin"]) and _may_read(paper, stand, partner, json.loads(row["document"])):
            said += _bodies(view, log)
    for address in checker.addresses:
        answer = await stand.home.look_up(partner.strong, address)
        expected = _status(said, address)
        words = f"{partner.name} at {stand.home.name} hears {answer.reputation.status} of {address}, not {expected}"
        checker.check(answer.reputation.status == expected, words)


def _readable(
    checker: "Checker", paper: Paper, origin: Stand, stand: Stand, partner: Partner
) -> Iterator[dict[str, Any]]:
    """Give the records of one origin that an organization reads: as they are there, or as they were left here."""
    for log, row in checker.views[origin.host].logs.items():
        if row["origin"] != origin.id or not _may_read(paper, stand, partner, json.loads(row["document"])):
            continue
        at = origin if stand is origin or stand in paper.holders(origin, log) else stand
        yield from _bodies(checker.views[at.host], log, without=checker.views[stand.host])


def _bodies(view: "View", log: str, without: "View | None" = None) -> list[dict[str, Any]]:
    found = []
    for _, record, _ in view.entries.get(log, []):
        row = None if record is None else view.records[record]
        if row is not None and row["payload"] is not None:
            said = json.loads(row["payload"])
            here = without.records.get(record) if without is not None and record is not None else row
            if here is not None and here["payload"] is not None:
                found.append(said)
    return found


def _may_read(paper: Paper, stand: Stand, partner: Partner, audience: dict[str, Any]) -> bool:
    if audience["kind"] == "public":
        return True
    if audience["kind"] == "organizations":
        return str(partner.id) in audience["organizations"]
    rows = paper.checker.query(
        stand,
        "SELECT 1 FROM group_members WHERE group_id = ? AND organization_id = ? UNION ALL "
        "SELECT 1 FROM group_nodes WHERE group_id = ? AND node_id = ?",
        UUID(audience["group"]).bytes, partner.id.bytes, UUID(audience["group"]).bytes, stand.id,
    )  # fmt: skip
    return bool(rows)


def _status(said: list[dict[str, Any]], address: str) -> str:
    """Fold what is said of an address, as a person would."""
    words = set()
    for report in said:
        named = {item["address"] for item in report["body"].get("indicators", ())}
        if report["kind"] != "report" or address not in named:
            continue
        own = [one for one in said if (one["issuer"], one["origin"]) == (report["issuer"], report["origin"])]
        ended = any(one["body"].get("supersedes") == report["id"] for one in own)
        for one in own:
            if one["kind"] == "revocation" and one["body"]["report"] == report["id"]:
                withdrawn = {item["address"] for item in one["body"].get("addresses", ())}
                ended |= not withdrawn or address in withdrawn
        words.add("revoked" if ended else "disputed" if _is_disputed(said, report) else "listed")
    return next((word for word in ("disputed", "listed", "revoked") if word in words), "not_listed")


def _is_disputed(said: list[dict[str, Any]], report: dict[str, Any]) -> bool:
    named = (report["id"], report["origin"])
    opinions = [
        one
        for one in said
        if one["kind"] == "opinion" and (one["body"]["report"], one["body"].get("origin") or one["origin"]) == named
    ]
    last = {one["issuer"]: one for one in sorted(opinions, key=lambda one: (one["issued_at"], one["id"]))}
    return any(one["body"]["opinion"] in DISAGREEING for one in last.values() if one["issuer"] != report["issuer"])


def _counts(checker: "Checker", one: Stand, other: Stand, audience: dict[str, Any]) -> bool:
    """Tell whether a node knows another one for a reader of an audience."""
    if audience["kind"] == "public":
        return True
    if audience["kind"] == "organizations":
        return other.id in {checker.homes.get(UUID(item), "") for item in audience["organizations"]}
    group = UUID(audience["group"]).bytes
    rows = checker.query(
        one,
        "SELECT node_id FROM group_nodes WHERE group_id = ? UNION SELECT home FROM organizations "
        "JOIN group_members ON organization_id = id WHERE group_id = ?",
        group, group,
    )  # fmt: skip
    return other.id in {row["node_id"] for row in rows}


def _check_forks(checker: "Checker", paper: Paper) -> None:
    """I8: of two peers that were told two stories, one has the evidence."""
    for one in checker.honest:
        for other in checker.honest:
            if one.host >= other.host or not paper.active(one.id, other.id):
                continue
            ours, theirs = checker.views[one.host], checker.views[other.host]
            for log in ours.entries.keys() & theirs.entries.keys():
                pairs = list(zip(ours.entries[log], theirs.entries[log], strict=False))
                audience = json.loads(ours.logs[log]["document"])
                # Neither shows the log to whom it does not know for a reader: a liar may be the steward of the group.
                both = _counts(checker, one, other, audience) and _counts(checker, other, one, audience)
                known = {row["log_id"] for view in (ours, theirs) for row in view.evidence.values()}
                # Who holds less than what the checkpoint covers cannot prove anything with it.
                both &= all(
                    view.replicas[log]["size"] == view.replicas[log]["cover_size"]
                    for view in (ours, theirs)
                    if log in view.replicas
                )
                differs = any(a[0] != b[0] for a, b in pairs)
                words = f"{one.home.name} and {other.home.name} hold two stories of {log[:6]}, and have no evidence"
                checker.check(not differs or not both or log in known, words)
