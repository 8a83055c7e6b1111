"""The tables of what leaves by feeds: where each report stands in the stream, and what became of what was posted.

The rule here: a row says where something stands in the stream and nothing of what it says, so that an erasure need not
look here. It is derived from records and logs, and can be made anew from them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

from app.storage.columns import Document, Id, Moment
from app.storage.schema import metadata

# One row for each run of units of a report (an indicator is a unit), each opinion and each sighting. Its units have the
# stamps of (stamp - units x STRIDE, stamp], STRIDE each. What is TLP:RED has no row. No foreign keys: rows are written
# by the thousand, by one module, in the transaction that gives records their arrival; the checker compares them.
feed = Table(
    "feed",
    metadata,
    Column("stamp", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("audience_id", Integer, nullable=False),
    # TLP:AMBER+STRICT, which is in no stream that was not asked for it.
    Column("strict", Boolean, nullable=False),
    Column("report", Id, nullable=False),
    # What the row is made of: the report, the opinion or the sighting.
    Column("record_id", Id, nullable=False),
    Column("kind", Text, nullable=False),
    Column("issuer", Id, nullable=False),
    Column("tlp", Text, nullable=False),
    Column("units", Integer, nullable=False),
    # The ordinal of the first unit; those of the others follow it.
    Column("first", Integer, nullable=False),
    # 0: the units stand; 1: they were taken back; 2: they were erased.
    Column("ended", SmallInteger, nullable=False),
    # When the newest record came that changed these units, by its issuer's clock.
    Column("changed_at", Moment, nullable=False),
    Column("name", LargeBinary, nullable=False),
    Index("ix_feed_stream", "audience_id", "strict", "stamp"),
    Index("ix_feed_report", "report"),
    # A report is found by its own column.
    Index(
        "ix_feed_record",
        "record_id",
        sqlite_where=text("kind <> 'report'"),
        postgresql_where=text("kind <> 'report'"),
    ),
    Index("ix_feed_name", "name"),
    Index("ix_feed_issuer", "issuer", "audience_id", "stamp"),
)

# What became of the objects of a request, kept for a day and more.
taxii_statuses = Table(
    "taxii_statuses",
    metadata,
    Column("id", Id, primary_key=True),
    Column("organization_id", Id, nullable=False),
    Column("made_at", Moment, nullable=False, index=True),
    Column("document", Document, nullable=False),
)

# In which version each object was posted last, and what became of it: the indicators of a report, by their ordinals, or
# none where it was taken back. Of an object that is revised or taken back the older versions are revoked.
taxii_objects = Table(
    "taxii_objects",
    metadata,
    Column("organization_id", Id, nullable=False),
    Column("collection", Id, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("report", Id, nullable=False),
    Column("version", Moment, nullable=False),
    Column("ordinals", Document, nullable=False),
    Column("whole", Boolean, nullable=False),
    PrimaryKeyConstraint("organization_id", "collection", "object_id", "report"),
    Index("ix_taxii_objects_report", "report"),
)
