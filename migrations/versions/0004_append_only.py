"""Rows that carry money are only ever added: the database refuses everything else."""

from alembic import op

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
# SQLite's INSERT OR REPLACE deletes silently unless a pragma of the writer's is set,
# so an insert that would replace is refused by itself.
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
REFUSAL = "{table} is append-only: correct by adding"
CLOSED = "the period is closed: post an adjustment in an open one"


def upgrade() -> None:
    """Make the triggers, and the view that shows each usage row's state."""
    op.execute(
        "CREATE VIEW b2b_usage_status AS SELECT u.*, "
        "COALESCE(e.state, 'pending') AS status, e.reason AS failed_because, "
        "e.identifier, e.evidence "
        "FROM b2b_usage u LEFT JOIN meter_event e ON e.id = u.meter_event_id"
    )
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _guard_sqlite() -> None:
    for table, columns in FROZEN.items():
        stop = f"SELECT RAISE(ABORT, '{REFUSAL.format(table=table)}')"
        of = "" if columns == "*" else f"OF {columns} "
        _sqlite(f"{table}_keeps", f"DELETE ON {table}", "", stop)
        _sqlite(f"{table}_stays", f"UPDATE {of}ON {table}", "", stop)
        if "id" in KEYS[table]:
            # A row's hidden number has other names, which no list of columns covers.
            moved = "WHEN NEW.id IS NOT OLD.id "
            _sqlite(f"{table}_keeps_number", f"UPDATE ON {table}", moved, stop)
        taken = " OR ".join(
            f"EXISTS (SELECT 1 FROM {table} t WHERE {_same(key)})"
            for key in KEYS[table]
        )
        _sqlite(f"{table}_is_new", f"INSERT ON {table}", f"WHEN {taken} ", stop)
    for name, (table, forbidden) in ONCE.items():
        stop = f"SELECT RAISE(ABORT, '{REFUSAL.format(table=table)}')"
        _sqlite(f"{name}_once", f"UPDATE ON {table}", f"WHEN {forbidden} ", stop)
    closed = "WHEN EXISTS (SELECT 1 FROM period_close c WHERE c.period = NEW.period) "
    for table in ("b2b_usage", "meter_event"):
        stop = f"SELECT RAISE(ABORT, '{CLOSED}')"
        _sqlite(f"{table}_in_open_period", f"INSERT ON {table}", closed, stop)


def _sqlite(name: str, event: str, when: str, body: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} {when}BEGIN {body}; END")


def _same(key: str) -> str:
    return " AND ".join(f"t.{name} = NEW.{name}" for name in key.split(", "))


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION '% is append-only: correct by adding', TG_TABLE_NAME; END $$"
    )
    op.execute(
        "CREATE FUNCTION refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM period_close c WHERE c.period = NEW.period) "
        f"THEN RAISE EXCEPTION '{CLOSED}'; END IF; RETURN NEW; END $$"
    )
    for table, columns in FROZEN.items():
        of = "" if columns == "*" else f"OF {columns} "
        _postgresql(f"{table}_keeps", f"DELETE ON {table} FOR EACH ROW")
        _postgresql(f"{table}_stays", f"UPDATE {of}ON {table} FOR EACH ROW")
        _postgresql(f"{table}_is_kept", f"TRUNCATE ON {table} FOR EACH STATEMENT")
    for name, (table, forbidden) in ONCE.items():
        event = f"UPDATE ON {table} FOR EACH ROW WHEN ({forbidden})"
        _postgresql(f"{name}_once", event)
    for table in ("b2b_usage", "meter_event"):
        event = f"INSERT ON {table} FOR EACH ROW"
        _postgresql(f"{table}_in_open_period", event, "refuse_closed")


def _postgresql(name: str, event: str, function: str = "refuse_change") -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} EXECUTE FUNCTION {function}()")


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
