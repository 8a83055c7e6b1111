"""A TAXII collection as it is read: page by page, with what its objects refer to, into reports.

The rule here: the position moves on only after what came before it was submitted. An object whose marking is not here
is asked for; one that cannot be had counts as the strictest.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from app.cli.pull_state import PullState
from app.cli.pulling import Held, Intake
from app.client.taxii import Collection, Position, Taxii
from app.domain.marking import Pap, Tlp, read_pap, read_tlp
from app.formats.misp_sharing import Destination, Sharing
from app.formats.rows import MAX_SOURCE, RefusedRow, Row, Source
from app.formats.stix_ids import MARKED_BY, of_organization, parse
from app.formats.stix_reading import CONTEXT, WALLETS, StixObjects, values_of
from app.formats.tagpack import Wish

_POSITION = "position"
MAX_CONTEXT = 20_000  # identities, markings and reports of earlier pages that are remembered in one walk
MAX_FOUND = 200  # objects of one page that are asked for one by one, because others refer to them
_REFERRED = ("created_by_ref", "object_marking_refs")


@dataclass(slots=True)
class Reading:
    """One walk over a collection; `skipped` counts, by type, what holds no address."""

    server: Taxii
    collection: Collection
    state: PullState
    intake: Intake
    wish: Wish
    destination: Destination
    skipped: Counter[str] = field(default_factory=Counter)
    _context: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)
    _absent: set[str] = field(default_factory=set)

    def run(self, limit: int) -> None:
        """Take in page after page from where the last pull was."""
        start = Position(**(self.state.get(_POSITION) or {}))
        carried: list[dict[str, Any]] = []
        position = start
        for page in self.server.pages(self.collection, start, limit):
            objects, position = [*carried, *page.objects], page.position
            carried = _unflagged(page.objects, objects)
            here = [item for item in objects if not any(item is other for other in carried)]
            self._take(here, None if carried else position)
        if carried:
            self._take(carried, position)

    def _take(self, objects: list[dict[str, Any]], position: Position | None) -> None:
        """Take in objects, and note the position where all before it was taken in."""
        rows = self._rows(objects)
        ids = dict.fromkeys(str(item.get("id")) for item in objects if item.get("id") != _POSITION)
        before = {name: found for name in ids if (found := self.state.get(name)) is not None}
        given = {ref: Held(*item) for found in before.values() for ref, item in found.items()}

        def save(held: Mapping[str, Held], *, done: bool) -> None:
            by_object: dict[str, dict[str, Any]] = {name: {} for name in before}
            for ref, item in held.items():
                by_object.setdefault(ref.partition("#")[0], {})[ref] = item
            place = {_POSITION: position._asdict()} if done and position is not None else {}
            self.state.put_all({**by_object, **place})

        self.intake.take("objects", rows, given, save)

    def _rows(self, objects: list[dict[str, Any]]) -> list[Row | RefusedRow]:
        self._find(objects)
        here = {item.get("id") for item in objects}
        context = [item for name, item in self._context.items() if name not in here]
        document = StixObjects([*context, *objects], self.wish)
        own = self._own(objects)
        rows = [self._directed(row) for row in document if row.ref not in own]
        self.skipped.update({"said by ourselves": len(own)} if own else {})
        self.skipped.update({kind: count for kind, count in document.skipped.items() if kind not in CONTEXT})
        for item in objects:
            if item.get("type") in CONTEXT and isinstance(item.get("id"), str):
                self._remember(item)
        return rows

    def _own(self, objects: list[dict[str, Any]]) -> set[str]:
        """Give the ids of indicators that we have said ourselves: what was pushed must not come back as news."""
        us = f"identity--{of_organization(UUID(self.destination.own))}"
        return {
            str(item.get("id"))
            for item in objects
            if item.get("type") == "indicator" and item.get("created_by_ref") == us
        }

    def _remember(self, item: dict[str, Any]) -> None:
        self._context[item["id"]] = item
        self._context.move_to_end(item["id"])
        while len(self._context) > MAX_CONTEXT:
            self._context.popitem(last=False)

    def _find(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Ask for the markings and makers that objects refer to and that did not come: an earlier pull had them."""
        here = {item.get("id") for item in objects}
        asked = 0
        for item in objects:
            for ref in (ref for name in _REFERRED for ref in _listed(item.get(name))):
                if ref in here or ref in self._context or ref in self._absent or ref in MARKED_BY or asked >= MAX_FOUND:
                    continue
                found = self.server.find(self.collection, ref) if parse(ref) else None
                asked += 1
                if found is None or found.get("id") != ref:
                    self._absent.add(ref)
                else:
                    self._remember(found)

    def _directed(self, row: Row | RefusedRow) -> Row | RefusedRow:
        """Hold a row to where it may go, and add where it comes from."""
        if isinstance(row, RefusedRow):
            return row
        claims = dict(row.claims)
        tlp: Tlp | None = read_tlp(claims.pop("tlp")) if "tlp" in claims else None
        pap: Pap | None = read_pap(claims.pop("pap")) if "pap" in claims else None
        if reason := self.destination.refusal(tlp, Sharing()):
            return RefusedRow(row.number, "shared_too_far", reason, row.ref, row.address, row.chain)
        claims |= self.destination.labels(tlp, pap)
        words = f"TAXII {self.server.http.host}, collection {self.collection.id}, object {row.ref}"
        shown = "".join(character if character.isprintable() else " " for character in words)
        sources = (*row.sources, Source("dataset", shown[:MAX_SOURCE]))
        return replace(row, claims=tuple(sorted(claims.items())), sources=sources)


def _unflagged(page: list[dict[str, Any]], objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the wallets of a page that no indicator so far names: theirs may stand on the next page."""
    flagged = {
        value
        for item in objects
        if item.get("type") == "indicator"
        for value in values_of(str(item.get("pattern"))) or ()
    }
    return [item for item in page if item.get("type") in WALLETS and str(item.get("value")) not in flagged]


def _listed(value: Any) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
