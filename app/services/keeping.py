"""Keeping: the accepted records of another node's log become rows here, as far as their ids are free.

The rule here: an id that another origin's record has taken takes nothing away from either: the later one is kept under
an id that is derived from its origin. What a record states of an organization counts only while its home is the one at
which it is pinned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain import audience as audiences
from app.domain import record
from app.domain.entry_rules import LogName
from app.domain.errors import Conflict
from app.domain.ids import derived_id
from app.domain.page import Accepted, RefusedEntry, Verdict
from app.services import rebase
from app.services.node import Node
from app.storage import arriving, facts, groups, holes, log_facts, logs, organizations, records, stamps
from app.storage.arriving import Arriving
from app.storage.groups import Group
from app.storage.organizations import Organization
from app.storage.store import WriteTx

ID_TAKEN = "id_taken"


class PinnedElsewhere(Conflict):
    """An organization was pinned to another home while its record was on its way."""

    code = "pinned_elsewhere"


@dataclass(frozen=True, slots=True)
class Placed:
    """An accepted entry, and the id under which its record is kept here.

    `known`: the record is here already; `stands`: this very entry has it already, without its content.
    """

    item: Accepted
    local_id: UUID
    known: bool
    stands: bool


@dataclass(slots=True)
class Desk:
    """The keeping of accepted entries of one log in one transaction: `place`, `keep`, `arrivals`, `settle`, in order.

    `audience_id` is the log's; with `review` reports wait, readable by nobody but their issuer.
    """

    node: Node
    tx: WriteTx
    log: LogName
    audience_id: int
    now: datetime
    review: bool
    placed: dict[int, Placed] = field(default_factory=dict)
    rows: dict[int, Arriving] = field(default_factory=dict)
    touched: set[UUID] = field(default_factory=set)

    async def place(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Find for each accepted entry the id under which it is kept; refuse one whose id stands at another entry."""
        wanted = [item.record.id for item in verdicts if isinstance(item, Accepted)]
        taken = await arriving.taken_ids(self.tx, wanted)
        foreign = [record_id for record_id, (origin, _) in taken.items() if origin != self.log.origin]
        if foreign:
            taken |= await arriving.taken_ids(self.tx, [derived_id(self.log.origin, item) for item in foreign])
        places = await records.positions(self.tx, list(taken)) if taken else {}
        return [self._place(item, taken, places) if isinstance(item, Accepted) else item for item in verdicts]

    def _place(
        self, item: Accepted, taken: Mapping[UUID, tuple[str, bytes]], places: Mapping[UUID, tuple[str, int]]
    ) -> Accepted | RefusedEntry:
        local_id = item.record.id
        if local_id in taken and taken[local_id][0] != self.log.origin:
            local_id = derived_id(self.log.origin, local_id)
        known, here = taken.get(local_id), (self.log.id, item.index)
        changed = known is not None and known[1] != item.envelope.digest
        if local_id in self.touched or changed or places.get(local_id, here) != here:
            return RefusedEntry(item.index, item.leaf_hash, ID_TAKEN, "The record's id stands at another entry.")
        self.touched.add(local_id)
        self.placed[item.index] = Placed(item, local_id, known is not None, local_id in places)
        return item

    async def keep(self) -> None:
        """Write what was placed: records with their reports and indicators, organizations, and the group."""
        placed = list(self.placed.values())
        for one in placed:
            if isinstance(one.item.record.body, record.Organization):
                await self._keep_organization(one.item.record.issuer, one.item.record.body)
        subjects = await self._subjects(placed)
        for index, one in self.placed.items():
            self.rows[index] = await self._arriving(one, subjects)
        await arriving.add_page(self.tx, [self.rows[index] for index, one in self.placed.items() if not one.known])
        known = [self.rows[index] for index, one in self.placed.items() if one.known]
        if known:
            await arriving.restore_bodies(self.tx, known)
            await logs.strike(self.tx, [row.local_id for row in known])
        for one in placed:
            if isinstance(one.item.record.body, record.Group):
                await self._keep_group(one.item.record.body)

    async def _subjects(self, placed: Sequence[Placed]) -> dict[UUID, UUID]:
        """Give the local ids of the reports that are followed or superseded, by the ids of the records that say so."""
        named: dict[str, set[UUID]] = {}
        said = [one.item.record for one in placed]
        for item in said:
            if item.subject is not None and item.subject_origin is not None:
                named.setdefault(item.subject_origin, set()).add(item.subject)
        found = {origin: await arriving.local_ids(self.tx, origin, ids) for origin, ids in named.items()}
        subjects = {
            item.id: found[item.subject_origin][item.subject]
            for item in said
            if item.subject is not None and item.subject_origin is not None
        }
        self.touched.update(subjects.values())
        return subjects

    async def _arriving(self, placed: Placed, subjects: Mapping[UUID, UUID]) -> Arriving:
        item = placed.item
        waits = self._waits(placed)
        audience_id = self.audience_id
        if waits:
            shown_to = audiences.organizations(item.record.issuer)
            audience_id = await records.ensure_audience(self.tx, shown_to, item.record.tlp)
        return Arriving(
            local_id=placed.local_id,
            record=item.record,
            envelope=item.envelope,
            leaf_hash=item.leaf_hash,
            audience_id=audience_id,
            custody=item.custody,
            received_at=self.now,
            quarantined=waits,
            subject=subjects.get(item.record.id),
        )

    def _waits(self, placed: Placed) -> bool:
        return self.review and placed.item.record.kind == "report"

    async def _keep_organization(self, issuer: UUID, body: record.Organization) -> None:
        known = await organizations.find(self.tx, issuer)
        stated = Organization(
            id=issuer,
            name=body.name,
            kind=body.kind,
            home=self.log.origin,
            trusted=not self.review,
            version=body.version,
            created_at=self.now,
            listed=known is not None and known.listed,
        )
        if await organizations.upsert_foreign(self.tx, stated) != self.log.origin:
            raise PinnedElsewhere("An organization of the page is at home on another node; the page is read again.")
        if self.log.origin == self.node.identity.node_id:
            coming = [one.local_id for one in self.placed.values()]
            here = self.audience_id
            await rebase.take_back(self.node, self.tx, self.log, here, issuer, body, coming, self.now)

    async def _keep_group(self, body: record.Group) -> None:
        known = await groups.find(self.tx, body.group)
        if known is not None and known.version >= body.version:
            return
        stated = Group(
            id=body.group,
            name=body.name,
            steward=body.steward,
            version=body.version,
            created_at=self.now if known is None else known.created_at,
            members=body.members,
            nodes=body.nodes,
            history=body.history,
            on_leave=body.on_leave,
        )
        await groups.put(self.tx, stated, self.now)
        # What this node may have lost by leaving, whoever was the origin, can be had again if it is back.
        for log_id in await log_facts.of_group(self.tx, body.group, without=self.node.identity.node_id):
            await holes.open_access(self.tx, log_id, self.now)

    async def arrivals(self) -> dict[int, int]:
        """Give what becomes readable its arrival, in the order of entries; until the commit nobody else gives any."""
        # Held in any case: of two pages that come at once, the later must see what the other says of its reports.
        await logs.hold_sequencer(self.tx, wait=True)
        readable = {index: one for index, one in sorted(self.placed.items()) if not self._waits(one)}
        new = {index: one.local_id for index, one in readable.items() if not one.stands}
        again = [index for index in readable if index not in new]
        arrivals = await stamps.arrive(self.tx, [facts.Fact.of(self.rows[index]) for index in (*new, *again)], self.now)
        return {index: arrivals[local_id] for index, local_id in new.items()}

    async def settle(self) -> bool:
        """Bring the reports that came or were followed to what all records make of them; tell of an erasure."""
        await arriving.settle(self.tx, self.touched)
        return any(one.item.record.kind == "erasure" for one in self.placed.values())
