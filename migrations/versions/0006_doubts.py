"""What is read to settle doubts, what an event replaces, and the life of a break."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from billing.ledger.schema import triggers
from billing.ledger.schema.columns import ExactInteger, UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Of each table: the columns that are kept, and the keys.
NEW = {
    "meter_reading": (triggers.ALL, ("id",)),
    "error_report": (
        (
            "id, name, created_at, window_start, window_end, error_count, codes, "
            "identifiers, read_at"
        ),
        ("id", "name"),
    ),
    "break_case": (
        "id, period, customer, account, cause, hour, event, calls, opened_at, opened_run",
        ("id",),
    ),
    "law_check": (triggers.ALL, ("id",)),
}
ONCE = {
    "error_report_settled": ("error_report", "OLD.settled_at IS NOT NULL"),
    "break_case_acknowledged": (
        "break_case",
        (
            "OLD.acknowledged_at IS NOT NULL AND (NEW.acknowledged_at IS NULL "
            "OR NEW.acknowledged_at <> OLD.acknowledged_at "
            "OR NEW.acknowledged_by <> OLD.acknowledged_by "
            "OR NEW.reason <> OLD.reason)"
        ),
    ),
    "break_case_resolved": ("break_case", "OLD.resolved_at IS NOT NULL"),
    "meter_event_replaced": ("meter_event", "OLD.reason = 'replaced'"),
}


EVENT_BEFORE = (
    "id, identifier, customer, stripe_customer, meter, livemode, period, hour, "
    "sequence, timestamp, minutes, amount_micro, usage_rows, staged_at"
)
ATTEMPT_BEFORE = "id, event_id, number, idempotency_key, owner, started_at"
ADDED = (
    ("period_close", "totals", sa.Text()),
    ("reconciliation_reading", "unknown_minutes", ExactInteger()),
    ("reconciliation_reading", "invoiced_minutes", ExactInteger()),
    ("reconciliation_reading", "invoice", sa.Text()),
    ("reconciliation_break", "case_id", ExactInteger()),
    ("reconciliation_break", "evidence", sa.Text()),
    ("reconciliation_break", "event", sa.Text()),
    ("reconciliation_run", "invoices", ExactInteger()),
    ("meter_event", "carries", sa.Text()),
    ("meter_event", "rearmed_at", UtcTime()),
)


def upgrade() -> None:
    """Make the tables and columns, and their guards."""
    dialect = op.get_bind().dialect.name
    _create_tables()
    for table, column, kind in ADDED:
        op.add_column(table, sa.Column(column, kind))
    attempted = sa.Column("kind", sa.Text(), nullable=False, server_default="event")
    op.add_column("meter_attempt", attempted)
    op.create_index(
        "ix_meter_event_carries",
        "meter_event",
        ["carries"],
        sqlite_where=sa.text("carries IS NOT NULL"),
        postgresql_where=sa.text("carries IS NOT NULL"),
    )
    op.create_index(
        "ix_reconciliation_break_case",
        "reconciliation_break",
        ["case_id"],
        sqlite_where=sa.text("case_id IS NOT NULL"),
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )
    for table in ("meter_attempt", "meter_event"):
        op.execute(triggers.drop(dialect, table, f"{table}_stays"))
    for statement in _guards(dialect):
        op.execute(statement)


def _guards(dialect: str) -> Iterator[str]:
    yield triggers.stay(dialect, "meter_attempt", f"{ATTEMPT_BEFORE}, kind")
    yield triggers.stay(dialect, "meter_event", f"{EVENT_BEFORE}, carries")
    for table, (columns, keys) in NEW.items():
        yield from triggers.keep(dialect, table, columns, keys)
    for name, (table, forbidden) in ONCE.items():
        yield from triggers.once(dialect, name, table, forbidden)


def _create_tables() -> None:
    op.create_table(
        "meter_reading",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("event_id", ExactInteger(), nullable=False),
        sa.Column("read_at", UtcTime(), nullable=False),
        sa.Column("minutes", ExactInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["meter_event.id"], name=op.f("fk_meter_reading_event_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_reading")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_meter_reading_event_id_id"), "meter_reading", ["event_id", "id"]
    )
    op.create_table(
        "error_report",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("window_start", UtcTime(), nullable=False),
        sa.Column("window_end", UtcTime(), nullable=False),
        sa.Column("error_count", ExactInteger(), nullable=False),
        sa.Column("codes", sa.Text(), nullable=False),
        sa.Column("identifiers", sa.Text(), nullable=False),
        sa.Column("read_at", UtcTime(), nullable=False),
        sa.Column("settled_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_error_report")),
        sa.UniqueConstraint("name", name=op.f("uq_error_report_name")),
        sqlite_strict=True,
    )
    op.create_table(
        "break_case",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("hour", UtcTime(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("calls", sa.Text(), nullable=False),
        sa.Column("opened_at", UtcTime(), nullable=False),
        sa.Column("opened_run", ExactInteger(), nullable=False),
        sa.Column("acknowledged_at", UtcTime(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("resolved_at", UtcTime(), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["opened_run"],
            ["reconciliation_run.id"],
            name=op.f("fk_break_case_opened_run"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_break_case")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_break_case_open",
        "break_case",
        ["period"],
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "law_check",
        sa.Column("id", ExactInteger(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("whole", ExactInteger(), nullable=False),
        sa.Column("last_call", ExactInteger(), nullable=False),
        sa.Column("last_usage", ExactInteger(), nullable=False),
        sa.Column("last_event", ExactInteger(), nullable=False),
        sa.Column("last_attempt", ExactInteger(), nullable=False),
        sa.Column("last_pull", ExactInteger(), nullable=False),
        sa.Column("faults", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_law_check")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the tables and columns."""
    dialect = op.get_bind().dialect.name
    for table in reversed(NEW):
        op.drop_table(table)
    op.execute(triggers.drop(dialect, "meter_event", "meter_event_replaced_once"))
    for table in ("meter_attempt", "meter_event"):
        op.execute(triggers.drop(dialect, table, f"{table}_stays"))
    op.drop_index("ix_meter_event_carries", "meter_event")
    op.drop_index("ix_reconciliation_break_case", "reconciliation_break")
    op.drop_column("meter_attempt", "kind")
    for table, column, _ in reversed(ADDED):
        op.drop_column(table, column)
    op.execute(triggers.stay(dialect, "meter_attempt", ATTEMPT_BEFORE))
    op.execute(triggers.stay(dialect, "meter_event", EVENT_BEFORE))
