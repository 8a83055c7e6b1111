"""Organizations and their signing keys.

The rule here: a key is never taken away, only revoked, because what it signed before must still verify. A private key
that the node holds for an organization is kept sealed; nothing here can open it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text, update

from app.domain import record
from app.domain.errors import NotFound
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import organization_keys, organizations


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization as this node knows it; `trusted` when its reports need no review."""

    id: UUID
    name: str
    kind: str
    home: str
    trusted: bool
    version: int
    created_at: datetime


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


async def find(tx: ReadTx, organization_id: UUID) -> Organization | None:
    """Find an organization."""
    row = (await tx.execute(select(organizations).where(organizations.c.id == organization_id))).first()
    return None if row is None else Organization(*row)


async def get(tx: ReadTx, organization_id: UUID) -> Organization:
    """Give an organization. Raises NotFound."""
    found = await find(tx, organization_id)
    if found is None:
        raise NotFound("There is no such organization.")
    return found


async def search(tx: ReadTx, after: UUID | None, limit: int) -> list[Organization]:
    """List the organizations, by id. Names of partners are known to every partner: an audience names them."""
    query = select(organizations).order_by(organizations.c.id).limit(limit)
    if after is not None:
        query = query.where(organizations.c.id > after)
    return [Organization(*row) for row in await tx.execute(query)]


async def count_missing(tx: ReadTx, ids: Sequence[UUID]) -> int:
    """Count which of these organizations are not known here."""
    rows = await tx.execute(select(organizations.c.id).where(organizations.c.id.in_(ids)))
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


async def vouched(tx: ReadTx, organization: Organization) -> record.Organization:
    """Give the body of the organization's record in its present version."""
    held = await keys(tx, organization.id)
    return record.Organization(
        organization.name,
        organization.kind,
        organization.version,
        tuple(record.Key(key.public_key, key.custody, key.revoked_at is not None) for key in held),
    )
