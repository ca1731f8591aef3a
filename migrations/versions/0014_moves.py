"""Where a ledger came from and where it went, when it was copied as a whole."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLE = "ledger_move"


def upgrade() -> None:
    """Make the table, which is only ever added to."""
    op.create_table(
        TABLE,
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("event", ExactInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('arriving', 'arrived', 'moved')",
            name=op.f("ck_ledger_move_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_move")),
        sqlite_strict=True,
    )
    for statement in triggers.keep(
        op.get_bind().dialect.name, TABLE, triggers.ALL, ("id",)
    ):
        op.execute(statement)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table(TABLE)
