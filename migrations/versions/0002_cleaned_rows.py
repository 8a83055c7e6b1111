"""Remember which rows of a request were cleaned, so that a repeated request gets the same answer."""

import sqlalchemy as sa
from alembic import op

from app.storage.columns import Document

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("idempotency", sa.Column("cleaned", Document(), nullable=False, server_default="[]"))
    with op.batch_alter_table("idempotency") as table:
        table.alter_column("cleaned", server_default=None)
