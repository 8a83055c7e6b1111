"""Keep by which registry of chains the keys of the indicators were made, so that a newer one makes them anew."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

APPLICATION_ROLE = "watchfire_app"


def upgrade() -> None:
    op.create_table(
        "registry",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry")),
    )
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        role = {"role": APPLICATION_ROLE}
        if bind.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), role).scalar():
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON registry TO {APPLICATION_ROLE}")
