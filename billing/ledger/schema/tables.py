"""The tables: evidence, usage, the way to the meter, and what was found."""

from billing.ledger.schema.base import metadata
from billing.ledger.schema.contact import (
    adoption,
    meter_contact,
    meter_opening,
    shadow_reading,
    sole_reporter,
)
from billing.ledger.schema.evidence import (
    account,
    account_identity,
    account_rename,
    call,
    call_metadata,
    customer,
    price,
    pull,
    pull_scope,
    quarantine,
)
from billing.ledger.schema.findings import (
    audit_anchor,
    audit_event,
    audit_head,
    break_case,
    law_check,
    period_close,
    reconciliation_break,
    reconciliation_reading,
    reconciliation_run,
)
from billing.ledger.schema.operations import cycle_run, ledger_move, send_hold
from billing.ledger.schema.usage import (
    b2b_usage,
    error_report,
    meter_attempt,
    meter_event,
    meter_reading,
)

__all__ = [
    "account",
    "account_identity",
    "account_rename",
    "adoption",
    "audit_anchor",
    "audit_event",
    "audit_head",
    "b2b_usage",
    "break_case",
    "call",
    "call_metadata",
    "customer",
    "cycle_run",
    "error_report",
    "law_check",
    "ledger_move",
    "metadata",
    "meter_attempt",
    "meter_contact",
    "meter_event",
    "meter_opening",
    "meter_reading",
    "period_close",
    "price",
    "pull",
    "pull_scope",
    "quarantine",
    "reconciliation_break",
    "reconciliation_reading",
    "reconciliation_run",
    "send_hold",
    "shadow_reading",
    "sole_reporter",
]
