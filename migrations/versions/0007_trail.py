"""The signed heads of the audit trail, where they were published, and the balance."""

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEYS = {"audit_head": ("number",), "audit_anchor": ("id",)}
TOTAL = "ix_b2b_usage_total"
TOTAL_BEFORE = ["period", "customer", "account", "billed_minutes"]


def upgrade() -> None:
    """Make the tables with their guards; let an index alone give every total."""
    op.create_table(
        "audit_head",
        sa.Column("number", ExactInteger(), nullable=False),
        sa.Column("event", ExactInteger(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event"], ["audit_event.id"], name=op.f("fk_audit_head_event")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_head")),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_anchor",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("head", ExactInteger(), nullable=False),
        sa.Column("anchor", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["head"], ["audit_head.number"], name=op.f("fk_audit_anchor_head")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_anchor")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_audit_anchor_anchor_id"), "audit_anchor", ["anchor", "id"])
    op.create_index(op.f("ix_audit_event_action_id"), "audit_event", ["action", "id"])
    _make_total([*TOTAL_BEFORE, "amount_micro"])
    dialect = op.get_bind().dialect.name
    for table, keys in KEYS.items():
        for statement in triggers.keep(dialect, table, triggers.ALL, keys):
            op.execute(statement)


def _make_total(columns: list[str]) -> None:
    op.drop_index(TOTAL, "b2b_usage")
    op.create_index(TOTAL, "b2b_usage", columns)


def downgrade() -> None:
    """Drop the tables, and the amounts from the index."""
    _make_total(TOTAL_BEFORE)
    op.drop_index("ix_audit_event_action_id", "audit_event")
    for table in reversed(KEYS):
        op.drop_table(table)
