"""Submit a report: read it, sign or verify it, and keep it.

The rule here: the checks stand in one order - may the actor act, is the record well formed, is it signed by the issuer,
may it follow what is there, does the marking allow the audience - and nothing is answered before the commit.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.domain import access, history, marking, record
from app.domain import audience as audiences
from app.domain.actor import Actor
from app.domain.audience import Audience
from app.domain.errors import Forbidden, Invalid, InvalidRecord, Refused
from app.domain.history import Subject
from app.domain.indicator import CleanedRow
from app.domain.marking import Pap, Tlp
from app.domain.record import Record, Revocation
from app.domain.report import Report, ReportRead, read_report
from app.domain.signing import Envelope
from app.services import admit, audit, repeats, signers
from app.services.node import Node
from app.services.repeats import Remembered, Repeat
from app.storage import organizations, records
from app.storage.organizations import Organization
from app.storage.records import Stored
from app.storage.store import WriteTx

THREAD_ABOVE = 100  # indicators: a larger report is read and signed beside the event loop
MAX_AHEAD = timedelta(minutes=5)  # how far the clock of a client that signs may be ahead


@dataclass(frozen=True, slots=True)
class Draft:
    """A report as fields, to be signed by the node: who may read it, how it may be used, and the body's fields."""

    audience: Audience
    tlp: Tlp
    pap: Pap
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Submitted:
    """The record that a submission led to, whether it is new, the rows that were refused and those cleaned."""

    id: UUID
    created: bool
    refused: tuple[Refused, ...] = ()
    cleaned: tuple[CleanedRow, ...] = ()


async def submit(
    node: Node,
    actor: Actor,
    draft: Draft | Envelope,
    now: datetime,
    *,
    partial: bool = False,
    repeat: Repeat | None = None,
) -> Submitted:
    """Submit a report, as fields or as an envelope that the organization signed itself.

    The same envelope, or the same request under one idempotency key, gives the first result again. Raises Forbidden,
    InvalidRecord (one entry per refused row), InvalidSignature, ContradictoryMarking, NotNext, Conflict.
    """
    access.check_act(actor, "submit")
    known = await _recalled(node, actor, repeat)
    if known is not None:
        return known
    if isinstance(draft, Envelope):
        envelope = draft
        signed = await asyncio.to_thread(record.parse, envelope.payload)
        check_own(node, actor, signed, {"report"}, now)
        return await repeats.once_more(lambda: _submit_signed(node, actor, signed, envelope, now, repeat))
    marking.check(draft.tlp, draft.audience.kind)
    read = await _read(draft.fields, partial=partial)
    return await repeats.once_more(lambda: _submit_fields(node, actor, draft, read, now, repeat))


async def _recalled(node: Node, actor: Actor, repeat: Repeat | None) -> Submitted | None:
    """Give the first result of a repeated request, before its rows are read again."""
    if repeat is None:
        return None
    async with node.store.read(actor) as tx:
        known = await repeats.recall(tx, repeat)
    return None if known is None else _first_result(known)


def _first_result(known: Remembered) -> Submitted:
    refused = tuple(Refused(**row) for row in known.refused)
    cleaned = tuple(CleanedRow(row["pointer"], row["ref"], tuple(row["changes"])) for row in known.cleaned)
    return Submitted(known.subject, created=False, refused=refused, cleaned=cleaned)


def check_own(node: Node, actor: Actor, signed: Record, kinds: set[str], now: datetime) -> None:
    """Check that a signed record is what this actor may hand in here: kind, issuer, origin, and a time not ahead."""
    if signed.kind not in kinds:
        raise InvalidRecord(f"A record of kind '{signed.kind}' is not submitted here.")
    if signed.issuer != actor.organization:
        raise Forbidden("The record's issuer is not your organization.")
    if signed.origin != node.identity.node_id:
        raise Invalid(f"The record's origin must be this node: {node.identity.node_id}.")
    if signed.issued_at > now + MAX_AHEAD:
        raise Invalid("The record's issued_at lies ahead of this node's clock.")


async def _read(fields: Mapping[str, Any], *, partial: bool) -> ReportRead:
    rows = fields.get("indicators")
    if isinstance(rows, list) and len(rows) > THREAD_ABOVE:
        return await asyncio.to_thread(read_report, fields, partial=partial)
    return read_report(fields, partial=partial)


