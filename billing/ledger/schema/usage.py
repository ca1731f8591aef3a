"""What is billed, and its way to the meter."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
)

from billing.ledger.schema.base import (
    key,
    number,
    partial_index,
    table,
    text_column,
    time,
)

meter_event = table(
    "meter_event",
    key(),
    Column("identifier", Text, nullable=False, unique=True),
    text_column("customer"),
    text_column("stripe_customer"),
    text_column("meter"),
    number("livemode"),
    text_column("period"),
    time("hour"),
    number("sequence"),
    time("timestamp"),
    number("minutes"),
    number("amount_micro"),
    number("usage_rows"),
    time("staged_at"),
    text_column("state"),
    text_column("reason", null=True),
    text_column("evidence", null=True),
    number("tries"),
    time("first_unknown_at", null=True),
    time("last_sent_at", null=True),
    text_column("carries", null=True),
    time("rearmed_at", null=True),
    UniqueConstraint("livemode", "meter", "stripe_customer", "hour", "sequence"),
    CheckConstraint("sequence >= 0 AND sequence < 60", name="sequence"),
    CheckConstraint("state IN ('pending', 'synced', 'failed')", name="state"),
    CheckConstraint("(state = 'failed') = (reason IS NOT NULL)", name="reason"),
    CheckConstraint("state <> 'synced' OR evidence IS NOT NULL", name="evidence"),
    Index(None, "period", "customer", "state"),
    partial_index(
        "ix_meter_event_unsynced", "customer", "timestamp", where="state <> 'synced'"
    ),
    partial_index("ix_meter_event_carries", "carries", where="carries IS NOT NULL"),
)

b2b_usage = table(
    "b2b_usage",
    key(),
    text_column("type"),
    text_column("account"),
    text_column("customer"),
    text_column("call_id"),
    number("call_revision"),
    text_column("period"),
    time("hour"),
    time("call_hour"),
    number("billed_minutes"),
    number("amount_micro"),
    text_column("currency"),
    number("price_id", ForeignKey("price.id"), null=True),
    number("corrects", null=True),
    number("pull_id", ForeignKey("pull.id")),
    time("posted_at"),
    number("meter_event_id", ForeignKey("meter_event.id"), null=True),
    UniqueConstraint("account", "call_id", "call_revision", "call_hour", "customer"),
    CheckConstraint("type IN ('api_usage', 'adjustment')", name="type"),
    CheckConstraint(
        "(type = 'adjustment') = (corrects IS NOT NULL OR call_hour <> hour)",
        name="corrects",
    ),
    Index(
        "ix_b2b_usage_total",
        "period",
        "customer",
        "account",
        "billed_minutes",
        "amount_micro",
    ),
    Index("ix_b2b_usage_meter_event_id", "meter_event_id"),
    partial_index(
        "ix_b2b_usage_unstaged", "customer", "hour", where="meter_event_id IS NULL"
    ),
    partial_index("ix_b2b_usage_carried", "call_hour", where="call_hour <> hour"),
)

meter_attempt = table(
    "meter_attempt",
    key(),
    number("event_id", ForeignKey("meter_event.id")),
    number("number"),
    text_column("idempotency_key"),
    text_column("owner"),
    time("started_at"),
    time("answered_at", null=True),
    text_column("verdict", null=True),
    number("http_status", null=True),
    text_column("request_id", null=True),
    text_column("detail", null=True),
    Column("kind", Text, nullable=False, server_default="event"),
    UniqueConstraint("event_id", "number"),
)

meter_reading = table(
    "meter_reading",
    key(),
    number("event_id", ForeignKey("meter_event.id")),
    time("read_at"),
    number("minutes"),
    Index(None, "event_id", "id"),
)

# When a reconciliation first saw an event in the meter's summaries. `lag_seconds` is
# null where nobody looked soon enough; attempts before `open_from` need no look.
summary_lag = table(
    "summary_lag",
    key(),
    number("event_id", ForeignKey("meter_event.id")),
    text_column("period"),
    time("sent_at"),
    time("last_unshown_at", null=True),
    time("first_shown_at"),
    number("lag_seconds", null=True),
    number("open_from"),
    UniqueConstraint("event_id"),
    partial_index(
        "ix_summary_lag_measured",
        "first_shown_at",
        "lag_seconds",
        where="lag_seconds IS NOT NULL",
    ),
)

error_report = table(
    "error_report",
    key(),
    Column("name", Text, nullable=False, unique=True),
    time("created_at"),
    time("window_start"),
    time("window_end"),
    number("error_count"),
    text_column("codes"),
    text_column("identifiers"),
    time("read_at"),
    time("settled_at", null=True),
)
