"""One record: its signed bytes against every column that was made of them.

The rule here: the signed bytes are the truth. Whatever the columns say beside them - frame, claim, indicators, state -
is made again from the bytes and compared, value by value, as the database's driver gives it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain import audience as audiences
from app.domain import history, merkle, record
from app.domain.errors import Meaning
from app.domain.ids import derived_id
from app.domain.indicator import Indicator
from app.domain.keys import LogKeys
from app.domain.record import FOLLOWING, Record, Revocation
from app.domain.report import Report
from app.domain.signing import SIGNATURE_BYTES, Envelope
from app.formats import stix_ids
from app.storage import checking
from app.storage.columns import to_microseconds
from app.storage.store import ReadTx

Row = Mapping[str, Any]

UNREADABLE = (Meaning, TypeError, ValueError, AttributeError, KeyError)  # what a damaged value raises where it is used
_MARKS = FOLLOWING - {"erasure"}


@dataclass(frozen=True, slots=True)
class Driver:
    """How this database's driver gives an id; times are microseconds on both."""

    dialect: str

    def id(self, value: UUID | None) -> UUID | bytes | None:
        """Give an id as the driver gives it."""
        return value if value is None or self.dialect == "postgresql" else value.bytes

    def read_id(self, value: object) -> UUID | None:
        """Give the id that the driver gave, None for what is no id."""
        if isinstance(value, bytes) and len(value) == 16:  # noqa: PLR2004 - the bytes of a UUID
            return UUID(bytes=value)
        return UUID(int=value.int) if isinstance(value, UUID) else None


def time_of(moment: datetime | None) -> int | None:
    """Give a time as the driver gives it."""
    return None if moment is None else to_microseconds(moment)


def id_text(value: object) -> str:
    """Write an id, also a damaged one, as text that can be looked for."""
    if isinstance(value, bytes):
        return str(UUID(bytes=value)) if len(value) == 16 else value.hex()  # noqa: PLR2004 - the bytes of a UUID
    return str(value) if isinstance(value, UUID) else ascii(value)


@dataclass(slots=True)
class Content:
    """What stands in the other tables about the records of one page, by the record's id as the driver gives it."""

    claims: Mapping[object, Row]
    indicators: Mapping[object, list[tuple[Any, ...]]]
    followers: Mapping[object, list[Row]]
    issuers: Mapping[object, object]
    revoked: set[object] = field(default_factory=set)


async def gather(tx: ReadTx, page: Sequence[Row]) -> Content:
    """Fetch what stands in the other tables about a page of records."""
    held = [row for row in page if row["id"] is not None]
    ids = [row["id"] for row in held]
    subjects = [row["subject"] for row in held if row["payload"] is None and row["kind"] in _MARKS]
    named = [*(row["id"] for row in held if row["kind"] == "report"), *subjects]
    content = Content(
        await checking.claims(tx, ids),
        await checking.indicator_rows(tx, ids),
        await checking.followers(tx, named),
        await checking.issuers(tx, named),
    )
    async for row in checking.revocations(tx, named):
        if row["issuer"] == content.issuers.get(row["subject"]) and _is_whole(row["payload"]):
            content.revoked.add(row["subject"])
    return content


def _is_whole(payload: bytes) -> bool:
    try:
        body = record.parse(payload, kept=True).body
    except UNREADABLE:
        return False
    return isinstance(body, Revocation) and not body.addresses


@dataclass(slots=True)
class Checked:
    """What the check of one record gave: the leaf hash made again (None after erasure), the record, and its faults."""

    leaf: bytes | None = None
    record: Record | None = None
    verified: bool = False
    faults: list[str] = field(default_factory=list)


