"""TAXII posts: what others send becomes reports of the organization that sends it, and what it deletes is revoked.

The rule here: a post is a submission, with every rule of one: review, privacy, the collection's audience, and markings
downwards only. Each object has an outcome, and the outcomes add up; objects that only tell of others (identities,
markings, relationships, reports, groupings) are read with them. What is posted gets ids of this node: the outcome names
the report. The same post again is the same submission; of an object's versions the newest counts (`taxii_versions.py`).
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.domain import access, marking
from app.domain.actor import Actor
from app.domain.audience import Audience
from app.domain.errors import Forbidden, Invalid, Meaning, NotFound, Refused, Unavailable
from app.domain.history import LIVE
from app.domain.marking import Pap, Tlp
from app.domain.timestamps import format_time
from app.formats import stix, stix_ids, stix_reading
from app.formats.batches import Batch, gather
from app.formats.rows import TAKEN_BACK, RefusedRow, Row
from app.formats.stix_reading import StixObjects
from app.services import follow, taxii_pages
from app.services.node import Node
from app.services.repeats import Repeat
from app.services.submit import Draft, submit
from app.services.taxii import Collection, get_collection
from app.services.taxii_pages import OBJECT_NOT_FOUND, Filters
from app.services.taxii_versions import Versions
from app.storage import feed, taxii
from app.storage.stamps import STANDING

READ_ONLY = "Nothing can be posted to this collection by you; choose one whose can_write is true."
NO_STATUS = "There is no such status, or it is not yours, or older than a day."
MAX_OBJECTS = 20_000  # objects of one post: 2 MiB hold some thousands
# Why a newer version is not submitted that says what no report may: what the older one said is not so any more.
CHANGED_ITS_MIND = frozenset({"not_trafficking", "marking_too_strict", "shared_too_far", "unknown_pattern"})
MAX_MESSAGE = 500  # characters of what an outcome says


@dataclass(slots=True)
class _Outcomes:
    """What became of each object, by its place: why it failed, or what it came to."""

    failures: dict[int, str] = field(default_factory=dict)
    successes: dict[int, str] = field(default_factory=dict)


async def post(node: Node, actor: Actor, collection: str, objects: Sequence[Any], now: datetime) -> dict[str, Any]:
    """Submit objects to a collection; give the status resource. Raises NotFound, Forbidden, Unavailable."""
    access.check_act(actor, "submit")
    async with node.store.read(actor) as tx:
        found = await get_collection(tx, collection)
    if found.audience is None:
        raise Forbidden(READ_ONLY)
    if len(objects) > MAX_OBJECTS:
        raise Invalid(f"A post has at most {MAX_OBJECTS} objects; send several.")
    reader = StixObjects(list(objects), most=found.most)
    outcomes, versions = _Outcomes(), Versions(found.id, objects)
    await versions.read(node, actor)
    rows: list[Row] = []
    taken_back: set[int] = set()
    for row in await asyncio.to_thread(list, reader):
        place = reader.places[row.number]
        if isinstance(row, RefusedRow) and row.code == TAKEN_BACK:
            taken_back.add(place)
        elif isinstance(row, RefusedRow):
            outcomes.failures[place] = row.detail
            if row.code in CHANGED_ITS_MIND and versions.claims(place):
                versions.take_back(place)
                outcomes.failures[place] += " What its older version claimed is taken back."
        elif known := versions.answered(place):
            outcomes.successes[place] = known
        else:
            rows.append(row)
    for place in sorted(taken_back):
        await _take_back(node, actor, found, objects[place], place, versions, outcomes, now)
    for batch in gather(rows, by_source=True):
        await _submit(node, actor, found, batch, reader.places, versions, outcomes, now)
    await versions.settle(node, actor, now)
    document = _status(node, objects, set(reader.places.values()), outcomes, now)
    async with node.store.write(actor) as writing:
        await taxii.add_status(writing, UUID(document["id"]), document, now)
    return document


async def _submit(
    node: Node,
    actor: Actor,
    collection: Collection,
    batch: Batch,
    places: Mapping[int, int],
    versions: Versions,
    outcomes: _Outcomes,
    now: datetime,
) -> None:
    """Submit one report; note of each of its rows what came of it."""
    assert collection.audience is not None
    fields = batch.to_document({})
    versioned = sorted({versions.of(places[row.number]) for row in batch.rows})
    digest = hashlib.sha256(msgspec.json.encode([str(collection.id), fields, versioned])).digest()
    try:
        draft = _draft(collection.audience, collection.unmarked, fields)
        done = await submit(node, actor, draft, now, partial=True, repeat=Repeat(f"taxii {digest.hex()}", digest))
    except (Unavailable, Forbidden):
        raise
    except Meaning as error:
        named = _named(error.errors)
        for row in batch.rows:
            outcomes.failures[places[row.number]] = named.get(str(row.number), error.detail)
        return
    named = _named(done.refused)
    taken = [row for row in batch.rows if str(row.number) not in named]
    for row in batch.rows:
        if str(row.number) in named:
            outcomes.failures[places[row.number]] = named[str(row.number)]
        else:
            outcomes.successes[places[row.number]] = f"It is in the report {done.id}."
    came = ((places[row.number], ordinal) for ordinal, row in enumerate(taken))
    versions.came(done.id, came, set(outcomes.failures))


def _draft(audience: Audience, unmarked: Tlp, fields: dict[str, Any]) -> Draft:
    tlp = marking.parse_tlp(fields.pop("tlp", unmarked))
    stated = fields.pop("pap", None)
    default = f"PAP:{tlp.removeprefix('TLP:').removesuffix('+STRICT')}"
    return Draft(audience, tlp, marking.parse_pap(stated or Pap(default)), fields)


def _named(refused: Sequence[Refused]) -> dict[str, str]:
    """Give what was said of each row, without the address that was meant: a status is kept for days."""
    return {item.ref: f"{item.code}: {_without_suggestion(item)}" for item in refused if item.ref is not None}


def _without_suggestion(item: Refused) -> str:
    return item.detail if item.suggestion is None else item.detail.partition(" Did you mean ")[0]


async def _take_back(
    node: Node,
    actor: Actor,
    collection: Collection,
    item: Mapping[str, Any],
    place: int,
    versions: Versions,
    outcomes: _Outcomes,
    now: datetime,
) -> None:
    """Revoke what an object that is marked as revoked names: as it was posted before, and by an id of this node."""
    claimed = versions.claims(place)
    known = versions.take_back(place)
    try:
        await retract(node, actor, str(collection.id), str(item["id"]), Filters(), now)
    except Unavailable:
        raise
    except Meaning as error:
        if claimed or (known and isinstance(error, NotFound)):
            outcomes.successes[place] = "It is taken back."
        elif known or not isinstance(error, NotFound):
            outcomes.failures[place] = error.detail
        else:
            outcomes.failures[place] = "It is revoked, states no version, and is nothing of yours that stands here."
    else:
        outcomes.successes[place] = "It is taken back."


def _status(node: Node, objects: Sequence[Any], told: set[int], outcomes: _Outcomes, now: datetime) -> dict[str, Any]:
    """Make the status resource (TAXII 2.1, section 4.3.1): each object is a success or a failure."""
    found: dict[str, list[dict[str, str]]] = {"successes": [], "failures": []}
    for place, item in enumerate(objects):
        why = outcomes.failures.get(place)
        if why is None and place not in told and not _is_context(item):
            why = "It holds no address of a wallet, and tells nothing of one."
        entry = _entry(item, now)
        message = outcomes.successes.get(place) if why is None else why
        if message:
            entry["message"] = message[:MAX_MESSAGE]
        found["successes" if why is None else "failures"].append(entry)
    return {
        "id": str(UUID(bytes=node.random(16), version=4)),
        "status": "complete",
        "request_timestamp": format_time(now),
        "total_count": len(objects),
        "success_count": len(found["successes"]),
        "successes": found["successes"],
        "failure_count": len(found["failures"]),
        "failures": found["failures"],
        "pending_count": 0,
        "pendings": [],
    }


def _is_context(item: Any) -> bool:
    kind = item.get("type") if isinstance(item, dict) else None
    return kind in stix_reading.CONTEXT or kind in stix_reading.WALLETS or kind == "indicator"


def _entry(item: Any, now: datetime) -> dict[str, str]:
    known = item if isinstance(item, dict) else {}
    version = stix.version_of(known)
    return {
        "id": str(known.get("id") or "without an id")[:200],
        "version": version[:64] if isinstance(version, str) else format_time(now),
    }


async def get_status(node: Node, actor: Actor, status_id: UUID) -> dict[str, Any]:
    """Give what became of a post of the actor's organization. Raises NotFound."""
    async with node.store.read(actor) as tx:
        found = await taxii.find_status(tx, status_id)
    if found is None:
        raise NotFound(NO_STATUS)
    return found


