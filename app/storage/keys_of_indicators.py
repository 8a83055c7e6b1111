"""The keys under which indicators are found, as a whole: when the registry of chains changes they are made anew.

The rule here: rows are walked in the order of their primary key, a bounded number at a time, so that a walk that was
killed is begun again without harm.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, literal, select, tuple_, update

from app.storage.store import ReadTx, WriteTx
from app.storage.tables import indicators, registry


class Keyed(NamedTuple):
    """An indicator's place, and what its key is made of."""

    record_id: UUID
    ordinal: int
    key: bytes
    chain: str
    address: str


async def made_by(tx: ReadTx) -> bytes | None:
    """Give the digest of the registry by which the keys were made; None before any was noted."""
    return (await tx.execute(select(registry.c.digest))).scalar()


async def note(tx: WriteTx, digest: bytes) -> None:
    """Note by which registry the keys are made now."""
    await tx.execute(registry.delete())
    await tx.execute(registry.insert().values(id=1, digest=digest))


async def walk(tx: ReadTx, after: tuple[UUID, int] | None, limit: int) -> list[Keyed]:
    """Give the indicators after a place, in the order of the primary key."""
    place = tuple_(indicators.c.record_id, indicators.c.ordinal)
    query = select(*(indicators.c[name] for name in Keyed._fields)).order_by(*place.clauses).limit(limit)
    if after is not None:
        typed = (literal(value, column.type) for value, column in zip(after, place.clauses, strict=True))
        query = query.where(place > tuple_(*typed))
    return [Keyed(*row) for row in await tx.execute(query)]


async def change(tx: WriteTx, rows: Sequence[Mapping[str, object]]) -> None:
    """Change the keys of indicators; a row names `of_record`, `of_ordinal` and `new_key`."""
    if rows:
        ours = (indicators.c.record_id == bindparam("of_record")) & (indicators.c.ordinal == bindparam("of_ordinal"))
        await tx.execute(update(indicators).where(ours).values(key=bindparam("new_key")), list(rows))
