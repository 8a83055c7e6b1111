"""What may follow a report: revoke it, erase it, give an opinion, report a sighting.

The rule here: whoever may not read a report cannot follow it, and gets the same answer as if it did not exist; its
issuer may always take it back.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain import access, history, reading, record
from app.domain.actor import Actor
from app.domain.audience import Audience
from app.domain.errors import Conflict, Invalid, NotFound, NotNext
from app.domain.ids import ID_VERSION
from app.domain.marking import Pap
from app.domain.record import Body, Record, Revocation, Sighting
from app.domain.signing import Envelope
from app.services import admit, audit, repeats, signers
from app.services.node import Node
from app.services.repeats import Repeat
from app.services.submit import Submitted, check_own, issuer_of, own_audience, revoke, subject_of
from app.storage import records
from app.storage.organizations import Organization
from app.storage.records import NOT_FOUND, Stored
from app.storage.store import WriteTx

READERS: dict[str, tuple[Callable[[Mapping[str, Any]], Body], tuple[str, ...]]] = {
    "revocation": (record.read_revocation, ("reason", "addresses")),
    "erasure": (record.read_erasure, ("reason",)),
    "opinion": (record.read_opinion, ("opinion", "reason", "summary")),
    "sighting": (record.read_sighting, ("chain", "address", "count", "first_seen", "last_seen")),
}


async def follow(
    node: Node,
    actor: Actor,
    report_id: UUID,
    kind: str,
    said: Mapping[str, Any] | Envelope,
    now: datetime,
    *,
    repeat: Repeat | None = None,
) -> Submitted:
    """Add a revocation, erasure, opinion or sighting to a report, as fields or as a signed envelope.

    Raises NotFound for a hidden and an absent report alike, NotNext, InvalidRecord, InvalidSignature, Conflict.
    """
    access.check_act(actor, "follow")
    heard: Mapping[str, Any] | tuple[Record, Envelope]
    if isinstance(said, Envelope):
        parsed = record.parse(said.payload)
        check_own(node, actor, parsed, {kind}, now)
        if report_id.version == ID_VERSION and parsed.subject != report_id:
            raise Invalid("The record names another report than the one in the path.")
        heard = (parsed, said)
    else:
        reading.check_keys(said, READERS[kind][1])
        heard = said
    done = await repeats.once_more(lambda: _follow(node, actor, report_id, kind, heard, now, repeat))
    if kind == "erasure":
        await node.store.scrub()
    return done


async def _follow(
    node: Node,
    actor: Actor,
    report_id: UUID,
    kind: str,
    said: Mapping[str, Any] | tuple[Record, Envelope],
    now: datetime,
    repeat: Repeat | None,
) -> Submitted:
    async with node.store.write(actor) as tx:
        known = await repeats.recall(tx, repeat)
        if known is not None:
            return Submitted(known.subject, created=False)
        if isinstance(said, tuple):
            present = await records.find_digest(tx, said[1].digest)
            if present is not None:
                return Submitted(present, created=False)
        issuer = await issuer_of(tx)
        report = await _subject(tx, report_id)
        audience = await own_audience(tx, report)
        follower, envelope, custody = await _signed(node, tx, issuer, report, audience, kind, said, now)
        history.check_next(follower, subject_of(report, audience))
        await _check_named(tx, report, follower)
        if kind == "erasure":
            await _take_back_replaced(node, tx, issuer, report, now)
        await admit.admit(node, tx, issuer, follower, envelope, custody, now, subject=report.id)
        await _apply(tx, report, follower)
        await audit.note(tx, kind, now, subject=str(report_id))
        await repeats.remember(tx, repeat, follower.id, now)
    node.ring()
    return Submitted(follower.id, created=True)


async def _subject(tx: WriteTx, report_id: UUID) -> Stored:
    report = await records.find_own(tx, report_id) or await records.get(tx, report_id)
    if await records.hold(tx, report_id):
        report = await records.find_own(tx, report_id) or await records.get(tx, report_id)
    if report.kind != "report":
        raise NotFound(NOT_FOUND)
    return report


async def _signed(
    node: Node,
    tx: WriteTx,
    issuer: Organization,
    report: Stored,
    audience: Audience,
    kind: str,
    said: Mapping[str, Any] | tuple[Record, Envelope],
    now: datetime,
) -> tuple[Record, Envelope, str]:
    signed_id = await records.signed_id(tx, report)
    if isinstance(said, tuple):
        follower, envelope = said
        if (follower.subject, follower.subject_origin) != (signed_id, report.origin):
            raise Invalid("The record names another report than the one in the path: id and origin must be its own.")
        return follower, envelope, await signers.verify(tx, issuer, envelope)
    elsewhere = {} if report.origin == node.identity.node_id else {"origin": report.origin}
    body = READERS[kind][0]({**said, "report": str(signed_id), **elsewhere})
    follower = admit.frame(node, kind, issuer.id, audience, report.tlp, Pap(report.pap), body, now)
    return follower, await signers.sign(node, tx, issuer, follower), "node"


async def _check_named(tx: WriteTx, report: Stored, follower: Record) -> None:
    """Check that the addresses which a revocation or sighting names stand in the report. Raises Invalid."""
    body = follower.body
    if isinstance(body, Revocation):
        named = {(item.chain, item.address) for item in body.addresses}
    elif isinstance(body, Sighting):
        named = {(body.chain, body.address)}
    else:
        return
    missing = named - await records.addresses_of(tx, report.id, named)
    if missing:
        chain, address = min(missing)
        raise Invalid(f"The report does not hold {address} on {chain}.")


async def _take_back_replaced(node: Node, tx: WriteTx, issuer: Organization, report: Stored, now: datetime) -> None:
    """Revoke the report that an erased one had replaced: where only the older one has come, it would stand for ever.

    Raises NotNext: the organization keeps its own key, so its client must revoke that report first.
    """
    replaced = None if report.subject is None else await records.find_own(tx, report.subject)
    if replaced is None or replaced.erased or replaced.state == history.REVOKED:
        return
    try:
        await revoke(node, tx, issuer, replaced, "outdated", now)
    except Conflict:
        words = f"The report replaced {replaced.id}, which would stand again: revoke or erase that one first."
        raise NotNext(words) from None


async def _apply(tx: WriteTx, report: Stored, follower: Record) -> None:
    if follower.kind == "erasure":
        await records.erase(tx, report.id)
        return
    if isinstance(follower.body, Revocation) and not follower.body.addresses:
        await records.set_state(tx, report.id, history.REVOKED)
    else:
        await records.set_followed(tx, report.id)
