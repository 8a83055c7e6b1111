"""The tables of what the node knows of other nodes, private to storage: peers, positions in logs, holes, evidence.

The rule here: a position moves on in the transaction that keeps what it speaks of. Nothing here is content: what a
record says stands in the tables of `tables.py` alone.
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
    Table,
    Text,
    false,
    text,
)

from app.storage.columns import Document, Moment
from app.storage.schema import metadata as metadata  # noqa: PLC0414 - whole only when both modules are read

# The position in a log of another node, or in an own log that is being pulled back: the right edge of what is held, and
# the newest signed checkpoint, which covers `cover_size` entries.
replicas = Table(
    "replicas",
    metadata,
    Column("log_id", Text, ForeignKey("logs.id"), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("cover_size", BigInteger, nullable=False),
)

# Entries of which no usable body is here, and why: the words of `holes.BARE`, or the code of this node's own refusal.
log_holes = Table(
    "log_holes",
    metadata,
    Column("log_id", Text, ForeignKey("logs.id"), nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("refused", Boolean, nullable=False),
    Column("peer_id", Text),
    Column("at", Moment, nullable=False),
    # None: never, unless access opens or the operator asks.
    Column("next_try", Moment),
    Column("tries", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("log_id", "index"),
    Index("ix_log_holes_due", "log_id", "next_try"),
    Index(
        "ix_log_holes_refused", "log_id", "index", sqlite_where=text("refused = 1"), postgresql_where=text("refused")
    ),
)

# Checkpoints of own logs that are newer than what this database has: it was restored from a backup. Not a foreign key:
# the log itself may be unknown to the backup.
shown_heads = Table(
    "shown_heads",
    metadata,
    Column("log_id", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("shown_by", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

# Signed proof that a node has told two stories.
evidence = Table(
    "evidence",
    metadata,
    Column("id", Text, primary_key=True),
    Column("log_id", Text, nullable=False, index=True),
    Column("origin", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("peer_id", Text),
    Column("found_at", Moment, nullable=False),
)

# Every node that is known, this one too, with the newest record that it has signed of itself.
nodes = Table(
    "nodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("url", Text),
    Column("generation", Integer, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("issued_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
)

peers = Table(
    "peers",
    metadata,
    Column("node_id", Text, ForeignKey("nodes.id"), primary_key=True),
    Column("url", Text),
    Column("accepted_here", Boolean, nullable=False),
    Column("accepted_there", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("policy", Document, nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("heard_at", Moment),
    Column("tried_at", Moment),
    Column("next_try_at", Moment),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    # Which process pulls from it now, and until when.
    Column("puller", Text),
    Column("puller_until", Moment),
)

# A peer's and this node's place in one log: first what the peer was served, then what is pulled from it. Not a foreign
# key to logs: a peer may show a log of which nothing was pulled yet.
peer_logs = Table(
    "peer_logs",
    metadata,
    Column("peer_id", Text, ForeignKey("peers.node_id"), nullable=False),
    Column("log_id", Text, nullable=False, index=True),
    Column("served", BigInteger, nullable=False, server_default="0"),
    Column("held", BigInteger, nullable=False, server_default="0"),
    Column("held_at", Moment),
    Column("from_index", BigInteger, nullable=False, server_default="0"),
    Column("was_visible", Boolean, nullable=False, server_default=false()),
    Column("head", BigInteger, nullable=False, server_default="0"),
    Column("head_at", Moment),
    # When the node last had all that the peer showed.
    Column("level_at", Moment),
    Column("access_from", BigInteger, nullable=False, server_default="0"),
    Column("ended", Boolean, nullable=False, server_default=false()),
    Column("refused_there", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    Column("error_at", Moment),
    PrimaryKeyConstraint("peer_id", "log_id"),
)

# What a peer has refused of this node's logs.
peer_refusals = Table(
    "peer_refusals",
    metadata,
    Column("peer_id", Text, ForeignKey("peers.node_id"), nullable=False),
    Column("log_id", Text, nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("peer_id", "log_id", "index"),
)
