"""The stream of feeds as the checker looks at it: rooms that cross, and reports that do not stand in it whole.

The rule here: as in `checking.py`, everything is looked at, and nothing but stamps and ids comes out.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, select, type_coerce, union_all
from sqlalchemy.types import NullType

from app.domain.marking import Tlp
from app.storage.checking import NAMED
from app.storage.feed_tables import feed
from app.storage.stamps import STRIDE
from app.storage.store import ReadTx
from app.storage.tables import log_entries, records, reports


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return type_coerce(column, NullType())


async def crossing_rooms(tx: ReadTx) -> list[object]:
    """Name the stamps of rows of the stream in whose room another row stands, or something has arrived."""
    other = feed.alias()
    ends_a_room = select(other.c.stamp).where(other.c.stamp == log_entries.c.arrival).exists()
    places = union_all(
        select(feed.c.stamp, (feed.c.stamp - cast(feed.c.units, BigInteger) * STRIDE).label("start")),
        select(log_entries.c.arrival, log_entries.c.arrival).where(log_entries.c.arrival.is_not(None), ~ends_a_room),
    ).subquery()
    before = func.lag(places.c.stamp).over(order_by=places.c.stamp).label("before")
    rows = select(places, before).subquery()
    query = select(_plain(rows.c.stamp)).where(rows.c.start < rows.c.before)
    return [row[0] for row in await tx.execute(query.limit(NAMED))]


async def streamed_wrongly(tx: ReadTx) -> list[object]:
    """Name the reports that have arrived and do not stand in the stream with all their indicators, each once."""
    units = select(func.coalesce(func.sum(feed.c.units), 0)).where(
        feed.c.report == reports.c.record_id, feed.c.kind == "report"
    )
    query = (
        select(_plain(reports.c.record_id))
        .join(records, records.c.id == reports.c.record_id)
        .join(log_entries, log_entries.c.record_id == reports.c.record_id)
        .where(
            log_entries.c.arrival.is_not(None),
            records.c.tlp.in_([tlp for tlp in Tlp if tlp is not Tlp.RED]),
            units.scalar_subquery() != reports.c.indicators,
        )
    )
    return [row[0] for row in await tx.execute(query.limit(NAMED))]
