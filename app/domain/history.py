"""What may follow a report, and what a report has become: one pure function per question.

The rule here: the state of a set of records is a fold that does not depend on order, repetition or delay. Only the
issuer may supersede, revoke or erase; a revoked report stays revoked whatever arrives later; an opinion or sighting of
another organization never changes the report.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from app.domain.audience import Audience
from app.domain.errors import NotNext
from app.domain.marking import Tlp
from app.domain.record import FOLLOWING, Erasure, Opinion, Record, Revocation, Sighting

SUPERSEDED, REVOKED, ERASED, LIVE = "superseded", "revoked", "erased", "live"


@dataclass(frozen=True, slots=True)
class Subject:
    """What must be known of a report to judge what may follow it."""

    id: UUID
    issuer: UUID
    audience: Audience
    tlp: Tlp
    state: str


@dataclass(frozen=True, slots=True)
class History:
    """What a report has become: its state, the addresses taken back, and what others say of it."""

    state: str = LIVE
    revoked: frozenset[tuple[str, str]] = frozenset()
    superseded_by: tuple[UUID, ...] = ()
    revocations: tuple[Record, ...] = ()
    erasures: tuple[Record, ...] = ()
    opinions: tuple[Record, ...] = ()
    sightings: tuple[Record, ...] = ()

    def state_of(self, chain: str, address: str) -> str:
        """Give the state of one address of the report (CAIP-2 chain and canonical text)."""
        return REVOKED if self.state == LIVE and (chain, address) in self.revoked else self.state


def check_next(record: Record, subject: Subject | None) -> None:
    """Check that the record may stand where it wants to: after `subject`, the report it names or supersedes.

    Raises NotNext. `subject` is None where there is none, or none that the issuer may know of: the answer is the same.
    """
    if record.subject is None:
        return
    if subject is None:
        raise NotNext("There is no report with this id that you may follow.")
    own = record.issuer == subject.issuer
    if record.kind in {"revocation", "erasure", "report"} and not own:
        raise NotNext("Only the issuer of a report may revoke, erase or supersede it; give an opinion instead.")
    if record.kind == "opinion" and own:
        raise NotNext("An opinion is for other organizations; to change your own report, supersede or revoke it.")
    if subject.state == ERASED and record.kind != "erasure":
        raise NotNext("The report was erased; nothing may follow it.")
    if record.kind == "report" and subject.state in {REVOKED, SUPERSEDED}:
        raise NotNext(f"The report is {subject.state}; only a live report can be superseded.")
    if record.kind in FOLLOWING and (record.audience, record.tlp) != (subject.audience, subject.tlp):
        raise NotNext("What follows a report stands in the report's own audience, under its marking.")


def fold(report: UUID, issuer: UUID, followers: Iterable[Record], successors: Iterable[UUID] = ()) -> History:
    """Give what a report has become, from all records that name it, in any order and any number of times.

    Records by others than the issuer count only as opinions and sightings; records about another report are left out.
    An id alone does not tell two records apart: whoever reuses the id of a revocation does not hide it.
    `successors` are ids of the issuer's reports that supersede this one, for a caller that did not read them whole.
    """
    known = tuple(followers)
    own = [record for record in known if record.issuer == issuer]
    revocations = [r for r in own if isinstance(r.body, Revocation) and r.body.report == report]
    erasures = [r for r in own if isinstance(r.body, Erasure) and r.body.report == report]
    newer = {r.id for r in own if getattr(r.body, "supersedes", None) == report} | set(successors)
    whole = any(not r.body.addresses for r in revocations if isinstance(r.body, Revocation))
    named = {
        (item.chain, item.address) for r in revocations if isinstance(r.body, Revocation) for item in r.body.addresses
    }
    state = ERASED if erasures else REVOKED if whole else SUPERSEDED if newer else LIVE
    return History(
        state=state,
        revoked=frozenset(named),
        superseded_by=tuple(sorted(newer)),
        revocations=_sorted(revocations),
        erasures=_sorted(erasures),
        opinions=_latest_opinions(r for r in known if r.issuer != issuer and _is_opinion(r, report)),
        sightings=_sorted(r for r in known if isinstance(r.body, Sighting) and r.body.report == report),
    )


def _is_opinion(record: Record, report: UUID) -> bool:
    return isinstance(record.body, Opinion) and record.body.report == report


def _latest_opinions(records: Iterable[Record]) -> tuple[Record, ...]:
    latest: dict[UUID, Record] = {}
    for record in _sorted(records):
        latest[record.issuer] = record
    return _sorted(latest.values())


def _sorted(records: Iterable[Record]) -> tuple[Record, ...]:
    """Give each record once, in one order; two under one id, which only a hostile issuer makes, are both kept."""
    return tuple(sorted(set(records), key=lambda record: (record.issued_at, record.id, repr(record))))
