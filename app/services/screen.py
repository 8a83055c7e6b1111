"""Screen: the same question for many addresses.

The rule here: a bad row is a row, never a failed batch; each row comes back in its place with the caller's reference.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from app.domain import access, reputation
from app.domain import address as addresses
from app.domain.actor import Actor
from app.domain.address import Address, Chain, Reading
from app.domain.errors import InvalidAddress
from app.domain.reputation import Claim, Reputation
from app.services.audit import Questions
from app.services.look_up import Found, claim_of, histories_of, judge, order, visible_audiences
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
    cleaned: tuple[str, ...] = ()
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
    keys = dict.fromkeys(key for asked in read_rows if isinstance(asked, _Asked) for key in asked.by_key)
    hits = await node.indicators.search_visible(list(keys), await visible_audiences(node, actor), None)
    histories = await histories_of(node, actor, hits, None)
    by_key: dict[bytes, list[Hit]] = {}
    for hit in hits:
        by_key.setdefault(hit.key, []).append(hit)
    unlisted = reputation.of((), now)
    known: dict[tuple[Claim, ...], Reputation] = {}  # the addresses of one report amount to the same
    answers = []
    for row, asked in zip(rows, read_rows, strict=True):
        if isinstance(asked, InvalidAddress):
            answers.append(Screened.invalid(row, asked))
            continue
        (chain, address, _), *_ = asked.by_key.values()
        answer = Screened(row, chain, address, unlisted, asked.cleaned)
        for key, reading in asked.by_key.items():
            listed = by_key.get(key)
            if listed:
                judged = (judge(hit, histories, reading, chain if row.chain is not None else None) for hit in listed)
                # The database's own order would depend on rows that the actor may not read.
                answer.found = sorted((*answer.found, *judged), key=lambda found: order(found.hit))
                answer.chain, answer.address = reading.chain, reading.address
        if answer.found:
            claims = tuple(claim_of(node, item) for item in answer.found)
            if claims not in known:
                known[claims] = reputation.of(claims, now)
            answer.reputation = known[claims]
        answers.append(answer)
    await questions.note(actor, "screen", now, subject=None, outcome="done", count=len(rows))
    return answers


class _Asked(NamedTuple):
    """What a row asks about: the likeliest reading first, by the keys to look for; and what was taken off."""

    by_key: dict[bytes, Reading]
    cleaned: tuple[str, ...] = ()


def _read_all(rows: Sequence[Row]) -> list[_Asked | InvalidAddress]:
    places: dict[str | None, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row.chain, []).append(place)
    answers: dict[int, _Asked | InvalidAddress] = {}
    sought = 0
    for named, ours in places.items():
        chain = None if named is None else addresses.find_chain(named)
        if named is not None and chain is None:
            unknown = InvalidAddress("unknown_chain", f"The chain {addresses.explain_unknown(named)}")
            answers.update(dict.fromkeys(ours, unknown))
            continue
        texts = [rows[place].address for place in ours]
        found = [None] * len(texts) if chain is None else addresses.parse_many(chain, texts)
        for place, text, address in zip(ours, texts, found, strict=True):
            if chain is not None and isinstance(address, Address):
                answers[place] = _Asked({address.key: Reading(chain, address)})
                continue
            try:
                answers[place] = _interpret(text, chain)
            except InvalidAddress as error:
                sought += 1
                suggestion = addresses.suggest(text, chain) if sought <= addresses.MOST_SUGGESTIONS else None
                answers[place] = InvalidAddress(error.reason, error.detail, suggestion)
    return [answers[place] for place in range(len(rows))]


def _interpret(text: str, chain: Chain | None) -> _Asked:
    readings, cleaned = addresses.interpret(text, chain)
    by_key: dict[bytes, Reading] = {}
    for reading in readings:
        by_key.setdefault(reading.address.key, reading)
    return _Asked(by_key, cleaned)
