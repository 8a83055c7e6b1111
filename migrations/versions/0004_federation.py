"""Know other nodes: peers, positions in their logs, entries without a body, evidence; names are unique at each home."""

import sqlalchemy as sa
from alembic import op

from app.storage.columns import Document, Id, Moment

revision = "0004"
down_revision = "0003"

APPLICATION_ROLE = "watchfire_app"
INSERT_ONLY = ("evidence",)
CHANGED = ("group_nodes", "nodes", "peers", "peer_logs", "peer_refusals", "replicas", "log_holes", "shown_heads")

# An entry is as it was, but that its record or its arrival number, or both, went from nothing to a value.
FILLS = """NEW.log_id {same} OLD.log_id AND NEW."index" {same} OLD."index" AND NEW.leaf_hash {same} OLD.leaf_hash
    AND (OLD.record_id IS NULL OR NEW.record_id {same} OLD.record_id)
    AND (OLD.arrival IS NULL OR NEW.arrival {same} OLD.arrival)
    AND ((OLD.record_id IS NULL AND NEW.record_id IS NOT NULL) OR (OLD.arrival IS NULL AND NEW.arrival IS NOT NULL))"""


def upgrade() -> None:
    """Upgrade."""
    name_organizations_by_home()
    let_groups_have_nodes()
    let_entries_be_filled()
    add_tables_of_nodes()
    add_tables_of_logs()
    op.create_index(
        "ix_records_organizations",
        "records",
        ["issuer", "audience_id"],
        sqlite_where=sa.text("kind = 'organization'"),
        postgresql_where=sa.text("kind = 'organization'"),
    )
    op.create_index("ix_records_received_at", "records", ["received_at"])
    keep_evidence()
    grant_to_application()


def is_sqlite() -> bool:
    """Tell which of the two databases this is."""
    return op.get_bind().dialect.name == "sqlite"


