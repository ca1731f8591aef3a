"""The month: what its rows say of it, and whether the manifest says the same."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from billing.verifier.bundle_names import MANIFEST
from billing.verifier.closes import customer_sums
from billing.verifier.findings import BadRecord
from billing.verifier.manifest import Manifest

_CLOSE = "SELECT closed_at, closed_by, digest FROM period_close WHERE period = ?"
_LAST_RUN = """
SELECT id, started_at, settled, complete, difference_minutes, breaks
FROM reconciliation_run WHERE period = ? ORDER BY id DESC LIMIT 1
"""
_READINGS = """
SELECT COALESCE(SUM(pamela_minutes), 0), COALESCE(SUM(ledger_minutes), 0),
  COALESCE(SUM(stripe_minutes), 0), SUM(invoiced_minutes)
FROM reconciliation_reading WHERE run_id = ?
"""
_ITEMS = """
SELECT id, cause, customer, account,
  (SELECT minutes FROM reconciliation_break WHERE case_id = break_case.id
   ORDER BY id DESC LIMIT 1), opened_at, acknowledged_by, reason
FROM break_case WHERE period = ? AND resolved_at IS NULL ORDER BY id
"""
_SIDES = ("pamela_minutes", "ledger_minutes", "stripe_minutes", "invoiced_minutes")
_PARTS_OF_CLOSE = ("closed_at", "closed_by", "digest")
_PARTS_OF_ITEM = (
    "case",
    "cause",
    "customer",
    "account",
    "minutes",
    "opened_at",
    "acknowledged_by",
    "reason",
)


class Month(NamedTuple):
    """What the rows of a bundle say of its month; nothing else of it is shown."""

    totals: list[dict[str, Any]]
    close: dict[str, Any] | None
    reconciliation: dict[str, Any] | None
    unresolved: list[dict[str, Any]]  # with those that a person acknowledged

    @property
    def open_items(self) -> list[dict[str, Any]]:
        """What nobody has resolved or acknowledged."""
        return [item for item in self.unresolved if item["acknowledged_by"] is None]


def read_month(work: sqlite3.Connection, period: str) -> Month:
    """Return what the rows say of a month."""
    row = work.execute(_CLOSE, (period,)).fetchone()
    return Month(
        totals=_currency_totals(work, period),
        close=dict(zip(_PARTS_OF_CLOSE, row, strict=True)) if row else None,
        reconciliation=_last_run(work, period),
        unresolved=[
            dict(zip(_PARTS_OF_ITEM, item, strict=True))
            for item in work.execute(_ITEMS, (period,))
        ],
    )


def check_claims(manifest: Manifest, month: Month, chain: Mapping[str, Any]) -> None:
    """Compare what a manifest sums up with the rows; raises BadRecord."""
    claims = manifest.document
    if claims["chain"] != chain:
        raise BadRecord(MANIFEST, "the chain has another end than it says")
    if claims["totals"] != month.totals:
        raise BadRecord(MANIFEST, "its totals are not those of the rows")
    if claims["close"] != month.close:
        raise BadRecord(MANIFEST, "it names another close than the ledger has")
    if claims["provisional"] is not (month.close is None):
        raise BadRecord(MANIFEST, "a month is provisional just while it is not closed")
    _check_reconciliation(claims["reconciliation"], month)


def _currency_totals(work: sqlite3.Connection, period: str) -> list[dict[str, Any]]:
    """Return a month's control totals, one for each currency."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for _, currency, *numbers in customer_sums(work, period):
        for place, number in enumerate([1, *numbers]):
            sums[currency][place] += number
    names = ("customers", "rows", "minutes", "amount_micro")
    return [
        {"currency": currency, **dict(zip(names, numbers, strict=True))}
        for currency, numbers in sorted(sums.items())
    ]


def _last_run(work: sqlite3.Connection, period: str) -> dict[str, Any] | None:
    run = work.execute(_LAST_RUN, (period,)).fetchone()
    if run is None:
        return None
    number, at, settled, complete, difference, breaks = run
    readings = work.execute(_READINGS, (number,)).fetchone()
    return {
        "run": number,
        "at": at,
        "settled": bool(settled),
        "complete": bool(complete),
        **dict(zip(_SIDES, readings, strict=True)),
        "difference_minutes": difference,
        "breaks": breaks,
    }


def _check_reconciliation(claim: Mapping[str, Any] | None, month: Month) -> None:
    run = month.reconciliation
    if run is None or claim is None:
        if run is not None or claim is not None:
            raise BadRecord(
                MANIFEST, "it names another last reconciliation than there is"
            )
        return
    # Earlier formats list what is not resolved, too.
    shown = {**run, "open_items": month.unresolved}
    for name, value in claim.items():
        if name not in shown or shown[name] != value:
            raise BadRecord(
                MANIFEST, f"its reconciliation has another {name:.40} than the tables"
            )
    missing = sorted(run.keys() - claim.keys())
    if missing:
        raise BadRecord(MANIFEST, f"its reconciliation has no {missing[0]}")
