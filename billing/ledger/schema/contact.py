"""First contact: what a month at the meter showed, and who took it over from whom."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint

from billing.ledger.schema.base import (
    key,
    number,
    partial_index,
    table,
    text_column,
    time,
)

meter_contact = table(
    "meter_contact",
    key(),
    text_column("customer"),
    text_column("stripe_customer"),
    text_column("meter"),
    number("livemode"),
    text_column("period"),
    time("read_at"),
    number("minutes"),
    number("lower"),
    number("upper"),
    number("whole_month"),
    Index(None, "period", "stripe_customer", "id"),
    # What is somebody else's is found without reading what all customers showed.
    partial_index("ix_meter_contact_opening", "period", where="minutes > upper"),
)

sole_reporter = table(
    "sole_reporter",
    key(),
    time("stated_at"),
    text_column("stated_by"),
    text_column("reason"),
    text_column("customer", null=True),
    number("withdrawn"),
)

adoption = table(
    "adoption",
    key(),
    text_column("kind"),
    text_column("customer"),
    text_column("stripe_customer"),
    text_column("meter"),
    number("livemode"),
    time("from_hour"),
    time("at"),
    text_column("actor"),
    text_column("reason"),
    time("stopped_at", null=True),
    # Of a decision on a difference: the month, and what the meter shows too much.
    text_column("period", null=True),
    number("minutes", null=True),
    CheckConstraint(
        "kind IN ('cut_over', 'undo', 'send_difference', 'leave_difference')",
        name="kind",
    ),
    CheckConstraint("(kind IN ('cut_over', 'undo')) = (period IS NULL)", name="period"),
    CheckConstraint("(period IS NULL) = (minutes IS NULL)", name="minutes"),
    Index(None, "customer", "id"),
)

# An event that counts rows of before the cut-over, with what stood in its hour and is
# not ours; or the one that sends the difference, of which nothing stood there.
meter_opening = table(
    "meter_opening",
    key(),
    number("adoption_id", ForeignKey("adoption.id")),
    number("event_id", ForeignKey("meter_event.id")),
    number("minutes"),
    time("read_at", null=True),
    UniqueConstraint("event_id"),
    Index(None, "adoption_id"),
)

shadow_reading = table(
    "shadow_reading",
    key(),
    text_column("customer"),
    text_column("stripe_customer"),
    text_column("meter"),
    number("livemode"),
    text_column("period"),
    time("read_at"),
    # What the month shows, as canonical JSON: its hours, and the minutes of each.
    text_column("hours"),
    Index(None, "customer", "period", "id"),
)
