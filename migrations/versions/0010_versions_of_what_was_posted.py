"""Keep under which ids, and in which versions, objects were posted by TAXII, and what became of them."""

import sqlalchemy as sa
from alembic import op

from app.storage.columns import Document, Id, Moment

revision = "0010"
down_revision = "0009"

APPLICATION_ROLE = "watchfire_app"


def upgrade() -> None:
    """Upgrade."""
    op.create_table(
        "taxii_objects",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("collection", Id(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("report", Id(), nullable=False),
        sa.Column("version", Moment(), nullable=False),
        sa.Column("ordinals", Document(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "collection", "object_id", "report", name=op.f("pk_taxii_objects")),
    )
    op.create_index("ix_taxii_objects_report", "taxii_objects", ["report"])
    bind = op.get_bind()
    role = {"role": APPLICATION_ROLE}
    if (
        bind.dialect.name == "postgresql"
        and bind.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), role).scalar()
    ):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON taxii_objects TO {APPLICATION_ROLE}")
