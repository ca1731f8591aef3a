"""Pull rules: by which rules each pull read and rated what it recorded."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLE = "pull_rules"


def upgrade() -> None:
    """Make the table, which is only ever added to; earlier pulls have no row."""
    op.create_table(
        TABLE,
        sa.Column("pull_id", ExactInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull.id"], name=op.f("fk_pull_rules_pull_id")
        ),
        sa.PrimaryKeyConstraint("pull_id", name=op.f("pk_pull_rules")),
        sqlite_strict=True,
    )
    dialect = op.get_bind().dialect.name
    for statement in triggers.keep(dialect, TABLE, triggers.ALL, ("pull_id",)):
        op.execute(statement)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table(TABLE)
