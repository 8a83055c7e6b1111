"""Keep of each indicator the id that its address has as a STIX wallet, so that it is found by it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.formats import stix_ids
from app.storage.columns import Id

revision = "0009"
down_revision = "0008"

PART = 10_000  # rows at a time

INDICATORS = sa.table(
    "indicators",
    sa.column("record_id", Id()),
    sa.column("ordinal", sa.Integer()),
    sa.column("address", sa.Text()),
    sa.column("wallet", sa.LargeBinary()),
)


def upgrade() -> None:
    """Upgrade."""
    op.add_column("indicators", sa.Column("wallet", sa.LargeBinary(), nullable=True))
    fill()
    op.create_index("ix_indicators_wallet", "indicators", ["wallet"])


def fill() -> None:
    """Make the ids, a part of the rows at a time, in the order of the primary key."""
    place = sa.tuple_(INDICATORS.c.record_id, INDICATORS.c.ordinal)
    query = sa.select(INDICATORS.c.record_id, INDICATORS.c.ordinal, INDICATORS.c.address).order_by(*place.clauses)
    mine = (INDICATORS.c.record_id == sa.bindparam("of")) & (INDICATORS.c.ordinal == sa.bindparam("at"))
    change = sa.update(INDICATORS).where(mine).values(wallet=sa.bindparam("made"))
    after: tuple[Any, int] | None = None
    while True:
        part = query.limit(PART)
        if after is not None:
            typed = (sa.literal(value, column.type) for value, column in zip(after, place.clauses, strict=True))
            part = part.where(place > sa.tuple_(*typed))
        rows = op.get_bind().execute(part).all()
        if not rows:
            return
        made = [{"of": row[0], "at": row[1], "made": stix_ids.of_wallet(row[2])} for row in rows]
        op.get_bind().execute(change, made)
        after = rows[-1][0], rows[-1][1]
