"""Organizations, their keys and credentials: who belongs here and by what they are known.

The rule here: a change of keys reaches every log in which the organization stands, after all that the old keys signed;
a revoked key or credential counts for nothing from the commit on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.domain import access, reading, record, signing, vocabulary
from app.domain.actor import Actor, Scope
from app.domain.errors import Conflict, Forbidden, Invalid, NotFound
from app.services import admit, api_keys, audit, repeats
from app.services.node import Node
from app.services.repeats import Repeat
from app.storage import credentials, facts, logs, organizations, records, review, stamps
from app.storage.credentials import Credential as Credential  # noqa: PLC0414 - part of this floor's interface
from app.storage.organizations import Organization as Organization  # noqa: PLC0414 - same
from app.storage.organizations import SigningKey as SigningKey  # noqa: PLC0414 - same
from app.storage.store import WriteTx

MAX_CREDENTIALS = 1_000  # API keys of one organization, revoked ones included
PARTNER_SCOPES = (Scope.QUERY, Scope.SUBMIT, Scope.GROUP, Scope.AUDIT)


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A new API key: what is kept, and the text that is shown once."""

    credential: Credential
    text: str


async def add_organization(  # noqa: PLR0913 - each is a fact of the organization
    node: Node,
    actor: Actor,
    name: str,
    kind: str,
    now: datetime,
    *,
    trusted: bool,
    organization_id: UUID | None = None,
    public_key: bytes | None = None,
    listed: bool = False,
    repeat: Repeat | None = None,
) -> Organization:
    """Add an organization at home here; without a public key of its own the node makes and keeps one for it.

    `trusted`: its reports need no review. `listed`: it wishes to be found by other nodes, so that their groups and
    audiences can name it. The id is made unless it is given.
    Raises Conflict for a name that is taken; Invalid.
    """
    access.check_act(actor, "operate")
    name = reading.text(name, "/name", record.MAX_NAME)
    kind = reading.word(kind, vocabulary.ORGANIZATION_KINDS, "/kind")
    if public_key is not None:
        signing.check_public_key(public_key)

    async def add() -> Organization:
        async with node.store.write(actor) as tx:
            known = await repeats.recall(tx, repeat)
            if known is not None:
                return await organizations.get(tx, known.subject)
            made = Organization(
                organization_id or node.new_id(now), name, kind, node.identity.node_id, trusted, 1, now, listed
            )
            await organizations.add(tx, made)
            await organizations.add_key(tx, _new_key(node, made.id, public_key, now))
            await audit.note(tx, "add_organization", now, subject=str(made.id))
            await repeats.remember(tx, repeat, made.id, now)
        node.ring()
        return made

    return await repeats.once_more(add)


def _new_key(node: Node, organization: UUID, public_key: bytes | None, now: datetime) -> SigningKey:
    if public_key is not None:
        return SigningKey(signing.key_id(public_key), organization, public_key, "organization", None, now, None)
    seed = signing.new_seed(node.random(signing.KEY_BYTES))
    made = signing.public_key(seed)
    return SigningKey(signing.key_id(made), organization, made, "node", node.identity.seal(seed), now, None)


async def trust_organization(node: Node, actor: Actor, organization_id: UUID, now: datetime) -> int:
    """End the review of an organization: its waiting records go to their audiences; give how many.

    What a key signed that was revoked meanwhile stays where it is: in the log it would be a record by a revoked key.
    """
    access.check_act(actor, "operate")
    async with node.store.write(actor) as tx:
        await organizations.hold(tx, organization_id, alone=True)
        issuer = await organizations.get(tx, organization_id)
        await organizations.set_trusted(tx, organization_id)
        revoked = {key.keyid for key in await organizations.keys(tx, organization_id) if key.revoked_at is not None}
        released = [item for item in await review.waiting(tx, organization_id) if item.keyid not in revoked]
        for item in released:
            audience_id = await records.ensure_audience(tx, item.record.audience, item.record.tlp)
            await review.publish(tx, item.id, audience_id)
            if issuer.home == node.identity.node_id:
                await admit.introduce(node, tx, issuer, item.record.audience, item.record.tlp, audience_id, now)
                await logs.owe(tx, item.id, audience_id, item.leaf_hash, now)
        if released and issuer.home != node.identity.node_id:  # they stand in its home's logs since they came
            await logs.hold_sequencer(tx, wait=True)
            known = await facts.of(tx, [item.id for item in released])
            await logs.arrive(tx, await stamps.arrive(tx, [known[item.id] for item in released], now))
        await audit.note(tx, "trust_organization", now, subject=str(organization_id), count=len(released))
    node.ring()
    return len(released)


async def set_listed(node: Node, actor: Actor, organization_id: UUID, now: datetime, *, listed: bool) -> None:
    """Let an organization at home here be found by other nodes, or no longer. Raises NotFound."""
    access.check_act(actor, "operate")
    async with node.store.write(actor) as tx:
        if (await organizations.get(tx, organization_id)).home != node.identity.node_id:
            raise Forbidden("Only its own node says whether an organization wishes to be found.")
        await organizations.set_listed(tx, organization_id, listed=listed)
        await audit.note(tx, "list_organization", now, subject=str(organization_id), outcome=str(listed).lower())
    node.ring()


async def list_organizations(node: Node, actor: Actor, after: UUID | None, limit: int) -> list[Organization]:
    """List the organizations known here, by id."""
    access.check_act(actor, "read_organizations")
    async with node.store.read(actor) as tx:
        return await organizations.search(tx, after, limit)


