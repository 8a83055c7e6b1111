"""What a pull does with the rows that it has read: submit what is new, take back what is gone, leave the rest.

The rule here: the source is followed, never overtaken. Every row is new, unchanged, taken back or refused, and the
figures add up; what was submitted from a source and is no longer said there is revoked, before anything new is sent.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from app.cli.import_run import Outcome, Plan, Run
from app.cli.journal import Acknowledged, Journal
from app.client import Client, LocalSigner, ProblemError
from app.formats.batches import Batch
from app.formats.rows import TAKEN_BACK, RefusedRow, Row

GONE, CHANGED = "other", "outdated"  # reasons of a revocation: no longer said at the source; said otherwise now
_NOTHING_LEFT = frozenset({404, 409, 410})  # of a revocation: the report was erased, or revoked by hand


class Held(NamedTuple):
    """What was submitted of one reference of the source: the report, the address as sent, a mark of what it said."""

    report: str
    chain: str
    address: str
    mark: str


class Save(Protocol):
    """Keeps what is held of a unit now, and whether the unit was taken in to its end."""

    def __call__(self, held: Mapping[str, Held], *, done: bool) -> None:
        """Keep it, before anything else is done."""
        ...


@dataclass(slots=True)
class Pulled(Outcome):
    """What a pull has come to: read = accepted + refused + unchanged + taken back. `revoked` counts addresses."""

    unchanged: int = 0
    taken_back: int = 0
    revoked: int = 0
    units: int = 0

    def add(self, run: Outcome, before: int) -> None:
        """Add what one run came to; its rows are numbered on from `before`."""
        self.refusals += [replace(row, number=row.number + before) for row in run.refusals]
        self.accepted += run.accepted
        self.reports += run.reports
        self.cleaned += run.cleaned


@dataclass(slots=True)
class Intake:
    """Takes in what a source says, unit by unit. `name` is the pull's, the rest as in an import."""

    client: Client
    name: str
    fields: Mapping[str, Any]
    progress: Callable[[int], None]
    signer: LocalSigner | None = None
    by_source: bool = True
    outcome: Pulled = field(default_factory=Pulled)

    def take(self, unit: str, rows: Iterable[Row | RefusedRow], held: Mapping[str, Held], save: Save) -> None:
        """Take in the rows of one unit (an event, a page), of which `held` was submitted before; `save` what is now.

        What was submitted, and is not among the rows or says something else, is taken back.
        """
        before = self.outcome.read
        said, refused = self._read(rows)
        kept = {ref: held[ref] for ref, row in said.items() if ref in held and held[ref].mark == mark_of(row)}
        lost = held.keys() - kept.keys()
        if lost:
            self._revoke(unit, held, lost, said.keys())
            save(kept, done=False)
        new = {ref: row for ref, row in said.items() if ref not in kept}
        made = self._submit(unit, new, [row for row in refused.values() if row.code != TAKEN_BACK], before)
        self.outcome.unchanged += len(kept)
        self.outcome.taken_back += sum(row.code == TAKEN_BACK for row in refused.values())
        self.outcome.units += 1
        save({**kept, **made}, done=True)

    def refuse(self, unit: str, why: str) -> None:
        """Refuse a whole unit that cannot be read."""
        self.outcome.read += 1
        self.outcome.refusals.append(RefusedRow(self.outcome.read, "unreadable_document", why, unit))

    def _read(self, rows: Iterable[Row | RefusedRow]) -> tuple[dict[str, Row], dict[str, RefusedRow]]:
        """Read the rows by their reference; one without a reference, or with another's, gets one by its address."""
        said: dict[str, Row] = {}
        refused: dict[str, RefusedRow] = {}
        for row in rows:
            self.outcome.read += 1
            ref = row.ref or f"{row.chain}:{row.address}"
            if ref in said or ref in refused:  # one object with two addresses
                ref = f"{ref}#{row.address}"
            if ref in said or ref in refused:
                ref = f"{ref}#{row.number}"
            if isinstance(row, Row):
                said[ref] = row
            else:
                refused[ref] = row
        return said, refused

    def _submit(self, unit: str, new: Mapping[str, Row], wrong: Iterable[RefusedRow], before: int) -> dict[str, Held]:
        made: dict[str, Held] = {}
        refs = {row.number: ref for ref, row in new.items()}

        def told(batch: Batch, done: Acknowledged) -> None:
            bad = {row[0] for row in done.refused}
            good = (row for row in batch.rows if row.number not in bad)
            made.update(
                {refs[row.number]: Held(str(done.report), row.chain, row.address, mark_of(row)) for row in good}
            )

        marks = json.dumps([[ref, mark_of(row)] for ref, row in new.items()])
        digest = hashlib.sha256(f"{self.name}\0{unit}\0{marks}".encode()).hexdigest()
        plan = Plan(self.fields, digest, by_source=self.by_source, client=self.client, signer=self.signer, told=told)
        run = Run(plan, Journal(None, digest), self._tell).run([*new.values(), *wrong])
        self.outcome.add(run, before)
        return made

    def _tell(self, _: int) -> None:
        self.progress(self.outcome.read)

    def _revoke(self, unit: str, held: Mapping[str, Held], lost: AbstractSet[str], said: AbstractSet[str]) -> None:
        """Take back what is lost, report by report: whole where nothing of it is left."""
        gone: dict[str, list[str]] = {}
        for ref in sorted(lost):
            gone.setdefault(held[ref].report, []).append(ref)
        for report, refs in gone.items():
            left = {item[1:3] for ref, item in held.items() if item.report == report and ref not in lost}
            named = dict.fromkeys(held[ref][1:3] for ref in refs if held[ref][1:3] not in left)
            if not named:
                continue
            addresses = [{"chain": chain, "address": address} for chain, address in named] if left else []
            self._send(unit, report, CHANGED if set(refs) <= said else GONE, addresses)
            self.outcome.revoked += len(named)

    def _send(self, unit: str, report: str, reason: str, addresses: list[dict[str, str]]) -> None:
        fields: dict[str, Any] = {"reason": reason, **({"addresses": addresses} if addresses else {})}
        key = hashlib.sha256(json.dumps([self.name, unit, report, fields]).encode()).hexdigest()
        try:
            if self.signer is None:
                self.client.follow("revocation", report, fields, idempotency_key=f"pull-{key}")
            else:
                signed = self.signer.follow("revocation", self.client.report(report), fields)
                self.client.follow("revocation", report, signed)
        except ProblemError as error:
            if error.status not in _NOTHING_LEFT:
                raise


def mark_of(row: Row) -> str:
    """Mark what a row says, without where it says so: a source that says it again has changed nothing."""
    said = [row.chain, row.address, dict(row.fields), row.claims]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:16]
