"""Facts: what must be known of records to place them in the stream (`stamps.py`).

The rule here: a fact says nothing of an address but its ordinal.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

from sqlalchemy import select, tuple_

from app.domain import record
from app.domain.report import Report
from app.storage.columns import one_of
from app.storage.rows import Arriving
from app.storage.store import ReadTx
from app.storage.tables import indicators, log_entries, records, reports

PART = 500  # ids of one statement, or pairs of them
_FOLLOWERS = ("revocation", "erasure", "opinion", "sighting", "report")


class Fact(NamedTuple):
    """What must be known of a record to place it: `indicators` is None where it tells none, or its content is gone."""

    id: UUID
    kind: str
    issuer: UUID
    origin: str
    audience_id: int
    tlp: str
    subject: UUID | None
    subject_origin: str | None
    issued_at: datetime
    indicators: int | None

    @classmethod
    def of(cls, item: Arriving) -> Self:
        """Give what is known of a record that has just been written."""
        said = item.record
        return cls(
            item.local_id,
            said.kind,
            said.issuer,
            said.origin,
            item.audience_id,
            str(said.tlp),
            item.subject or said.subject,
            said.subject_origin,
            said.issued_at,
            len(said.body.indicators) if isinstance(said.body, Report) else None,
        )


_FACT = select(
    records.c.id,
    records.c.kind,
    records.c.issuer,
    records.c.origin,
    records.c.audience_id,
    records.c.tlp,
    records.c.subject,
    records.c.subject_origin,
    records.c.issued_at,
    reports.c.indicators,
).outerjoin(reports, reports.c.record_id == records.c.id)


async def of(tx: ReadTx, ids: Iterable[UUID]) -> dict[UUID, Fact]:
    """Give what must be known of records, by id."""
    found: dict[UUID, Fact] = {}
    for part in in_parts(ids):
        for row in await tx.execute(_FACT.where(one_of(records.c.id, part, tx.dialect))):
            found[row[0]] = Fact(*row)
    return found


async def early(tx: ReadTx, told: Collection[UUID], until: int | None = None) -> dict[UUID, list[Fact]]:
    """Give the followers of new reports that have arrived before them, or up to a stamp, in their order."""
    found: dict[UUID, list[Fact]] = {}
    query = (
        _FACT.join(log_entries, log_entries.c.record_id == records.c.id)
        .where(log_entries.c.arrival.is_not(None), records.c.kind.in_(_FOLLOWERS))
        .order_by(log_entries.c.arrival)
    )
    if until is not None:
        query = query.where(log_entries.c.arrival <= until)
    for part in in_parts(told):
        for row in await tx.execute(query.where(one_of(records.c.subject, part, tx.dialect))):
            found.setdefault(row.subject, []).append(Fact(*row))
    return found


async def named(tx: ReadTx, facts: Iterable[Fact]) -> dict[UUID, set[int] | None]:
    """Give the ordinals that each revocation and sighting names; None for a revocation of all."""
    found: dict[UUID, set[int] | None] = {}
    named: dict[UUID, set[tuple[str, str]]] = {}
    about = {fact.id: fact.subject for fact in facts if fact.kind in {"revocation", "sighting"}}
    for part in in_parts(about):
        query = select(records.c.id, records.c.payload).where(one_of(records.c.id, part, tx.dialect))
        for record_id, payload in await tx.execute(query):
            body = None if payload is None else record.parse(payload, kept=True).body
            found[record_id] = set()
            if isinstance(body, record.Sighting):
                named[record_id] = {(body.chain, body.address)}
            elif isinstance(body, record.Revocation) and body.addresses:
                named[record_id] = {(item.chain, item.address) for item in body.addresses}
            elif isinstance(body, record.Revocation):
                found[record_id] = None
    wanted = {(about[record_id], address) for record_id, pairs in named.items() for _, address in pairs}
    places: dict[tuple[UUID, str, str], set[int]] = {}
    for pairs in in_parts(wanted):
        query = select(indicators.c.record_id, indicators.c.chain, indicators.c.address, indicators.c.ordinal).where(
            tuple_(indicators.c.record_id, indicators.c.address).in_(pairs)
        )
        for report, chain, address, ordinal in await tx.execute(query):
            places.setdefault((report, chain, address), set()).add(ordinal)
    for record_id, said in named.items():
        report = about[record_id]
        found[record_id] = {
            ordinal
            for chain, address in said
            for ordinal in (places.get((report, chain, address), ()) if report is not None else ())
        }
    return found


def in_parts(items: Iterable[Any]) -> Iterable[list[Any]]:
    """Give items in lists of a bounded length, each once."""
    known = list(dict.fromkeys(items))
    return (known[first : first + PART] for first in range(0, len(known), PART))
