"""The tables of MISP feeds: how far each organization's feed has taken in each audience, and its events' timestamps.

The rule here: a row says which reports an event is made of and when it last changed, and nothing of what they say. It
is derived from the stream; what was given out keeps its timestamp for ever, because a MISP reads only what is newer.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, SmallInteger, Table, Text

from app.storage.columns import Id
from app.storage.schema import metadata

misp_feeds = Table(
    "misp_feeds",
    metadata,
    Column("organization_id", Id, nullable=False),
    Column("audience_id", Integer, nullable=False),
    # The stamp of the stream up to which the audience was taken in.
    Column("seen", BigInteger, nullable=False),
    PrimaryKeyConstraint("organization_id", "audience_id"),
)

misp_events = Table(
    "misp_events",
    metadata,
    Column("organization_id", Id, nullable=False),
    Column("event_id", Id, nullable=False),
    Column("audience_id", Integer, nullable=False),
    Column("strict", Boolean, nullable=False),
    # What the event is made of: see misp.Bucket.
    Column("log_id", Text, nullable=False),
    Column("issuer", Id, nullable=False),
    Column("tlp", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("size", SmallInteger, nullable=False),
    Column("bucket", BigInteger, nullable=False),
    Column("part", Integer, nullable=False),
    # Seconds since 1970, unique and rising within the organization's feed.
    Column("stamp", BigInteger, nullable=False),
    PrimaryKeyConstraint("organization_id", "event_id"),
    Index("ix_misp_events_stamp", "organization_id", "stamp", unique=True),
)
