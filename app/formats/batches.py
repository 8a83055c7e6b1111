"""Rows gathered into reports: one report for what states the same, of at most 10,000 addresses and MAX_BYTES.

The rule here: the same rows give the same batches in the same order, because a resumed import skips batches by their
number; and every source of a row is in the evidence of its report.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.indicator import MAX_INDICATORS
from app.domain.report import MAX_EVIDENCE
from app.formats.rows import RefusedRow, Row, Source

MAX_BYTES = 1_500_000  # bytes of one report as it is sent: signed and canonical it stays below the record's 2 MiB
MAX_OPEN = 64  # reports being gathered at once: the memory of an import does not grow with its file
FEW_SOURCES = 50  # distinct sources up to which each source has reports of its own
_ROW_BYTES = 100  # bytes of a row beside its texts: names, quotes, a CAIP-2 id


@dataclass(slots=True)
class Batch:
    """The rows of one report, and the fields of the report that they state."""

    number: int
    claims: tuple[tuple[str, Any], ...]
    rows: list[Row] = field(default_factory=list)
    sources: dict[Source, None] = field(default_factory=dict)
    size: int = 0

    def takes(self, row: Row, size: int) -> bool:
        """Tell whether the row fits."""
        more = sum(source not in self.sources for source in row.sources)
        return (
            len(self.rows) < MAX_INDICATORS
            and self.size + size <= MAX_BYTES
            and len(self.sources) + more <= MAX_EVIDENCE
        )

    def add(self, row: Row, size: int) -> None:
        """Take the row in."""
        self.rows.append(row)
        self.size += size
        for source in row.sources:
            self.sources[source] = None

    def to_document(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Give the report's fields: what the rows state goes before `fields`; each indicator's `ref` is its number."""
        document = {**fields, **dict(self.claims)}
        if self.sources:
            own = list(fields.get("evidence") or [])
            document["evidence"] = [*own, *(source.to_document() for source in self.sources)]
        document["indicators"] = [indicator(row, str(row.number)) for row in self.rows]
        return document


def indicator(row: Row, ref: str) -> dict[str, Any]:
    """Give the row as an indicator of a report, or as a question of a screening."""
    return {"chain": row.chain, "address": row.address.strip(), "ref": ref, **row.fields}


def gather(rows: Iterable[Row], *, by_source: bool, confidence: bool = False) -> Iterator[Batch]:
    """Gather rows into batches, numbered from 1 in the order in which they are full or the rows end.

    `by_source` gives each source reports of its own. `confidence` takes a row's own confidence as its report's, for a
    caller who states none.
    """
    open_batches: dict[object, Batch] = {}
    number = 0
    for row in rows:
        claims = row.claims
        if confidence and "confidence" in row.fields:
            claims = tuple(sorted({**dict(claims), "confidence": row.fields["confidence"]}.items()))
        key = (claims, row.sources) if by_source else claims
        size = _size(row)
        batch = open_batches.get(key)
        if batch is not None and not batch.takes(row, size):
            del open_batches[key]
            number += 1
            batch.number = number
            yield batch
            batch = None
        if batch is None:
            if len(open_batches) >= MAX_OPEN:
                oldest = open_batches.pop(next(iter(open_batches)))
                number += 1
                oldest.number = number
                yield oldest
            batch = open_batches[key] = Batch(0, claims)
        batch.add(row, size)
    for batch in open_batches.values():
        number += 1
        batch.number = number
        yield batch


def has_few_sources(rows: Iterable[Row | RefusedRow]) -> bool:
    """Tell whether the rows name at most FEW_SOURCES distinct sources; reads them until that is known."""
    distinct = (source for row in rows if isinstance(row, Row) for source in row.sources)
    seen: set[Source] = set()
    for source in distinct:
        seen.add(source)
        if len(seen) > FEW_SOURCES:
            return False
    return True


def _size(row: Row) -> int:
    extra = sum(len(name) + len(str(value)) + 8 for name, value in row.fields.items()) if row.fields else 0
    return len(row.address.encode()) + len(row.chain) + extra + _ROW_BYTES
