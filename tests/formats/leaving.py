"""Reports as they leave, made from the records of the builders and of the strategies."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from app.domain.marking import Tlp
from app.formats.published import Issuer, Published
from tests import make, strategies


def published(record=None, *, state="live", withdrawn=(), name="NGO", **fields):
    """Give a report as it leaves; an erased one without its content."""
    record = record or make.record()
    envelope = record.sign(make.seed())
    arrival = int(record.issued_at.timestamp()) * 1_000_000
    erased = state == "erased"
    said = {
        "id": record.id,
        "record": None if erased else record,
        "issuer": Issuer(record.issuer, name, "ngo", record.origin),
        "origin": record.origin,
        "custody": "organization",
        "digest": envelope.digest,
        "envelope": None if erased else envelope,
        "issued_at": record.issued_at,
        "audience": record.audience.to_document(),
        "tlp": record.tlp,
        "pap": str(record.pap),
        "arrival": arrival,
        "changed": arrival,
        "state": state,
        "count": len(record.body.indicators),
        "withdrawn": frozenset(withdrawn),
    }
    return Published(**{**said, **fields})


@st.composite
def any_published(draw):
    record = draw(strategies.records_of("report").filter(lambda made: made.tlp is not Tlp.RED))
    state = draw(st.sampled_from(["live", "live", "superseded", "revoked", "erased"]))
    withdrawn = draw(st.sets(st.integers(0, len(record.body.indicators) - 1)))
    return published(record, state=state, withdrawn=withdrawn, name=draw(strategies.shown))


def moment(text):
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
