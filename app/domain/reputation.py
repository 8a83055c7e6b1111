"""Reputation: what follows from the claims about one address that the asker may know.

The rule here: a figure can be recomputed by hand from `because`. Per organization the best live claim counts, once,
whatever number of copies arrived; independent organizations combine as 1 - prod(1 - c). Protective categories and
protected roles are never risk, indirect relations never make the headline, and no claim is not a clean bill.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain import vocabulary

NOTICE = "Not listed is not the same as clean."


@dataclass(frozen=True, slots=True)
class Claim:
    """One indicator as reputation sees it: who says what, since when, and what became of it.

    `confidence` is 0 to 100 as claimed; `state` as `history` gives it; `elsewhere` tells where it was reported when
    that is not where it was asked about; `disputed` when another organization disagrees.
    """

    issuer: UUID
    issuer_name: str
    category: str
    method: str
    confidence: int
    issued_at: datetime
    valid_until: datetime
    state: str
    role: str | None = None
    relation: str | None = None
    elsewhere: str = ""
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class CategoryReputation:
    """How sure it is that the address belongs to one category, and from how many organizations."""

    category: str
    organizations: int
    confidence: int


@dataclass(frozen=True, slots=True)
class Reputation:
    """The answer about one address."""

    status: str
    confidence: int = 0
    organizations: int = 0
    categories: tuple[CategoryReputation, ...] = ()
    because: tuple[str, ...] = ()
    first_reported: datetime | None = None
    last_confirmed: datetime | None = None

    @property
    def corroborated(self) -> bool:
        """Whether two organizations say so independently."""
        return self.organizations > 1

    @property
    def label(self) -> str:
        """The STIX word of the confidence."""
        return vocabulary.confidence_label(self.confidence)


@dataclass(slots=True)
class _Tally:
    """The best counting claim of each organization, and why others were left out."""

    best: dict[UUID, tuple[float, Claim]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


def of(claims: Sequence[Claim], now: datetime) -> Reputation:
    """Give the reputation that the claims amount to at `now` (aware)."""
    if not claims:
        return Reputation("not_listed", because=("No claim about this address is known to you here.",))
    tally = _tally(claims, now)
    counting = [claim for _, claim in tally.best.values()]
    reported = min(claim.issued_at for claim in claims)
    if not counting:
        status = "revoked" if any(claim.state in {"revoked", "superseded"} for claim in claims) else "not_listed"
        return Reputation(status, because=tuple(_left_out(tally)), first_reported=reported)
    confidence = _percent(combine(value for value, _ in tally.best.values()))
    live = [claim for claim in claims if _why_left_out(claim, now) is None]
    return Reputation(
        status="disputed" if any(claim.disputed for claim in live) else "listed",
        confidence=confidence,
        organizations=len(tally.best),
        categories=_categories(live, now),
        because=(*_counted(tally, now), *_combined(tally, confidence), *_disputes(live), *_left_out(tally)),
        first_reported=reported,
        last_confirmed=max(claim.issued_at for claim in counting),
    )


def weight(claim: Claim, now: datetime) -> float:
    """Give what a live claim counts at `now`: capped by its method, halved by age (whole days) per half-life.

    From 0 to 1, rounded to hundredths: what `because` shows is what is counted.
    """
    capped = min(
        claim.confidence, vocabulary.METHOD_CEILINGS.get(claim.method, vocabulary.METHOD_CEILINGS["unspecified"])
    )
    return round(capped / 100 * float(0.5 ** (_age_days(claim, now) / _half_life(claim.category))), 2)


def combine(weights: Iterable[float]) -> float:
    """Combine independent organizations: 1 - prod(1 - c), in one order so that the last bit never depends on it."""
    doubt = 1.0
    for value in sorted(weights):
        doubt *= 1 - value
    return 1 - doubt


def _tally(claims: Sequence[Claim], now: datetime) -> _Tally:
    tally = _Tally()
    for claim in claims:
        why = _why_left_out(claim, now)
        if why is not None:
            tally.left_out[why] = tally.left_out.get(why, 0) + 1
            continue
        candidate = (weight(claim, now), claim)
        held = tally.best.get(claim.issuer)
        if held is None or _order(candidate) > _order(held):
            tally.best[claim.issuer] = candidate
    return tally


def _order(candidate: tuple[float, Claim]) -> tuple[Any, ...]:
    """Order the claims of one organization so that the best is the same whatever came first."""
    value, claim = candidate
    said = (claim.category, claim.method, claim.confidence, claim.role or "", claim.relation or "", claim.issuer_name)
    return value, claim.issued_at, not claim.elsewhere, claim.elsewhere, said, claim.valid_until, claim.disputed


def _why_left_out(claim: Claim, now: datetime) -> str | None:
    if claim.state != "live":
        return claim.state
    if claim.valid_until <= now:
        return "expired"
    if claim.category in vocabulary.PROTECTIVE or claim.role in vocabulary.PROTECTED_ROLES:
        return "protective"
    if claim.relation is not None and claim.relation not in vocabulary.DIRECT_RELATIONS:
        return "indirect"
    return None if weight(claim, now) else "weightless"


def _categories(live: Sequence[Claim], now: datetime) -> tuple[CategoryReputation, ...]:
    found = []
    for category in sorted({claim.category for claim in live}):
        best: dict[UUID, float] = {}
        for claim in live:
            if claim.category == category:
                best[claim.issuer] = max(best.get(claim.issuer, 0.0), weight(claim, now))
        found.append(CategoryReputation(category, len(best), _percent(combine(best.values()))))
    return tuple(sorted(found, key=lambda item: (-item.confidence, item.category)))


def _counted(tally: _Tally, now: datetime) -> list[str]:
    lines = []
    for value, claim in sorted(tally.best.values(), key=lambda item: (-item[0], item[1].issuer)):
        ceiling = vocabulary.METHOD_CEILINGS.get(claim.method, vocabulary.METHOD_CEILINGS["unspecified"])
        lines.append(
            f"{claim.issuer_name} claims {claim.category} with confidence {claim.confidence} by {claim.method} "
            f"(ceiling {ceiling}), {_age_days(claim, now)} days ago (half-life {_half_life(claim.category)} days): "
            f"counts {_percent(value)}."
        )
        if claim.elsewhere:
            lines.append(f"{claim.issuer_name} reported it {claim.elsewhere}.")
    return lines


def _combined(tally: _Tally, confidence: int) -> list[str]:
    if len(tally.best) == 1:
        return ["One organization says so: not corroborated."]
    values = sorted((value for value, _ in tally.best.values()), reverse=True)
    product = " x ".join(f"(1 - {value:.2f})" for value in values)
    return [f"{len(values)} independent organizations: 1 - {product} = {confidence} %."]


def _disputes(live: Sequence[Claim]) -> list[str]:
    disputed = sum(claim.disputed for claim in live)
    return [f"Another organization disagrees with {disputed} of {len(live)} live claims."] if disputed else []


def _left_out(tally: _Tally) -> list[str]:
    reasons = {
        "revoked": "revoked by the issuer",
        "superseded": "superseded by a newer report",
        "erased": "erased",
        "expired": "past the end of validity",
        "protective": "protective, never counted as risk",
        "indirect": "indirect, never counted as a listing",
        "quarantined": "waiting for review",
        "weightless": "of no confidence, or so old that nothing of it is left",
    }
    return [f"Not counted: {number} {reasons[why]}." for why, number in sorted(tally.left_out.items())]


def _age_days(claim: Claim, now: datetime) -> int:
    return max(0, (now - claim.issued_at).days)


def _half_life(category: str) -> int:
    return vocabulary.HALF_LIFE_DAYS.get(category, 365)


def _percent(value: float) -> int:
    return round(value * 100)
