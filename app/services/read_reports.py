"""Read reports: one with its provenance and history, or a page of those that match.

The rule here: whatever the actor may not read is as if it did not exist.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain import access, canonical, checkpoint, history
from app.domain import audience as audiences
from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.history import History
from app.domain.signing import Envelope
from app.services.node import Node
from app.services.sequence import EPOCH
from app.storage import records
from app.storage.records import NOT_FOUND
from app.storage.records import Filters as Filters  # noqa: PLC0414 - part of this floor's interface
from app.storage.records import Stored as Stored  # noqa: PLC0414 - same


@dataclass(frozen=True, slots=True)
class Provenance:
    """A report as it is kept, its signed bytes (None after erasure), what it has become, where its followers stand."""

    stored: Stored
    payload: bytes | None
    history: History
    positions: dict[UUID, tuple[str, int]]

    @property
    def body(self) -> dict[str, Any] | None:
        """What the report says; None after erasure."""
        return None if self.payload is None else dict(canonical.decode(self.payload)["body"])

    @property
    def signed_id(self) -> UUID | None:
        """The id in the signed record, which it has everywhere; None after erasure."""
        return None if self.payload is None else UUID(canonical.decode(self.payload)["id"])

    @property
    def envelope(self) -> Envelope | None:
        """The signed record; None after erasure."""
        return None if self.payload is None else Envelope(self.payload, self.stored.keyid, self.stored.signature)

    @property
    def state(self) -> str:
        """The report's state in one word."""
        return state_of(self.stored, self.history)


def state_of(stored: Stored, become: History | None = None) -> str:
    """Give a stored report's state in one word."""
    if stored.erased:
        return history.ERASED
    if stored.quarantined:
        return "quarantined"
    return become.state if become is not None else stored.state or history.LIVE


def place_of(node: Node, stored: Stored) -> tuple[str | None, int | None]:
    """Give the log of a record and its index there, which is None until the sequencer has been by."""
    if stored.log_id is not None or stored.quarantined:
        return stored.log_id, stored.log_index
    key = audiences.parse(stored.audience).key(stored.tlp)
    return checkpoint.log_id(node.identity.node_id, key, EPOCH), None


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
        payload = await records.payload(tx, stored.id)
    return Provenance(stored, payload, become, places)


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
