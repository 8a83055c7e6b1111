"""Look up and screen: what is known about addresses, from what the actor may read and nothing else.

The rule here: the answer follows from the claims that the actor may read. An address that nobody listed, and one that
was listed for others, give the same answer, and neither is called clean.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain import access, reputation, vocabulary
from app.domain import address as addresses
from app.domain.actor import Actor
from app.domain.address import ANY_EVM, Chain, Reading
from app.domain.errors import Invalid, InvalidAddress
from app.domain.history import History
from app.domain.record import Opinion, Record, Sighting
from app.domain.reputation import Claim, Reputation
from app.services.audit import Questions
from app.services.node import Node
from app.storage import records
from app.storage.indicators import Hit


@dataclass(frozen=True, slots=True)
class Found:
    """One indicator of the answer, with what became of it and what others say of it.

    `elsewhere` tells where it was reported when that is not the chain and text that were asked about: the same key.
    """

    hit: Hit
    state: str
    elsewhere: str
    confidence: int
    opinions: tuple[Record, ...]
    sightings: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer about one address: how it was read, what that amounts to, and from which indicators.

    `cleaned` are the words for what was taken off around the address.
    """

    text: str
    chain: Chain | None
    readings: tuple[Reading, ...]
    cleaned: tuple[str, ...]
    reputation: Reputation
    found: tuple[Found, ...]
    as_of: datetime
    error: InvalidAddress | None = None


async def look_up(
    node: Node,
    questions: Questions,
    actor: Actor,
    text: str,
    chain_name: str | None,
    now: datetime,
    as_of: datetime | None = None,
) -> Answer:
    """Tell what the actor may know about one address, as of now or as this node knew it at `as_of`.

    A text that is no address gives an answer with status `invalid` and the reason. Raises Forbidden; Invalid for an
    unknown chain or an `as_of` that lies ahead.
    """
    access.check_act(actor, "look_up")
    chain = find_chain(chain_name)
    if as_of is not None and as_of > now:
        raise Invalid("as_of lies in the future; leave it out to ask about now.")
    moment = as_of or now
    try:
        readings, cleaned = addresses.interpret(text, chain, keys=True)
    except InvalidAddress as refused:
        error = InvalidAddress(refused.reason, refused.detail, addresses.suggest(text, chain))
        await questions.note(actor, "look_up", now, subject=None, outcome="invalid")
        return Answer(text, chain, (), (), Reputation("invalid"), (), moment, error)
    ids = await visible_audiences(node, actor)
    by_key = {reading.address.key: reading for reading in reversed(readings)}
    keys = list(by_key)
    if as_of is None:
        hits = await node.indicators.gather_visible(keys, ids)
    else:
        hits = await node.indicators.search_visible(keys, ids, as_of)
    histories = await histories_of(node, actor, hits, as_of)
    found = tuple(judge(hit, histories, by_key[hit.key], chain) for hit in sorted(hits, key=order))
    result = reputation.of([claim_of(node, item) for item in found], moment)
    subject = node.identity.address_digest(readings[0].address.key)
    await questions.note(actor, "look_up", now, subject=subject, outcome=result.status)
    return Answer(text, chain, readings, cleaned, result, found, moment)


def find_chain(name: str | None) -> Chain | None:
    """Find the chain that a question names. Raises Invalid: there is none of that name."""
    if name is None:
        return None
    chain = addresses.find_chain(name)
    if chain is None:
        raise Invalid(f"The chain {addresses.explain_unknown(name)}")
    return chain


async def visible_audiences(node: Node, actor: Actor) -> tuple[int, ...]:
    """Give the ids of all audiences that the actor may read."""
    held = node.store.audiences.held(actor)
    if held is not None:
        return held
    async with node.store.read(actor) as tx:
        return tx.audiences


async def histories_of(node: Node, actor: Actor, hits: Iterable[Hit], as_of: datetime | None) -> dict[UUID, History]:
    """Fold what has become of those reports that something follows."""
    issuers = {hit.report: hit.issuer for hit in hits if hit.followed}
    if not issuers:
        return {}
    async with node.store.read(actor) as tx:
        return await records.histories(tx, issuers, as_of)


def judge(hit: Hit, histories: dict[UUID, History], asked: Reading, chain: Chain | None) -> Found:
    """Give an indicator with what became of it; `asked` is the reading that found it, `chain` the one stated."""
    become = histories.get(hit.report, _UNTOUCHED)
    state = "quarantined" if hit.quarantined else become.state_of(hit.chain, hit.address)
    confidence = hit.report_confidence if hit.indicator_confidence is None else hit.indicator_confidence
    sightings = tuple(
        record
        for record in become.sightings
        if isinstance(record.body, Sighting) and (record.body.chain, record.body.address) == (hit.chain, hit.address)
    )
    return Found(hit, state, _elsewhere(hit, asked, chain), confidence, become.opinions, sightings)


def _elsewhere(hit: Hit, asked: Reading, chain: Chain | None) -> str:
    """Tell where the key was reported, when that is not where it was asked about."""
    same_text = hit.address == asked.address.canonical
    if same_text and (chain is None or hit.chain == chain.caip2 or ANY_EVM in {hit.chain, chain.caip2}):
        return ""
    reported = addresses.find_chain(hit.chain)
    name = hit.chain if reported is None else reported.name
    if same_text and asked.address.family == "evm":
        return f"on {name}, not on {asked.chain.name}: an account is the same on both, a contract is not"
    return f"on {name}, as {hit.address}: the same key as was asked about on {asked.chain.name}"


_UNTOUCHED = History()


def claim_of(node: Node, found: Found) -> Claim:
    """Give an indicator as reputation sees it; an issuer at home elsewhere is named with its node.

    Two organizations may have one name on two nodes, and nobody must pass for another.
    """
    hit = found.hit
    name = hit.issuer_name or str(hit.issuer)
    return Claim(
        issuer=hit.issuer,
        issuer_name=name if hit.origin == node.identity.node_id else f"{name} (of node {hit.origin})",
        category=hit.category,
        method=hit.method,
        confidence=found.confidence,
        issued_at=hit.issued_at,
        valid_until=hit.valid_until,
        state=found.state,
        role=hit.role,
        relation=hit.relation,
        elsewhere=found.elsewhere,
        disputed=any(
            isinstance(item.body, Opinion) and item.body.opinion in vocabulary.DISAGREEING for item in found.opinions
        ),
    )


def order(hit: Hit) -> tuple[datetime, UUID, int]:
    """Give the place of an indicator in an answer: the order of the claims, whatever order the database finds."""
    return hit.issued_at, hit.report, hit.ordinal
