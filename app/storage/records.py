"""Records: added once, read through the predicate, and emptied by an erasure.

The rule here: a record's signed bytes are never changed. An erasure takes the bytes and everything made of them away
and leaves the frame and the leaf hash, so that old proofs still verify.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select, update

from app.domain.audience import Audience
from app.domain.errors import NotFound, NotNext
from app.domain.history import History, fold
from app.domain.ids import ID_VERSION
from app.domain.marking import Tlp, read_tlp
from app.domain.record import FOLLOWING, Organization, Record
from app.domain.record import parse as parse_record
from app.domain.report import Report
from app.storage.following import FOLLOWS, FOLLOWS_ONE, REPORT
from app.storage.rows import INDICATOR_COLUMNS, indicator_rows, record_values, report_values
from app.storage.rows import Arriving as Arriving  # noqa: PLC0414 - what this module takes
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import (
    audience_organizations,
    audiences,
    idempotency,
    indicators,
    introductions,
    log_entries,
    organizations,
    records,
    reports,
)
from app.storage.visibility import visible

NOT_FOUND = "There is no such report, or it is not for you."


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it is kept: the frame, its place in the log (None until sequenced), and a report's headline.

    The signed bytes are fetched apart (`payload`): a page of reports must not carry a megabyte each.
    """

    id: UUID
    kind: str
    issuer: UUID
    issuer_name: str | None
    issuer_kind: str | None
    origin: str
    issued_at: datetime
    received_at: datetime
    audience_id: int
    audience: Mapping[str, Any]
    tlp: Tlp
    pap: str
    subject: UUID | None
    digest: bytes
    erased: bool
    keyid: str
    signature: bytes
    custody: str
    quarantined: bool
    leaf_hash: bytes
    log_id: str | None
    log_index: int | None
    state: str | None
    category: str | None
    method: str | None
    confidence: int | None
    indicators: int | None


_FRAME = (
    select(
        records.c.id,
        records.c.kind,
        records.c.issuer,
        organizations.c.name.label("issuer_name"),
        organizations.c.kind.label("issuer_kind"),
        records.c.origin,
        records.c.issued_at,
        records.c.received_at,
        records.c.audience_id,
        audiences.c.document.label("audience"),
        records.c.tlp,
        records.c.pap,
        records.c.subject,
        records.c.digest,
        records.c.payload.is_(None).label("erased"),
        records.c.keyid,
        records.c.signature,
        records.c.custody,
        records.c.quarantined,
        records.c.leaf_hash,
        log_entries.c.log_id,
        log_entries.c.index.label("log_index"),
        reports.c.state,
        reports.c.category,
        reports.c.method,
        reports.c.confidence,
        reports.c.indicators,
    )
    .join(audiences, audiences.c.id == records.c.audience_id)
    .outerjoin(organizations, organizations.c.id == records.c.issuer)
    .outerjoin(log_entries, log_entries.c.record_id == records.c.id)
    .outerjoin(reports, reports.c.record_id == records.c.id)
)


def _stored(row: Iterable[Any]) -> Stored:
    stored = Stored(*row)
    return replace(stored, tlp=read_tlp(stored.tlp))


async def ensure_audience(tx: WriteTx, audience: Audience, tlp: Tlp) -> int:
    """Give the id of the audience of records of a marking, making it when it is new."""
    key = audience.key(tlp)
    by_key = select(audiences.c.id).where(audiences.c.key == key)
    found = (await tx.execute(by_key)).scalar()
    if found is not None:
        return int(found)
    made = await tx.insert_new(
        audiences,
        {
            "key": key,
            "kind": audience.kind,
            "red": tlp is Tlp.RED,
            "group_id": audience.group,
            "document": audience.to_document(),
        },
    )
    number = int((await tx.execute(by_key)).scalar_one())
    if made and audience.organizations:
        rows = [{"audience_id": number, "organization_id": item} for item in audience.organizations]
        await tx.execute(audience_organizations.insert(), rows)
    tx.audiences_changed = True
    return number


async def add(tx: WriteTx, item: Arriving) -> None:
    """Add a record; a report's claim and indicators with it."""
    await tx.insert(records, record_values(item))
    if isinstance(item.record.body, Report):
        await tx.insert(reports, report_values(item, item.record.body))
        await tx.insert_many(indicators, INDICATOR_COLUMNS, indicator_rows(tx.dialect, item, item.record.body))


