"""Adoption: who took over which meter from when, what stood there, and its readings."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# What of each table names a row.
KEYS = {
    "adoption": ("id",),
    "meter_opening": ("id", "event_id"),
    "shadow_reading": ("id",),
}


def upgrade() -> None:
    """Make the tables, which are only ever added to."""
    _add_adoption()
    _add_meter_opening()
    _add_shadow_reading()
    dialect = op.get_bind().dialect.name
    for table, keys in KEYS.items():
        for statement in triggers.keep(dialect, table, triggers.ALL, keys):
            op.execute(statement)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("meter_opening", "shadow_reading", "adoption"):
        op.drop_table(table)


def _add_adoption() -> None:
    op.create_table(
        "adoption",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("stripe_customer", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("livemode", ExactInteger(), nullable=False),
        sa.Column("from_hour", UtcTime(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stopped_at", UtcTime(), nullable=True),
        sa.Column("period", sa.Text(), nullable=True),
        sa.Column("minutes", ExactInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('cut_over', 'undo', 'send_difference', 'leave_difference')",
            name=op.f("ck_adoption_kind"),
        ),
        sa.CheckConstraint(
            "(kind IN ('cut_over', 'undo')) = (period IS NULL)",
            name=op.f("ck_adoption_period"),
        ),
        sa.CheckConstraint(
            "(period IS NULL) = (minutes IS NULL)", name=op.f("ck_adoption_minutes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adoption")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_adoption_customer_id"), "adoption", ["customer", "id"])


def _add_meter_opening() -> None:
    op.create_table(
        "meter_opening",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("adoption_id", ExactInteger(), nullable=False),
        sa.Column("event_id", ExactInteger(), nullable=False),
        sa.Column("minutes", ExactInteger(), nullable=False),
        sa.Column("read_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["adoption_id"], ["adoption.id"], name=op.f("fk_meter_opening_adoption_id")
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["meter_event.id"], name=op.f("fk_meter_opening_event_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_opening")),
        sa.UniqueConstraint("event_id", name=op.f("uq_meter_opening_event_id")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_meter_opening_adoption_id"), "meter_opening", ["adoption_id"]
    )


def _add_shadow_reading() -> None:
    op.create_table(
        "shadow_reading",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("stripe_customer", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("livemode", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("read_at", UtcTime(), nullable=False),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow_reading")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_shadow_reading_customer_period_id"),
        "shadow_reading",
        ["customer", "period", "id"],
    )
