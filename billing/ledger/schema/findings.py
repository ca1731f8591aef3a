"""What was found, closed and recorded."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
    func,
    select,
)

from billing.ledger.schema.base import (
    key,
    number,
    partial_index,
    table,
    text_column,
    time,
)
from billing.ledger.schema.columns import ExactInteger

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
    number("invoices", null=True),
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
    number("unknown_minutes", null=True),
    number("invoiced_minutes", null=True),
    text_column("invoice", null=True),
    UniqueConstraint("run_id", "customer"),
    Index(None, "period", "customer", "id"),
)

# What each account's figures of a run are, and as of when they were read.
reconciliation_source = table(
    "reconciliation_source",
    key(),
    number("run_id", ForeignKey("reconciliation_run.id")),
    text_column("account"),
    number("calls_minutes"),
    time("calls_read_at", null=True),
    number("usage_minutes", null=True),
    time("usage_read_at", null=True),
    UniqueConstraint("run_id", "account"),
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
    number("case_id", null=True),
    text_column("evidence", null=True),
    text_column("event", null=True),
    Index(None, "run_id"),
    partial_index(
        "ix_reconciliation_break_case", "case_id", where="case_id IS NOT NULL"
    ),
)

break_case = table(
    "break_case",
    key(),
    text_column("period"),
    text_column("customer", null=True),
    text_column("account", null=True),
    text_column("cause"),
    time("hour", null=True),
    text_column("event", null=True),
    text_column("calls"),
    time("opened_at"),
    number("opened_run", ForeignKey("reconciliation_run.id")),
    time("acknowledged_at", null=True),
    text_column("acknowledged_by", null=True),
    text_column("reason", null=True),
    time("resolved_at", null=True),
    text_column("resolved_by", null=True),
    partial_index("ix_break_case_open", "period", where="resolved_at IS NULL"),
)

_newest = reconciliation_break.alias("newest")
# Each case with the break by which a run found it last.
CASES_AS_FOUND = break_case.join(
    reconciliation_break,
    reconciliation_break.c.id
    == select(func.max(_newest.c.id))
    .where(_newest.c.case_id == break_case.c.id)
    .correlate(break_case)
    .scalar_subquery(),
)

period_close = table(
    "period_close",
    Column("period", Text, primary_key=True),
    time("closed_at"),
    text_column("closed_by"),
    text_column("digest"),
    text_column("totals", null=True),
)

law_check = table(
    "law_check",
    key(),
    time("at"),
    number("whole"),
    number("last_call"),
    number("last_usage"),
    number("last_event"),
    number("last_attempt"),
    number("last_pull"),
    text_column("faults"),
)

# How far the trail had come when a check looked.
law_check_end = table(
    "law_check_end",
    Column("check_id", ExactInteger, ForeignKey("law_check.id"), primary_key=True),
    number("event"),
)

audit_event = table(
    "audit_event",
    key(),
    time("at"),
    text_column("actor"),
    text_column("action"),
    text_column("subject"),
    text_column("reason", null=True),
    text_column("detail"),
    text_column("covers"),
    text_column("state"),
    text_column("previous"),
    text_column("hash"),
    Index(None, "action", "id"),
)

audit_head = table(
    "audit_head",
    Column("number", ExactInteger, primary_key=True),
    number("event", ForeignKey("audit_event.id")),
    time("at"),
    text_column("hash"),
    text_column("key"),
    text_column("previous"),
    text_column("signature"),
)

audit_anchor = table(
    "audit_anchor",
    key(),
    number("head", ForeignKey("audit_head.number")),
    text_column("anchor"),
    time("at"),
    text_column("error", null=True),
    Index(None, "anchor", "id"),
)

# What the trail said last of each row that may move, and which event said it. It is an
# index of the trail: it can be made anew from that, and is compared with it.
row_digest = table(
    "row_digest",
    Column("name", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    text_column("sha256"),
    number("event"),
    sqlite_with_rowid=False,
)

# The same of the rows that only come: those of one table, month and transaction.
row_range = table(
    "row_range",
    Column("name", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("first", ExactInteger, primary_key=True),
    number("last"),
    number("rows"),
    text_column("sha256"),
    number("event"),
    sqlite_with_rowid=False,
)
