"""Lag: how far this node is behind each peer, how far each peer is behind this node, and what either refused.

The rule here: entries are counted exactly; seconds say since when not everything was here. Logs are named by id and
audience, never by content.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.domain import access
from app.domain.actor import Actor, system
from app.domain.timestamps import format_time
from app.services.node import Node
from app.storage import evidence, lags, peers
from app.storage.lags import Standing
from app.storage.store import ReadTx

_FIGURES = ("behind", "lag_seconds", "refused", "refused_there")


@dataclass(frozen=True, slots=True)
class LogLag:
    """One log between this node and a peer.

    From the peer: it shows `head` entries, `pulled` are here, `behind` are missing since `lag_seconds`; of those here
    `refused` were not taken and `bare` came without a body. To the peer: `served` were sent, it says that it holds
    `held` of them, and refused `refused_there`. `ended`: the peer lets this node read the log no longer.
    """

    peer: str
    log: str
    origin: str | None
    audience: str | None
    head: int
    pulled: int
    behind: int
    lag_seconds: int
    level_at: datetime | None
    refused: int
    bare: int
    served: int
    held: int
    refused_there: int
    ended: bool
    error: str | None

    def to_document(self) -> dict[str, Any]:
        """Give the row as a JSON document."""
        level_at = None if self.level_at is None else format_time(self.level_at)
        return asdict(self) | {"level_at": level_at}


async def of_peer(node: Node, actor: Actor, peer_id: str | None, now: datetime) -> list[LogLag]:
    """Tell how each log stands between this node and a peer, or every peer, by peer and log."""
    access.check_act(actor, "read_peers")
    async with node.store.read(actor) as tx:
        return await read(tx, peer_id, now)


async def read(tx: ReadTx, peer_id: str | None, now: datetime) -> list[LogLag]:
    """Tell the same inside a transaction."""
    return [_row(found, now) for found in await lags.search(tx, peer_id)]


def _row(found: Standing, now: datetime) -> LogLag:
    row = found.between
    behind = max(0, row.head - found.size)
    since = row.level_at or row.head_at
    return LogLag(
        peer=row.peer_id,
        log=row.log_id,
        origin=found.origin,
        audience=found.audience_key,
        head=row.head,
        pulled=found.size,
        behind=behind,
        lag_seconds=int((now - since).total_seconds()) if behind and since is not None else 0,
        level_at=row.level_at,
        refused=found.refused,
        bare=found.bare,
        served=row.served,
        held=row.held,
        refused_there=row.refused_there,
        ended=row.ended,
        error=row.error,
    )


async def figures(node: Node, now: datetime) -> tuple[list[tuple[str, tuple[str, ...], float]], int]:
    """Give the figures for the node's metrics, (figure, ids of peer and log, value), and how many forks are known."""
    async with node.store.read(system(node.operator)) as tx:
        known, rows, forks = await peers.search(tx), await read(tx, None, now), await evidence.count(tx)
    made: list[tuple[str, tuple[str, ...], float]] = []
    for peer in known:
        made.append(("failures", (peer.node_id,), peer.failures))
        if peer.heard_at is not None:
            made.append(("unheard_seconds", (peer.node_id,), (now - peer.heard_at).total_seconds()))
    for row in rows:
        made += [(name, (row.peer, row.log), getattr(row, name)) for name in _FIGURES]
    return made, forks


def totals(rows: Sequence[LogLag]) -> dict[str, int]:
    """Sum up the logs of one peer."""
    return {
        "logs": len(rows),
        "behind": sum(row.behind for row in rows),
        "lag_seconds": max((row.lag_seconds for row in rows), default=0),
        "refused": sum(row.refused for row in rows),
        "refused_there": sum(row.refused_there for row in rows),
    }
