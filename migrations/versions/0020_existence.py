"""Existence: when each Stripe customer was last seen, and when they were looked for."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables; what they hold is read anew where it is lost."""
    op.create_table(
        "customer_seen",
        sa.Column("stripe_customer", sa.Text(), nullable=False),
        sa.Column("meter_id", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "stripe_customer", "meter_id", name=op.f("pk_customer_seen")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "customer_look",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("meter_id", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("requests", ExactInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('listed', 'deleted')", name=op.f("ck_customer_look_kind")
        ),
        sa.PrimaryKeyConstraint("kind", "meter_id", name=op.f("pk_customer_look")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("customer_look")
    op.drop_table("customer_seen")
