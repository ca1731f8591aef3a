"""The manifest's claims: totals, the close, the reconciliation, the chain's end."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from billing.verifier.closes import customer_sums
from billing.verifier.containers import MANIFEST
from billing.verifier.findings import BadRecord
from billing.verifier.manifest import Manifest

_LAST_RUN = """
SELECT id, difference_minutes, breaks FROM reconciliation_run WHERE period = ?
ORDER BY id DESC LIMIT 1
"""
_READINGS = """
SELECT COALESCE(SUM(pamela_minutes), 0), COALESCE(SUM(ledger_minutes), 0),
  COALESCE(SUM(stripe_minutes), 0), SUM(invoiced_minutes)
FROM reconciliation_reading WHERE run_id = ?
"""
_OPEN = """
SELECT id FROM break_case WHERE period = ? AND resolved_at IS NULL ORDER BY id
"""
_SIDES = ("pamela_minutes", "ledger_minutes", "stripe_minutes", "invoiced_minutes")


def check_claims(
    manifest: Manifest, work: sqlite3.Connection, chain: Mapping[str, Any]
) -> None:
    """Compare what a manifest sums up with the rows; raises BadRecord."""
    claims = manifest.document
    if claims["chain"] != chain:
        raise BadRecord(MANIFEST, "the chain has another end than it says")
    if claims["totals"] != currency_totals(work, manifest.period):
        raise BadRecord(MANIFEST, "its totals are not those of the rows")
    row = work.execute(
        "SELECT digest FROM period_close WHERE period = ?", (manifest.period,)
    ).fetchone()
    frozen = row[0] if row else None
    if (claims["close"] or {}).get("digest") != frozen:
        raise BadRecord(MANIFEST, "it names another close than the ledger has")
    if claims["provisional"] is not (frozen is None):
        raise BadRecord(MANIFEST, "a month is provisional just while it is not closed")
    _check_reconciliation(claims["reconciliation"], work, manifest.period)


def currency_totals(work: sqlite3.Connection, period: str) -> list[dict[str, Any]]:
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


def _check_reconciliation(
    claim: Mapping[str, Any] | None, work: sqlite3.Connection, period: str
) -> None:
    run = work.execute(_LAST_RUN, (period,)).fetchone()
    if run is None or claim is None:
        if run is not None or claim is not None:
            raise BadRecord(
                MANIFEST, "it names another last reconciliation than there is"
            )
        return
    stored = dict(zip(("run", "difference_minutes", "breaks"), run, strict=True))
    readings = work.execute(_READINGS, (run[0],)).fetchone()
    stored |= zip(_SIDES, readings, strict=True)
    wrong = [name for name, value in stored.items() if claim.get(name) != value]
    cases = [number for (number,) in work.execute(_OPEN, (period,))]
    items = claim.get("open_items")
    named = [item.get("case") for item in items] if isinstance(items, list) else None
    if wrong or named != cases:
        what = wrong[0] if wrong else "open_items"
        raise BadRecord(
            MANIFEST, f"its reconciliation has another {what} than the tables"
        )
