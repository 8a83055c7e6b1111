"""Keep at which node the report was made that a record speaks of: an id alone does not say which it is."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Upgrade."""
    op.add_column("records", sa.Column("subject_origin", sa.Text(), nullable=True))
    # As the records made so far are read: they state no other origin than their own.
    op.execute("UPDATE records SET subject_origin = origin WHERE subject IS NOT NULL")
