"""The audit bundle of a month: what its manifest says, and the file."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from billing.domain.period import BillingPeriod
from billing.domain.signed_head import fingerprint
from billing.errors import BadInput, SigningFault
from billing.ledger.audit.month_extract import Excerpt
from billing.ledger.audit.signed_heads import key_in_force
from billing.ledger.close.period_close import ClosedMonth, CustomerTotal, closed_month
from billing.ledger.close.period_close import customer_totals as totals_of
from billing.ledger.database import Ledger
from billing.ledger.reconcile.run_totals import RunTotals, run_totals
from billing.reports.audit.contents import LedgerContents
from billing.reports.audit.writing import Seal, write_bundle


class Export(NamedTuple):
    """Who exports which month, when, with which code and by which words."""

    period: BillingPeriod
    run_by: str
    run_at: datetime
    code_version: str
    parameters: Mapping[str, Any]


def export_bundle(
    ledger: Ledger, target: Path, export: Export, seal: Seal
) -> Mapping[str, Any]:
    """Write the audit bundle of a month; returns its manifest.

    Raises BadInput for a month of which nothing is known, SigningFault for a key that
    the trail does not have, UnfitTarget and FileFault.
    """
    with ledger.reading() as connection:
        _check_key(key_in_force(connection), fingerprint(seal.public_key))
        customers = totals_of(connection, export.period)
        close = closed_month(connection, export.period)
        totals = run_totals(connection, export.period)
        if not customers and close is None and totals is None:
            raise BadInput(
                f"nothing is known of {export.period}; "
                f"`pamela-billing pull {export.period}` reads it"
            )
        summary = {
            "period": str(export.period),
            "provisional": close is None,
            "close": _close(close),
            "totals": _totals(customers),
            "reconciliation": _reconciliation(totals),
            "run_by": export.run_by,
            "run_at": export.run_at.isoformat(),
            "code_version": export.code_version,
            "parameters": dict(export.parameters),
            "time_zone": "UTC",
        }
        with closing(Excerpt(connection, export.period)) as excerpt:
            return write_bundle(target, LedgerContents(excerpt), summary, seal)


def _check_key(in_force: str | None, key: str) -> None:
    if in_force != key:
        trail = f"has {in_force}" if in_force else "has none yet"
        raise SigningFault(
            f"the key {key} is not the one of the audit trail, which {trail}; run "
            "`pamela-billing audit sign`, or restore the key"
        )


def _close(close: ClosedMonth | None) -> dict[str, Any] | None:
    if close is None:
        return None
    at = close.closed_at.isoformat()
    return {"closed_at": at, "closed_by": close.closed_by, "digest": close.digest}


def _totals(customers: list[CustomerTotal]) -> list[dict[str, Any]]:
    """Return control totals, one for each currency."""
    sums: dict[str, list[CustomerTotal]] = defaultdict(list)
    for customer in customers:
        sums[customer.currency].append(customer)
    return [
        {
            "currency": currency,
            "customers": len(same),
            "rows": sum(customer.rows for customer in same),
            "minutes": sum(customer.minutes for customer in same),
            "amount_micro": sum(customer.amount_micro for customer in same),
        }
        for currency, same in sorted(sums.items())
    ]


def _reconciliation(totals: RunTotals | None) -> dict[str, Any] | None:
    if totals is None:
        return None
    document = {**totals._asdict(), "at": totals.at.isoformat()}
    del document["open_items"]  # they stand in the tables, and may be many
    return document
