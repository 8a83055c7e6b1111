"""Keep the timestamps of the events of MISP feeds."""

import sqlalchemy as sa
from alembic import op

from app.storage.columns import Id

revision = "0006"
down_revision = "0005"

APPLICATION_ROLE = "watchfire_app"
CHANGED = ("misp_feeds", "misp_events")


def upgrade() -> None:
    """Upgrade."""
    op.create_table(
        "misp_feeds",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "audience_id", name=op.f("pk_misp_feeds")),
    )
    op.create_table(
        "misp_events",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("event_id", Id(), nullable=False),
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("strict", sa.Boolean(), nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("issuer", Id(), nullable=False),
        sa.Column("tlp", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("size", sa.SmallInteger(), nullable=False),
        sa.Column("bucket", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "event_id", name=op.f("pk_misp_events")),
    )
    op.create_index("ix_misp_events_stamp", "misp_events", ["organization_id", "stamp"], unique=True)
    grant_to_application()


def grant_to_application() -> None:
    """Give the application's role, where there is one, no more than it needs."""
    bind = op.get_bind()
    role = {"role": APPLICATION_ROLE}
    is_sqlite = bind.dialect.name == "sqlite"
    if is_sqlite or not bind.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), role).scalar():
        return
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(CHANGED)} TO {APPLICATION_ROLE}")
