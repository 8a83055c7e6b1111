"""What stands in no log's tree, and still must agree: waiting records, audiences, memberships, the audit.

The rule here: each table is compared with what was signed wherever something signed speaks of it; the audit, of which
nothing does, with its own chain.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from app.domain import audience as audiences
from app.domain import node_record
from app.domain.keys import LogKeys
from app.domain.marking import Tlp
from app.domain.record import Group, Key, Organization
from app.services import verify_record
from app.services.audit import GENESIS, chain_hash
from app.services.node import Node
from app.services.verdict import Verdict
from app.services.verify_record import UNREADABLE, Driver, Row, id_text, time_of
from app.storage import checking, stream_checks
from app.storage.audit import AuditRow
from app.storage.columns import from_microseconds
from app.storage.store import ReadTx


async def verify_unlogged(node: Node, tx: ReadTx, verdict: Verdict) -> None:
    """Check the records that stand in no log: each waits for review, or is owed to a log exactly once.

    Their signatures are verified with any key that their issuer has or had: a record that waits for review was signed
    at a moment that no log tells.
    """
    driver = Driver(tx.dialect)
    async for page in checking.unlogged(tx):
        content = await verify_record.gather(tx, page)
        keys = await _enrolled_keys(node, tx, driver, page)
        seen: set[object] = set()
        for row in page:
            faults = _debt(row, twice=row["id"] in seen)
            if row["id"] not in seen:
                seen.add(row["id"])
                keys.generation = 0  # no log tells which of the node's keys was in use
                checked = verify_record.check(driver, row, keys, content)
                faults += checked.faults
                verdict.signatures += checked.verified
                verdict.records += 1
                verdict.indicators += len(content.indicators.get(row["id"], ()))
            for reason in faults:
                verdict.add(reason, record=id_text(row["id"]))


def _debt(row: Row, *, twice: bool) -> list[str]:
    owed = row["pending_id"] is not None
    if row["quarantined"]:
        return ["it waits for review, and is owed to a log"] if owed else []
    if not owed:
        return ["it stands in no log, and is owed to none"]
    faults = ["it is owed to its log more than once"] if twice else []
    faults += (
        ["log_pending.audience_id is not its audience"] if row["pending_audience_id"] != row["audience_id"] else []
    )
    return faults + (
        ["log_pending.leaf_hash is not its leaf hash"] if row["pending_leaf_hash"] != row["leaf_hash"] else []
    )


async def _enrolled_keys(node: Node, tx: ReadTx, driver: Driver, page: Sequence[Row]) -> LogKeys:
    keys = LogKeys(node.identity.keys)
    held: dict[UUID, list[Key]] = {}
    for row in await checking.enrolled(tx, sorted({row["issuer"] for row in page}, key=repr)):
        owner = driver.read_id(row["organization_id"])
        if owner is not None and isinstance(row["public_key"], bytes):
            held.setdefault(owner, []).append(Key(row["public_key"], str(row["custody"])))
    keys.stated.update({owner: Organization("", "", 0, tuple(found)) for owner, found in held.items()})
    return keys


async def verify_order(tx: ReadTx, verdict: Verdict) -> None:
    """Check what holds across logs: the stream, one place for each record, nothing that belongs to nothing."""
    for stamp in await stream_checks.crossing_rooms(tx):
        verdict.add(f"in the room of the stamp {stamp} of the stream stands something else")
    for record_id in await stream_checks.streamed_wrongly(tx):
        verdict.add("it does not stand in the stream with all its indicators", record=id_text(record_id))
    for record_id in await checking.logged_twice(tx):
        verdict.add("it stands in the logs more than once", record=id_text(record_id))
    for record_id in await checking.owed_wrongly(tx):
        verdict.add("it is owed to a log, and stands in one or does not exist", record=id_text(record_id))
    for row in await checking.strange_holes(tx):
        verdict.add("its hole is not one that an entry of the log can have", log=row["log_id"], index=row["index"])
    for table, owner in await checking.orphans(tx):
        verdict.add(f"{table} has rows of {_owner(owner)}, which does not exist")


def _owner(value: object) -> str:
    return ascii(value) if isinstance(value, int | str) else id_text(value)


async def verify_statements(tx: ReadTx, driver: Driver, log: Row, keys: LogKeys, verdict: Verdict) -> None:
    """Compare the tables of organizations, keys and groups with what a log's newest records state.

    Left out while such a record is owed to the log: what it will state is not there yet. Of a log with several epochs
    the newest counts, and what is noted may stand in any of them.
    """
    if await checking.is_statement_owed(tx, log["audience_id"]):
        return
    first, newest = await checking.epochs(tx, log["origin"], log["audience_id"])
    noted = await checking.introduced(tx, log["audience_id"])
    stated = {(driver.id(owner), version) for owner, version in keys.versions}
    for owner, version in sorted(noted ^ stated if first == newest else stated - noted, key=repr):
        verdict.add(
            f"introductions and the log differ about version {version} of the organization {id_text(owner)}",
            log=log["id"],
        )
    if log["epoch"] != newest:
        return
    owners = [driver.id(owner) for owner in keys.stated]
    for first in range(0, len(owners), checking.PAGE_ROWS):
        part = owners[first : first + checking.PAGE_ROWS]
        await _compare_organizations(tx, driver, log, keys, verdict, part)
    if keys.group is not None:
        await _compare_group(tx, driver, log, keys.group, verdict)


async def _compare_organizations(
    tx: ReadTx, driver: Driver, log: Row, keys: LogKeys, verdict: Verdict, owners: Sequence[object]
) -> None:
    rows = {row["id"]: row for row in await checking.organization_rows(tx, owners)}
    held: dict[object, list[tuple[object, ...]]] = {}
    for key in await checking.enrolled(tx, owners):
        kept = (key["keyid"], key["public_key"], key["custody"], key["revoked_at"] is not None)
        held.setdefault(key["organization_id"], []).append(kept)
    for owner in owners:
        name = driver.read_id(owner)
        body = None if name is None else keys.stated[name]
        row = rows.get(owner)
        if body is None or row is None:
            verdict.add(f"organizations has no row of {id_text(owner)}", log=log["id"])
            continue
        expected = {"name": body.name, "kind": body.kind, "version": body.version, "home": log["origin"]}
        wrong = [f"organizations.{column}" for column, value in expected.items() if row[column] != value]
        stated = sorted((key.keyid, key.public_key, key.custody, key.revoked) for key in body.keys)
        if sorted(held.get(owner, []), key=repr) != sorted(stated, key=repr):
            wrong.append("organization_keys")
        for place in wrong:
            verdict.add(f"{place} of {id_text(owner)} is not what its organization record says", log=log["id"])


async def _compare_group(tx: ReadTx, driver: Driver, log: Row, group: Group, verdict: Verdict) -> None:
    row, members, nodes = await checking.group_row(tx, driver.id(group.group))
    if row is None:
        verdict.add(f"groups has no row of {group.group}", log=log["id"])
        return
    expected = {
        "name": group.name,
        "steward": driver.id(group.steward),
        "version": group.version,
        "history": group.history,
        "on_leave": group.on_leave,
    }
    wrong = [f"groups.{column}" for column, value in expected.items() if row[column] != value]
    if members != [driver.id(member) for member in group.members]:
        wrong.append("group_members")
    if nodes != list(group.nodes):
        wrong.append("group_nodes")
    for place in wrong:
        verdict.add(f"{place} of {group.group} is not what its group record says", log=log["id"])


async def verify_nodes(tx: ReadTx, verdict: Verdict) -> None:
    """Check that what is kept of each node is what its signed record says."""
    async for row in checking.all_nodes(tx):
        try:
            said = node_record.parse(row["document"])
        except UNREADABLE:
            verdict.add(f"nodes.document of {row['id']!a} is not a record that a node signed")
            continue
        expected = {
            "id": said.id,
            "name": said.name,
            "url": said.url,
            "generation": said.generation,
            "issued_at": time_of(said.issued_at),
        }
        for column in (name for name, value in expected.items() if row[name] != value):
            verdict.add(f"nodes.{column} of {row['id']!a} is not what the record of the node says")


async def verify_audiences(tx: ReadTx, verdict: Verdict) -> None:
    """Check that each audience's key, kind, marking, group and organizations are those of its document."""
    driver = Driver(tx.dialect)
    async for row, held in checking.all_audiences(tx):
        try:
            wrong = _wrong_columns(driver, row, held)
        except (*UNREADABLE, msgspec.DecodeError):
            wrong = ["document"]
        for column in wrong:
            verdict.add(f"audiences.{column} of audience {_owner(row['id'])} is not what the others say")


