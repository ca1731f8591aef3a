"""What the trail recorded last of each row is found without reading all of it."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.audit.recorded.newest_digests import remember_all
from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Only ever added to; what of each names a row.
KEYS = {"row_range": ("name, period, first",), "law_check_end": ("check_id",)}


def upgrade() -> None:
    """Make the tables, and fill them with what the trail says."""
    op.create_table(
        "row_digest",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("event", ExactInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "key", name=op.f("pk_row_digest")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "row_range",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("first", ExactInteger(), nullable=False),
        sa.Column("last", ExactInteger(), nullable=False),
        sa.Column("rows", ExactInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("event", ExactInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "period", "first", name=op.f("pk_row_range")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "law_check_end",
        sa.Column("check_id", ExactInteger(), nullable=False),
        sa.Column("event", ExactInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["check_id"], ["law_check.id"], name=op.f("fk_law_check_end_check_id")
        ),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_law_check_end")),
        sqlite_strict=True,
    )
    remember_all(op.get_bind())
    dialect = op.get_bind().dialect.name
    for table, keys in KEYS.items():
        for statement in triggers.keep(dialect, table, triggers.ALL, keys):
            op.execute(statement)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("law_check_end", "row_range", "row_digest"):
        op.drop_table(table)
