"""Two nodes made peers, and logs filled: what the measurement of federation begins with.

The rule here: peering, submitting and sequencing are the product's own deeds. Only single reports by the hundred
thousand, for which the API would take minutes, are signed here with the key that the node holds for its organization,
and admitted in bulk as a page of another node's log is; the node that serves sequences them.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations, islice
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from app import bootstrap
from app.domain import audience as audiences
from app.domain import merkle
from app.domain.actor import operator
from app.domain.ids import uuid7
from app.domain.marking import Pap, Tlp
from app.domain.record import Record
from app.domain.report import read_report
from app.domain.signing import Envelope
from app.federation.client import Client
from app.services import membership, peering, submit
from app.services.node import Node
from app.services.submit import Draft
from app.settings import Settings
from app.storage import arriving, logs, organizations, records
from app.storage.arriving import Arriving
from app.storage.tables import log_pending
from app.web.outbound import Outbound
from benchmarks.servers import Prepared, Served

AT_ONCE = 2_000  # records of one transaction
IN_FLIGHT = 8  # submissions at once
LIFETIME = timedelta(days=730)
SPREAD = 86_400_000_000  # microseconds: reports of one day


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def opened(made: Prepared | Served) -> AsyncIterator[Node]:
    """Open a node as another of its own processes does."""
    if made.database_url is None:
        raise RuntimeError("nodes are measured on PostgreSQL")
    chosen: dict[str, Any] = {"data": made.data, "database_url": SecretStr(made.database_url)}
    node = bootstrap.open_node(Settings(**chosen))
    try:
        yield node
    finally:
        await node.close()


@asynccontextmanager
async def asking(node: Node) -> AsyncIterator[Client]:
    client = Client(node, Outbound(allow_private=True), now)
    try:
        yield client
    finally:
        await client.close()


async def join(puller: Prepared | Served, source: Served) -> None:
    """Make two nodes peers, of which one has no URL and only pulls."""
    async with opened(puller) as here, opened(source) as there, asking(here) as remote, asking(there) as back:
        added = await peering.propose(here, operator(here.operator), remote, source.url, now())
        await peering.decide(there, operator(there.operator), back, here.identity.node_id, "accept", now())
        told = await peering.tell(here, remote, added.node_id, now())
    if told.state != "active":
        raise RuntimeError(f"the peering is {told.state}: {told.error}")


def claim(address: str) -> dict[str, Any]:
    return {
        "category": "sex_trafficking",
        "method": "advert",
        "confidence": 60,
        "indicators": [{"chain": "bitcoin", "address": address}],
    }


async def fill_singles(source: Served, addresses: Sequence[str], seed: int) -> list[Envelope]:
    """Admit a public report of its own for each address, and wait until they are sequenced; give the last ones.

    Left out, beside the API, are the audit's row of each and what it is repeated by.
    """
    envelopes: list[Envelope] = []
    async with opened(source) as node:
        # By the deed itself, because it introduces the organization to the log.
        draft = Draft(audiences.PUBLIC, Tlp.CLEAR, Pap.CLEAR, claim(addresses[0]))
        await submit.submit(node, operator(node.operator), draft, now())
        rng = random.Random(seed)
        for at in range(1, len(addresses), AT_ONCE):
            envelopes = await _admit(node, addresses[at : at + AT_ONCE], rng)
        await _sequenced(node)
    return envelopes


async def _admit(node: Node, addresses: Sequence[str], rng: random.Random) -> list[Envelope]:
    moment = now()
    async with node.store.write(operator(node.operator)) as tx:
        sealed = [key.sealed_seed for key in await organizations.keys(tx, node.operator)]
        seed = node.identity.unseal(sealed[-1] or b"")
        number = await records.ensure_audience(tx, audiences.PUBLIC, Tlp.CLEAR)
        items = []
        for address in addresses:
            record = _record(node, address, moment, rng)
            envelope = record.sign(seed)
            leaf = merkle.leaf_hash(envelope.to_bytes())
            items.append(Arriving(record.id, record, envelope, leaf, number, "node", moment))
        await arriving.add_page(tx, items)
        owed = [(item.local_id, number, item.leaf_hash, moment) for item in items]
        await tx.insert_values(log_pending, ("record_id", "audience_id", "leaf_hash", "owed_at"), owed)
    return [item.envelope for item in items]


def _record(node: Node, address: str, received_at: datetime, rng: random.Random) -> Record:
    """Make a report as unlike its neighbours as those of one busy organization are."""
    moment = received_at - timedelta(microseconds=rng.randrange(SPREAD))
    report = read_report(claim(address) | {"confidence": rng.randrange(10, 70)}).report
    return Record(
        id=uuid7(moment, rng.randbytes(10)),
        kind="report",
        issuer=node.operator,
        origin=node.identity.node_id,
        issued_at=moment,
        audience=audiences.PUBLIC,
        tlp=Tlp.CLEAR,
        pap=Pap.CLEAR,
        nonce=rng.randbytes(16),
        body=replace(report, valid_until=moment + LIFETIME),
    )


async def fill_logs(source: Served, reader: UUID, addresses: Sequence[str]) -> None:
    """Submit a report to an audience of its own for each address, a log each, that `reader` may read."""
    async with opened(source) as node:
        actor = operator(node.operator)
        others = [
            (await membership.add_organization(node, actor, f"partner {number}", "ngo", now(), trusted=True)).id
            for number in range(len(addresses).bit_length())
        ]
        subsets = chain.from_iterable(combinations(others, size) for size in range(len(others) + 1))
        drafts = [
            Draft(audiences.organizations(node.operator, reader, *named), Tlp.AMBER, Pap.AMBER, claim(address))
            for named, address in zip(islice(subsets, len(addresses)), addresses, strict=True)
        ]
        gate = asyncio.Semaphore(IN_FLIGHT)

        async def hand_in(draft: Draft) -> None:
            async with gate:
                await submit.submit(node, actor, draft, now())

        await asyncio.gather(*map(hand_in, drafts))
        await _sequenced(node)


async def wait_until_sequenced(source: Served) -> None:
    async with opened(source) as node:
        await _sequenced(node)


async def _sequenced(node: Node) -> None:
    while True:
        async with node.store.read(operator(node.operator)) as tx:
            owed, _ = await logs.count_pending(tx)
        if not owed:
            return
        await asyncio.sleep(0.05)


async def key_of(made: Prepared | Served) -> bytes:
    """Give the public key with which the node signs for its operator's organization."""
    async with opened(made) as node, node.store.read(operator(node.operator)) as tx:
        return (await organizations.keys(tx, node.operator))[-1].public_key


async def operator_of(made: Prepared | Served) -> UUID:
    """Give the id of the operator's organization."""
    async with opened(made) as node:
        return node.operator
