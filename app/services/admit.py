"""Admit a record: keep it, and owe it to the log of its audience. Shared by every deed that makes a record.

The rule here: before an organization's first record in a log, and at each change of its keys, its organization record
stands in that log, so that a log verifies with the node's key and itself alone. What is admitted is owed to its log in
the same transaction: acknowledged means durable.
"""

from datetime import datetime
from uuid import UUID

from app.domain import audience as audiences
from app.domain import merkle
from app.domain.audience import Audience
from app.domain.errors import ContradictoryMarking, Invalid
from app.domain.marking import COMMUNITY_LABELS, Pap, Tlp
from app.domain.record import Body, Record
from app.domain.signing import Envelope
from app.services.node import Node
from app.storage import groups, logs, organizations, records
from app.storage.organizations import Organization
from app.storage.records import Arriving
from app.storage.store import ReadTx, WriteTx


def frame(
    node: Node, kind: str, issuer: UUID, audience: Audience, tlp: Tlp, pap: Pap, body: Body, now: datetime
) -> Record:
    """Make an unsigned record of this node."""
    return Record(
        id=node.new_id(now),
        kind=kind,
        issuer=issuer,
        origin=node.identity.node_id,
        issued_at=now,
        audience=audience,
        tlp=tlp,
        pap=pap,
        nonce=node.random(16),
        body=body,
    )


async def check_audience(tx: ReadTx, audience: Audience, tlp: Tlp) -> None:
    """Check that the actor's organization may speak to the audience under this marking. Raises Invalid.

    A group must have it as a member now; named organizations must be known here and include it, because an issuer
    always reads its own records. A group that is hidden gives the same answer as one that does not exist. A community
    is passed on by all its nodes, so it takes nothing above TLP:GREEN.
    """
    issuer = tx.actor.organization
    if audience.kind == "group":
        if audience.group is None or not await groups.is_member(tx, audience.group, issuer):
            raise Invalid("There is no such group, or you are not a member of it.")
        if tlp not in COMMUNITY_LABELS and await groups.is_community(tx, audience.group):
            raise ContradictoryMarking("A community takes TLP:CLEAR and TLP:GREEN only: use a group of organizations.")
    if audience.kind == "organizations":
        if issuer not in audience.organizations:
            raise Invalid("An audience of named organizations must name your own organization too.")
        if await organizations.count_missing(tx, audience.organizations):
            raise Invalid("The audience names an organization that is not known here.")


async def admit(
    node: Node,
    tx: WriteTx,
    issuer: Organization,
    record: Record,
    envelope: Envelope,
    custody: str,
    now: datetime,
    *,
    subject: UUID | None = None,
) -> None:
    """Keep a verified record; one by an issuer under review waits, readable by the issuer alone.

    `subject` is the id that the report which it follows has here.
    Not checked here: the signature, the marking, and whether the record may follow what is there.
    """
    leaf_hash = merkle.leaf_hash(envelope.to_bytes())
    waits = not issuer.trusted and record.kind not in {"organization", "group"}
    shown_to = audiences.organizations(issuer.id) if waits else record.audience
    audience_id = await records.ensure_audience(tx, shown_to, record.tlp)
    await records.add(tx, Arriving(record.id, record, envelope, leaf_hash, audience_id, custody, now, waits, subject))
    if not waits:
        await introduce(node, tx, issuer, record.audience, record.tlp, audience_id, now)
        await logs.owe(tx, record.id, audience_id, leaf_hash, now)


async def handling(tx: ReadTx, audience: Audience, tlp: Tlp) -> tuple[Tlp, Pap]:
    """Give the marking under which the node states something in the log of an audience."""
    if tlp is Tlp.RED:
        return Tlp.RED, Pap.RED
    if audience.kind == "public":
        return Tlp.CLEAR, Pap.CLEAR
    if audience.group is not None and await groups.is_community(tx, audience.group):
        return Tlp.GREEN, Pap.GREEN
    return Tlp.AMBER, Pap.AMBER


async def introduce(
    node: Node, tx: WriteTx, issuer: Organization, audience: Audience, tlp: Tlp, audience_id: int, now: datetime
) -> None:
    """Owe the organization's record, in its present version, to the audience's log, unless that was done before."""
    if await records.is_introduced(tx, audience_id, issuer.id, issuer.version):
        return
    body = await organizations.vouched(tx, issuer)
    if not await records.introduce(tx, audience_id, issuer.id, body):
        return
    marking = await handling(tx, audience, tlp)
    record = frame(node, "organization", issuer.id, audience, *marking, body, now)
    await vouch(tx, record, record.sign(node.identity.seed), audience_id, now)


async def introduce_everywhere(node: Node, tx: WriteTx, issuer: Organization, now: datetime) -> None:
    """Owe the organization's record, in its present version, to every log in which it stands in another one."""
    for audience_id, document, red in await records.introduced_audiences(tx, issuer.id):
        tlp = Tlp.RED if red else Tlp.AMBER
        await introduce(node, tx, issuer, audiences.parse(document), tlp, audience_id, now)


async def vouch(tx: WriteTx, record: Record, envelope: Envelope, audience_id: int, now: datetime) -> None:
    """Keep a record that the node itself signs, and owe it to the log."""
    leaf_hash = merkle.leaf_hash(envelope.to_bytes())
    await records.add(tx, Arriving(record.id, record, envelope, leaf_hash, audience_id, "node", now))
    await logs.owe(tx, record.id, audience_id, leaf_hash, now)
