"""Operations: which cycles ran, who stopped the sending, and where the ledger went."""

from sqlalchemy import CheckConstraint, ForeignKey, Index

from billing.ledger.schema.base import key, number, table, text_column, time

# A cycle's start is one row, and its end another that names it: rows are only added.
cycle_run = table(
    "cycle_run",
    key(),
    number("start_id", ForeignKey("cycle_run.id"), null=True),
    text_column("period"),
    text_column("trigger"),
    text_column("owner"),
    time("started_at"),
    time("finished_at", null=True),
    text_column("outcome", null=True),
    text_column("errors", null=True),
    number("seconds", null=True),
    Index(None, "start_id"),
    CheckConstraint("trigger IN ('run', 'daemon', 'manual')", name="trigger"),
    CheckConstraint(
        "outcome IN ('clean', 'breaks', 'failed', 'refused', 'stopped')", name="outcome"
    ),
    CheckConstraint("(start_id IS NULL) = (finished_at IS NULL)", name="finished"),
    CheckConstraint("(start_id IS NULL) = (outcome IS NULL)", name="ended"),
)

# The newest row of a customer, or of all where none is named, is in force.
send_hold = table(
    "send_hold",
    key(),
    text_column("customer", null=True),
    number("held"),
    time("at"),
    text_column("actor"),
    text_column("reason", null=True),
    CheckConstraint("held IN (0, 1)", name="held"),
)

# The newest row says whether this ledger is in force. It is no part of the trail and is
# never copied, so that a ledger and its copy end with one event.
ledger_move = table(
    "ledger_move",
    key(),
    text_column("state"),
    text_column("address"),
    number("event"),
    text_column("hash"),
    time("at"),
    text_column("actor"),
    CheckConstraint("state IN ('arriving', 'arrived', 'moved')", name="state"),
)

# When a Stripe customer was last seen to be there, and when customers were looked for.
# The meter's id names the account. Both only save reads: they are no part of the trail.
customer_seen = table(
    "customer_seen",
    text_column("stripe_customer", primary_key=True),
    text_column("meter_id", primary_key=True),
    time("seen_at"),
)

customer_look = table(
    "customer_look",
    text_column("kind", primary_key=True),
    text_column("meter_id", primary_key=True),
    time("at"),
    number("requests"),
    CheckConstraint("kind IN ('listed', 'deleted')", name="kind"),
)