async def _submit_fields(
    node: Node,
    actor: Actor,
    draft: Draft,
    read: ReportRead,
    now: datetime,
    repeat: Repeat | None,
) -> Submitted:
    report, refused, cleaned = read
    async with node.store.write(actor) as tx:
        known = await repeats.recall(tx, repeat)
        if known is not None:
            return _first_result(known)
        issuer = await issuer_of(tx)
        unsigned = admit.frame(node, "report", issuer.id, draft.audience, draft.tlp, draft.pap, report, now)
        if report.valid_until is None:
            unsigned = replace(unsigned, body=replace(report, valid_until=report.expires_at(now)))
        envelope = await signers.sign(node, tx, issuer, unsigned)
        await _keep(node, tx, issuer, unsigned, envelope, "node", now)
        await repeats.remember(tx, repeat, unsigned.id, now, refused, cleaned)
    node.ring()
    return Submitted(unsigned.id, created=True, refused=refused, cleaned=cleaned)


async def _submit_signed(
    node: Node, actor: Actor, signed: Record, envelope: Envelope, now: datetime, repeat: Repeat | None
) -> Submitted:
    async with node.store.write(actor) as tx:
        known = await repeats.recall(tx, repeat)
        if known is not None:
            return _first_result(known)
        present = await records.find_digest(tx, envelope.digest)
        if present is not None:
            return Submitted(present, created=False)
        issuer = await issuer_of(tx)
        custody = await signers.verify(tx, issuer, envelope)
        await _keep(node, tx, issuer, signed, envelope, custody, now)
        await repeats.remember(tx, repeat, signed.id, now)
    node.ring()
    return Submitted(signed.id, created=True)


async def issuer_of(tx: WriteTx) -> Organization:
    """Give the actor's own organization, its keys held still until the commit."""
    await organizations.hold(tx, tx.actor.organization, alone=False)
    return await organizations.get(tx, tx.actor.organization)


async def _keep(
    node: Node, tx: WriteTx, issuer: Organization, report: Record, envelope: Envelope, custody: str, now: datetime
) -> None:
    await admit.check_audience(tx, report.audience, report.tlp)
    subject = None if report.subject is None else await records.find_own(tx, report.subject)
    if subject is not None and await records.hold(tx, subject.id):
        subject = await records.find_own(tx, subject.id)
    history.check_next(report, None if subject is None else subject_of(subject))
    await admit.admit(node, tx, issuer, report, envelope, custody, now)
    if subject is not None:
        await _supersede(node, tx, issuer, subject, report, custody, now)
    indicators = len(report.body.indicators) if isinstance(report.body, Report) else 0
    await audit.note(tx, "submit", now, subject=str(report.id), count=indicators)


async def _supersede(
    node: Node, tx: WriteTx, issuer: Organization, old: Stored, new: Record, custody: str, now: datetime
) -> None:
    """End the report that a new one replaces; where the audience changes, by a revocation in the old audience.

    An organization that signs itself sends that revocation itself.
    """
    old_audience = await own_audience(tx, old)
    if (old_audience, old.tlp) == (new.audience, new.tlp):
        await records.set_state(tx, old.id, history.SUPERSEDED)
    elif custody == "node":
        await revoke(node, tx, issuer, old, "wrong_audience", now)
    else:
        await records.set_followed(tx, old.id)  # whoever reads both sees by which it was replaced


async def revoke(node: Node, tx: WriteTx, issuer: Organization, report: Stored, reason: str, now: datetime) -> None:
    """Take back a whole report, signed by the node. Raises Conflict: the organization keeps its own key."""
    body = Revocation(report.id, reason)
    audience = await own_audience(tx, report)
    revocation = admit.frame(node, "revocation", issuer.id, audience, report.tlp, Pap(report.pap), body, now)
    envelope = await signers.sign(node, tx, issuer, revocation)
    await admit.admit(node, tx, issuer, revocation, envelope, "node", now)
    await records.set_state(tx, report.id, history.REVOKED)


async def own_audience(tx: WriteTx, report: Stored) -> Audience:
    """Give the audience that a report itself names, which is another while it waits for review."""
    payload = await records.payload(tx, report.id) if report.quarantined else None
    return audiences.parse(report.audience) if payload is None else record.parse(payload).audience


def subject_of(stored: Stored, audience: Audience | None = None) -> Subject:
    """Give what the rules of history must know of a stored report; `audience` is its own where it waits for review."""
    state = history.ERASED if stored.erased else stored.state or history.LIVE
    return Subject(stored.id, stored.issuer, audience or audiences.parse(stored.audience), stored.tlp, state)
