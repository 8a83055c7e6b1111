"""How each log stands between this node and its peers, for those who look after the node.

The rule here: these are counts, ids and times of every log that passes between two nodes, for the operator alone;
content never.
"""

from dataclasses import dataclass

from sqlalchemy import case, func, select

from app.storage.deliveries import PeerLog, held_of
from app.storage.federation_tables import log_holes, peer_logs
from app.storage.store import ReadTx
from app.storage.tables import audiences, logs


@dataclass(frozen=True, slots=True)
class Standing:
    """One log between this node and a peer, with what is here: its name (None: nothing yet), size and holes."""

    between: PeerLog
    origin: str | None
    audience_key: str | None
    size: int
    refused: int
    bare: int


async def search(tx: ReadTx, peer_id: str | None) -> list[Standing]:
    """List the logs between this node and a peer, or every peer, by peer and log."""
    query = (
        select(peer_logs, logs.c.origin, audiences.c.key, func.coalesce(held_of(peer_logs.c.log_id), 0))
        .outerjoin(logs, logs.c.id == peer_logs.c.log_id)
        .outerjoin(audiences, audiences.c.id == logs.c.audience_id)
        .order_by(peer_logs.c.peer_id, peer_logs.c.log_id)
    )
    if peer_id is not None:
        query = query.where(peer_logs.c.peer_id == peer_id)
    holes = await _holes(tx)
    found = []
    for *columns, origin, key, size in await tx.execute(query):
        between = PeerLog(*columns)
        refused, bare = holes.get(between.log_id, (0, 0))
        found.append(Standing(between, origin, key, size, refused, bare))
    return found


async def _holes(tx: ReadTx) -> dict[str, tuple[int, int]]:
    """Count for each log the entries that this node refused, and those whose body did not come."""
    refused = func.sum(case((log_holes.c.refused, 1), else_=0))
    query = select(log_holes.c.log_id, refused, func.count()).group_by(log_holes.c.log_id)
    return {log_id: (int(number), int(total) - int(number)) for log_id, number, total in await tx.execute(query)}
