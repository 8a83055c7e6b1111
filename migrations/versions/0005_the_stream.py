"""Let records arrive at a time, and keep where each stands in the stream that feeds give out.

Arrivals were numbers 1, 2, 3; they become times that end now, in the same order, with a room before each that the
largest record fits in. The rows of the stream are made afterwards, by the program (`watchfire migrate`).
"""

import time

import sqlalchemy as sa
from alembic import op

from app.storage.columns import Id, Moment

revision = "0005"
down_revision = "0004"

APPLICATION_ROLE = "watchfire_app"
ROOM = 32 * 20_002  # microseconds: of a report of 10,000 indicators that supersedes another one
CHANGED = ("feed", "taxii_statuses")

# As in 0004: an entry is as it was, but that its record or its arrival, or both, went from nothing to a value.
FILLS = """NEW.log_id IS OLD.log_id AND NEW."index" IS OLD."index" AND NEW.leaf_hash IS OLD.leaf_hash
    AND (OLD.record_id IS NULL OR NEW.record_id IS OLD.record_id)
    AND (OLD.arrival IS NULL OR NEW.arrival IS OLD.arrival)
    AND ((OLD.record_id IS NULL AND NEW.record_id IS NOT NULL) OR (OLD.arrival IS NULL AND NEW.arrival IS NOT NULL))"""


def upgrade() -> None:
    """Upgrade."""
    let_arrivals_be_times()
    op.create_table(
        "feed",
        sa.Column("stamp", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("strict", sa.Boolean(), nullable=False),
        sa.Column("report", Id(), nullable=False),
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("issuer", Id(), nullable=False),
        sa.Column("tlp", sa.Text(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("ended", sa.SmallInteger(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stamp", name=op.f("pk_feed")),
    )
    op.create_index("ix_feed_stream", "feed", ["audience_id", "strict", "stamp"])
    op.create_index("ix_feed_report", "feed", ["report"])
    op.create_index("ix_feed_record", "feed", ["record_id"])
    op.create_index("ix_feed_name", "feed", ["name"])
    op.create_index("ix_feed_issuer", "feed", ["issuer", "audience_id", "stamp"])
    op.create_table(
        "taxii_statuses",
        sa.Column("id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taxii_statuses")),
    )
    op.create_index(op.f("ix_taxii_statuses_made_at"), "taxii_statuses", ["made_at"])
    grant_to_application()


def is_sqlite() -> bool:
    """Tell which of the two databases this is."""
    return op.get_bind().dialect.name == "sqlite"


def let_arrivals_be_times() -> None:
    """Turn numbers into times: the one change of entries that is not theirs to refuse."""
    last = op.get_bind().execute(sa.text("SELECT max(arrival) FROM log_entries")).scalar()
    if last is None:
        return
    refuses = "log_entries_refuses_update" if is_sqlite() else "refuses_change"
    op.execute(f"DROP TRIGGER {refuses}" if is_sqlite() else f"ALTER TABLE log_entries DISABLE TRIGGER {refuses}")
    moved = sa.text("UPDATE log_entries SET arrival = :now - (:last - arrival) * :room WHERE arrival IS NOT NULL")
    op.get_bind().execute(moved, {"now": time.time_ns() // 1_000, "last": last, "room": ROOM})
    if is_sqlite():
        refuse = "BEGIN SELECT RAISE(ABORT, 'log_entries is insert-only'); END"
        op.execute(f"CREATE TRIGGER {refuses} BEFORE UPDATE ON log_entries WHEN NOT ({FILLS}) {refuse}")
    else:
        op.execute(f"ALTER TABLE log_entries ENABLE TRIGGER {refuses}")


def grant_to_application() -> None:
    """Give the application's role, where there is one, no more than it needs."""
    bind = op.get_bind()
    role = {"role": APPLICATION_ROLE}
    if is_sqlite() or not bind.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), role).scalar():
        return
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(CHANGED)} TO {APPLICATION_ROLE}")
