"""Ledgers on paper: from calls to a close and beyond it, and what a manifest claims."""

from typing import Any

from billing.domain.period import BillingPeriod
from tests.verifier.paper import NOON, Paper
from tests.verifier.signing import TestKey
from tests.verifier.story import APRIL, MARCH, Story


def ledger_on_paper(
    seed: int = 1, *, closed: bool = True, after: bool = True, calls: int = 12
) -> Paper:
    """Write a whole ledger: calls, corrections, a close, and what comes after it."""
    story = Story(seed, calls)
    names = story.names
    story.begin()
    story.pull(names[: calls // 2])
    story.send()
    story.reconcile()
    story.pull(names[calls // 4 :])
    story.send()
    story.reconcile()
    if closed:
        story.close()
    if closed and after:
        story.pull(names[:4])
        story.send()
        story.paper.rotate(TestKey(201 + seed % 40))
        story.reconcile(APRIL)
    story.paper.sign()
    return story.paper


def manifest_claims(paper: Paper, period: BillingPeriod = MARCH) -> dict[str, Any]:
    """Return what a manifest says of a month."""
    month = str(period)
    usage = [row for row in paper.rows["b2b_usage"].values() if row[6] == month]
    sums = sum(row[9] for row in usage), sum(row[10] for row in usage)
    total = {"currency": "usd", "customers": len({row[3] for row in usage})}
    total |= {"rows": len(usage), "minutes": sums[0], "amount_micro": sums[1]}
    close = paper.rows["period_close"].get(month)
    names = ("closed_at", "closed_by", "digest")
    closed = close and dict(zip(names, close[1:4], strict=True))
    return {
        "period": month,
        "provisional": close is None,
        "close": closed,
        "totals": [total] if usage else [],
        "reconciliation": _last_run(paper, month),
        "run_by": "tests",
        "run_at": NOON,
        "code_version": "0",
        "parameters": {"period": month},
        "time_zone": "UTC",
    }


def _last_run(paper: Paper, month: str) -> dict[str, Any] | None:
    runs = [r for r in paper.rows["reconciliation_run"].values() if r[1] == month]
    if not runs:
        return None
    run = runs[-1]
    all_readings = paper.rows["reconciliation_reading"].values()
    readings = [r for r in all_readings if r[1] == run[0]]
    names = ("pamela_minutes", "ledger_minutes", "stripe_minutes")
    sums = {name: sum(r[5 + n] for r in readings) for n, name in enumerate(names)}
    return {
        "run": run[0],
        "at": run[2],
        "settled": bool(run[4]),
        "complete": bool(run[5]),
        "difference_minutes": run[6],
        "breaks": run[7],
        **sums,
        "invoiced_minutes": None,
    }
