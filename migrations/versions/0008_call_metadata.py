"""Call metadata: values that reports group by, in a table that may lose them again."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema.columns import UtcTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; it holds no money, so nothing guards its rows."""
    op.create_table(
        "call_metadata",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("called_at", UtcTime(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.Column("erased_at", UtcTime(), nullable=True),
        sa.CheckConstraint(
            "(value IS NULL) = (erased_at IS NOT NULL)",
            name=op.f("ck_call_metadata_erased"),
        ),
        sa.PrimaryKeyConstraint(
            "account", "call_id", "key", name=op.f("pk_call_metadata")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_call_metadata_kept",
        "call_metadata",
        ["called_at"],
        sqlite_where=sa.text("value IS NOT NULL"),
        postgresql_where=sa.text("value IS NOT NULL"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("call_metadata")
