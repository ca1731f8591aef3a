"""What a pull passed over: calls of other months, and how far back it looked."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLE, BEFORE_FIRST = "pull_scope", "ix_call_before_first"


def upgrade() -> None:
    """Make the table with its guards, and the index of calls dated out of all bills."""
    op.create_table(
        TABLE,
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("pull_id", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("calls", ExactInteger(), nullable=False),
        sa.Column("billed_here", ExactInteger(), nullable=False),
        sa.Column("first_at", UtcTime(), nullable=True),
        sa.Column("last_at", UtcTime(), nullable=True),
        sa.Column("looked_back_to", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull.id"], name=op.f("fk_pull_scope_pull_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pull_scope")),
        sa.UniqueConstraint(
            "pull_id", "month", name=op.f("uq_pull_scope_pull_id_month")
        ),
        sqlite_strict=True,
    )
    where = sa.text("not_billable = 'before_first_period'")
    op.create_index(
        BEFORE_FIRST,
        "call",
        ["account", "call_id"],
        sqlite_where=where,
        postgresql_where=where,
    )
    keys = ("id", "pull_id, month")
    for statement in triggers.keep(
        op.get_bind().dialect.name, TABLE, triggers.ALL, keys
    ):
        op.execute(statement)


def downgrade() -> None:
    """Drop the table and the index."""
    op.drop_index(BEFORE_FIRST, "call")
    op.drop_table(TABLE)
