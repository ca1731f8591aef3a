"""Who the accounts are, as their sources say, and the names that each has had."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = ("account_identity", "account_rename")


def upgrade() -> None:
    """Make the tables, whose rows are only ever added."""
    op.create_table(
        "account_identity",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=True),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("key_digest", sa.Text(), nullable=False),
        sa.Column("first_seen_at", UtcTime(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_identity")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_account_identity_account_id"), "account_identity", ["account", "id"]
    )
    op.create_table(
        "account_rename",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("was", sa.Text(), nullable=False),
        sa.Column("now", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_rename")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_account_rename_was_id"), "account_rename", ["was", "id"])
    dialect = op.get_bind().dialect.name
    for table in TABLES:
        for statement in triggers.keep(dialect, table, triggers.ALL, ("id",)):
            op.execute(statement)


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
