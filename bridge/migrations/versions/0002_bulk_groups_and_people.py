"""Bulk files, groups, devices in full, and accounts with a password or rights of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("registrations", sa.Column("bulk", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("secret", sa.LargeBinary(), nullable=True))
    op.add_column("accounts", sa.Column("details", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("revisit", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.create_index(
        "ix_accounts_revisit",
        "accounts",
        ["username"],
        sqlite_where=sa.text("revisit"),
        postgresql_where=sa.text("revisit"),
    )
    op.create_index(
        "ix_accounts_people",
        "accounts",
        ["kind", "username"],
        sqlite_where=sa.text("kind <> 'device'"),
        postgresql_where=sa.text("kind <> 'device'"),
    )
    op.add_column("devices", sa.Column("iccid", sa.Text(), nullable=True))
    op.add_column("devices", sa.Column("id_type", sa.Text(), nullable=True))
    op.add_column("devices", sa.Column("shell", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("devices", sa.Column("bulk", sa.Text(), nullable=True))
    op.add_column("devices", sa.Column("folded", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.create_index("ix_devices_group", "devices", ["tenant", "group_path", "id"])
    op.create_table(
        "groups",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "path", name=op.f("pk_groups")),
    )
    op.add_column("audit", sa.Column("bulk", sa.Text(), nullable=True))
    op.create_index("ix_audit_bulk", "audit", ["bulk", "tenant"], unique=True)
    _fill()


def _fill() -> None:
    """Make the groups that are named already, and what the search of devices looks at."""
    connection = op.get_bind()
    named: set[tuple[str, str]] = set()
    for table in ("registrations", "devices"):
        rows = connection.execute(
            sa.text(f"SELECT DISTINCT tenant, group_path FROM {table} WHERE group_path IS NOT NULL")  # noqa: S608
        )
        for tenant, path in rows:
            names = path.split("/")
            named |= {(tenant, "/".join(names[:depth])) for depth in range(1, len(names) + 1)}
    for tenant, path in sorted(named):
        connection.execute(
            sa.text("INSERT INTO groups (tenant, path) VALUES (:tenant, :path)"), {"tenant": tenant, "path": path}
        )
    for device_id, name in connection.execute(sa.text("SELECT id, name FROM devices")).all():
        connection.execute(
            sa.text("UPDATE devices SET folded = :folded WHERE id = :id"),
            {"folded": f"{device_id}\n{name or ''}".casefold(), "id": device_id},
        )


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_audit_bulk", "audit")
    op.drop_table("groups")
    op.drop_index("ix_devices_group", "devices")
    op.drop_index("ix_accounts_people", "accounts")
    op.drop_index("ix_accounts_revisit", "accounts")
    for table, columns in {
        "audit": ("bulk",),
        "devices": ("folded", "bulk", "shell", "id_type", "iccid"),
        "accounts": ("revisit", "details", "secret"),
        "registrations": ("bulk",),
    }.items():
        for column in columns:
            op.drop_column(table, column)
