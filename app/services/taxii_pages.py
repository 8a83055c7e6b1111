"""TAXII pages: the stream of a collection as STIX objects, each with its own date_added.

The rule here: the stream is a sequence of units (`storage/stamps.py`), and every unit holds what it refers to, so that
a page, and a poll since any moment, holds it too. A page takes whole units as long as its limit allows; what it has
already it does not take again. So an indicator, a relationship, an opinion, a sighting comes once in its newest
version, and what they share comes again in later pages: identities, markings, reports' claims, the wallet that two
reports name, the indicator that a sighting names. A poll that begins inside a unit gets, stamped at the unit's end,
what it lacks of it; only a cursor inside a unit, which a limit below the unit makes, goes on without. Older versions
are not kept: what was taken back is not given out as if it stood.
"""

import asyncio
import itertools
from collections.abc import Collection as Several
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain import access
from app.domain.actor import Actor
from app.domain.errors import InvalidRecord, NotFound
from app.domain.indicator import Indicator
from app.domain.marking import Tlp
from app.domain.timestamps import format_time, read_time
from app.formats import stix, stix_ids
from app.formats.published import Published, Said
from app.formats.stix import Object
from app.services import feed as feeding
from app.services.node import Node
from app.services.taxii import Collection, get_collection
from app.storage import feed
from app.storage.columns import from_microseconds, to_microseconds
from app.storage.feed import Reach, Wanted
from app.storage.stamps import STANDING, STRIDE, Placed
from app.storage.store import ReadTx

OBJECT_NOT_FOUND = "There is no such object in this collection."
MOST_IDS = 1_000  # ids of one question
THREAD_ABOVE = 100  # objects: a larger page is made beside the event loop
MOST_BATCHES = 4  # times that rows are read for one page: a filter may leave little of each
_OWN_PLACE, _TAIL_PLACE = 16, 20  # stamps before a unit's own objects, and before what is stamped at its end
_OWN_TYPES = {
    "report": frozenset({stix.WALLET, "indicator", "relationship", "report"}),
    "opinion": frozenset({"opinion"}),
    "sighting": frozenset({"sighting"}),
}
_PER_UNIT = frozenset({stix.WALLET, "indicator", "relationship", "opinion", "sighting"})
_EVERYWHERE = frozenset({"identity", "marking-definition"})
_ANY_VERSION = frozenset({"last", "first", "all"})  # one version of each object is kept


