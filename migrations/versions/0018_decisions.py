"""Decisions: what a person says of calls that nobody can read, and what is readable."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# What of each table names a row.
KEYS = {
    "quarantine_place": ("id", "quarantine_id"),
    "call_decision": ("id", "account, call_id, revision"),
}


def upgrade() -> None:
    """Make the tables, which are only ever added to."""
    op.create_table(
        "quarantine_place",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("quarantine_id", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=True),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["quarantine_id"],
            ["quarantine.id"],
            name=op.f("fk_quarantine_place_quarantine_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine_place")),
        sa.UniqueConstraint(
            "quarantine_id", name=op.f("uq_quarantine_place_quarantine_id")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "call_decision",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("revision", ExactInteger(), nullable=False),
        sa.Column("quarantine_id", ExactInteger(), nullable=True),
        sa.Column("seconds", ExactInteger(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("seconds >= 0", name=op.f("ck_call_decision_seconds")),
        sa.ForeignKeyConstraint(
            ["quarantine_id"],
            ["quarantine.id"],
            name=op.f("fk_call_decision_quarantine_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_decision")),
        sa.UniqueConstraint(
            "account",
            "call_id",
            "revision",
            name=op.f("uq_call_decision_account_call_id_revision"),
        ),
        sqlite_strict=True,
    )
    dialect = op.get_bind().dialect.name
    for table, keys in KEYS.items():
        for statement in triggers.keep(dialect, table, triggers.ALL, keys):
            op.execute(statement)


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(KEYS):
        op.drop_table(table)
