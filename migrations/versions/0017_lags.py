"""Lags: how late the meter's summaries first showed each event that was sent."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLE = "summary_lag"
_IS_MEASURED = sa.text("lag_seconds IS NOT NULL")


def upgrade() -> None:
    """Make the table, which is only ever added to."""
    op.create_table(
        TABLE,
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("event_id", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("sent_at", UtcTime(), nullable=False),
        sa.Column("last_unshown_at", UtcTime(), nullable=True),
        sa.Column("first_shown_at", UtcTime(), nullable=False),
        sa.Column("lag_seconds", ExactInteger(), nullable=True),
        sa.Column("open_from", ExactInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["meter_event.id"], name=op.f("fk_summary_lag_event_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_summary_lag")),
        sa.UniqueConstraint("event_id", name=op.f("uq_summary_lag_event_id")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_summary_lag_measured",
        TABLE,
        ["first_shown_at", "lag_seconds"],
        sqlite_where=_IS_MEASURED,
        postgresql_where=_IS_MEASURED,
    )
    dialect = op.get_bind().dialect.name
    for statement in triggers.keep(dialect, TABLE, triggers.ALL, ("id", "event_id")):
        op.execute(statement)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table(TABLE)
