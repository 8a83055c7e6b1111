"""An import as it runs: rows gathered into reports, several in flight, each acknowledged before it counts.

The rule here: read = accepted + refused, whatever happens; a batch is counted only after the journal has it; a batch
sent again is the same request under the same key.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import click
import msgspec

from app.cli.claims import check_needed, complete, missing
from app.cli.journal import Acknowledged, Journal
from app.client import Client, LocalSigner, Mark, ProblemError, new_mark
from app.domain.errors import Invalid, InvalidRecord, Refused
from app.domain.report import REPORT_FIELDS, read_report
from app.formats.batches import Batch, gather
from app.formats.rows import RefusedRow, Row

IN_FLIGHT = 6  # requests at once: the node works on some while others are read and written
_ROW_STATUSES = frozenset({400, 422})


@dataclass(slots=True)
class Outcome:
    """What an import has come to; `skipped` counts, by type, what the document holds beside addresses."""

    read: int = 0
    accepted: int = 0
    reports: int = 0
    cleaned: int = 0
    refusals: list[RefusedRow] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent and how.

    `fields` are the report's, `name` the import's (of file, node and options), `by_source` whether each source has
    reports of its own. Without a `client` nothing is sent: rows are read and judged here. With a `signer` records
    are signed here. `told` is called with each batch and what became of it.
    """

    fields: Mapping[str, Any]
    name: str
    by_source: bool
    client: Client | None = None
    signer: LocalSigner | None = None
    told: Callable[[Batch, Acknowledged], None] | None = None

    def key(self, batch: int) -> str:
        """Give the idempotency key of a batch."""
        return f"import-{hashlib.sha256(f'{self.name}:{batch}'.encode()).hexdigest()}"


class Run:
    """One run of an import; a run after a killed one goes on with what the journal has not."""

    def __init__(self, plan: Plan, journal: Journal, progress: Callable[[int], None]) -> None:
        """Take what is needed; nothing is read or sent."""
        self._plan = plan
        self._journal = journal
        self._progress = progress
        self.outcome = Outcome()

    def run(self, rows: Iterable[Row | RefusedRow]) -> Outcome:
        """Import the rows. Raises what the node answers where it is not about rows; the journal keeps what was done."""
        batches = gather(
            self._good(rows), by_source=self._plan.by_source, confidence="confidence" not in self._plan.fields
        )
        waiting: deque[tuple[Batch, Future[Acknowledged]]] = deque()
        pool = ThreadPoolExecutor(IN_FLIGHT)
        try:
            for batch in batches:
                done = self._journal.done.get(batch.number) or self._judge_here(batch)
                if done is not None:
                    self._count(batch, done)
                    continue
                waiting.append((batch, pool.submit(self._send, batch, *self._prepare(batch))))
                if len(waiting) >= IN_FLIGHT:
                    self._settle(*waiting.popleft())
            while waiting:
                self._settle(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)
        assert self.outcome.read == self.outcome.accepted + len(self.outcome.refusals)
        return self.outcome

    def _good(self, rows: Iterable[Row | RefusedRow]) -> Iterator[Row]:
        for row in rows:
            self.outcome.read += 1
            if isinstance(row, RefusedRow):
                self.outcome.refusals.append(row)
            elif not row.chain:
                detail = "The row states no chain: add a column 'chain', or give --chain."
                self.outcome.refusals.append(RefusedRow(row.number, "missing_chain", detail, row.ref, row.address))
            else:
                yield row

    def _judge_here(self, batch: Batch) -> Acknowledged | None:
        """Refuse a batch that lacks what every report needs; without a node, judge every batch."""
        fields = {**self._plan.fields, **dict(batch.claims)}
        lacking = missing(fields)
        if lacking and not batch.claims and not self.outcome.accepted:
            check_needed(fields)
        if lacking:
            refusal = Refused("missing_field", f"The row's report lacks: {', '.join(lacking)}.")
            return Acknowledged(batch.number, None, 0, _all_refused(batch, refusal))
        if self._plan.client is not None:
            return None
        document = batch.to_document(self._plan.fields)
        try:
            read = read_report({name: document[name] for name in REPORT_FIELDS if name in document}, partial=True)
        except InvalidRecord as error:
            return Acknowledged(batch.number, None, 0, _refused_rows(batch, error.errors, error))
        rows = _refused_rows(batch, read.refused)
        return Acknowledged(batch.number, None, len(batch.rows) - len(rows), rows, len(read.cleaned))

    def _prepare(self, batch: Batch) -> tuple[bytes, list[list[Any]], int]:
        """Write the body of a batch's request; and of signing it, the rows left out and how many were cleaned."""
        document = complete(batch.to_document(self._plan.fields))
        if self._plan.signer is None:
            return msgspec.json.encode(document), [], 0
        try:
            signed = self._plan.signer.report(document, partial=True, mark=self._mark(batch.number))
        except Invalid as error:
            return b"", _refused_rows(batch, error.errors, error), 0
        return msgspec.json.encode(signed.to_document()), _refused_rows(batch, signed.refused), len(signed.cleaned)

    def _mark(self, batch: int) -> Mark:
        """Give the mark of a batch's record: the one of the killed run, so that it is the same record again."""
        kept = self._journal.marks.get(batch)
        if kept is not None:
            return Mark(UUID(kept["id"]), datetime.fromisoformat(kept["issued_at"]), bytes.fromhex(kept["nonce"]))
        mark = new_mark()
        self._journal.mark(
            batch, {"id": str(mark.id), "issued_at": mark.issued_at.isoformat(), "nonce": mark.nonce.hex()}
        )
        return mark

    def _send(self, batch: Batch, body: bytes, left_out: list[list[Any]], cleaned: int) -> Acknowledged:
        """Send one batch, on a thread of its own."""
        assert self._plan.client is not None
        if not body:
            return Acknowledged(batch.number, None, 0, left_out)
        signed = self._plan.signer is not None
        try:
            answer = self._plan.client.submit(body, partial=not signed, idempotency_key=self._plan.key(batch.number))
        except ProblemError as error:
            if not (_is_about_rows(error) or (batch.claims and _is_about_fields(error))):
                raise
            refused = [_read_refusal(row) for row in error.errors]
            return Acknowledged(batch.number, None, 0, _refused_rows(batch, refused, error))
        rows = left_out or _refused_rows(batch, [_read_refusal(row) for row in answer.get("refused") or []])
        cleaned = cleaned or len(answer.get("cleaned") or [])
        return Acknowledged(batch.number, str(answer.get("id")), len(batch.rows) - len(rows), rows, cleaned)

    def _settle(self, batch: Batch, answer: Future[Acknowledged]) -> None:
        done = answer.result()
        self._journal.acknowledge(done)
        self._count(batch, done)

    def _count(self, batch: Batch, done: Acknowledged) -> None:
        self.outcome.accepted += done.accepted
        self.outcome.cleaned += done.cleaned
        self.outcome.reports += done.report is not None
        self.outcome.refusals += [RefusedRow(*self._of_row(row)) for row in done.refused]
        self._progress(self.outcome.accepted + len(self.outcome.refusals))
        if self._plan.told is not None:
            self._plan.told(batch, done)
        if done.accepted + len(done.refused) != len(batch.rows):
            raise click.ClickException(
                f"The journal does not fit the file (report {batch.number}); start again with --restart."
            )

    @staticmethod
    def _of_row(row: list[Any]) -> tuple[int, str, str, str, str, str]:
        number, ref, address, chain, code, detail = row
        return int(number), code, detail, ref, address, chain