async def get_organization(node: Node, actor: Actor, organization_id: UUID) -> tuple[Organization, list[SigningKey]]:
    """Give an organization and its public keys. Raises NotFound."""
    access.check_act(actor, "read_organizations")
    async with node.store.read(actor) as tx:
        return await organizations.get(tx, organization_id), await organizations.keys(tx, organization_id)


def _check_own(actor: Actor, organization_id: UUID) -> None:
    """Check that the actor administers this organization: its own, or any as the node's operator."""
    access.check_act(actor, "administer")
    if organization_id != actor.organization and Scope.OPERATE not in actor.scopes:
        raise Forbidden("Only an organization itself, or the node's operator, may administer it.")


async def enrol_key(
    node: Node, actor: Actor, organization_id: UUID, public_key: bytes | None, now: datetime
) -> SigningKey:
    """Enrol a signing key of an organization: its own public key, or None for one that the node makes and keeps."""
    _check_own(actor, organization_id)
    if public_key is not None:
        signing.check_public_key(public_key)
    async with node.store.write(actor) as tx:
        await organizations.hold(tx, organization_id, alone=True)
        issuer = await organizations.get(tx, organization_id)
        if len(await organizations.keys(tx, organization_id)) >= record.MAX_KEYS:
            raise Conflict(f"An organization has at most {record.MAX_KEYS} keys, revoked ones included.")
        key = _new_key(node, organization_id, public_key, now)
        await organizations.add_key(tx, key)
        await state_anew(node, tx, issuer, now)
        await audit.note(tx, "enrol_key", now, subject=key.keyid)
    node.ring()
    return key


async def revoke_key(node: Node, actor: Actor, organization_id: UUID, keyid: str, now: datetime) -> None:
    """Revoke a signing key: what it signed before stays valid, nothing after. Raises NotFound."""
    _check_own(actor, organization_id)
    async with node.store.write(actor) as tx:
        await organizations.hold(tx, organization_id, alone=True)
        issuer = await organizations.get(tx, organization_id)
        held = {key.keyid: key for key in await organizations.keys(tx, organization_id)}
        if keyid not in held:
            raise NotFound("The organization has no such key.")
        if held[keyid].revoked_at is None:
            await organizations.revoke_key(tx, keyid, now)
            await state_anew(node, tx, issuer, now)
        await audit.note(tx, "revoke_key", now, subject=keyid)
    node.ring()


async def state_anew(node: Node, tx: WriteTx, issuer: Organization, now: datetime) -> None:
    """Owe a new version of the organization's record, with its keys of now, to every log in which it stands."""
    newer = replace(issuer, version=issuer.version + 1)
    await organizations.set_version(tx, newer.id, newer.version)
    await admit.introduce_everywhere(node, tx, newer, now)


async def add_credential(
    node: Node,
    actor: Actor,
    organization_id: UUID,
    name: str,
    scopes: Sequence[str],
    now: datetime,
    *,
    networks: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> NewCredential:
    """Make an API key for an organization; its text is given once and never kept."""
    _check_own(actor, organization_id)
    api_keys.check_cidrs(networks, "/networks")
    wanted = [Scope(reading.word(scope, [str(item) for item in Scope], "/scopes")) for scope in scopes]
    if not wanted:
        raise Invalid("A credential needs at least one scope.")
    if not set(wanted) <= actor.scopes or (Scope.OPERATE in wanted and organization_id != node.operator):
        raise Forbidden("A credential has at most the scopes of its maker, and 'operate' only at the node's operator.")
    if expires_at is not None and expires_at <= now:
        raise Invalid("expires_at lies in the past.")
    key = api_keys.mint(node.random(api_keys.RANDOM_BYTES))
    parsed = api_keys.ParsedKey(key.id, key.text.split("_")[2])
    async with node.store.write(actor) as tx:
        await organizations.get(tx, organization_id)
        if len(await credentials.of_organization(tx, organization_id)) >= MAX_CREDENTIALS:
            raise Conflict(f"An organization has at most {MAX_CREDENTIALS} credentials, revoked ones included.")
        kept = Credential(
            id=key.id,
            organization_id=organization_id,
            name=reading.text(name, "/name", record.MAX_NAME),
            digest=api_keys.digest(parsed, node.identity.pepper),
            scopes=sorted({str(scope) for scope in wanted}),
            networks=list(networks),
            created_at=now,
            expires_at=expires_at,
            revoked_at=None,
            last_used_at=None,
        )
        await credentials.add(tx, kept)
        await audit.note(tx, "add_credential", now, subject=key.id)
    node.ring()
    return NewCredential(kept, key.text)


async def list_credentials(node: Node, actor: Actor, organization_id: UUID) -> list[Credential]:
    """List the credentials of an organization, without their secrets."""
    _check_own(actor, organization_id)
    async with node.store.read(actor) as tx:
        return await credentials.of_organization(tx, organization_id)


async def revoke_credential(node: Node, actor: Actor, organization_id: UUID, credential_id: str, now: datetime) -> None:
    """Revoke an API key, and every token that was exchanged for it. Raises NotFound."""
    _check_own(actor, organization_id)
    async with node.store.write(actor) as tx:
        kept = await credentials.find(tx, credential_id)
        if kept is None or kept.organization_id != organization_id:
            raise NotFound("The organization has no such credential.")
        await credentials.revoke(tx, credential_id, now)
        await audit.note(tx, "revoke_credential", now, subject=credential_id)
    node.ring()
