"""Peers: how a peering comes about and ends, what this node takes from a peer, and what a peer may have of a log.

The rule here: both sides must accept before a byte of a log moves, and what may move follows from audiences and the
peer's past alone. Who left a log gets bare leaf hashes, and still whatever undoes what it had: a false accusation must
be undone everywhere it went.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

from app.domain import reading, vocabulary
from app.domain.errors import NotNext, Refused
from app.domain.record import Record
from app.domain.report import Report

MEMBERSHIP_MAX_AGE = timedelta(hours=24)  # how long a group's members are trusted without word from its steward's node
MAX_CHAINS = 1_000  # chains that one policy names: more than there are
MAX_CHAIN = 41  # characters of a CAIP-2 chain: 8, a colon, 32
MAX_PER_DAY = 1_000_000_000  # indicators: the highest quota
RELAYS = ("known", "any", "none")
STATEMENTS = frozenset({"organization", "group", "node"})  # without them no entry after them can be judged


class State(StrEnum):
    """How far a peering is."""

    PROPOSED = "proposed"  # one side, or neither any more, accepts
    ACTIVE = "active"  # both accept
    SUSPENDED = "suspended"  # this side stopped it for a while
    ENDED = "ended"  # this side ended it, or never wanted it


_AS_IT_IS: dict[State | None, State] = {state: state for state in State}
# deed -> state before (None: there is none) -> state after, before the other side's word is looked at
_AFTER: dict[str, dict[State | None, State]] = {
    "propose": {
        None: State.PROPOSED,
        State.PROPOSED: State.PROPOSED,
        State.ACTIVE: State.PROPOSED,
        State.ENDED: State.PROPOSED,
    },
    "accept": {State.PROPOSED: State.PROPOSED, State.ACTIVE: State.PROPOSED},
    "suspend": {
        State.PROPOSED: State.SUSPENDED,
        State.ACTIVE: State.SUSPENDED,
        State.SUSPENDED: State.SUSPENDED,
    },
    "resume": {State.SUSPENDED: State.PROPOSED, State.PROPOSED: State.PROPOSED, State.ACTIVE: State.PROPOSED},
    "end": dict.fromkeys(State, State.ENDED),
    "other_accepts": _AS_IT_IS | {None: State.PROPOSED, State.ACTIVE: State.PROPOSED},
    "other_refuses": _AS_IT_IS | {State.ACTIVE: State.PROPOSED},
}
_OF_THE_OTHER = frozenset({"other_accepts", "other_refuses"})
_ACCEPTING = frozenset({"propose", "accept", "resume"})


@dataclass(frozen=True, slots=True)
class Peering:
    """Who accepts whom: this node (`here`), the other (`there`), and how far it is; `state` is None before any deed."""

    accepted_here: bool = False
    accepted_there: bool = False
    state: State | None = None

    def after(self, deed: str) -> Self:
        """Give the peering after a deed: this side's propose, accept, suspend, resume, end, or the other's word.

        A proposed peering that both accept is active; suspended and ended ones wait for this side, whatever the other
        says. Each deed may be repeated. Raises NotNext: the deed does not fit the state.
        """
        state = _AFTER[deed].get(self.state)
        if state is None:
            raise NotNext(f"A peering that is {self.state or 'not there'} cannot {deed.replace('_', ' ')}.")
        here = self.accepted_here if deed in _OF_THE_OTHER else deed in _ACCEPTING
        there = deed == "other_accepts" if deed in _OF_THE_OTHER else self.accepted_there
        if here and there and state is State.PROPOSED:
            state = State.ACTIVE
        return type(self)(here, there, state)


@dataclass(frozen=True, slots=True)
class Policy:
    """What this node takes from a peer; None means all categories, or all chains (CAIP-2).

    Quotas are indicators per day, of the peer and of each organization. `review`: its reports wait for review.
    `relay`: whose logs may come by way of this peer: those of `known` nodes, `any`, or `none` but its own.
    """

    categories: frozenset[str] | None = None
    chains: frozenset[str] | None = None
    indicators_per_day: int = 10_000_000
    indicators_per_organization_per_day: int = 5_000_000
    review: bool = False
    relay: str = "known"

    def to_document(self) -> dict[str, Any]:
        """Give the policy as it is kept and shown."""
        return {
            "categories": None if self.categories is None else sorted(self.categories),
            "chains": None if self.chains is None else sorted(self.chains),
            "indicators_per_day": self.indicators_per_day,
            "indicators_per_organization_per_day": self.indicators_per_organization_per_day,
            "review": self.review,
            "relay": self.relay,
        }

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Read a policy; what is left out is as by default. Raises InvalidRecord."""
        made = cls()
        reading.check_keys(document, made.to_document())
        of_organization = "indicators_per_organization_per_day"
        return cls(
            categories=_set(document, "categories", len(vocabulary.CATEGORIES), vocabulary.CATEGORIES),
            chains=_set(document, "chains", MAX_CHAINS),
            indicators_per_day=_quota(document, "indicators_per_day", made.indicators_per_day),
            indicators_per_organization_per_day=_quota(
                document, of_organization, made.indicators_per_organization_per_day
            ),
            review=_flag(document.get("review", made.review), "/review"),
            relay=reading.word(document.get("relay", made.relay), RELAYS, "/relay"),
        )

    def judge(self, record: Record) -> Refused | None:
        """Tell why this node does not take a report, None for one that it takes; other kinds are always taken.

        Not looked at: quotas, which need to know what came before.
        """
        body = record.body
        if not isinstance(body, Report):
            return None
        if self.categories is not None and body.category not in self.categories:
            return Refused("category_refused", f"This node does not take the category '{body.category}' from the peer.")
        if self.chains is not None:
            for item in body.indicators:
                if item.chain not in self.chains:
                    return Refused("chain_refused", f"This node does not take the chain '{item.chain}' from the peer.")
        return None


