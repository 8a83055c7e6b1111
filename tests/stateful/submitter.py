"""A program that submits reports until it is killed, and journals each answer before it asks again.

    python -m tests.stateful.submitter <database url> <journal> <actor: organization id> <secrets: hex> <first number>

A line of the journal is an acknowledged submission: its idempotency key and the id of its record. The journal is the
client's memory, outside the database: what stands there, the node has promised.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime
from uuid import UUID

from app.domain import audience as audiences
from app.domain.actor import Actor, Scope
from app.domain.marking import Pap, Tlp
from app.services import identity, sequence, submit
from app.services.node import Node
from app.services.repeats import repeat_of
from app.services.submit import Draft
from app.storage.indicators import Indicators
from app.storage.store import open_store

WRITERS = 3


def key_of(number: int) -> str:
    """Name the request of a number."""
    return f"request {number}"


def draft_of(organization: UUID, number: int) -> Draft:
    """Make the request of a number: always the same."""
    said = {
        "category": "recruitment",
        "method": "advert",
        "confidence": 50,
        "indicators": [{"chain": "eip155:1", "address": f"0x{number:040x}"}],
    }
    return Draft(audiences.organizations(organization), Tlp.AMBER, Pap.AMBER, said)


async def ask(node: Node, organization: UUID, number: int) -> UUID:
    """Submit the request of a number, under its key."""
    actor = Actor(organization, "key:submitter", "machine", frozenset({Scope.SUBMIT}))
    repeat = repeat_of(key_of(number), "submit", str(number).encode())
    draft = draft_of(organization, number)
    return (await submit.submit(node, actor, draft, datetime.now(UTC), repeat=repeat)).id


def open_node(url: str, secrets: str, operator: UUID) -> Node:
    """Open the node that the test has prepared."""
    parts = [bytes.fromhex(part) for part in secrets.split(",")]
    return Node(open_store(url), Indicators(url), identity.new(*parts), operator, "victim", os.urandom)


async def main(url: str, journal: str, organization: UUID, secrets: str, first: int) -> None:
    """Submit, sequence, and never end."""
    node = open_node(url, secrets, organization)
    written = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def writes(number: int) -> None:
        while True:
            made = await ask(node, organization, number)
            os.write(written, f"{number} {made}\n".encode())
            number += WRITERS

    async def sequences() -> None:
        while True:
            await sequence.run_once(node, datetime.now(UTC))
            await asyncio.sleep(0.005)

    print("ready", flush=True)  # noqa: T201 - the test waits for it
    await asyncio.gather(sequences(), *(writes(first + number) for number in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], UUID(sys.argv[3]), sys.argv[4], int(sys.argv[5])))
