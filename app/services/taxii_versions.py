"""TAXII versions: of an object that is posted again, revised or revoked, the newest version counts.

The rule here: the order of posts decides nothing, and repeating them nothing either. What an older version claims is
revoked once a newer one is here; an object that was revoked before its older version came is not submitted. An object
without a version (a wallet) is a submission of its own each time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.actor import Actor
from app.domain.errors import InvalidRecord
from app.domain.history import LIVE
from app.domain.timestamps import read_time
from app.formats import stix_ids
from app.services import follow
from app.services.node import Node
from app.storage import feed, records, taxii
from app.storage.taxii import Posted


class Versions:
    """The objects of one post to a collection, by their places, and what became of them before."""

    def __init__(self, collection: UUID, objects: Sequence[Any]) -> None:
        """Read the versions that the objects state."""
        self._collection = collection
        self._stated = {place: known for place, item in enumerate(objects) if (known := _stated(item)) is not None}
        self._before: Mapping[str, Sequence[Posted]] = {}
        self._now: dict[tuple[str, UUID], Posted] = {}

    async def read(self, node: Node, actor: Actor) -> None:
        """Read what became of them before."""
        async with node.store.read(actor) as tx:
            self._before = await taxii.posted(tx, self._collection, {known for known, _ in self._stated.values()})

    def of(self, place: int) -> str:
        """Give an object's id and version in one word, empty where it has no version."""
        return " ".join(map(str, self._stated.get(place, ())))

    def claims(self, place: int) -> bool:
        """Tell whether an older version of an object claims something."""
        stated = self._stated.get(place)
        rows = () if stated is None else self._before.get(stated[0], ())
        return stated is not None and any(row.ordinals and row.version <= stated[1] for row in rows)

    def answered(self, place: int) -> str | None:
        """Say what became of an object if all of this version of it, or a later one, came before."""
        stated = self._stated.get(place)
        rows = () if stated is None else self._before.get(stated[0], ())
        if stated is None or not rows or rows[-1].rank < (stated[1], False) or not rows[-1].whole:
            return None
        last = rows[-1]
        return f"It is in the report {last.report}." if last.ordinals else "This version or a later one was taken back."

    def came(self, report: UUID, ordinals: Iterable[tuple[int, int]], partly: Collection[int]) -> None:
        """Note that indicators of a report came of objects: (place, ordinal); of those at `partly` not all."""
        by_place: dict[int, list[int]] = {}
        for place, ordinal in ordinals:
            by_place.setdefault(place, []).append(ordinal)
        for place, own in by_place.items():
            if place in self._stated:
                self._note(Posted(*self._stated[place], report, tuple(own), place not in partly))

    def take_back(self, place: int) -> bool:
        """Note that an object is revoked; False where it states no version."""
        if place in self._stated:
            self._note(Posted(*self._stated[place]))
        return place in self._stated

    def _note(self, row: Posted) -> None:
        self._now[row.object_id, row.report] = row

    async def settle(self, node: Node, actor: Actor, now: datetime) -> None:
        """Keep what was noted, and revoke what older versions claim. Stopped anywhere, the same post goes on."""
        async with node.store.write(actor) as tx:
            await taxii.keep_posted(tx, self._collection, list(self._now.values()))
        async with node.store.read(actor) as tx:
            held = await taxii.posted(tx, self._collection, {known for known, _ in self._stated.values()})
            older = {row for rows in held.values() for row in rows if row.rank < rows[-1].rank}
            gone = _by_report(older)
            claiming = await taxii.posted_in(tx, self._collection, gone)
        left = _by_report(row for row in claiming if row not in older)
        for report in sorted(gone):
            await _withdraw(node, actor, report, gone[report], left.get(report, set()), now)
        if older:
            async with node.store.write(actor) as tx:
                await taxii.forget_posted(tx, self._collection, list(older))


def _by_report(rows: Iterable[Posted]) -> dict[UUID, set[int]]:
    """Give the ordinals that objects claim, by report."""
    found: dict[UUID, set[int]] = {}
    for row in rows:
        if row.ordinals:
            found.setdefault(row.report, set()).update(row.ordinals)
    return found


def _stated(item: Any) -> tuple[str, datetime] | None:
    if not isinstance(item, dict) or stix_ids.parse(item.get("id")) is None:
        return None
    try:
        return item["id"], read_time(item.get("modified") or "")
    except InvalidRecord:
        return None


async def _withdraw(node: Node, actor: Actor, report_id: UUID, gone: set[int], left: set[int], now: datetime) -> None:
    """Revoke what older versions of objects claim in a report, but for addresses that other objects claim in it too."""
    async with node.store.read(actor) as tx:
        report = await records.find_own(tx, report_id)
        spans = [(report_id, ordinal, ordinal + 1) for ordinal in sorted(gone | left)]
        found = (await feed.addresses(tx, spans)).get(report_id, {})
    if report is None or report.erased or (report.state or LIVE) != LIVE:
        return
    kept = {(found[at].chain, found[at].address) for at in left if at in found}
    named = {(found[at].chain, found[at].address) for at in gone if at in found} - kept
    said: dict[str, Any] = {"reason": "outdated"}
    if kept or len(gone) < (report.indicators or 0):
        said["addresses"] = [{"chain": chain, "address": address} for chain, address in sorted(named)]
    if named:
        await follow.follow(node, actor, report_id, "revocation", said, now)
