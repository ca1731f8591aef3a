"""Rows that carry money are only ever added: the database refuses everything else."""

from collections.abc import Iterator

from alembic import op

from billing.ledger.schema import triggers

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Columns that may never change once a row is there; "*" is all of them.
FROZEN = {
    "price": "*",
    "call": "*",
    "b2b_usage": (
        "id, type, account, customer, call_id, call_revision, period, hour, "
        "billed_minutes, amount_micro, currency, price_id, corrects, pull_id, posted_at"
    ),
    "meter_event": (
        "id, identifier, customer, stripe_customer, meter, livemode, period, hour, "
        "sequence, timestamp, minutes, amount_micro, usage_rows, staged_at"
    ),
    "meter_attempt": "id, event_id, number, idempotency_key, owner, started_at",
    "quarantine": (
        "id, account, call_id, period, reason, detail, source_sha256, pull_id, seen_at"
    ),
    "reconciliation_run": "*",
    "reconciliation_reading": "*",
    "reconciliation_break": "*",
    "period_close": "*",
    "audit_event": "*",
    "pull": "id, account, period, scope, window_start, window_end, started_at",
}
# Changes that are allowed once, or in one direction.
ONCE = {
    "b2b_usage_staged": ("b2b_usage", "OLD.meter_event_id IS NOT NULL"),
    "meter_event_synced": (
        "meter_event",
        "OLD.state = 'synced' AND NEW.state <> 'failed'",
    ),
    "meter_attempt_answered": ("meter_attempt", "OLD.verdict IS NOT NULL"),
    "quarantine_released": ("quarantine", "OLD.released_at IS NOT NULL"),
    "pull_ended": ("pull", "OLD.state <> 'running'"),
}
KEYS = {
    "price": ("id", "effective_from"),
    "call": ("id", "account, call_id, revision"),
    "b2b_usage": ("id", "account, call_id, call_revision, hour, customer"),
    "meter_event": (
        "id",
        "identifier",
        "livemode, meter, stripe_customer, hour, sequence",
    ),
    "meter_attempt": ("id", "event_id, number"),
    "quarantine": ("id",),
    "reconciliation_run": ("id",),
    "reconciliation_reading": ("id", "run_id, customer"),
    "reconciliation_break": ("id",),
    "period_close": ("period",),
    "audit_event": ("id",),
    "pull": ("id",),
}


def upgrade() -> None:
    """Make the triggers, and the view that shows each usage row's state."""
    op.execute(
        "CREATE VIEW b2b_usage_status AS SELECT u.*, "
        "COALESCE(e.state, 'pending') AS status, e.reason AS failed_because, "
        "e.identifier, e.evidence "
        "FROM b2b_usage u LEFT JOIN meter_event e ON e.id = u.meter_event_id"
    )
    for statement in _guards(op.get_bind().dialect.name):
        op.execute(statement)


def _guards(dialect: str) -> Iterator[str]:
    if dialect != "sqlite":
        yield from triggers.postgresql_functions()
    for table, columns in FROZEN.items():
        yield from triggers.keep(dialect, table, columns, KEYS[table])
    for name, (table, forbidden) in ONCE.items():
        yield from triggers.once(dialect, name, table, forbidden)
    for table in ("b2b_usage", "meter_event"):
        yield from triggers.only_in_open_periods(dialect, table)


def downgrade() -> None:
    """Drop the view, the triggers and their functions."""
    op.execute("DROP VIEW b2b_usage_status")
    if op.get_bind().dialect.name == "sqlite":
        for table in FROZEN:
            for rule in ("keeps", "stays", "is_new"):
                op.execute(f"DROP TRIGGER {table}_{rule}")
            op.execute(f"DROP TRIGGER IF EXISTS {table}_keeps_number")
        for name in ONCE:
            op.execute(f"DROP TRIGGER {name}_once")
        for table in ("b2b_usage", "meter_event"):
            op.execute(f"DROP TRIGGER {table}_in_open_period")
    else:
        op.execute("DROP FUNCTION refuse_change() CASCADE")
        op.execute("DROP FUNCTION refuse_closed() CASCADE")
