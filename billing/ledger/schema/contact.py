"""First contact: what a month at the meter showed before anything was sent into it."""

from sqlalchemy import Index

from billing.ledger.schema.base import key, number, table, text_column, time

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
