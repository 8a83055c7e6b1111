"""A report as it leaves by a feed or an export: what it says, who says it, what became of it.

The rule here: whatever leaves is made of this and of nothing else, so that every way out tells the same story. A report
whose content was erased has none here either: `record` and `envelope` are None, and only ids are left to take back what
was given.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from app.domain.history import ERASED, REVOKED
from app.domain.indicator import Indicator
from app.domain.marking import Tlp
from app.domain.record import Opinion, Record, Sighting
from app.domain.report import Report
from app.domain.signing import Envelope

_NOTHING: Mapping[int, datetime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Issuer:
    """An organization as readers know it; `home` is the id of its node, None where it is not known here."""

    id: UUID
    name: str
    kind: str
    home: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What an organization says of somebody's report: an opinion, or a sighting of one of its addresses.

    `ordinals` are the indicators that it speaks of: one for a sighting, all for an opinion. `arrival` is when it
    arrived here, in microseconds since 1970.
    """

    id: UUID
    issuer: Issuer
    issued_at: datetime
    body: Opinion | Sighting
    ordinals: tuple[int, ...]
    arrival: int


@dataclass(frozen=True, slots=True)
class Published:
    """A report with its issuer and its history.

    `id` is the record's id here; the record's own differs in an attack only (`domain.ids.derived_id`). `arrival` and
    `changed` are microseconds since 1970: when the report arrived here, and when the newest record did that changed it.
    `state` is live, superseded, revoked or erased; `withdrawn` are the ordinals of the indicators that were taken back,
    all of them when the report is revoked; `changed_at` says when the whole was taken back, by its issuer's clock, and
    `taken_back_at` when single indicators were. `count` is the number of indicators, known also after an erasure.
    """

    id: UUID
    record: Record | None
    issuer: Issuer
    origin: str
    custody: str
    digest: bytes
    envelope: Envelope | None
    issued_at: datetime
    audience: Mapping[str, Any]
    tlp: Tlp
    pap: str
    arrival: int
    changed: int
    state: str
    count: int
    withdrawn: frozenset[int] = frozenset()
    changed_at: datetime | None = None
    taken_back_at: Mapping[int, datetime] = field(default_factory=lambda: _NOTHING, hash=False)
    superseded_by: tuple[UUID, ...] = ()
    opinions: tuple[Said, ...] = ()
    sightings: tuple[Said, ...] = ()

    @property
    def report(self) -> Report | None:
        """What the report says; None after its erasure."""
        if self.record is None:
            return None
        assert isinstance(self.record.body, Report)
        return self.record.body

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        """The addresses in their order; none after an erasure."""
        return () if self.report is None else self.report.indicators

    def is_withdrawn(self, ordinal: int) -> bool:
        """Tell whether an indicator was taken back: by itself, or with the whole report."""
        return self.state in {REVOKED, ERASED} or ordinal in self.withdrawn