@dataclass(frozen=True, slots=True)
class Filters:
    """What `match[...]` asks for; None where it is not given."""

    types: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    versions: tuple[str, ...] | None = None
    spec_versions: tuple[str, ...] | None = None

    def matches(self, entry: "Entry") -> bool:
        """Tell whether an object is asked for."""
        item = entry.item
        return (
            (self.types is None or item["type"] in self.types)
            and (self.ids is None or item["id"] in self.ids)
            and (self.versions is None or not _ANY_VERSION.isdisjoint(self.versions) or entry.version in self.versions)
        )

    @property
    def finds_nothing(self) -> bool:
        """Tell whether no object can match: all are of STIX 2.1."""
        return self.spec_versions is not None and "2.1" not in self.spec_versions

    def kinds(self) -> frozenset[str] | None:
        """Give the kinds of rows that hold what is asked for; None for all."""
        if self.types is None or not _EVERYWHERE.isdisjoint(self.types):
            return None
        return frozenset(kind for kind, own in _OWN_TYPES.items() if not own.isdisjoint(self.types))

    def moments(self) -> list[datetime] | None:
        """Give the versions that rows must have; None for any."""
        if self.versions is None or not _ANY_VERSION.isdisjoint(self.versions):
            return None
        found = []
        for text in self.versions:
            try:
                found.append(read_time(text))
            except InvalidRecord:
                continue
        return found


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a stream: after a stamp; `inside` a unit of which the page before had a part."""

    after: int = 0
    inside: bool = False


def since(moment: datetime) -> Position:
    """Give the place after a time."""
    return Position(max(0, to_microseconds(moment)))


@dataclass(frozen=True, slots=True)
class Entry:
    """An object with its stamp."""

    stamp: int
    item: Object

    @property
    def date_added(self) -> str:
        """The stamp as a time."""
        return format_time(from_microseconds(self.stamp))

    @property
    def version(self) -> str:
        """The version of the object; of one that has no time of its own, when it was added."""
        return stix.version_of(self.item) or self.date_added


@dataclass(frozen=True, slots=True)
class Page:
    """A page; `following` is where the next one begins, None at the end."""

    entries: tuple[Entry, ...]
    following: Position | None


async def read_page(
    node: Node, actor: Actor, collection: str, filters: Filters, position: Position, limit: int
) -> Page:
    """Read a page of a collection. Raises NotFound for a hidden and an absent collection alike."""
    access.check_act(actor, "read_reports")
    async with node.store.read(actor) as tx:
        found = await get_collection(tx, collection)
        streams = reach_of(tx, found)
        if filters.finds_nothing:
            return Page((), None)
        if filters.ids is not None:
            entries = [entry for entry in await _located(tx, streams, filters.ids) if filters.matches(entry)]
            entries = [entry for entry in entries if entry.stamp > position.after]
            following = Position(entries[limit - 1].stamp) if len(entries) > limit else None
            return Page(tuple(entries[:limit]), following)
        return await _Walk(tx, streams, filters, position, limit).run()


async def read_object(
    node: Node, actor: Actor, collection: str, object_id: str, filters: Filters, position: Position, limit: int
) -> Page:
    """Read one object of a collection. Raises NotFound: there is none; an empty page: none that matches."""
    access.check_act(actor, "read_reports")
    async with node.store.read(actor) as tx:
        found = await get_collection(tx, collection)
        entries = await _located(tx, reach_of(tx, found), (object_id,))
    if not entries:
        raise NotFound(OBJECT_NOT_FOUND)
    good = [entry for entry in entries if filters.matches(entry) and entry.stamp > position.after]
    return Page(() if filters.finds_nothing else tuple(good[:limit]), None)


def reach_of(tx: ReadTx, collection: Collection) -> Reach:
    """Give the streams that a collection is made of."""
    return feed.reach(tx, collection.audience_ids, strict=(collection.strict,))


@dataclass(slots=True)
class Contents:
    """What rows of the stream say: reports without their indicators, the indicators apart, what others say."""

    reports: dict[UUID, Published]
    addresses: dict[UUID, dict[int, Indicator]]
    said: dict[UUID, Said]
    _shared: dict[UUID, tuple[Object, ...]] = field(default_factory=dict)

    def shared(self, report: Published) -> tuple[Object, ...]:
        """Give what all units of a report refer to."""
        found = self._shared.get(report.id)
        if found is None:
            found = self._shared[report.id] = tuple(stix.shared(report))
        return found

    def unit(self, row: Placed, unit: int) -> tuple[tuple[Object, ...], tuple[Object, ...]] | None:
        """Give what a unit refers to, and its own objects; None where nothing is left of it."""
        report, ordinal = self.reports.get(row.report), row.first + unit
        if report is None:
            return None
        shared = self.shared(report)
        indicator = self.addresses.get(row.report, {}).get(ordinal)
        if row.kind == "report":
            return shared, stix.unit(report, ordinal, indicator)
        said = self.said.get(row.record_id)
        if said is None:
            return None
        named = (*shared[:1], stix.identity(said.issuer), *shared[1:])
        if row.kind == "sighting":
            flags = stix.unit(report, ordinal, indicator)
            named = (*named, next(item for item in flags if item["type"] == "indicator"))
        return named, (stix.comment(report, said),)


async def load(tx: ReadTx, parts: Sequence[tuple[Placed, int, int]]) -> Contents:
    """Read what units of rows say: (row, first unit, the one after the last)."""
    claims = await feed.claims(tx, [row.report for row, _, _ in parts])
    ended: dict[UUID, dict[int, datetime]] = {}
    for row, first, after in parts:
        if row.kind == "report" and row.ended != STANDING:
            times = ended.setdefault(row.report, {})
            times.update(dict.fromkeys(range(row.first + first, row.first + after), row.changed_at))
    singles = [row.report for row, _, _ in parts if row.kind == "sighting"]
    if singles:  # whether the indicator that a sighting names was taken back, another row tells
        await _add_taken_back(tx, parts, ended)
    reports = {
        claim.id: feeding.published(claim, feeding.headline(claim), changed=0, withdrawn=ended.get(claim.id, {}))
        for claim in claims.values()
    }
    spans = [(row.report, row.first + first, row.first + after) for row, first, after in parts if row.kind != "opinion"]
    addresses = await feed.addresses(tx, [span for span in spans if span[0] in claims])
    return Contents(reports, addresses, await feeding.comments(tx, [row for row, _, _ in parts]))


async def _add_taken_back(
    tx: ReadTx, parts: Sequence[tuple[Placed, int, int]], ended: dict[UUID, dict[int, datetime]]
) -> None:
    wanted = {(row.report, row.first) for row, _, _ in parts if row.kind == "sighting"}
    streams = Reach(tx.audiences, (False, True))
    ids = sorted({report for report, _ in wanted})
    for first in range(0, len(ids), feed.PART):
        for row in await feed.find(tx, streams, feed.of_reports(ids[first : first + feed.PART])):
            if row.kind == "report" and row.ended != STANDING:
                inside = [ordinal for report, ordinal in wanted if report == row.report and ordinal in range(*row.span)]
                ended.setdefault(row.report, {}).update(dict.fromkeys(inside, row.changed_at))


class _Walk:
    """The filling of one page: whole units, from a position on, up to its limit."""

    def __init__(self, tx: ReadTx, streams: Reach, filters: Filters, position: Position, limit: int) -> None:
        self._tx, self._streams, self._filters, self._limit = tx, streams, filters, limit
        self._position = position
        self._page: list[Entry] = []
        self._seen: set[str] = set()
        types = _PER_UNIT if filters.types is None else _PER_UNIT & set(filters.types)
        self._per_unit = {kind: len(own & types) for kind, own in _OWN_TYPES.items()}

    async def run(self) -> Page:
        """Fill the page: never empty with another one after it."""
        kinds = self._filters.kinds()
        wanted = Wanted(kinds, self._filters.moments())
        for scanned in itertools.count(1):
            rows = await feed.rows_after(self._tx, self._streams, self._position.after, self._limit + 1, wanted)
            if not rows:
                return Page(tuple(self._page), None)
            parts, whole = self._parts(rows)
            contents = await load(self._tx, parts)
            if self._limit > THREAD_ABOVE:
                following = await asyncio.to_thread(self._fill, parts, contents)
            else:
                following = self._fill(parts, contents)
            if following is not None:
                return Page(tuple(self._page), following)
            if whole and len(rows) <= self._limit:
                return Page(tuple(self._page), None)
            if self._page and scanned >= MOST_BATCHES:
                return Page(tuple(self._page), self._position)
        raise AssertionError

    def _parts(self, rows: Sequence[Placed]) -> tuple[list[tuple[Placed, int, int]], bool]:
        """Cut from rows the units that fill the page and one more; tell whether these are all."""
        parts: list[tuple[Placed, int, int]] = []
        room = self._limit - len(self._page) + 1
        for row in rows:
            if room <= 0:
                return parts, False
            least = self._per_unit[row.kind]
            first = max(0, (self._position.after - row.start) // STRIDE)
            after = row.units if least else 1  # all units refer to the same, and have nothing else that is asked for
            after = min(after, first + room // max(1, least) + 1)
            if first < after:
                parts.append((row, first, after))
            room -= (after - first) * least if least else 1
            if least and after < row.units:
                return parts, False
        return parts, True

    def _fill(self, parts: Sequence[tuple[Placed, int, int]], contents: Contents) -> Position | None:
        """Take units into the page; give where the next page begins as soon as one has no room in this."""
        for row, first, after in parts:
            for unit in range(first, after):
                entries = list(self._unit(row, unit, contents))
                if len(self._page) + len(entries) > self._limit:
                    if self._page:
                        return self._position
                    self._page = entries[: self._limit]
                    return Position(self._page[-1].stamp, inside=True)
                self._page += entries
                self._seen.update(str(entry.item["id"]) for entry in entries)
                self._position = Position(row.start + STRIDE * (unit + 1))
            if not self._per_unit[row.kind]:
                self._position = Position(row.stamp)
        return None

    def _unit(self, row: Placed, unit: int, contents: Contents) -> Iterator[Entry]:
        """Give what of a unit is to be in the page, in the order of stamps."""
        found = contents.unit(row, unit)
        if found is None:
            return
        base = row.start + STRIDE * unit
        after, named, own = self._position.after, *found
        if self._filters.types is not None:
            kept = _OWN_TYPES[row.kind] | _EVERYWHERE
            named = tuple(item for item in named if item["type"] in kept)
        placed = [Entry(base + 1 + place, item) for place, item in enumerate(named)]
        placed += [Entry(base + 1 + _OWN_PLACE + place, item) for place, item in enumerate(own)]
        left = [entry for entry in placed if entry.stamp > after]
        if base < after and left and not self._position.inside and self._filters.types is None:
            read = [entry.item for entry in placed if entry.stamp <= after]
            left += [Entry(base + 1 + _TAIL_PLACE + place, item) for place, item in enumerate(read)]
        for entry in left:
            if entry.item["id"] not in self._seen and self._filters.matches(entry):
                yield entry


async def _located(tx: ReadTx, streams: Reach, ids: Several[str]) -> list[Entry]:
    """Find objects by their ids, each once, in the order of stamps."""
    wanted: dict[tuple[str, UUID], str] = {}
    for text in ids:
        parsed = stix_ids.parse(text)
        if parsed is not None:
            wanted[parsed] = text
    places: dict[str, tuple[Placed, int]] = {}
    names = {stix_ids.split(value)[0].bytes for _, value in wanted}
    by_name: dict[bytes, list[Placed]] = {}
    for row in await feed.find(tx, streams, feed.of_names(names)) if names else ():
        by_name.setdefault(row.name, []).append(row)
    wallets = await feed.wallets(tx, streams, {value.bytes for kind, value in wanted if kind == stix.WALLET})
    for (kind, value), text in wanted.items():
        if value.bytes in wallets and kind == stix.WALLET:
            row, ordinal = wallets[value.bytes]
            places[text] = row, ordinal - row.first
            continue
        place = await _place(tx, streams, by_name, kind, value)
        if place is not None:
            places[text] = place
    contents = await load(tx, [(row, unit, unit + 1) for row, unit in places.values()])
    found = [entry for text, (row, unit) in places.items() if (entry := _entry(contents, row, unit, text))]
    return sorted(found, key=lambda entry: entry.stamp)


async def _place(
    tx: ReadTx, streams: Reach, by_name: Mapping[bytes, Sequence[Placed]], kind: str, value: UUID
) -> tuple[Placed, int] | None:
    """Give the row and unit in which an object stands, or stood last."""
    base, ordinal = stix_ids.split(value)
    rows = by_name.get(base.bytes, ())
    if kind in {"indicator", "relationship"}:
        return next(
            ((row, ordinal - row.first) for row in rows if row.kind == "report" and ordinal in range(*row.span)), None
        )
    if kind == "report":
        mine = [row for row in rows if row.kind == "report"] if ordinal == stix_ids.OF_REPORT else []
        return (mine[-1], 0) if mine else None
    if kind in {"opinion", "sighting"}:
        return next(((row, 0) for row in rows if row.kind == kind and ordinal == 0), None)
    condition = None
    if kind == "identity":
        condition = feed.of_issuer(stix_ids.organization_of(value))
    elif kind == "marking-definition":
        tlp = _MARKINGS.get(f"{kind}--{value}")
        condition = None if tlp is None else feed.of_tlp(str(tlp))
    found = [] if condition is None else await feed.find(tx, streams, condition, last=True)
    return (found[0], 0) if found else None


_MARKINGS: Mapping[str, Tlp] = {name: tlp for tlp, name in stix_ids.MARKINGS.items()}


def _entry(contents: Contents, row: Placed, unit: int, object_id: str) -> Entry | None:
    found = contents.unit(row, unit)
    if found is None:
        return None
    base = row.start + STRIDE * unit
    for first, items in ((1, found[0]), (1 + _OWN_PLACE, found[1])):
        for place, item in enumerate(items):
            if item["id"] == object_id:
                return Entry(base + first + place, item)
    return None
