"""DuckDB: adds up the usage of closed months in a lake, in integers only."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.ledger.queries.usage_totals import (
    METADATA,
    Heading,
    Key,
    UsageTotal,
    headed,
)
from billing.reports.lake.closed_lake import ClosedLake, OnStep
from billing.reports.lake.layout import UnfitLake
from billing.reports.lake.month_files import INSTALL

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_GLOB = re.compile(r"([*?\[])")
# Whole microseconds: no time zone of a session moves an hour.
_HOUR = "epoch_us(hour)"
_COLUMNS = {
    "customer": "customer",
    "account": "account",
    "month": "period",
    "day": _HOUR,
    "hour": _HOUR,
}
# A sum of 64-bit integers has 128 bits here, so none turns over and none is a double.
_SUMS = ", ".join(
    f"coalesce(sum({column}) FILTER (WHERE {kind}), 0)::HUGEINT"
    for kind in ("type = 'api_usage'", "type <> 'api_usage'")
    for column in ("1", "billed_minutes", "amount_micro")
)
# Nothing is fetched, and nothing is put on a disk.
_OPTIONS: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": "1GB",
    "temp_directory": "",
}


class LakeUsage:
    """Adds up usage in a lake that was written from the ledger."""

    def __init__(self, ledger: Ledger, root: Path, on_step: OnStep) -> None:
        """Open a lake; raises BadInput without DuckDB, and UnfitLake."""
        self._duckdb = _library()
        self._lake = ClosedLake(ledger, root)
        self._on_step = on_step

    def totals(
        self, periods: Sequence[BillingPeriod], key: Key
    ) -> dict[Heading, UsageTotal]:
        """Return the totals of some months by the key, in its order.

        Raises BadInput for months or keys that a lake does not hold, and UnfitLake.
        """
        if key.startswith(METADATA):
            raise BadInput(
                f"a lake holds nothing of what calls say, so not {key}; ask the "
                "ledger itself, without --engine"
            )
        files = self._lake.files(periods, self._on_step)
        totals = headed(self._lines(files, key), by_day=key == "day")
        self._check(periods, sum(totals.values(), UsageTotal()))
        return totals

    def currency(self, period: BillingPeriod) -> str | None:
        """Return the currency of a month's rows; None when there are none."""
        return min(self._lake.month(period).amount_micro, default=None)

    def _lines(
        self, files: Sequence[Path], key: Key
    ) -> Iterator[tuple[str | datetime | None, UsageTotal]]:
        column = _COLUMNS[key]
        for heading, *sums in self._ask(files, column) if files else ():
            if column is _HOUR:
                yield _BEGINNING + timedelta(microseconds=heading), UsageTotal(*sums)
            else:
                yield heading, UsageTotal(*sums)

    def _ask(self, files: Sequence[Path], column: str) -> list[Any]:
        names = [_GLOB.sub(r"[\1]", str(file)) for file in files]
        try:
            with self._duckdb.connect(":memory:", config=_OPTIONS) as connection:
                table = connection.read_parquet(names, hive_partitioning=True)
                answer: list[Any] = table.aggregate(
                    f"{column}, {_SUMS}", column
                ).fetchall()
                return answer
        except self._duckdb.Error as fault:
            why = str(fault).splitlines()[0]
            raise UnfitLake(self._lake.root, f"DuckDB cannot add it up: {why}") from (
                fault
            )

    def _check(self, periods: Sequence[BillingPeriod], total: UsageTotal) -> None:
        """Refuse an answer that is not in sum what was closed."""
        months = [self._lake.month(period) for period in periods]
        due = (
            sum(month.rows for month in months),
            sum(month.billed_minutes for month in months),
            sum(sum(month.amount_micro.values()) for month in months),
        )
        rows = total.calls + total.adjustments
        if (rows, total.billed_minutes, total.billed_amount_micro) != due:
            raise UnfitLake(
                self._lake.root,
                "its files do not add up to what was closed; remove the folder usage, "
                "and `pamela-billing export lake FOLDER` writes it again",
            )


def _library() -> Any:
    # Loaded only to ask a lake: it is large, and need not be there.
    try:
        import duckdb  # noqa: PLC0415
    except ImportError:
        raise BadInput(f"--engine duckdb needs DuckDB: {INSTALL}") from None
    return duckdb
