"""Months with minutes of somebody else are found without reading all that were read."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INDEX = "ix_meter_contact_opening"
_SHOWS_MORE = sa.text("minutes > upper")


def upgrade() -> None:
    """Index the few readings that show more than can be the ledger's own."""
    op.create_index(
        INDEX,
        "meter_contact",
        ["period"],
        sqlite_where=_SHOWS_MORE,
        postgresql_where=_SHOWS_MORE,
    )


def downgrade() -> None:
    """Drop the index."""
    op.drop_index(INDEX, "meter_contact")
