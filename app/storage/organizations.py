"""Organizations and their signing keys.

The rule here: a key is never taken away, only revoked, because what it signed before must still verify. A private key
that the node holds for an organization is kept sealed; nothing here can open it. An organization is at home where it
was first seen, for ever. Who asks knows those at its own home, those that wish to be found, and those that have
stated themselves to an audience that it may read; any other is as good as absent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, literal_column, or_, select, text, update

from app.domain import record
from app.domain.errors import NotFound
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import organization_keys, organizations, records
from app.storage.visibility import visible


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization as this node knows it.

    `trusted` when its reports need no review, `listed` when it wishes to be found by other nodes.
    """

    id: UUID
    name: str
    kind: str
    home: str
    trusted: bool
    version: int
    created_at: datetime
    listed: bool = False


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A signing key of an organization; `sealed_seed` only where the node holds the private half."""

    keyid: str
    organization_id: UUID
    public_key: bytes
    custody: str
    sealed_seed: bytes | None
    enrolled_at: datetime
    revoked_at: datetime | None


async def add(tx: WriteTx, organization: Organization) -> None:
    """Add an organization. Raises Conflict: the id or the name is taken."""
    values = {name: getattr(organization, name) for name in organizations.columns.keys()}  # noqa: SIM118
    await tx.execute(organizations.insert().values(**values))


async def upsert_foreign(tx: WriteTx, stated: Organization) -> str:
    """Take in what the home of an organization says of it, and give the home at which it is pinned.

    An organization that is pinned elsewhere, or known in a newer version, stays as it is. A name that another
    organization of this home still has here is made unlike it by the id: the other's newer version may come later.
    """
    values = {name: getattr(stated, name) for name in organizations.columns.keys()}  # noqa: SIM118
    taken = select(organizations.c.id).where(
        organizations.c.home == stated.home, organizations.c.name == stated.name, organizations.c.id != stated.id
    )
    if (await tx.execute(taken)).first() is not None:
        values["name"] = f"{stated.name} ({stated.id})"
    if await tx.insert_new(organizations, values):
        tx.audiences_changed = True
        return stated.home
    row = (await tx.execute(select(organizations).where(organizations.c.id == stated.id))).one()
    known = Organization(*row)
    if known.home == stated.home and known.version <= stated.version:
        newer = {name: values[name] for name in ("name", "kind", "version", "listed")}
        await tx.execute(update(organizations).where(organizations.c.id == stated.id).values(**newer))
    return known.home


async def homes(tx: ReadTx, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Give the pinned home of each of these organizations that is known."""
    query = select(organizations.c.id, organizations.c.home).where(organizations.c.id.in_(ids))
    return {organization: home for organization, home in await tx.execute(query)}  # noqa: C416 - rows are no pairs


def known_to(tx: ReadTx) -> ColumnElement[bool]:
    """Say that the actor may know of an organization."""
    actor = organizations.alias()
    own_home = select(actor.c.home).where(actor.c.id == tx.actor.organization).scalar_subquery()
    stated = select(records.c.id).where(
        records.c.issuer == organizations.c.id,
        records.c.kind == literal_column("'organization'"),  # as the index says it
        visible(records.c.audience_id, tx.audiences),
    )
    return or_(organizations.c.home == own_home, organizations.c.listed.is_(True), stated.exists())


async def find(tx: ReadTx, organization_id: UUID) -> Organization | None:
    """Find an organization, whether the actor may know of it or not."""
    row = (await tx.execute(select(organizations).where(organizations.c.id == organization_id))).first()
    return None if row is None else Organization(*row)


async def get(tx: ReadTx, organization_id: UUID) -> Organization:
    """Give an organization that the actor may know of. Raises NotFound for a hidden and an absent one alike."""
    query = select(organizations).where(organizations.c.id == organization_id, known_to(tx))
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound("There is no such organization.")
    return Organization(*row)


async def search(tx: ReadTx, after: UUID | None, limit: int) -> list[Organization]:
    """List the organizations that the actor may know of, by id."""
    query = select(organizations).where(known_to(tx)).order_by(organizations.c.id).limit(limit)
    if after is not None:
        query = query.where(organizations.c.id > after)
    return [Organization(*row) for row in await tx.execute(query)]


