"""What goes over the roads of a simulation, judged by who may read what.

The rule here: the judge knows every node's home organizations and every version of every group. A node is held to what
it knew at that moment: the newest version of the group that it has, and when it last heard the steward's node.
"""

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from backports import zstd

from app.domain import checkpoint, page
from app.domain.errors import InvalidProof

if TYPE_CHECKING:
    from tests.federation.checker import Checker
    from tests.federation.roads import Stand

UNDOING = frozenset({"revocation", "erasure", "organization", "node"})  # what who has left may still get
FOR_ALL = frozenset({"TLP:CLEAR", "TLP:GREEN"})  # what may leave through a node that is not the origin
LEASE = timedelta(hours=24)


def overhear(checker: "Checker", name: str, to: str, request: httpx.Request, answer: httpx.Response) -> None:
    """Judge one call: `name` and `to` are the hosts of who asked and who answered."""
    hosts = {stand.host: stand for stand in checker.stands}
    asker, sender = hosts[name], hosts[to]
    if request.url.path.endswith(("/heads", "/checkpoints")) and asker in checker.honest:
        said = json.loads(request.content)
        for note in [*said.get("gossip", ()), *said.get("notes", ())]:
            check_note(checker, note)
    if sender not in checker.honest or answer.status_code != httpx.codes.OK:
        return
    raw = b"".join(answer.stream)  # type: ignore[arg-type]
    if request.url.path.endswith("/heads"):
        checker.heard[name, sender.id] = asker.home.world.clock.now
        said = json.loads(raw)
        for note in [*(head["note"] for head in said["heads"]), *said["gossip"]]:
            check_note(checker, note)
    elif request.url.path.endswith("/entries"):
        plain = zstd.decompress(raw) if answer.headers.get("content-encoding") == "zstd" else raw
        found = page.read(plain)
        check_note(checker, found.note)
        for item in found.entries:
            if item.envelope is not None:
                _check_body(checker, sender, asker, json.loads(item.envelope.payload))


def read_note(note: str) -> tuple[str, int, bytes]:
    """Read a checkpoint without looking at its signature: origin line, size and root."""
    line, size, root = note.split("\n")[:3]
    return line, int(size), base64.b64decode(root)


def check_note(checker: "Checker", note: str) -> None:
    """Check that a checkpoint is signed, and keep it: no honest node has two of one size."""
    line, size, root = read_note(note)
    origin = next((stand for stand in checker.honest if line.startswith(f"{stand.id}/")), None)
    if origin is None:
        return
    identity = origin.home.node.identity
    try:
        signed = checkpoint.signer_generation(note, identity.node_id, identity.keys)
    except InvalidProof:
        signed = None
    checker.check(signed is not None, f"a checkpoint of {origin.home.name} is not signed by it")
    known = checker.published.setdefault((line, size), root)
    checker.check(known == root, f"{origin.home.name} has two roots of {size} entries of {line}")


def _check_body(checker: "Checker", sender: "Stand", asker: "Stand", said: dict[str, Any]) -> None:
    why = _why_not(checker, sender, asker, said)
    words = f"{sender.home.name} gave {asker.home.name} a {said['kind']} {said['id']} for {said['audience']}: {why}"
    checker.check(why is None, words)


def _why_not(checker: "Checker", sender: "Stand", asker: "Stand", said: dict[str, Any]) -> str | None:
    """Tell why a node must not send a record to another, None where it may.

    1. Only its origin sends what is above TLP:GREEN, or for named organizations, or for a group of organizations.
    2. Only active peers get anything but what undoes.
    3. A node gets what it, or an organization at home there, may read.
    """
    if said["origin"] == asker.id:
        return None
    readers = _readers(checker, sender, said["audience"])
    # 1
    if said["origin"] != sender.id and (said["tlp"] not in FOR_ALL or readers.get("closed")):
        return "it is not the origin"
    # 2
    rows = checker.query(sender, "SELECT state FROM peers WHERE node_id = ?", asker.id)
    is_active = bool(rows) and rows[0]["state"] == "active"
    # 3
    if is_active and (readers["nodes"] is None or asker.id in readers["nodes"]):
        return readers.get("lapsed") if said["kind"] not in UNDOING else None
    # What takes a report's place undoes it, and is no secret where it is for everybody.
    replaces = said["body"].get("supersedes") is not None and said["audience"]["kind"] == "public"
    if said["kind"] not in UNDOING and not replaces:
        return f"it may not read that, {'active' if is_active else 'not active'}"
    ever = readers["ever"]
    return None if ever is None or asker.id in ever else "it never could read that"


def _readers(checker: "Checker", sender: "Stand", audience: dict[str, Any]) -> dict[str, Any]:
    if audience["kind"] == "public":
        return {"nodes": None, "ever": None}
    if audience["kind"] == "organizations":
        nodes = {checker.homes.get(UUID(item)) for item in audience["organizations"]}
        return {"nodes": nodes, "ever": nodes, "closed": True}
    group = UUID(audience["group"])
    for stand in checker.stands:
        checker.learn_groups(stand)
    versions = checker.groups.get(group, {})
    stated = checker.query(sender, "SELECT payload FROM records WHERE kind = 'group' AND payload NOT NULL")
    bodies = [json.loads(row["payload"])["body"] for row in stated]
    known = max((body["version"] for body in bodies if body["group"] == str(group)), default=0)
    home = next((body["home"] for body in versions.values()), None)
    if known not in versions or home is None or not checker.is_honest(home):
        return {"nodes": None, "ever": None} if home is not None and not checker.is_honest(home) else {
            "nodes": set(), "ever": set(), "closed": True,
        }  # fmt: skip
    ever = set().union(*(_nodes(checker, body) for body in versions.values()))
    found: dict[str, Any] = {"nodes": _nodes(checker, versions[known]), "ever": ever}
    if versions[known]["members"]:
        found["closed"] = True
    at = checker.heard.get((sender.host, home))
    if home != sender.id and (at is None or sender.home.world.clock.now - at > LEASE):
        found["lapsed"] = "the steward's node was not heard"
    return found


def _nodes(checker: "Checker", body: dict[str, Any]) -> set[str]:
    homes = {checker.homes.get(UUID(item)) for item in body["members"]}
    return {home for home in homes if home is not None} | set(body.get("nodes", ()))
