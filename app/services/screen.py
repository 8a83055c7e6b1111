"""Screen: the same question for many addresses.

The rule here: a bad row is a row, never a failed batch; each row comes back in its place with the caller's reference.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from app.domain import access, reputation
from app.domain import address as addresses
from app.domain.actor import Actor
from app.domain.address import Address, Chain
from app.domain.errors import InvalidAddress
from app.domain.reputation import Claim, Reputation
from app.services.audit import Questions
from app.services.look_up import Found, claim_of, histories_of, judge, order, read, visible_audiences
from app.services.node import Node
from app.storage.indicators import Hit

MAX_ROWS = 10_000  # addresses of one call: about 1 MB of JSON, and under a quarter of a second of work


@dataclass(frozen=True, slots=True)
class Row:
    """One row to screen: the caller's reference, the text, and the chain's name if it is stated."""

    ref: str | int | None
    address: str
    chain: str | None


@dataclass(slots=True)
class Screened:
    """The answer for one row: how it was read (or why not), and what is known."""

    row: Row
    chain: Chain | None
    address: Address | None
    reputation: Reputation
    found: Sequence[Found] = ()
    error: InvalidAddress | None = None

    @classmethod
    def invalid(cls, row: Row, error: InvalidAddress) -> Self:
        """Answer a row that cannot be read."""
        return cls(row, None, None, _INVALID, error=error)


_INVALID = Reputation("invalid")


async def screen(node: Node, questions: Questions, actor: Actor, rows: Sequence[Row], now: datetime) -> list[Screened]:
    """Tell what the actor may know about up to MAX_ROWS addresses, in the order of the rows.

    Not checked here: the number of rows, which the surface bounds before it reads them.
    """
    access.check_act(actor, "screen")
    read_rows = await asyncio.to_thread(_read_all, rows)
    keys = dict.fromkeys(key for readings in read_rows if isinstance(readings, list) for _, _, key in readings)
    hits = await node.indicators.search_visible(list(keys), await visible_audiences(node, actor), None)
    histories = await histories_of(node, actor, hits, None)
    by_key: dict[bytes, list[Hit]] = {}
    for hit in hits:
        by_key.setdefault(hit.key, []).append(hit)
    unlisted = reputation.of((), now)
    known: dict[tuple[Claim, ...], Reputation] = {}  # the addresses of one report amount to the same
    answers = []
    for row, readings in zip(rows, read_rows, strict=True):
        if isinstance(readings, InvalidAddress):
            answers.append(Screened.invalid(row, readings))
            continue
        answer = Screened(row, readings[0][0], readings[0][1], unlisted)
        for chain, address, key in readings:
            listed = by_key.get(key)
            if listed:
                asked = chain if row.chain is not None else None
                judged = (judge(hit, histories, asked) for hit in listed)
                # The database's own order would depend on rows that the actor may not read.
                answer.found = sorted((*answer.found, *judged), key=lambda found: order(found.hit))
                answer.chain, answer.address = chain, address
        if answer.found:
            claims = tuple(claim_of(item) for item in answer.found)
            if claims not in known:
                known[claims] = reputation.of(claims, now)
            answer.reputation = known[claims]
        answers.append(answer)
    await questions.note(actor, "screen", now, subject=None, outcome="done", count=len(rows))
    return answers


_Readings = list[tuple[Chain, Address, bytes]] | InvalidAddress


def _read_all(rows: Sequence[Row]) -> list[_Readings]:
    chains: dict[str, Chain | None] = {}
    answers: list[_Readings] = []
    for row in rows:
        try:
            if row.chain is None:
                answers.append([(chain, address, address.key) for chain, address in read(row.address, None)])
                continue
            if row.chain not in chains:
                chains[row.chain] = addresses.find_chain(row.chain)
            chain = chains[row.chain]
            if chain is None:
                answers.append(_unknown_chain())
            else:
                address = addresses.parse(chain, row.address)
                answers.append([(chain, address, address.key)])
        except InvalidAddress as error:
            answers.append(error)
    return answers


def _unknown_chain() -> InvalidAddress:
    return InvalidAddress(
        "unknown_chain", "The chain is not known; give a CAIP-2 id such as eip155:1 or a slug such as bitcoin."
    )
