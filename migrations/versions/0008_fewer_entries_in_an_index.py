"""Keep in the index of what is said of reports no reports: they are the most, and are found by another one."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Upgrade."""
    op.drop_index("ix_feed_record", "feed")
    said = sa.text("kind <> 'report'")
    op.create_index("ix_feed_record", "feed", ["record_id"], sqlite_where=said, postgresql_where=said)