def _read_refusal(row: Mapping[str, Any]) -> Refused:
    ref = row.get("ref")
    return Refused(
        str(row.get("code") or "refused"),
        str(row.get("detail") or ""),
        str(row.get("pointer") or ""),
        str(ref) if ref else None,
    )


def _is_about_rows(error: ProblemError) -> bool:
    return error.status in _ROW_STATUSES and any(place.get("ref") for place in error.errors)


def _is_about_fields(error: ProblemError) -> bool:
    """Tell whether the report was refused for what its rows state of it, so that other reports may be accepted."""
    return error.status in _ROW_STATUSES and error.code != "idempotency_mismatch"


def _refused_rows(
    batch: Batch, refused: Iterable[Refused], whole: ProblemError | Invalid | None = None
) -> list[list[Any]]:
    """Give the refused rows of a batch as the journal keeps them, each once.

    With `whole`, why all of it was refused, rows that are not named are refused for that.
    """
    named: dict[str, Refused] = {}
    for row in refused:
        if row.ref is not None:
            named.setdefault(row.ref, row)
    other = None if whole is None else Refused(whole.code, whole.detail)
    found = ((row, named.get(str(row.number)) or other) for row in batch.rows) if named or other else ()
    return [_kept(row, why) for row, why in found if why is not None]


def _all_refused(batch: Batch, why: Refused) -> list[list[Any]]:
    return [_kept(row, why) for row in batch.rows]


def _kept(row: Row, why: Refused) -> list[Any]:
    """Write a refused row for the journal; a reason that leaves its field unnamed is given the name."""
    name = why.pointer.rpartition("/")[2]
    unnamed = name.isidentifier() and why.detail[:1].islower()
    return [row.number, row.ref, row.address, row.chain, why.code, f"{name} {why.detail}" if unnamed else why.detail]
