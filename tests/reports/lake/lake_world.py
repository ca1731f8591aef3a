"""Closed months and their lake: two customers, corrections, odd names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from billing.domain.period import BillingPeriod
from billing.ledger.close import period_close
from billing.ledger.database import Ledger
from billing.reports.lake.lake_export import LakeMonth, export_lake
from billing.reports.lake.layout import MonthManifest
from tests.ledger.bookkeeping import ACTOR, APRIL, MARCH, reading, record
from tests.reports.bookkeeping import DAY
from tests.reports.months import FEBRUARY, fill_months

__all__ = ["APRIL", "FEBRUARY", "MARCH"]
Steps = list[tuple[str, int, int]]


def fill_closed(ledger: Ledger) -> None:
    """Close February, correct it in March, take a March call back, close March too.

    In April acme goes on.
    """
    fill_months(ledger)
    gone = {"customer": "globex", "account": "other"}
    record(ledger, reading('=odd, "one"\t', seconds=3_599, **gone))  # type: ignore[arg-type] # names only
    record(ledger, reading("mar_3", seconds=59, started_at=MARCH.end - DAY / 2))
    close(ledger)
    record(ledger, reading("apr_1", started_at=APRIL.start))


def close(ledger: Ledger, period: BillingPeriod = MARCH) -> None:
    """Close a month."""
    with ledger.writing() as connection:
        period_close.freeze(connection, period, ACTOR, run=2, reason="tests")


def export(
    ledger: Ledger,
    root: Path,
    *,
    buckets: int | None = 3,
    steps: Steps | None = None,
) -> list[LakeMonth]:
    """Write a ledger's closed months into a lake."""

    def watch(name: str) -> Callable[[int, int], None]:
        def on_step(done: int, total: int) -> None:
            if steps is not None:
                steps.append((name, done, total))

        return on_step

    return list(export_lake(ledger, root, buckets, watch))


def first_file(root: Path, period: str = "2026-03") -> Path:
    """Return the first file of a month."""
    return min((root / "usage" / f"period={period}").rglob("*.parquet"))


def amend(file: Path, **values: Any) -> None:
    """Change what a file of JSON says."""
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def manifest_file(root: Path, period: str = "2026-03") -> Path:
    """Return the list of a month."""
    return root / "usage" / f"period={period}" / "_manifest.json"


def contents(root: Path) -> dict[str, bytes]:
    """Read all files of a lake."""
    return {
        str(place.relative_to(root)): place.read_bytes()
        for place in sorted(root.rglob("*"))
        if place.is_file()
    }


def manifests(months: list[LakeMonth]) -> list[MonthManifest]:
    """Return the lists of some months."""
    return [month.manifest for month in months]
