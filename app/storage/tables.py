"""The tables, private to storage.

The rule here: what the log needs is insert-only, and the database enforces it (INSERT_ONLY: triggers on both databases,
no UPDATE or DELETE right for the application's role on PostgreSQL). One change is let through: an entry whose record
came later gets it, and its arrival, once (FILLED_LATER). Content stands only in `records.payload`, `reports` and
`indicators`, so that an erasure knows every place. What the node knows of other nodes stands in `federation_tables.py`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from app.storage.columns import Document, Id, Moment
from app.storage.federation_tables import metadata as metadata  # noqa: PLC0414 - same as there
from app.storage.feed_tables import feed as feed  # noqa: PLC0414 - the schema is whole only with it
from app.storage.feed_tables import taxii_objects as taxii_objects  # noqa: PLC0414 - same
from app.storage.feed_tables import taxii_statuses as taxii_statuses  # noqa: PLC0414 - same
from app.storage.misp_tables import misp_events as misp_events  # noqa: PLC0414 - same
from app.storage.misp_tables import misp_feeds as misp_feeds  # noqa: PLC0414 - same

# SQLite numbers only INTEGER PRIMARY KEY by itself.
_Number = BigInteger().with_variant(Integer, "sqlite")

organizations = Table(
    "organizations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("home", Text, nullable=False),
    Column("trusted", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    # It wishes to be found by other nodes.
    Column("listed", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("home", "name"),
)

organization_keys = Table(
    "organization_keys",
    metadata,
    Column("keyid", Text, primary_key=True),
    Column("organization_id", Id, ForeignKey("organizations.id"), nullable=False, index=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("custody", Text, nullable=False),
    Column("sealed_seed", LargeBinary),
    Column("enrolled_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organization_id", Id, ForeignKey("organizations.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("scopes", Document, nullable=False),
    Column("networks", Document, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("last_used_at", Moment),
)

assertions = Table(
    "assertions",
    metadata,
    Column("organization_id", Id, nullable=False),
    Column("jti", Text, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    PrimaryKeyConstraint("organization_id", "jti"),
)

groups = Table(
    "groups",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("steward", Id, ForeignKey("organizations.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("history", Text, nullable=False, server_default="full"),
    Column("on_leave", Text, nullable=False, server_default="purge"),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", Id, ForeignKey("groups.id"), nullable=False),
    # Not a foreign key: the steward of a group at another node may name organizations that are not known here.
    Column("organization_id", Id, nullable=False, index=True),
    Column("joined_at", Moment, nullable=False),
    PrimaryKeyConstraint("group_id", "organization_id"),
)

# Whole nodes as members: everybody at home there. Not a foreign key: for the same reason.
group_nodes = Table(
    "group_nodes",
    metadata,
    Column("group_id", Id, ForeignKey("groups.id"), nullable=False),
    Column("node_id", Text, nullable=False, index=True),
    PrimaryKeyConstraint("group_id", "node_id"),
)

audiences = Table(
    "audiences",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("red", Boolean, nullable=False),
    Column("group_id", Id, index=True),
    Column("document", Document, nullable=False),
)

audience_organizations = Table(
    "audience_organizations",
    metadata,
    Column("audience_id", Integer, ForeignKey("audiences.id"), nullable=False),
    Column("organization_id", Id, nullable=False, index=True),
    PrimaryKeyConstraint("audience_id", "organization_id"),
)

records = Table(
    "records",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("issuer", Id, nullable=False),
    Column("origin", Text, nullable=False),
    Column("issued_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    # Who may read it now: the record's own audience, or the issuer alone while it waits for review.
    Column("audience_id", Integer, ForeignKey("audiences.id"), nullable=False),
    Column("quarantined", Boolean, nullable=False, server_default=false()),
    Column("tlp", Text, nullable=False),
    Column("pap", Text, nullable=False),
    # The report that it speaks of: by its id here, and its origin.
    Column("subject", Id),
    Column("subject_origin", Text),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("payload", LargeBinary),
    Column("keyid", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("custody", Text, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Index("ix_records_subject", "subject"),
    Index("ix_records_audience_kind", "audience_id", "kind", "id"),
    Index("ix_records_issuer", "issuer", "id"),
    Index("ix_records_received_at", "received_at"),
    # Which organizations have stated themselves to an audience: few among the records of a busy issuer.
    Index(
        "ix_records_organizations",
        "issuer",
        "audience_id",
        sqlite_where=text("kind = 'organization'"),
        postgresql_where=text("kind = 'organization'"),
    ),
)

reports = Table(
    "reports",
    metadata,
    Column("record_id", Id, ForeignKey("records.id"), primary_key=True),
    Column("category", Text, nullable=False),
    Column("subcategory", Text),
    Column("method", Text, nullable=False),
    Column("confidence", SmallInteger, nullable=False),
    Column("reliability", Text),
    Column("credibility", SmallInteger),
    Column("valid_from", Moment),
    Column("valid_until", Moment, nullable=False),
    Column("supersedes", Id),
    Column("indicators", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("followed", Boolean, nullable=False, server_default=false()),
)

indicators = Table(
    "indicators",
    metadata,
    # Not a foreign key: checking it for each row of a bulk import costs as much as writing the row, and both rows are
    # written by one function in one transaction; the checker compares them.
    Column("record_id", Id, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("audience_id", Integer, nullable=False),
    Column("chain", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("asset", Text),
    Column("role", Text),
    Column("relation", Text),
    Column("first_seen", Moment),
    Column("last_seen", Moment),
    Column("tag", Text),
    Column("transactions", Document),
    Column("confidence", SmallInteger),
    # The UUID of the address as a STIX wallet (`formats.stix_ids.of_wallet`), by which platforms ask for it.
    Column("wallet", LargeBinary),
    PrimaryKeyConstraint("record_id", "ordinal"),
    Index("ix_indicators_key", "key"),
    Index("ix_indicators_wallet", "wallet"),
    sqlite_with_rowid=False,
)

introductions = Table(
    "introductions",
    metadata,
    Column("audience_id", Integer, ForeignKey("audiences.id"), nullable=False),
    Column("organization_id", Id, ForeignKey("organizations.id"), nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("audience_id", "organization_id", "version"),
)

log_pending = Table(
    "log_pending",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("record_id", Id, ForeignKey("records.id"), nullable=False),
    Column("audience_id", Integer, ForeignKey("audiences.id"), nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("owed_at", Moment, nullable=False),
)

logs = Table(
    "logs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("audience_id", Integer, ForeignKey("audiences.id"), nullable=False),
    Column("epoch", Integer, nullable=False),
    UniqueConstraint("audience_id", "origin", "epoch"),
)

log_entries = Table(
    "log_entries",
    metadata,
    Column("log_id", Text, ForeignKey("logs.id"), nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    # None where no usable body has come yet (see log_holes); and a record that waits for review has not arrived.
    # Microseconds since 1970, rising in the order of commits: see stamps.py.
    Column("record_id", Id, ForeignKey("records.id"), unique=True),
    Column("arrival", BigInteger, unique=True),
    PrimaryKeyConstraint("log_id", "index"),
)

log_tiles = Table(
    "log_tiles",
    metadata,
    Column("log_id", Text, ForeignKey("logs.id"), nullable=False),
    Column("level", Integer, nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    PrimaryKeyConstraint("log_id", "level", "index"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("log_id", Text, ForeignKey("logs.id"), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    PrimaryKeyConstraint("log_id", "size"),
)

# Written in the transaction of the deed, and moved by the sequencer into the organization's chain.
audit_pending = Table(
    "audit_pending",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("organization_id", Id, nullable=False),
    Column("at", Moment, nullable=False),
    Column("principal", Text, nullable=False),
    Column("deed", Text, nullable=False),
    Column("subject", Text),
    Column("outcome", Text, nullable=False),
    Column("count", Integer, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("organization_id", Id, nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("principal", Text, nullable=False),
    Column("deed", Text, nullable=False),
    Column("subject", Text),
    Column("outcome", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("organization_id", "index"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("organization_id", Id, nullable=False),
    Column("key", Text, nullable=False),
    Column("request_digest", LargeBinary, nullable=False),
    Column("subject", Id, nullable=False, index=True),
    Column("refused", Document, nullable=False),
    Column("cleaned", Document, nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
    PrimaryKeyConstraint("organization_id", "key"),
)

# By which registry of chains the keys of the indicators were made: one row.
registry = Table(
    "registry",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
)

INSERT_ONLY = ("logs", "log_entries", "log_tiles", "checkpoints", "audit", "introductions", "evidence")
FILLED_LATER = {"log_entries": ("record_id", "arrival")}
