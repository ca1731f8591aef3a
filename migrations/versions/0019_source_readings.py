"""Source readings: as of when each account was read, and calls that contradict."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# What of each table names a row.
KEYS = {
    "contradicting_call": ("id", "account, call_id, revision"),
    "reconciliation_source": ("id", "run_id, account"),
}


_WHOLE = sa.text("scope = 'month'")


def upgrade() -> None:
    """Make the tables, which are only ever added to, and index whole readings."""
    op.create_index(
        "ix_pull_whole",
        "pull",
        ["account", "period", "state", "started_at"],
        sqlite_where=_WHOLE,
        postgresql_where=_WHOLE,
    )
    _add_contradicting_call()
    _add_reconciliation_source()
    dialect = op.get_bind().dialect.name
    for table, keys in KEYS.items():
        for statement in triggers.keep(dialect, table, triggers.ALL, keys):
            op.execute(statement)


def downgrade() -> None:
    """Drop the tables and the index."""
    for table in reversed(KEYS):
        op.drop_table(table)
    op.drop_index("ix_pull_whole", "pull")


def _add_contradicting_call() -> None:
    op.create_table(
        "contradicting_call",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("revision", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("pull_id", ExactInteger(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull.id"], name=op.f("fk_contradicting_call_pull_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contradicting_call")),
        sa.UniqueConstraint(
            "account",
            "call_id",
            "revision",
            name=op.f("uq_contradicting_call_account_call_id_revision"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_contradicting_call_period_id"), "contradicting_call", ["period", "id"]
    )


def _add_reconciliation_source() -> None:
    op.create_table(
        "reconciliation_source",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("run_id", ExactInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("calls_minutes", ExactInteger(), nullable=False),
        sa.Column("calls_read_at", UtcTime(), nullable=True),
        sa.Column("usage_minutes", ExactInteger(), nullable=True),
        sa.Column("usage_read_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["reconciliation_run.id"],
            name=op.f("fk_reconciliation_source_run_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_source")),
        sa.UniqueConstraint(
            "run_id", "account", name=op.f("uq_reconciliation_source_run_id_account")
        ),
        sqlite_strict=True,
    )
