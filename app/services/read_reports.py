"""Read reports: one with its provenance and history, or a page of those that match.

The rule here: whatever the actor may not read is as if it did not exist.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain import access, canonical, history
from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.history import History
from app.services.node import Node
from app.storage import records
from app.storage.records import NOT_FOUND, Filters, Stored


@dataclass(frozen=True, slots=True)
class Provenance:
    """A report as it is kept, its body (None after erasure), what it has become, and where its followers stand."""

    stored: Stored
    body: dict[str, Any] | None
    history: History
    positions: dict[UUID, tuple[str, int]]

    @property
    def state(self) -> str:
        """The report's state in one word."""
        return state_of(self.stored, self.history)


def state_of(stored: Stored, become: History | None = None) -> str:
    """Give a stored report's state in one word."""
    if stored.payload is None:
        return history.ERASED
    if stored.quarantined:
        return "quarantined"
    return become.state if become is not None else stored.state or history.LIVE


async def get_report(node: Node, actor: Actor, report_id: UUID) -> Provenance:
    """Give a report that the actor may read. Raises NotFound for a hidden and an absent one alike."""
    access.check_act(actor, "read_reports")
    async with node.store.read(actor) as tx:
        stored = await records.get(tx, report_id)
        if stored.kind != "report":
            raise NotFound(NOT_FOUND)
        become = (await records.histories(tx, {stored.id: stored.issuer}))[stored.id]
        followers = [*become.revocations, *become.erasures, *become.opinions, *become.sightings]
        places = await records.positions(tx, [item.id for item in followers])
    body = None if stored.payload is None else canonical.decode(stored.payload)["body"]
    return Provenance(stored, body, become, places)


async def get_submitted(node: Node, actor: Actor, record_id: UUID) -> Stored:
    """Give a record of the actor's own organization, to answer its submission."""
    async with node.store.read(actor) as tx:
        stored = await records.find_own(tx, record_id)
    if stored is None:
        raise NotFound(NOT_FOUND)
    return stored


async def list_reports(node: Node, actor: Actor, filters: Filters, limit: int) -> list[Stored]:
    """List the reports that the actor may read and that match, newest first."""
    access.check_act(actor, "read_reports")
    async with node.store.read(actor) as tx:
        return await records.search_visible(tx, filters, limit)
