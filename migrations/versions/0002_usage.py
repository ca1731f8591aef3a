"""What is billed, and its way to the meter."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "meter_event",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("stripe_customer", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("livemode", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("hour", UtcTime(), nullable=False),
        sa.Column("sequence", ExactInteger(), nullable=False),
        sa.Column("timestamp", UtcTime(), nullable=False),
        sa.Column("minutes", ExactInteger(), nullable=False),
        sa.Column("amount_micro", ExactInteger(), nullable=False),
        sa.Column("usage_rows", ExactInteger(), nullable=False),
        sa.Column("staged_at", UtcTime(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("tries", ExactInteger(), nullable=False),
        sa.Column("first_unknown_at", UtcTime(), nullable=True),
        sa.Column("last_sent_at", UtcTime(), nullable=True),
        sa.CheckConstraint(
            "(state = 'failed') = (reason IS NOT NULL)",
            name=op.f("ck_meter_event_reason"),
        ),
        sa.CheckConstraint(
            "state <> 'synced' OR evidence IS NOT NULL",
            name=op.f("ck_meter_event_evidence"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'synced', 'failed')",
            name=op.f("ck_meter_event_state"),
        ),
        sa.CheckConstraint(
            "sequence >= 0 AND sequence < 60", name=op.f("ck_meter_event_sequence")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_event")),
        sa.UniqueConstraint("identifier", name=op.f("uq_meter_event_identifier")),
        sa.UniqueConstraint(
            "livemode",
            "meter",
            "stripe_customer",
            "hour",
            "sequence",
            name=op.f("uq_meter_event_livemode_meter_stripe_customer_hour_sequence"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_meter_event_period_customer_state"),
        "meter_event",
        ["period", "customer", "state"],
        unique=False,
    )
    op.create_index(
        "ix_meter_event_unsynced",
        "meter_event",
        ["customer", "timestamp"],
        unique=False,
        sqlite_where=sa.text("state <> 'synced'"),
        postgresql_where=sa.text("state <> 'synced'"),
    )
    op.create_table(
        "b2b_usage",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("call_revision", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("hour", UtcTime(), nullable=False),
        sa.Column("billed_minutes", ExactInteger(), nullable=False),
        sa.Column("amount_micro", ExactInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("price_id", ExactInteger(), nullable=True),
        sa.Column("corrects", ExactInteger(), nullable=True),
        sa.Column("pull_id", ExactInteger(), nullable=False),
        sa.Column("posted_at", UtcTime(), nullable=False),
        sa.Column("meter_event_id", ExactInteger(), nullable=True),
        sa.CheckConstraint(
            "(type = 'adjustment') = (corrects IS NOT NULL)",
            name=op.f("ck_b2b_usage_corrects"),
        ),
        sa.CheckConstraint(
            "type IN ('api_usage', 'adjustment')", name=op.f("ck_b2b_usage_type")
        ),
        sa.ForeignKeyConstraint(
            ["meter_event_id"],
            ["meter_event.id"],
            name=op.f("fk_b2b_usage_meter_event_id"),
        ),
        sa.ForeignKeyConstraint(
            ["price_id"], ["price.id"], name=op.f("fk_b2b_usage_price_id")
        ),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull.id"], name=op.f("fk_b2b_usage_pull_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_b2b_usage")),
        sa.UniqueConstraint(
            "account",
            "call_id",
            "call_revision",
            "hour",
            "customer",
            name=op.f("uq_b2b_usage_account_call_id_call_revision_hour_customer"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_b2b_usage_meter_event_id", "b2b_usage", ["meter_event_id"], unique=False
    )
    op.create_index(
        "ix_b2b_usage_total",
        "b2b_usage",
        ["period", "customer", "account", "billed_minutes"],
        unique=False,
    )
    op.create_index(
        "ix_b2b_usage_unstaged",
        "b2b_usage",
        ["customer", "hour"],
        unique=False,
        sqlite_where=sa.text("meter_event_id IS NULL"),
        postgresql_where=sa.text("meter_event_id IS NULL"),
    )
    op.create_table(
        "meter_attempt",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("event_id", ExactInteger(), nullable=False),
        sa.Column("number", ExactInteger(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("answered_at", UtcTime(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("http_status", ExactInteger(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_id"], ["meter_event.id"], name=op.f("fk_meter_attempt_event_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_attempt")),
        sa.UniqueConstraint(
            "event_id", "number", name=op.f("uq_meter_attempt_event_id_number")
        ),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("meter_attempt")
    op.drop_table("b2b_usage")
    op.drop_table("meter_event")
