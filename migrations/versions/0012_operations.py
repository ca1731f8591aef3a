"""Operations: which cycles ran and how they ended, and who stopped the sending."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = ("cycle_run", "send_hold")


def upgrade() -> None:
    """Make the tables, which are only ever added to."""
    op.create_table(
        "cycle_run",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("start_id", ExactInteger(), nullable=True),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("errors", sa.Text(), nullable=True),
        sa.Column("seconds", ExactInteger(), nullable=True),
        sa.CheckConstraint(
            "trigger IN ('run', 'daemon', 'manual')", name=op.f("ck_cycle_run_trigger")
        ),
        sa.CheckConstraint(
            "outcome IN ('clean', 'breaks', 'failed', 'refused', 'stopped')",
            name=op.f("ck_cycle_run_outcome"),
        ),
        sa.CheckConstraint(
            "(start_id IS NULL) = (finished_at IS NULL)",
            name=op.f("ck_cycle_run_finished"),
        ),
        sa.CheckConstraint(
            "(start_id IS NULL) = (outcome IS NULL)", name=op.f("ck_cycle_run_ended")
        ),
        sa.ForeignKeyConstraint(
            ["start_id"], ["cycle_run.id"], name=op.f("fk_cycle_run_start_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cycle_run")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_cycle_run_start_id"), "cycle_run", ["start_id"])
    op.create_table(
        "send_hold",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("held", ExactInteger(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("held IN (0, 1)", name=op.f("ck_send_hold_held")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_send_hold")),
        sqlite_strict=True,
    )
    dialect = op.get_bind().dialect.name
    for table in TABLES:
        for statement in triggers.keep(dialect, table, triggers.ALL, ("id",)):
            op.execute(statement)


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
