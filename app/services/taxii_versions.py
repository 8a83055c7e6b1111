"""TAXII versions: of an object that is posted again, revised or revoked, the newest version counts.

The rule here: the order of posts decides nothing, and repeating them nothing either. What an older version claims is
revoked once a newer one is here; an object that was revoked before its older version came is not submitted. An object
without a version (a wallet) is a submission of its own each time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.actor import Actor
from app.domain.errors import InvalidRecord
from app.domain.history import LIVE
from app.domain.timestamps import read_time
from app.services import follow
from app.services.node import Node
from app.storage import feed, records, taxii
from app.storage.taxii import Posted

MAX_ID = 200  # characters of an object's id that is remembered; STIX has 36 and a type's name


class Versions:
    """The objects of one post to a collection, by their places, and what became of them before."""

    def __init__(self, collection: UUID, objects: Sequence[Any]) -> None:
        """Read the versions that the objects state."""
        self._collection = collection
        self._stated = {place: known for place, item in enumerate(objects) if (known := _stated(item)) is not None}
        self._before: Mapping[str, Sequence[Posted]] = {}
        self._now: list[Posted] = []

    async def read(self, node: Node, actor: Actor) -> None:
        """Read what became of them before."""
        async with node.store.read(actor) as tx:
            self._before = await taxii.posted(tx, self._collection, {known for known, _ in self._stated.values()})

    def answered(self, place: int) -> str | None:
        """Say what became of an object if this version of it, or a later one, came before."""
        stated = self._stated.get(place)
        rows = () if stated is None else self._before.get(stated[0], ())
        if stated is None or not rows or rows[-1].rank < (stated[1], False):
            return None
        last = rows[-1]
        return f"It is in the report {last.report}." if last.ordinals else "This version or a later one was taken back."

    def came(self, report: UUID, ordinals: Iterable[tuple[int, int]]) -> None:
        """Note that indicators of a report came of objects: pairs of place and ordinal."""
        by_place: dict[int, list[int]] = {}
        for place, ordinal in ordinals:
            by_place.setdefault(place, []).append(ordinal)
        for place, own in by_place.items():
            if place in self._stated:
                self._now.append(Posted(*self._stated[place], report, tuple(own)))

    def take_back(self, place: int) -> bool:
        """Note that an object is revoked; False where it states no version."""
        if place in self._stated:
            self._now.append(Posted(*self._stated[place]))
        return place in self._stated

    async def settle(self, node: Node, actor: Actor, now: datetime) -> None:
        """Keep what was noted, and revoke what older versions claim. Stopped anywhere, the same post goes on."""
        async with node.store.write(actor) as tx:
            await taxii.keep_posted(tx, self._collection, self._now)
        async with node.store.read(actor) as tx:
            held = await taxii.posted(tx, self._collection, {known for known, _ in self._stated.values()})
        for rows in held.values():
            older = [row for row in rows if row.rank < rows[-1].rank]
            for row in older:
                await _withdraw(node, actor, row, now)
            if older:
                async with node.store.write(actor) as tx:
                    await taxii.forget_posted(tx, self._collection, older)


def _stated(item: Any) -> tuple[str, datetime] | None:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str) or len(item["id"]) > MAX_ID:
        return None
    try:
        return item["id"], read_time(item.get("modified") or "")
    except InvalidRecord:
        return None


async def _withdraw(node: Node, actor: Actor, row: Posted, now: datetime) -> None:
    """Revoke what an object claims in one version, where it stands."""
    if not row.ordinals:
        return
    async with node.store.read(actor) as tx:
        report = await records.find_own(tx, row.report)
        spans = [(row.report, ordinal, ordinal + 1) for ordinal in row.ordinals]
        found = (await feed.addresses(tx, spans)).get(row.report, {})
    if report is None or report.erased or (report.state or LIVE) != LIVE:
        return
    said: dict[str, Any] = {"reason": "outdated"}
    if len(row.ordinals) < (report.indicators or 0):
        said["addresses"] = [{"chain": item.chain, "address": item.address} for item in found.values()]
    await follow.follow(node, actor, row.report, "revocation", said, now)