def _wrong_columns(driver: Driver, row: Row, held: Sequence[object]) -> list[str]:
    said = audiences.parse(msgspec.json.decode(row["document"]))
    expected: Mapping[str, Any] = {
        "key": said.key(Tlp.RED if row["red"] else Tlp.AMBER),
        "kind": said.kind,
        "group_id": driver.id(said.group),
        "document": msgspec.json.encode(said.to_document()).decode(),
    }
    wrong = [column for column, value in expected.items() if row[column] != value]
    same = list(held) == [driver.id(item) for item in said.organizations]
    return wrong if same else [*wrong, "organizations"]


async def verify_audit(tx: ReadTx, verdict: Verdict) -> None:
    """Compute each organization's chain again: contiguous from 0, each hash over the one before."""
    driver = Driver(tx.dialect)
    owner: object = None
    last, digest = -1, GENESIS
    async for page in checking.all_audit(tx):
        for row in page:
            if row["organization_id"] != owner:
                owner, last, digest = row["organization_id"], -1, GENESIS
            verdict.audit_rows += 1
            reason = _wrong_link(driver, row, last, digest)
            if reason:
                verdict.add(f"audit row {row['index']} of {id_text(owner)}: {reason}")
            last, digest = row["index"], row["hash"]


def _wrong_link(driver: Driver, row: Row, last: int, digest: bytes) -> str:
    try:
        if row["index"] != last + 1:
            return f"the row {last + 1} comes next, and is absent"
        organization = driver.read_id(row["organization_id"])
        if organization is None:
            return "its organization is no id"
        said = AuditRow(organization, from_microseconds(row["at"]), *(row[name] for name in _AUDITED))
        return "" if chain_hash(digest, row["index"], said) == row["hash"] else "its hash is not that of the chain"
    except (*UNREADABLE, OverflowError):
        return "it cannot be read"


_AUDITED = ("principal", "deed", "subject", "outcome", "count")
