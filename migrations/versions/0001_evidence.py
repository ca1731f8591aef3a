"""What the source said: accounts, pulls, calls, and what was set aside."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema.columns import ExactDecimal, ExactInteger, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "customer",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("stripe_customer", sa.Text(), nullable=False),
        sa.Column("registered_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_customer")),
        sqlite_strict=True,
    )
    op.create_table(
        "account",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("customer_metadata_key", sa.Text(), nullable=True),
        sa.Column("registered_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer"], ["customer.name"], name=op.f("fk_account_customer")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
        sqlite_strict=True,
    )
    op.create_table(
        "price",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("effective_from", UtcTime(), nullable=False),
        sa.Column("per_minute", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("registered_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price")),
        sa.UniqueConstraint("effective_from", name=op.f("uq_price_effective_from")),
        sqlite_strict=True,
    )
    op.create_table(
        "pull",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("window_start", UtcTime(), nullable=False),
        sa.Column("window_end", UtcTime(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("pages", ExactInteger(), nullable=True),
        sa.Column("fetched", ExactInteger(), nullable=True),
        sa.Column("billed", ExactInteger(), nullable=True),
        sa.Column("not_billable", ExactInteger(), nullable=True),
        sa.Column("quarantined", ExactInteger(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=True),
        sa.Column("source_call_count", ExactInteger(), nullable=True),
        sa.Column("source_minutes", ExactInteger(), nullable=True),
        sa.Column("ledger_minutes", ExactInteger(), nullable=True),
        sa.CheckConstraint("scope IN ('month', 'recent')", name=op.f("ck_pull_scope")),
        sa.CheckConstraint(
            "state IN ('running', 'complete', 'failed')", name=op.f("ck_pull_state")
        ),
        sa.CheckConstraint(
            "fetched = billed + not_billable + quarantined",
            name=op.f("ck_pull_partition"),
        ),
        sa.ForeignKeyConstraint(
            ["account"], ["account.name"], name=op.f("fk_pull_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pull")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_pull_account_period_id"),
        "pull",
        ["account", "period", "id"],
        unique=False,
    )
    op.create_table(
        "call",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("revision", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=True),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("duration_seconds", ExactInteger(), nullable=True),
        sa.Column("source_minutes", ExactInteger(), nullable=True),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("not_billable", sa.Text(), nullable=True),
        sa.Column("minutes_gap", ExactInteger(), nullable=False),
        sa.Column("extract_sha256", sa.Text(), nullable=False),
        sa.Column("source_sha256", sa.Text(), nullable=False),
        sa.Column("pull_id", ExactInteger(), nullable=False),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_call_revision")),
        sa.ForeignKeyConstraint(["pull_id"], ["pull.id"], name=op.f("fk_call_pull_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call")),
        sa.UniqueConstraint(
            "account",
            "call_id",
            "revision",
            name=op.f("uq_call_account_call_id_revision"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_call_gap",
        "call",
        ["period"],
        unique=False,
        sqlite_where=sa.text("minutes_gap <> 0"),
        postgresql_where=sa.text("minutes_gap <> 0"),
    )
    op.create_index(
        "ix_call_underway",
        "call",
        ["account"],
        unique=False,
        sqlite_where=sa.text("not_billable = 'underway'"),
        postgresql_where=sa.text("not_billable = 'underway'"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("source_sha256", sa.Text(), nullable=False),
        sa.Column("pull_id", ExactInteger(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("released_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull.id"], name=op.f("fk_quarantine_pull_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_quarantine_open",
        "quarantine",
        ["account", "call_id"],
        unique=False,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("quarantine")
    op.drop_table("call")
    op.drop_table("pull")
    op.drop_table("price")
    op.drop_table("account")
    op.drop_table("customer")