def check(driver: Driver, row: Row, keys: LogKeys, content: Content) -> Checked:
    """Check a record whose row has the columns of `records`, and the key of its audience as `audience_key`.

    1. The signed bytes are a record; its leaf hash and digest are those that are kept.
    2. Its signature verifies with a key that counts at this place (`keys`), of the custody that is kept.
    3. The columns of its frame say what the bytes say, and it is shown to its own audience, or waits for review.
    4. A report's claim, state and indicators are the ones of the bytes; nothing else has any.
    5. Without its bytes it was erased: by an erasure of its issuer, and nothing made of them is left; or purged,
       because this node left the log.
    """
    checked = Checked()
    try:
        if row["payload"] is None:
            checked.faults += _erased(driver, row, keys, content)  # 5
        else:
            _whole(driver, row, keys, content, checked)
    except UNREADABLE as error:
        said = error.detail if isinstance(error, Meaning) else type(error).__name__
        checked.faults.append(f"the record cannot be read: {said}")
    return checked


def _whole(driver: Driver, row: Row, keys: LogKeys, content: Content, checked: Checked) -> None:
    # 1
    envelope = Envelope(row["payload"], row["keyid"], row["signature"])
    checked.leaf = merkle.leaf_hash(envelope.to_bytes())
    if checked.leaf != row["leaf_hash"]:
        checked.faults.append("records.leaf_hash is not the hash of the signed record")
    if envelope.digest != row["digest"]:
        checked.faults.append("records.digest is not the digest of the signed bytes")
    said = checked.record = record.parse(envelope.payload, kept=True)
    # 2
    try:
        custody = keys.verify(said, envelope)
    except Meaning as error:
        checked.faults.append(f"the signature does not count: {error.detail}")
    else:
        checked.verified = True
        if custody != row["custody"]:
            checked.faults.append("records.custody is not what the organization record says")
    # 3
    checked.faults += _differences("records", _frame(driver, said, row), row)
    shown = audiences.organizations(said.issuer).key(said.tlp) if row["quarantined"] else said.audience_key
    if row["audience_key"] != shown:
        checked.faults.append("records.audience_id is not the audience of the record")
    # 4
    checked.faults += _content(driver, row, said, content)


def _frame(driver: Driver, said: Record, row: Row) -> dict[str, Any]:
    return {
        "id": _local(driver, said.origin, said.id, row["id"]),
        "kind": said.kind,
        "issuer": driver.id(said.issuer),
        "origin": said.origin,
        "issued_at": time_of(said.issued_at),
        "tlp": str(said.tlp),
        "pap": str(said.pap),
        "subject": _local(driver, said.subject_origin, said.subject, row["subject"]),
        "subject_origin": said.subject_origin,
    }


def _local(driver: Driver, origin: str | None, claimed: UUID | None, held: object) -> object:
    """Give the id under which a record is kept: the one it claims, or another where a foreign origin reused one."""
    derived = None if claimed is None or origin is None else driver.id(derived_id(origin, claimed))
    return derived if held == derived else driver.id(claimed)


def _differences(table: str, expected: Mapping[str, Any], row: Row) -> list[str]:
    return [
        f"{table}.{name} is not what the signed bytes say" for name, value in expected.items() if row[name] != value
    ]


def _content(driver: Driver, row: Row, said: Record, content: Content) -> list[str]:
    claim, rows = content.claims.get(row["id"]), content.indicators.get(row["id"], [])
    if not isinstance(said.body, Report):
        return _nothing_left(claim, rows)
    if claim is None:
        return ["the report has no row in reports"]
    return [
        *_differences("reports", _claim(driver, said, said.body), claim),
        *_state(row, claim, content),
        *_indicators(rows, row["audience_id"], said.body.indicators),
    ]


def _nothing_left(claim: Row | None, rows: Sequence[Any]) -> list[str]:
    faults = [] if claim is None else ["it has a row in reports, and no claim"]
    return faults + (["it has rows in indicators, and no addresses"] if rows else [])


def _claim(driver: Driver, said: Record, report: Report) -> dict[str, Any]:
    return {
        "category": report.category,
        "subcategory": report.subcategory,
        "method": report.method,
        "confidence": report.confidence,
        "reliability": report.reliability,
        "credibility": report.credibility,
        "valid_from": time_of(report.valid_from),
        "valid_until": time_of(report.expires_at(said.issued_at)),
        "supersedes": driver.id(report.supersedes),
        "indicators": len(report.indicators),
    }