def _set(
    document: Mapping[str, Any], name: str, most: int, known: Mapping[str, Any] | None = None
) -> frozenset[str] | None:
    given = document.get(name)
    if given is None:
        return None
    rows = reading.rows(given, f"/{name}", 0, most)
    if known is not None:
        return frozenset(reading.word(row, known, f"/{name}/{place}") for place, row in enumerate(rows))
    return frozenset(reading.text(row, f"/{name}/{place}", MAX_CHAIN) for place, row in enumerate(rows))


def _quota(document: Mapping[str, Any], name: str, default: int) -> int:
    return reading.integer(document.get(name, default), f"/{name}", 0, MAX_PER_DAY)


def _flag(value: object, pointer: str) -> bool:
    if isinstance(value, bool):
        return value
    raise reading.Refusal(pointer, "must be true or false.")


@dataclass(frozen=True, slots=True)
class Access:
    """What a peer has to do with one log: whether it may read it now, how far it was served, and from where.

    `served` is the size up to which it got entries; `from_index` is its first entry, under a group's rule `from_join`;
    `public`: the log is everybody's.
    """

    visible: bool
    served: int = 0
    from_index: int = 0
    public: bool = False


def may_have(kind: str, index: int, access: Access, had_subject: bool, knew_issuer: bool) -> bool:
    """Tell whether a peer gets the body of an entry, or its bare leaf hash.

    `had_subject`: what the record follows stood in this log where the peer was served. `knew_issuer`: a report of its
    issuer did. Both are looked at only where the peer has left the log: from there on it gets what undoes or explains
    what it has, and nothing new; that too where it was served before, for the answer may have been lost. What takes a
    report's place undoes it as well, but says something new: it goes only where that is no secret.
    """
    if access.visible:
        return index >= access.from_index or kind in STATEMENTS
    if not access.served:
        return False
    return (
        kind == "node"
        or (kind == "organization" and knew_issuer)
        or (kind in {"revocation", "erasure"} and had_subject)
        or (kind == "report" and had_subject and access.public)
    )


def may_relay(audience_kind: str, community: bool) -> bool:
    """Tell whether a node may pass on a log of another origin: a public one, or a community's."""
    return audience_kind == "public" or (audience_kind == "group" and community)
