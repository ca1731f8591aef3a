"""What was found, closed and recorded."""

from sqlalchemy import Column, ForeignKey, Index, Text, UniqueConstraint

from billing.ledger.tables.base import (
    key,
    number,
    table,
    text_column,
    time,
)

reconciliation_run = table(
    "reconciliation_run",
    key(),
    text_column("period"),
    time("started_at"),
    time("finished_at"),
    number("settled"),
    number("complete"),
    number("difference_minutes"),
    number("breaks"),
    Index(None, "period", "id"),
)

reconciliation_reading = table(
    "reconciliation_reading",
    key(),
    number("run_id", ForeignKey("reconciliation_run.id")),
    text_column("period"),
    text_column("customer"),
    text_column("stripe_customer"),
    number("pamela_minutes"),
    number("ledger_minutes"),
    number("stripe_minutes"),
    number("settled"),
    time("read_at"),
    UniqueConstraint("run_id", "customer"),
    Index(None, "period", "customer", "id"),
)

reconciliation_break = table(
    "reconciliation_break",
    key(),
    number("run_id", ForeignKey("reconciliation_run.id")),
    text_column("customer", null=True),
    text_column("account", null=True),
    text_column("cause"),
    time("hour", null=True),
    number("minutes"),
    number("amount_micro"),
    text_column("calls"),
    Index(None, "run_id"),
)

period_close = table(
    "period_close",
    Column("period", Text, primary_key=True),
    time("closed_at"),
    text_column("closed_by"),
    text_column("digest"),
)

audit_event = table(
    "audit_event",
    key(),
    time("at"),
    text_column("actor"),
    text_column("action"),
    text_column("subject"),
    text_column("detail"),
)
