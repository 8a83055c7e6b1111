"""The first schema, with the log tables insert-only on both databases."""

import sqlalchemy as sa
from alembic import op

from app.storage.columns import Document, Id, Moment

revision = "0001"
down_revision = None


INSERT_ONLY = ("logs", "log_entries", "log_tiles", "checkpoints", "audit", "introductions")
APPLICATION_ROLE = "watchfire_app"


def make_insert_only() -> None:
    """Let the database itself refuse to change or delete what the logs need."""
    if op.get_bind().dialect.name == "sqlite":
        for table in INSERT_ONLY:
            for deed in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_refuses_{deed.lower()} BEFORE {deed} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is insert-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME; END $$"
    )
    for table in INSERT_ONLY:
        op.execute(
            f"CREATE TRIGGER refuses_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER refuses_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def grant_to_application() -> None:
    """Give the application's role, where there is one, no more than it needs."""
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        return
    found = bind.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": APPLICATION_ROLE}).scalar()
    if not found:
        return
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APPLICATION_ROLE}")
    op.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APPLICATION_ROLE}")
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {', '.join(INSERT_ONLY)} FROM {APPLICATION_ROLE}")
    op.execute(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM {APPLICATION_ROLE}")


def store_payloads_as_they_are() -> None:
    """Spare PostgreSQL compressing a megabyte for each report: signed bytes of random addresses hardly shrink."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE records ALTER COLUMN payload SET STORAGE EXTERNAL")


def upgrade() -> None:
    """Upgrade."""
    op.create_table(
        "assertions",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "jti", name=op.f("pk_assertions")),
    )
    op.create_index(op.f("ix_assertions_expires_at"), "assertions", ["expires_at"], unique=False)
    op.create_table(
        "audiences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("red", sa.Boolean(), nullable=False),
        sa.Column("group_id", Id(), nullable=True),
        sa.Column("document", Document(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audiences")),
        sa.UniqueConstraint("key", name=op.f("uq_audiences_key")),
    )
    op.create_index(op.f("ix_audiences_group_id"), "audiences", ["group_id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("deed", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "index", name=op.f("pk_audit")),
    )
    op.create_table(
        "audit_pending",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("deed", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_pending")),
    )
    op.create_table(
        "idempotency",
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("subject", Id(), nullable=False),
        sa.Column("refused", Document(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_created_at"), "idempotency", ["created_at"], unique=False)
    op.create_index(op.f("ix_idempotency_subject"), "idempotency", ["subject"], unique=False)
    op.create_table(
        "organizations",
        sa.Column("id", Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("name", name=op.f("uq_organizations_name")),
    )
    op.create_table(
        "audience_organizations",
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.ForeignKeyConstraint(["audience_id"], ["audiences.id"], name=op.f("fk_audience_organizations_audience_id")),
        sa.PrimaryKeyConstraint("audience_id", "organization_id", name=op.f("pk_audience_organizations")),
    )
    op.create_index(
        op.f("ix_audience_organizations_organization_id"), "audience_organizations", ["organization_id"], unique=False
    )
    op.create_table(
        "credentials",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", Document(), nullable=False),
        sa.Column("networks", Document(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.Column("last_used_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_credentials_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
    )
    op.create_index(op.f("ix_credentials_organization_id"), "credentials", ["organization_id"], unique=False)
    op.create_table(
        "groups",
        sa.Column("id", Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("steward", Id(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["steward"], ["organizations.id"], name=op.f("fk_groups_steward")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
    )
    op.create_table(
        "introductions",
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["audience_id"], ["audiences.id"], name=op.f("fk_introductions_audience_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_introductions_organization_id")
        ),
        sa.PrimaryKeyConstraint("audience_id", "organization_id", "version", name=op.f("pk_introductions")),
    )
    op.create_table(
        "logs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["audience_id"], ["audiences.id"], name=op.f("fk_logs_audience_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logs")),
        sa.UniqueConstraint("audience_id", "origin", "epoch", name=op.f("uq_logs_audience_id")),
    )
    op.create_table(
        "organization_keys",
        sa.Column("keyid", sa.Text(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("custody", sa.Text(), nullable=False),
        sa.Column("sealed_seed", sa.LargeBinary(), nullable=True),
        sa.Column("enrolled_at", Moment(), nullable=False),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_organization_keys_organization_id")
        ),
        sa.PrimaryKeyConstraint("keyid", name=op.f("pk_organization_keys")),
    )
    op.create_index(
        op.f("ix_organization_keys_organization_id"), "organization_keys", ["organization_id"], unique=False
    )
    op.create_table(
        "records",
        sa.Column("id", Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("issuer", Id(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("issued_at", Moment(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("tlp", sa.Text(), nullable=False),
        sa.Column("pap", sa.Text(), nullable=False),
        sa.Column("subject", Id(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("keyid", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("custody", sa.Text(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["audience_id"], ["audiences.id"], name=op.f("fk_records_audience_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
        sa.UniqueConstraint("digest", name=op.f("uq_records_digest")),
    )
    op.create_index("ix_records_audience_kind", "records", ["audience_id", "kind", "id"], unique=False)
    op.create_index("ix_records_issuer", "records", ["issuer", "id"], unique=False)
    op.create_index("ix_records_subject", "records", ["subject"], unique=False)
    op.create_table(
        "checkpoints",
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["logs.id"], name=op.f("fk_checkpoints_log_id")),
        sa.PrimaryKeyConstraint("log_id", "size", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", Id(), nullable=False),
        sa.Column("organization_id", Id(), nullable=False),
        sa.Column("joined_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_group_members_group_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_group_members_organization_id")
        ),
        sa.PrimaryKeyConstraint("group_id", "organization_id", name=op.f("pk_group_members")),
    )
    op.create_index(op.f("ix_group_members_organization_id"), "group_members", ["organization_id"], unique=False)
    op.create_table(
        "indicators",
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("relation", sa.Text(), nullable=True),
        sa.Column("first_seen", Moment(), nullable=True),
        sa.Column("last_seen", Moment(), nullable=True),
        sa.Column("tag", sa.Text(), nullable=True),
        sa.Column("transactions", Document(), nullable=True),
        sa.Column("confidence", sa.SmallInteger(), nullable=True),
        sa.PrimaryKeyConstraint("record_id", "ordinal", name=op.f("pk_indicators")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_indicators_key", "indicators", ["key"], unique=False)
    op.create_table(
        "log_entries",
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["logs.id"], name=op.f("fk_log_entries_log_id")),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_log_entries_record_id")),
        sa.PrimaryKeyConstraint("log_id", "index", name=op.f("pk_log_entries")),
        sa.UniqueConstraint("arrival", name=op.f("uq_log_entries_arrival")),
        sa.UniqueConstraint("record_id", name=op.f("uq_log_entries_record_id")),
    )
    op.create_table(
        "log_pending",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("owed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["audience_id"], ["audiences.id"], name=op.f("fk_log_pending_audience_id")),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_log_pending_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_pending")),
    )
    op.create_table(
        "log_tiles",
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["logs.id"], name=op.f("fk_log_tiles_log_id")),
        sa.PrimaryKeyConstraint("log_id", "level", "index", name=op.f("pk_log_tiles")),
    )
    op.create_table(
        "reports",
        sa.Column("record_id", Id(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("subcategory", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("confidence", sa.SmallInteger(), nullable=False),
        sa.Column("reliability", sa.Text(), nullable=True),
        sa.Column("credibility", sa.SmallInteger(), nullable=True),
        sa.Column("valid_from", Moment(), nullable=True),
        sa.Column("valid_until", Moment(), nullable=False),
        sa.Column("supersedes", Id(), nullable=True),
        sa.Column("indicators", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("followed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"], name=op.f("fk_reports_record_id")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_reports")),
    )

    make_insert_only()
    store_payloads_as_they_are()
    grant_to_application()


def downgrade() -> None:
    """Refuse: a log is never taken away; restore a backup instead."""
    raise RuntimeError("The first schema cannot be undone: it holds the logs. Restore a backup instead.")