def _state(row: Row, claim: Row, content: Content) -> list[str]:
    """Check what is kept for lists: revoked as a whole, else superseded in its own audience, else live.

    A newer report for another audience leaves the old one as it is, or supersedes it while it waits for review; while
    both wait, their rows stand in one audience, whatever the reports themselves say.
    """
    followers = content.followers.get(row["id"], [])
    own = [item for item in followers if item["issuer"] == row["issuer"]]
    newer = [item for item in own if item["kind"] == "report"]
    if row["id"] in content.revoked:
        allowed = {history.REVOKED}
    elif not row["quarantined"] and any(
        (item["audience_id"], item["tlp"]) == (row["audience_id"], row["tlp"]) for item in newer
    ):
        allowed = {history.SUPERSEDED}
    else:
        allowed = {history.LIVE, history.SUPERSEDED} if newer else {history.LIVE}
    followed = claim["state"] != history.LIVE or bool(own) or any(item["kind"] in _MARKS for item in followers)
    faults = [] if claim["state"] in allowed else ["reports.state is not what the records that follow it make of it"]
    return faults + ([] if claim["followed"] == followed else ["reports.followed is wrong"])


def _indicators(rows: list[tuple[Any, ...]], audience_id: object, said: Sequence[Indicator]) -> list[str]:
    expected = [
        (
            ordinal,
            item.key,
            audience_id,
            item.chain,
            item.address,
            item.asset,
            item.role,
            item.relation,
            time_of(item.first_seen),
            time_of(item.last_seen),
            item.tag,
            "[" + ",".join(f'"{name}"' for name in item.transactions) + "]" if item.transactions else None,
            item.confidence,
            stix_ids.of_wallet(item.address),
        )
        for ordinal, item in enumerate(said)
    ]
    return [] if rows == expected else _different_rows(rows, expected)


def _different_rows(rows: Sequence[tuple[Any, ...]], expected: Sequence[tuple[Any, ...]]) -> list[str]:
    faults: list[str] = []
    stored = {row[0]: row for row in rows}
    for wanted in expected:
        row = stored.pop(wanted[0], None)
        if row is None:
            faults.append(f"indicator {wanted[0]} is absent")
            continue
        names = zip(checking.INDICATOR_COLUMNS, row, wanted, strict=True)
        faults += [
            f"indicators.{name} of indicator {wanted[0]} is not what the signed bytes say"
            for name, is_value, should in names
            if is_value != should
        ]
    return faults + [f"indicator {ordinal} is not in the signed bytes" for ordinal in stored]


def _erased(driver: Driver, row: Row, keys: LogKeys, content: Content) -> list[str]:
    """Check a record without its bytes. Its digest, signature and times cannot be checked: the leaf stands for them."""
    claim, rows = content.claims.get(row["id"]), content.indicators.get(row["id"], [])
    if row.get("hole") == "purged":
        return _nothing_left(claim, rows)
    report = row["id"] if row["kind"] == "report" else row["subject"]
    issuer = content.issuers.get(report)
    faults = (
        []
        if row["kind"] in {"report", *_MARKS}
        else ["a record of this kind is never erased, and its bytes are absent"]
    )
    if not any(
        item["kind"] == "erasure"
        and item["issuer"] == issuer
        and (row["quarantined"] or item["audience_id"] == row["audience_id"])
        for item in content.followers.get(report, [])
    ):
        faults.append("its bytes are absent, and its issuer asked for no erasure")
    faults += ["it was erased, and reports still holds its claim"] if claim is not None else []
    faults += ["it was erased, and indicators still holds its addresses"] if rows else []
    held_by = driver.read_id(row["issuer"])
    custody = None if held_by is None else keys.custody_of(held_by, row["keyid"])
    if custody is None or custody != row["custody"] or len(row["signature"]) != SIGNATURE_BYTES:
        faults.append("its bytes are absent, and its key is none of its issuer's")
    return faults