async def listed_at(tx: ReadTx, home: str, limit: int) -> list[Organization]:
    """List the organizations of a home that wish to be found, by id."""
    query = select(organizations).where(organizations.c.home == home, organizations.c.listed.is_(True))
    return [Organization(*row) for row in await tx.execute(query.order_by(organizations.c.id).limit(limit))]


async def count_missing(tx: ReadTx, ids: Sequence[UUID]) -> int:
    """Count which of these organizations the actor does not know."""
    rows = await tx.execute(select(organizations.c.id).where(organizations.c.id.in_(ids), known_to(tx)))
    return len(set(ids)) - len(list(rows))


async def hold(tx: WriteTx, organization_id: UUID, *, alone: bool) -> None:
    """Hold the organization's keys still until the commit: many submit together, a change of keys waits for them.

    So a record that a key signed before its revocation is owed to its log before the revocation is. On SQLite the
    writing transaction is alone anyway.
    """
    if tx.dialect != "postgresql":
        return
    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    number = int.from_bytes(organization_id.bytes[8:], "big", signed=True)
    await tx.execute(text(f"SELECT {lock}(:number)"), {"number": number})


async def set_trusted(tx: WriteTx, organization_id: UUID) -> None:
    """End the review of an organization."""
    await tx.execute(update(organizations).where(organizations.c.id == organization_id).values(trusted=True))


async def set_listed(tx: WriteTx, organization_id: UUID, *, listed: bool) -> None:
    """Note whether the organization wishes to be found by other nodes."""
    await tx.execute(update(organizations).where(organizations.c.id == organization_id).values(listed=listed))


async def set_version(tx: WriteTx, organization_id: UUID, version: int) -> None:
    """Note that the organization's record has a new version."""
    await tx.execute(update(organizations).where(organizations.c.id == organization_id).values(version=version))


async def add_key(tx: WriteTx, key: SigningKey) -> None:
    """Enrol a key. Raises Conflict: the key is enrolled already, here or elsewhere."""
    values = {name: getattr(key, name) for name in organization_keys.columns.keys()}  # noqa: SIM118
    await tx.execute(organization_keys.insert().values(**values))


async def keys(tx: ReadTx, organization_id: UUID) -> list[SigningKey]:
    """List all keys of an organization, revoked ones too, oldest first."""
    query = (
        select(organization_keys)
        .where(organization_keys.c.organization_id == organization_id)
        .order_by(organization_keys.c.enrolled_at, organization_keys.c.keyid)
    )
    return [SigningKey(*row) for row in await tx.execute(query)]


async def revoke_key(tx: WriteTx, keyid: str, now: datetime) -> None:
    """Revoke a key from now on."""
    await tx.execute(
        update(organization_keys)
        .where(organization_keys.c.keyid == keyid, organization_keys.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


async def restate_keys(tx: WriteTx, organization_id: UUID, stated: Iterable[record.Key], now: datetime) -> bool:
    """Enrol and revoke what an organization's own record states of its keys, and this node has lost by a restore.

    The private half of a key that the node held is not in the record: such a key only verifies. Tells whether there
    was anything.
    """
    learned = False
    held = {key.keyid: key for key in await keys(tx, organization_id)}
    for key in stated:
        if key.keyid not in held:
            revoked_at = now if key.revoked else None
            await add_key(
                tx, SigningKey(key.keyid, organization_id, key.public_key, key.custody, None, now, revoked_at)
            )
            learned = True
        elif key.revoked and held[key.keyid].revoked_at is None:
            await revoke_key(tx, key.keyid, now)
            learned = True
    return learned


async def vouched(tx: ReadTx, organization: Organization) -> record.Organization:
    """Give the body of the organization's record in its present version."""
    held = await keys(tx, organization.id)
    return record.Organization(
        organization.name,
        organization.kind,
        organization.version,
        tuple(record.Key(key.public_key, key.custody, key.revoked_at is not None) for key in held),
    )
