"""A node elsewhere, as storage knows it: signed records of one origin, past the services and their rules."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from uuid import UUID

from sqlalchemy import select

from app.domain import audience as audiences
from app.domain import merkle
from app.domain.audience import Audience
from app.domain.ids import uuid7
from app.domain.marking import Pap, Tlp
from app.domain.record import Body, Erasure, Opinion, Record, Revocation, Withdrawn
from app.domain.report import read_report
from app.storage import records
from app.storage.rows import Arriving
from app.storage.store import ReadTx, WriteTx
from app.storage.tables import reports
from tests.world import START

CHAIN = "eip155:1"
US = UUID("01900000-0000-7000-8000-0000000000f0")
THEM = UUID("01900000-0000-7000-8000-0000000000f1")


@dataclass
class Origin:
    """Makes records of one origin, by one issuer unless said otherwise."""

    name: str = "there"
    issuer: UUID = THEM
    audience: Audience = audiences.PUBLIC
    tlp: Tlp = Tlp.CLEAR
    dice: Random = field(default_factory=Random)

    def record(self, kind: str, body: Body, **frame: object) -> Record:
        """Make a record."""
        made = Record(
            uuid7(START, self.dice.randbytes(10)), kind, self.issuer, self.name, START, self.audience, self.tlp,
            Pap.CLEAR, self.dice.randbytes(16), body,
        )  # fmt: skip
        return replace(made, **frame)

    def report(self, indicators: int = 1, supersedes: UUID | None = None, **frame: object) -> Record:
        """Make a report with some addresses."""
        rows = [{"chain": CHAIN, "address": "0x" + self.dice.randbytes(20).hex()} for _ in range(indicators)]
        claim = {"category": "sex_trafficking", "method": "advert", "confidence": 70, "indicators": rows}
        body = read_report(claim).report
        return self.record("report", replace(body, supersedes=supersedes), **frame)

    def revocation(self, report: Record, *, part: bool = False, **frame: object) -> Record:
        """Take back a report, or one address of it."""
        first = report.body.indicators[0]
        named = (Withdrawn(first.chain, first.address),) if part else ()
        return self.record("revocation", Revocation(report.id, "mistaken", named), **frame)

    def erasure(self, report: Record, **frame: object) -> Record:
        """Erase a report."""
        return self.record("erasure", Erasure(report.id, "personal_data"), **frame)

    def opinion(self, report: Record, **frame: object) -> Record:
        """Say something of a report."""
        return self.record("opinion", Opinion(report.id, "agree", "own_evidence"), **frame)


async def arriving(tx: WriteTx, record: Record, **fields: object) -> Arriving:
    """Sign a record and give it as it arrives."""
    envelope = record.sign(bytes(32))
    audience_id = await records.ensure_audience(tx, record.audience, record.tlp)
    made = Arriving(
        record.id, record, envelope, merkle.leaf_hash(envelope.to_bytes()), audience_id, "node",
        START + timedelta(minutes=1),
    )  # fmt: skip
    return replace(made, **fields)


async def reports_of(tx: ReadTx) -> dict[UUID, tuple[str, bool]]:
    """Give the state of every report that has a claim."""
    rows = await tx.execute(select(reports.c.record_id, reports.c.state, reports.c.followed))
    return {row[0]: (row[1], row[2]) for row in rows}