def name_organizations_by_home() -> None:
    """Let organizations of two nodes have one name; SQLite must make the table anew, while others point to it."""
    listed: sa.Column[bool] = sa.Column("listed", sa.Boolean(), server_default=sa.false(), nullable=False)
    if not is_sqlite():
        op.add_column("organizations", listed)
        op.drop_constraint(op.f("uq_organizations_name"), "organizations")
        op.create_unique_constraint(op.f("uq_organizations_home"), "organizations", ["home", "name"])
        return
    columns = "id, name, kind, home, trusted, version, created_at"
    op.execute("PRAGMA defer_foreign_keys=ON")
    op.execute(f"CREATE TABLE kept_organizations AS SELECT {columns} FROM organizations")  # noqa: S608 - our own names
    op.drop_table("organizations")
    op.create_table(
        "organizations",
        sa.Column("id", Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        listed,
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("home", "name", name=op.f("uq_organizations_home")),
    )
    op.execute(f"INSERT INTO organizations ({columns}) SELECT {columns} FROM kept_organizations")  # noqa: S608 - same
    op.drop_table("kept_organizations")


def let_groups_have_nodes() -> None:
    """Give groups their rules and member nodes; a member need not be known here."""
    op.add_column("groups", sa.Column("history", sa.Text(), server_default="full", nullable=False))
    op.add_column("groups", sa.Column("on_leave", sa.Text(), server_default="purge", nullable=False))
    with op.batch_alter_table("group_members") as table:
        table.drop_constraint(op.f("fk_group_members_organization_id"), type_="foreignkey")
    op.create_table(
        "group_nodes",
        sa.Column("group_id", Id(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=op.f("fk_group_nodes_group_id")),
        sa.PrimaryKeyConstraint("group_id", "node_id", name=op.f("pk_group_nodes")),
    )
    op.create_index(op.f("ix_group_nodes_node_id"), "group_nodes", ["node_id"])


def let_entries_be_filled() -> None:
    """Let an entry stand without its record, and get it later, once; nothing else of it ever changes."""
    with op.batch_alter_table("log_entries") as table:
        table.alter_column("record_id", existing_type=Id(), nullable=True)
        table.alter_column("arrival", existing_type=sa.BigInteger(), nullable=True)
    if is_sqlite():  # the triggers went with the old table
        fills = FILLS.format(same="IS")
        refuse = "BEGIN SELECT RAISE(ABORT, 'log_entries is insert-only'); END"
        op.execute(
            f"CREATE TRIGGER log_entries_refuses_update BEFORE UPDATE ON log_entries WHEN NOT ({fills}) {refuse}"
        )
        op.execute(f"CREATE TRIGGER log_entries_refuses_delete BEFORE DELETE ON log_entries {refuse}")
        return
    fills = FILLS.format(same="IS NOT DISTINCT FROM")
    op.execute(
        "CREATE FUNCTION refuse_change_of_entry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'UPDATE' AND {fills} THEN RETURN NEW; END IF; "
        "RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME; END $$"
    )
    op.execute("DROP TRIGGER refuses_change ON log_entries")
    op.execute(
        "CREATE TRIGGER refuses_change BEFORE UPDATE OR DELETE ON log_entries "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change_of_entry()"
    )


def add_tables_of_nodes() -> None:
    """Add what is known of other nodes."""
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
    )
    op.create_table(
        "peers",
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("accepted_here", sa.Boolean(), nullable=False),
        sa.Column("accepted_there", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("policy", Document(), nullable=False),
        sa.Column("added_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.Column("heard_at", Moment(), nullable=True),
        sa.Column("tried_at", Moment(), nullable=True),
        sa.Column("next_try_at", Moment(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("puller", sa.Text(), nullable=True),
        sa.Column("puller_until", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_peers_node_id")),
        sa.PrimaryKeyConstraint("node_id", name=op.f("pk_peers")),
    )
    op.create_table(
        "peer_logs",
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("served", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held_at", Moment(), nullable=True),
        sa.Column("from_index", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("was_visible", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("head", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("head_at", Moment(), nullable=True),
        sa.Column("level_at", Moment(), nullable=True),
        sa.Column("access_from", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ended", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("refused_there", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["peer_id"], ["peers.node_id"], name=op.f("fk_peer_logs_peer_id")),
        sa.PrimaryKeyConstraint("peer_id", "log_id", name=op.f("pk_peer_logs")),
    )
    op.create_index(op.f("ix_peer_logs_log_id"), "peer_logs", ["log_id"])
    op.create_table(
        "peer_refusals",
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["peer_id"], ["peers.node_id"], name=op.f("fk_peer_refusals_peer_id")),
        sa.PrimaryKeyConstraint("peer_id", "log_id", "index", name=op.f("pk_peer_refusals")),
    )


def add_tables_of_logs() -> None:
    """Add what is known of logs beside their entries."""
    op.create_table(
        "replicas",
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("cover_size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["logs.id"], name=op.f("fk_replicas_log_id")),
        sa.PrimaryKeyConstraint("log_id", name=op.f("pk_replicas")),
    )
    op.create_table(
        "log_holes",
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("peer_id", sa.Text(), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("next_try", Moment(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["log_id"], ["logs.id"], name=op.f("fk_log_holes_log_id")),
        sa.PrimaryKeyConstraint("log_id", "index", name=op.f("pk_log_holes")),
    )
    op.create_index("ix_log_holes_due", "log_holes", ["log_id", "next_try"])
    op.create_index(
        "ix_log_holes_refused",
        "log_holes",
        ["log_id", "index"],
        sqlite_where=sa.text("refused = 1"),
        postgresql_where=sa.text("refused"),
    )
    op.create_table(
        "shown_heads",
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("shown_by", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("log_id", name=op.f("pk_shown_heads")),
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("log_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("peer_id", sa.Text(), nullable=True),
        sa.Column("found_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_log_id"), "evidence", ["log_id"])


def keep_evidence() -> None:
    """Let the database itself refuse to change or delete what was proved against a node."""
    for table in INSERT_ONLY:
        if is_sqlite():
            for deed in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_refuses_{deed.lower()} BEFORE {deed} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is insert-only'); END"
                )
            continue
        for name, deeds, each in (("change", "UPDATE OR DELETE", "ROW"), ("truncate", "TRUNCATE", "STATEMENT")):
            op.execute(
                f"CREATE TRIGGER refuses_{name} BEFORE {deeds} ON {table} "
                f"FOR EACH {each} EXECUTE FUNCTION refuse_change()"
            )


def grant_to_application() -> None:
    """Give the application's role, where there is one, no more than it needs."""
    bind = op.get_bind()
    role = {"role": APPLICATION_ROLE}
    if is_sqlite() or not bind.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), role).scalar():
        return
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(CHANGED)} TO {APPLICATION_ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(INSERT_ONLY)} TO {APPLICATION_ROLE}")
    op.execute(f"GRANT UPDATE (record_id, arrival) ON log_entries TO {APPLICATION_ROLE}")
