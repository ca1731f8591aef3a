"""What the source said: accounts, pulls, calls, what was set aside and decided."""

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
from billing.ledger.schema.columns import ExactDecimal, UtcTime

customer = table(
    "customer",
    Column("name", Text, primary_key=True),
    text_column("stripe_customer"),
    time("registered_at"),
)

account = table(
    "account",
    Column("name", Text, primary_key=True),
    text_column("customer", ForeignKey("customer.name"), null=True),
    text_column("customer_metadata_key", null=True),
    time("registered_at"),
)

price = table(
    "price",
    key(),
    Column("effective_from", UtcTime, nullable=False, unique=True),
    Column("per_minute", ExactDecimal, nullable=False),
    text_column("currency"),
    time("registered_at"),
)

pull = table(
    "pull",
    key(),
    text_column("account", ForeignKey("account.name")),
    text_column("period"),
    text_column("scope"),
    time("window_start"),
    time("window_end"),
    time("started_at"),
    time("finished_at", null=True),
    text_column("state"),
    text_column("error", null=True),
    number("pages", null=True),
    number("fetched", null=True),
    number("billed", null=True),
    number("not_billable", null=True),
    number("quarantined", null=True),
    text_column("reasons", null=True),
    number("source_call_count", null=True),
    number("source_minutes", null=True),
    number("ledger_minutes", null=True),
    CheckConstraint("state IN ('running', 'complete', 'failed')", name="state"),
    CheckConstraint("scope IN ('month', 'recent')", name="scope"),
    CheckConstraint("fetched = billed + not_billable + quarantined", name="partition"),
    Index(None, "account", "period", "id"),
    # When each month was read whole is found without the readings of every hour.
    partial_index(
        "ix_pull_whole",
        "account",
        "period",
        "state",
        "started_at",
        where="scope = 'month'",
    ),
)

call = table(
    "call",
    key(),
    text_column("account"),
    text_column("call_id"),
    number("revision"),
    text_column("period"),
    text_column("status"),
    time("created_at", null=True),
    time("started_at", null=True),
    time("ended_at", null=True),
    number("duration_seconds", null=True),
    number("source_minutes", null=True),
    text_column("customer", null=True),
    text_column("not_billable", null=True),
    number("minutes_gap"),
    text_column("extract_sha256"),
    text_column("source_sha256"),
    number("pull_id", ForeignKey("pull.id")),
    UniqueConstraint("account", "call_id", "revision"),
    CheckConstraint("revision >= 1", name="revision"),
    partial_index("ix_call_underway", "account", where="not_billable = 'underway'"),
    partial_index("ix_call_gap", "period", where="minutes_gap <> 0"),
    partial_index(
        "ix_call_before_first",
        "account",
        "call_id",
        where="not_billable = 'before_first_period'",
    ),
)

pull_scope = table(
    "pull_scope",
    key(),
    number("pull_id", ForeignKey("pull.id")),
    text_column("period"),  # that was asked for
    text_column("month"),  # that the calls are of
    number("calls"),
    number("billed_here"),
    time("first_at", null=True),
    time("last_at", null=True),
    time("looked_back_to"),
    UniqueConstraint("pull_id", "month"),
)

call_metadata = table(
    "call_metadata",
    Column("account", Text, primary_key=True),
    Column("call_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    text_column("value", null=True),
    time("called_at"),
    time("recorded_at"),
    time("erased_at", null=True),
    CheckConstraint("(value IS NULL) = (erased_at IS NOT NULL)", name="erased"),
    partial_index("ix_call_metadata_kept", "called_at", where="value IS NOT NULL"),
)

quarantine = table(
    "quarantine",
    key(),
    text_column("account"),
    text_column("call_id"),
    text_column("period"),
    text_column("reason"),
    text_column("detail"),
    text_column("source_sha256"),
    number("pull_id", ForeignKey("pull.id")),
    time("seen_at"),
    time("released_at", null=True),
    partial_index(
        "ix_quarantine_open", "account", "call_id", where="released_at IS NULL"
    ),
)

# Billed before anybody compared their times; `period` is their month.
contradicting_call = table(
    "contradicting_call",
    key(),
    text_column("account"),
    text_column("call_id"),
    number("revision"),
    text_column("period"),
    text_column("detail"),
    number("pull_id", ForeignKey("pull.id")),
    time("seen_at"),
    UniqueConstraint("account", "call_id", "revision"),
    Index(None, "period", "id"),
)

# What is readable of a record that was set aside: when it began, and who would pay.
quarantine_place = table(
    "quarantine_place",
    key(),
    number("quarantine_id", ForeignKey("quarantine.id")),
    text_column("period"),
    time("created_at", null=True),
    time("started_at", null=True),
    text_column("customer", null=True),
    UniqueConstraint("quarantine_id"),
)

# What a person says that a call comes to: its seconds, or that it is not billed. The
# revision that it made says from when, and for whom.
call_decision = table(
    "call_decision",
    key(),
    text_column("account"),
    text_column("call_id"),
    number("revision"),
    number("quarantine_id", ForeignKey("quarantine.id"), null=True),
    number("seconds", null=True),
    text_column("evidence"),
    time("at"),
    text_column("actor"),
    text_column("reason"),
    UniqueConstraint("account", "call_id", "revision"),
    CheckConstraint("seconds >= 0", name="seconds"),
)

account_identity = table(
    "account_identity",
    key(),
    text_column("account"),
    text_column("partner_id", null=True),
    text_column("project_id", null=True),
    text_column("key_digest"),
    time("first_seen_at"),
    text_column("source"),
    Index(None, "account", "id"),
)

account_rename = table(
    "account_rename",
    key(),
    text_column("was"),
    text_column("now"),
    time("at"),
    text_column("actor"),
    Index(None, "was", "id"),
)
