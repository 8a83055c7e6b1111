"""The verdict of a check of the store: what was counted, and every fault with its place.

The rule here: a fault names ids, places and reasons, never content. The list is bounded; what is beyond is counted.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MAX_FAULTS = 1_000  # faults that are named; a store in pieces has as many as it has rows


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: the reason, and as far as there is one the log, the index and the record."""

    reason: str
    log: str | None = None
    index: int | None = None
    record: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Give the fault as a JSON document."""
        return {"log": self.log, "index": self.index, "record": self.record, "reason": self.reason}

    def __str__(self) -> str:
        places = (("log", self.log), ("entry", self.index), ("record", self.record))
        where = ", ".join(f"{name} {value}" for name, value in places if value is not None)
        return f"{where}: {self.reason}" if where else self.reason


@dataclass(slots=True)
class Verdict:
    """What a check found at a moment; `ok` when there is no fault."""

    at: datetime
    logs: int = 0
    entries: int = 0
    checkpoints: int = 0
    signatures: int = 0
    records: int = 0
    indicators: int = 0
    audit_rows: int = 0
    faults: list[Fault] = field(default_factory=list)
    unnamed: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def add(self, reason: str, *, log: object = None, index: object = None, record: str | None = None) -> None:
        """Note a fault, or only count it when MAX_FAULTS are named."""
        if len(self.faults) >= MAX_FAULTS:
            self.unnamed += 1
            return
        place = index if isinstance(index, int) else None
        self.faults.append(Fault(reason, None if log is None else _name(log), place, record))


def _name(value: object) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in str(value))
