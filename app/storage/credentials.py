"""API keys and used assertions.

The rule here: only a keyed digest of a secret is kept; a credential is revoked, never deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update

from app.storage.store import ReadTx, WriteTx
from app.storage.tables import assertions, credentials


@dataclass(frozen=True, slots=True)
class Credential:
    """An API key of an organization, without its secret."""

    id: str
    organization_id: UUID
    name: str
    digest: bytes
    scopes: list[str]
    networks: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


async def add(tx: WriteTx, credential: Credential) -> None:
    """Add a credential."""
    values = {name: getattr(credential, name) for name in credentials.columns.keys()}  # noqa: SIM118
    await tx.execute(credentials.insert().values(**values))


async def find(tx: ReadTx, credential_id: str) -> Credential | None:
    """Find a credential by its id, whatever its state."""
    row = (await tx.execute(select(credentials).where(credentials.c.id == credential_id))).first()
    return None if row is None else Credential(*row)


async def of_organization(tx: ReadTx, organization_id: UUID) -> list[Credential]:
    """List the credentials of an organization, oldest first."""
    query = (
        select(credentials)
        .where(credentials.c.organization_id == organization_id)
        .order_by(credentials.c.created_at, credentials.c.id)
    )
    return [Credential(*row) for row in await tx.execute(query)]


async def revoke(tx: WriteTx, credential_id: str, now: datetime) -> None:
    """Revoke a credential from now on."""
    await tx.execute(
        update(credentials)
        .where(credentials.c.id == credential_id, credentials.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


async def touch(tx: WriteTx, used: Sequence[tuple[str, datetime]]) -> None:
    """Note when credentials were last used."""
    for credential_id, moment in used:
        await tx.execute(update(credentials).where(credentials.c.id == credential_id).values(last_used_at=moment))


async def use_assertion(tx: WriteTx, organization_id: UUID, jti: str, expires_at: datetime) -> bool:
    """Note that an assertion was used; False when it was used before."""
    return await tx.insert_new(assertions, {"organization_id": organization_id, "jti": jti, "expires_at": expires_at})


async def expire_assertions(tx: WriteTx, now: datetime) -> None:
    """Forget assertions that are too old to be accepted anyway."""
    await tx.execute(delete(assertions).where(assertions.c.expires_at < now))