async def retract(node: Node, actor: Actor, collection: str, object_id: str, filters: Filters, now: datetime) -> None:
    """Revoke what an indicator or a report of the actor's own organization claims; once is as good as twice.

    It stays as a tombstone. Raises NotFound: there is no such object, or not in that version; Forbidden: it is
    another's, or is neither.
    """
    access.check_act(actor, "follow")
    page = await taxii_pages.read_object(node, actor, collection, object_id, filters, taxii_pages.Position(), 1)
    if not page.entries:
        raise NotFound(OBJECT_NOT_FOUND)
    kind, value = stix_ids.parse(object_id) or ("", UUID(int=0))
    if kind not in {"indicator", "report"}:
        raise Forbidden("Only an indicator or a report can be taken back; what else tells of it goes with it.")
    base, ordinal = stix_ids.split(value)
    async with node.store.read(actor) as tx:
        streams = taxii_pages.reach_of(tx, await get_collection(tx, collection))
        rows = [row for row in await feed.find(tx, streams, feed.of_names([base.bytes])) if row.kind == "report"]
        if any(row.issuer != actor.organization for row in rows):
            raise Forbidden("Only the issuer of a report may take it back; give an opinion instead.")
        report = rows[0].report
        claim = (await feed.claims(tx, [report]))[report]
        addresses = await feed.addresses(tx, [] if kind == "report" else [(report, ordinal, ordinal + 1)])
    ended = {at for row in rows if row.ended != STANDING for at in range(*row.span)}
    if claim.payload is None or not claim.standing or (claim.state or LIVE) != LIVE or ordinal in ended:
        return
    said: dict[str, Any] = {"reason": "other"}
    if kind == "indicator" and claim.count > 1:
        found = addresses[report][ordinal]
        said["addresses"] = [{"chain": found.chain, "address": found.address}]
    await follow.follow(node, actor, report, "revocation", said, now)
