"""What was found, closed and recorded."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "reconciliation_run",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=False),
        sa.Column("settled", ExactInteger(), nullable=False),
        sa.Column("complete", ExactInteger(), nullable=False),
        sa.Column("difference_minutes", ExactInteger(), nullable=False),
        sa.Column("breaks", ExactInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_run")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_reconciliation_run_period_id"),
        "reconciliation_run",
        ["period", "id"],
        unique=False,
    )
    op.create_table(
        "reconciliation_reading",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("run_id", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("stripe_customer", sa.Text(), nullable=False),
        sa.Column("pamela_minutes", ExactInteger(), nullable=False),
        sa.Column("ledger_minutes", ExactInteger(), nullable=False),
        sa.Column("stripe_minutes", ExactInteger(), nullable=False),
        sa.Column("settled", ExactInteger(), nullable=False),
        sa.Column("read_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["reconciliation_run.id"],
            name=op.f("fk_reconciliation_reading_run_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_reading")),
        sa.UniqueConstraint(
            "run_id", "customer", name=op.f("uq_reconciliation_reading_run_id_customer")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_reconciliation_reading_period_customer_id"),
        "reconciliation_reading",
        ["period", "customer", "id"],
        unique=False,
    )
    op.create_table(
        "reconciliation_break",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("run_id", ExactInteger(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("hour", UtcTime(), nullable=True),
        sa.Column("minutes", ExactInteger(), nullable=False),
        sa.Column("amount_micro", ExactInteger(), nullable=False),
        sa.Column("calls", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["reconciliation_run.id"],
            name=op.f("fk_reconciliation_break_run_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_break")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_reconciliation_break_run_id"),
        "reconciliation_break",
        ["run_id"],
        unique=False,
    )
    op.create_table(
        "period_close",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("closed_at", UtcTime(), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("period", name=op.f("pk_period_close")),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_event",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("covers", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("audit_event")
    op.drop_table("period_close")
    op.drop_table("reconciliation_break")
    op.drop_table("reconciliation_reading")
    op.drop_table("reconciliation_run")
