"""First contact: what a month at the meter showed, and who said that we are alone."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = ("meter_contact", "sole_reporter")


def upgrade() -> None:
    """Make the tables, which are only ever added to."""
    op.create_table(
        "meter_contact",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("stripe_customer", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("livemode", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("read_at", UtcTime(), nullable=False),
        sa.Column("minutes", ExactInteger(), nullable=False),
        sa.Column("lower", ExactInteger(), nullable=False),
        sa.Column("upper", ExactInteger(), nullable=False),
        sa.Column("whole_month", ExactInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_contact")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_meter_contact_period_stripe_customer_id"),
        "meter_contact",
        ["period", "stripe_customer", "id"],
    )
    op.create_table(
        "sole_reporter",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("stated_at", UtcTime(), nullable=False),
        sa.Column("stated_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("withdrawn", ExactInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sole_reporter")),
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
