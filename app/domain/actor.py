"""Who is asking, and what that credential may do.

The rule here: an actor is made in one place (`services/authenticate.py`, or the operator's command line) and never
widened afterwards. What an actor may read follows from its organization alone; its scopes only take away.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

_NO_ORGANIZATION = UUID(int=0)


class Scope(StrEnum):
    """One thing that a credential may do for its organization."""

    QUERY = "query"  # look up, screen, list, read, logs
    SUBMIT = "submit"  # reports and what may follow them
    GROUP = "group"  # sharing groups: create, join, leave
    AUDIT = "audit"  # read what the own organization's credentials did
    ADMINISTER = "administer"  # own organization's keys and credentials
    OPERATE = "operate"  # this node: organizations, trust


@dataclass(frozen=True, slots=True)
class Actor:
    """An organization and the person, machine, operator or system that acts for it.

    `strong` says that the caller proved possession of an organization's private key (private_key_jwt) or is a person
    signed in: only then may it read RED, export in bulk, or administer keys. `node` is set for a peer: it may read what
    the organizations at home there may, and nothing of its own.
    """

    organization: UUID
    principal: str
    kind: str
    scopes: frozenset[Scope]
    strong: bool = False
    node: str | None = None


def operator(organization: UUID) -> Actor:
    """Make the actor of the operator's command line, which acts for the operator's organization on its own machine."""
    return Actor(organization, "operator", "operator", frozenset(Scope), strong=True)


def system(organization: UUID) -> Actor:
    """Make the actor of the node's own loops: without a scope, it only moves what others submitted."""
    return Actor(organization, "system", "system", frozenset())


def peer(node_id: str) -> Actor:
    """Make the actor of a peer node, which proves its key with each request and speaks for who is at home there."""
    return Actor(_NO_ORGANIZATION, f"peer:{node_id}", "peer", frozenset(), strong=True, node=node_id)
