"""Standing: the facts by which a peer may have a log, or an entry of it. What follows from them is the domain's.

The rule here: these are facts about groups and about what a peer was served, for many rows by one statement each;
nothing here is content.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.domain import record
from app.storage.federation_tables import peers
from app.storage.store import ReadTx
from app.storage.tables import audiences, group_members, group_nodes, groups, log_entries, logs, organizations, records


@dataclass(frozen=True, slots=True)
class GroupStanding:
    """A group: the node of its steward, when that was last heard (None: never, or it is this one), and its rules."""

    home: str
    heard_at: datetime | None
    community: bool
    from_join: bool


async def of_groups(tx: ReadTx, ids: Collection[UUID]) -> dict[UUID, GroupStanding]:
    """Give the standing of each of these groups that is known: at most 1,000."""
    member = select(group_members.c.group_id).where(group_members.c.group_id == groups.c.id).exists()
    housed = select(group_nodes.c.group_id).where(group_nodes.c.group_id == groups.c.id).exists()
    query = (
        select(groups.c.id, organizations.c.home, peers.c.heard_at, housed & ~member, groups.c.history == "from_join")
        .join(organizations, organizations.c.id == groups.c.steward)
        .outerjoin(peers, peers.c.node_id == organizations.c.home)
        .where(groups.c.id.in_(ids))
    )
    return {row[0]: GroupStanding(*row[1:]) for row in await tx.execute(query)}


async def joined_with(tx: ReadTx, group_id: UUID, node_id: str) -> int | None:
    """Give the arrival of the group's record since which a node is in the group, or somebody at home there.

    None: the record that lets it in is in no log yet. Without a break: every record since then names it.
    """
    at_home = {row[0] for row in await tx.execute(select(organizations.c.id).where(organizations.c.home == node_id))}
    query = (
        select(records.c.payload, log_entries.c.arrival)
        .join(audiences, audiences.c.id == records.c.audience_id)
        .join(log_entries, log_entries.c.record_id == records.c.id)
        .join(logs, logs.c.id == log_entries.c.log_id)
        .where(audiences.c.group_id == group_id, records.c.kind == "group", records.c.payload.is_not(None))
        .order_by(logs.c.epoch.desc(), log_entries.c.index.desc())
    )
    arrival = None
    for payload, number in await tx.execute(query):
        body = record.parse(payload, kept=True).body
        assert isinstance(body, record.Group)
        if node_id not in body.nodes and at_home.isdisjoint(body.members):
            break
        arrival = number
    return arrival


async def first_after(tx: ReadTx, log_id: str, arrival: int) -> int:
    """Give the index after the last entry of a log that arrived before a time."""
    query = (
        select(log_entries.c.index)
        .where(log_entries.c.log_id == log_id, log_entries.c.arrival < arrival)
        .order_by(log_entries.c.index.desc())
        .limit(1)
    )
    last = (await tx.execute(query)).scalar()
    return 0 if last is None else last + 1


async def subjects_before(tx: ReadTx, log_id: str, index: int, subjects: Collection[UUID]) -> set[UUID]:
    """Give those of the records that stand in a log before an index."""
    query = select(log_entries.c.record_id).where(
        log_entries.c.record_id.in_(subjects), log_entries.c.log_id == log_id, log_entries.c.index < index
    )
    return {row[0] for row in await tx.execute(query)}


async def issuers_before(tx: ReadTx, log_id: str, index: int, issuers: Collection[UUID]) -> set[UUID]:
    """Give those of the organizations of which a report stands in a log before an index."""
    report = (
        select(records.c.id)
        .join(log_entries, log_entries.c.record_id == records.c.id)
        .where(
            records.c.issuer == organizations.c.id,
            records.c.kind == "report",
            log_entries.c.log_id == log_id,
            log_entries.c.index < index,
        )
    )
    query = select(organizations.c.id).where(organizations.c.id.in_(issuers), report.exists())
    return {row[0] for row in await tx.execute(query)}
