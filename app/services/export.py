"""Export: everything that an organization may read and that matches, page by page, in the order of changes.

The rule here: a bulk export needs a strong credential and is noted in the audit before its first row leaves. TLP:RED is
in none; TLP:AMBER+STRICT only where it is asked for. A report that changes meanwhile appears again, as it then stands.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain import access
from app.domain.actor import Actor
from app.domain.history import LIVE, REVOKED
from app.formats.misp_events import Heading, Piece
from app.formats.published import Published
from app.services import audit, feed, misp_feed
from app.services.node import Node

PAGE = 500  # reports of one page, as long as they have no more than feed.MOST_INDICATORS addresses


@dataclass(frozen=True, slots=True)
class Wish:
    """Which reports are exported; None leaves a filter out. `since`: that arrived or changed at or after it."""

    category: str | None = None
    chain: str | None = None
    state: str | None = None
    issuer: UUID | None = None
    since: datetime | None = None
    strict: bool = False

    @property
    def after(self) -> int:
        """The stamp of the stream after which everything wanted stands."""
        return 0 if self.since is None else int(self.since.timestamp() * 1_000_000) - 1

    def has(self, report: Published) -> bool:
        """Tell whether a report is wanted. One that was erased has lost what most filters ask for, and is kept."""
        if self.issuer is not None and report.issuer.id != self.issuer:
            return False
        if self.state is not None and not self._has_state(report):
            return False
        said = report.report
        if said is None:
            return True
        if self.category is not None and said.category != self.category:
            return False
        return self.chain is None or any(item.chain == self.chain for item in report.indicators)

    def _has_state(self, report: Published) -> bool:
        some_revoked = self.state == REVOKED and report.state == LIVE and bool(report.withdrawn)
        return report.state == self.state or some_revoked


async def begin(node: Node, actor: Actor, form: str, now: datetime) -> None:
    """Check that the actor may export, and note that it does. Raises Forbidden."""
    access.check_act(actor, "export")
    async with node.store.write(actor) as tx:
        await audit.note(tx, "export", now, subject=form)
    node.ring()


async def pages(node: Node, actor: Actor, wish: Wish) -> AsyncIterator[list[Published]]:
    """Give the reports that are wanted, page by page; a page may be empty."""
    after = wish.after
    while True:
        found = await feed.reports(node, actor, after=after, limit=PAGE, strict=wish.strict)
        if not found:
            return
        after = found[-1].changed
        yield [report for report in found if wish.has(report)]


async def events(node: Node, actor: Actor, wish: Wish) -> AsyncIterator[tuple[Heading, list[Piece]]]:
    """Give the events of the actor's MISP feed with the reports that are wanted; those without one are left out."""
    await misp_feed.refresh_all(node, actor)
    async for heading, pieces in misp_feed.events(node, actor, strict=wish.strict):
        wanted = [piece for piece in pieces if _has(wish, piece)]
        if wanted:
            yield heading, wanted


def _has(wish: Wish, piece: Piece) -> bool:
    on_chain = wish.chain is None or any(item.chain == wish.chain for item in piece.indicators.values())
    plain = Wish(wish.category, None, wish.state, wish.issuer)
    return on_chain and piece.report.changed > wish.after and plain.has(piece.report)