async def find_digest(tx: ReadTx, digest: bytes) -> UUID | None:
    """Find the record with these bytes among the actor's own."""
    query = select(records.c.id).where(records.c.digest == digest, records.c.issuer == tx.actor.organization)
    found: UUID | None = (await tx.execute(query)).scalar()
    return found


async def get(tx: ReadTx, record_id: UUID) -> Stored:
    """Give a record that the actor may read. Raises NotFound for a hidden and an absent one alike."""
    query = _FRAME.where(records.c.id == record_id, visible(records.c.audience_id, tx.audiences))
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound(NOT_FOUND)
    return _stored(row)


async def payload(tx: ReadTx, record_id: UUID) -> bytes | None:
    """Give the signed bytes of a record that the actor may read or has issued; None after its erasure."""
    query = select(records.c.payload).where(
        records.c.id == record_id,
        or_(visible(records.c.audience_id, tx.audiences), records.c.issuer == tx.actor.organization),
    )
    found: bytes | None = (await tx.execute(query)).scalar()
    return found


async def signed_id(tx: ReadTx, stored: Stored) -> UUID:
    """Give the id in the signed bytes of a record that the actor may read: that which it has everywhere.

    Another record may have it here: see `arriving.local_ids`. Raises NotNext: an erased one's is not known any more.
    """
    if stored.id.version == ID_VERSION:
        return stored.id
    signed = await payload(tx, stored.id)
    if signed is None:
        raise NotNext("The report was erased; nothing may follow it.")
    return parse_record(signed, kept=True).id


async def find_own(tx: ReadTx, record_id: UUID) -> Stored | None:
    """Find a record of the actor's own organization, which it may revoke or erase whatever it may read by now."""
    query = _FRAME.where(records.c.id == record_id, records.c.issuer == tx.actor.organization)
    row = (await tx.execute(query)).first()
    return None if row is None else _stored(row)


async def histories(tx: ReadTx, issuers: Mapping[UUID, UUID], as_of: datetime | None = None) -> dict[UUID, History]:
    """Fold what has become of reports (id to issuer), from the records that the actor may read.

    `as_of` leaves out what this node received later. A superseding report is not read whole: its id is enough, also
    after its own erasure.
    """
    frame = select(records.c.subject, records.c.kind, records.c.id, records.c.issuer, records.c.payload)
    query = frame.join(REPORT, FOLLOWS).where(
        records.c.subject.in_(issuers),
        or_(records.c.payload.is_not(None), records.c.kind == "report"),
        records.c.quarantined.is_(False),
        visible(records.c.audience_id, tx.audiences),
    )
    if as_of is not None:
        query = query.where(records.c.received_at <= as_of)
    followers: dict[UUID, list[Record]] = {}
    successors: dict[UUID, list[UUID]] = {}
    for subject, kind, record_id, issuer, payload in await tx.execute(query):
        if kind != "report":
            followers.setdefault(subject, []).append(_about(subject, parse_record(payload, kept=True)))
        elif issuer == issuers[subject]:
            successors.setdefault(subject, []).append(record_id)
    return {
        report_id: fold(report_id, issuer, followers.get(report_id, ()), successors.get(report_id, ()))
        for report_id, issuer in issuers.items()
    }


def _about(subject: UUID, follower: Record) -> Record:
    """Let a follower name its report by the id that this report has here (see `arriving.local_ids`)."""
    body: Any = follower.body
    return follower if body.report == subject else replace(follower, body=replace(body, report=subject))


