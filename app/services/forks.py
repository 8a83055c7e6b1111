"""Forks: the proofs, kept here, that a node has signed two histories of one log.

The rule here: a proof is given out as it was made, so that whoever gets it can verify it without this node.
"""

from app.domain import access
from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.services.node import Node
from app.storage import evidence
from app.storage.evidence import Evidence as Evidence  # noqa: PLC0414 - part of this floor's interface


async def list_forks(node: Node, actor: Actor, after: str, limit: int) -> list[Evidence]:
    """List the proofs by id."""
    access.check_act(actor, "read_peers")
    async with node.store.read(actor) as tx:
        return await evidence.search(tx, after, limit)


async def get_fork(node: Node, actor: Actor, evidence_id: str) -> Evidence:
    """Give one proof. Raises NotFound."""
    access.check_act(actor, "read_peers")
    async with node.store.read(actor) as tx:
        found = await evidence.find(tx, evidence_id)
    if found is None:
        raise NotFound("There is no such evidence.")
    return found