async def addresses_of(tx: ReadTx, report_id: UUID, named: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Give those of the named (chain, address) pairs that stand in a report, which the caller may read."""
    query = select(indicators.c.chain, indicators.c.address).where(
        indicators.c.record_id == report_id, indicators.c.address.in_({address for _, address in named})
    )
    return {(chain, address) for chain, address in await tx.execute(query)} & set(named)


async def positions(tx: ReadTx, record_ids: Sequence[UUID]) -> dict[UUID, tuple[str, int]]:
    """Give the place in the log of each record that has one."""
    query = select(log_entries.c.record_id, log_entries.c.log_id, log_entries.c.index).where(
        log_entries.c.record_id.in_(record_ids)
    )
    return {record_id: (log_id, index) for record_id, log_id, index in await tx.execute(query)}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which reports to list; None leaves a filter out. `before` is the id after which the page starts, newest first."""

    category: str | None = None
    state: str | None = None
    issuer: UUID | None = None
    chain: str | None = None
    since: datetime | None = None
    before: UUID | None = None


async def search_visible(tx: ReadTx, filters: Filters, limit: int) -> list[Stored]:
    """List the reports that the actor may read, newest id first."""
    query = _FRAME.where(records.c.kind == "report", visible(records.c.audience_id, tx.audiences))
    if filters.state == "quarantined":
        query = query.where(records.c.quarantined.is_(True))
    elif filters.state == "erased":
        query = query.where(records.c.payload.is_(None))
    elif filters.state is not None:
        query = query.where(reports.c.state == filters.state, records.c.quarantined.is_(False))
    if filters.category is not None:
        query = query.where(reports.c.category == filters.category)
    if filters.issuer is not None:
        query = query.where(records.c.issuer == filters.issuer)
    if filters.since is not None:
        query = query.where(records.c.received_at >= filters.since)
    if filters.before is not None:
        query = query.where(records.c.id < filters.before)
    if filters.chain is not None:
        on_chain = select(indicators.c.record_id).where(
            and_(indicators.c.record_id == records.c.id, indicators.c.chain == filters.chain)
        )
        query = query.where(on_chain.exists())
    rows = await tx.execute(query.order_by(records.c.id.desc()).limit(limit))
    return [_stored(row) for row in rows]


async def hold(tx: WriteTx, report_id: UUID) -> bool:
    """Hold a report still until the commit, so that what follows it comes one after the other.

    True: read it again, another may have followed it meanwhile. On SQLite the writing transaction is alone anyway.
    """
    if tx.dialect != "postgresql":
        return False
    await tx.execute(select(records.c.id).where(records.c.id == report_id).with_for_update())
    return True


async def set_state(tx: WriteTx, report_id: UUID, state: str) -> None:
    """Keep what a report has become, for lists; the fold in `domain.history` stays the judge."""
    await tx.execute(update(reports).where(reports.c.record_id == report_id).values(state=state, followed=True))


async def set_followed(tx: WriteTx, report_id: UUID) -> None:
    """Note that something follows a report which leaves its state as it is."""
    await tx.execute(update(reports).where(reports.c.record_id == report_id).values(followed=True))


async def erase(tx: WriteTx, report_id: UUID) -> None:
    """Take away the content of a report and of what followed it: bytes, claim, indicators, refused rows.

    That a request led to the report stays remembered: a late repeat must not bring it back.
    """
    followed = and_(records.c.subject == report_id, FOLLOWS_ONE, records.c.kind.in_(FOLLOWING - {"erasure"}))
    await tx.execute(indicators.delete().where(indicators.c.record_id == report_id))
    await tx.execute(reports.delete().where(reports.c.record_id == report_id))
    await tx.execute(update(records).where((records.c.id == report_id) | followed).values(payload=None))
    await tx.execute(update(idempotency).where(idempotency.c.subject == report_id).values(refused=[]))


async def is_introduced(tx: ReadTx, audience_id: int, organization: UUID, version: int) -> bool:
    """Tell whether this version of the organization's record stands, or is owed to stand, in the audience's log."""
    query = select(introductions.c.version).where(
        introductions.c.audience_id == audience_id,
        introductions.c.organization_id == organization,
        introductions.c.version == version,
    )
    return (await tx.execute(query)).first() is not None


async def introduce(tx: WriteTx, audience_id: int, organization: UUID, body: Organization) -> bool:
    """Note that a version of an organization's record goes into the audience's log; False when it was noted before."""
    return await tx.insert_new(
        introductions, {"audience_id": audience_id, "organization_id": organization, "version": body.version}
    )


async def introduced_audiences(tx: ReadTx, organization: UUID) -> list[tuple[int, Mapping[str, Any], bool]]:
    """List the audiences in whose logs the organization stands: id, document, and whether it is RED."""
    query = (
        select(audiences.c.id, audiences.c.document, audiences.c.red)
        .where(
            audiences.c.id.in_(
                select(introductions.c.audience_id).where(introductions.c.organization_id == organization)
            )
        )
        .order_by(audiences.c.id)
    )
    return [(row.id, row.document, row.red) for row in await tx.execute(query)]
