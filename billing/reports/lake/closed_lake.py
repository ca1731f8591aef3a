"""A lake that is asked: each month is checked against its list and its close."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.ledger.audit.events import origin_of
from billing.ledger.close.period_close import ClosedMonth, closed_month
from billing.ledger.database import Ledger
from billing.reports.lake.lake_export import (
    altered,
    refuse_other_close,
    refuse_other_ledger,
)
from billing.reports.lake.layout import MonthManifest, UnfitLake, read_lake
from billing.reports.lake.month_files import measured

# Digests are computed beside each other; more would only wait for the disk.
_READERS = 4
OnStep = Callable[[int, int], None]


class ClosedLake:
    """The months of a lake, as far as they are what this ledger has closed."""

    def __init__(self, ledger: Ledger, root: Path) -> None:
        """Open a lake; raises UnfitLake for none, and for another ledger's."""
        lake = read_lake(root)
        if lake is None:
            raise UnfitLake(
                root,
                "there is none; `pamela-billing export lake FOLDER` writes closed "
                "months into one",
            )
        with ledger.reading() as connection:
            refuse_other_ledger(lake, origin_of(connection))
        self._ledger, self._lake = ledger, lake
        self._months: dict[BillingPeriod, MonthManifest] = {}
        self._checked: dict[BillingPeriod, list[Path]] = {}

    @property
    def root(self) -> Path:
        """Where it is."""
        return self._lake.root

    def month(self, period: BillingPeriod) -> MonthManifest:
        """Return what a month holds; raises BadInput for one that is not closed.

        Raises UnfitLake for one that is not here, or not as it was closed.
        """
        if period not in self._months:
            self._months[period] = self._read(period)
        return self._months[period]

    def files(self, periods: Sequence[BillingPeriod], on_step: OnStep) -> list[Path]:
        """Return the files of some months; raises UnfitLake for one that was altered.

        Every byte is read, once: steps are bytes.
        """
        new = {
            period: self.month(period)
            for period in periods
            if period not in self._checked
        }
        every, done = sum(month.bytes for month in new.values()), 0
        with ThreadPoolExecutor(_READERS) as readers:
            for period, month in new.items():
                folder = self._lake.month_folder(period)
                self._refuse_more(folder, month)
                places = [folder / name for name in month.files]
                due = list(month.files.values())
                rows = [file.rows for file in due]
                found = readers.map(_measured, places, rows)
                for place, file, present in zip(places, due, found, strict=True):
                    if present != file:
                        raise altered(self._lake, place)
                    done += file.bytes
                    on_step(done, every)
                self._checked[period] = places
        return [place for period in periods for place in self._checked[period]]

    def _read(self, period: BillingPeriod) -> MonthManifest:
        with self._ledger.reading() as connection:
            close = closed_month(connection, period)
        if close is None:
            raise BadInput(
                f"{period} is not closed, and a lake holds closed months only; ask "
                "the ledger itself, without --engine"
            )
        if not self._lake.month_folder(period).exists():
            raise UnfitLake(
                self.root,
                f"{period} is not in it yet; run `pamela-billing export lake FOLDER`",
            )
        manifest = self._lake.manifest(period)
        refuse_other_close(self._lake, manifest, close.digest)
        if _sums(manifest) | _closed_sums(close) != _sums(manifest):
            raise UnfitLake(
                self.root,
                f"its list of {period} does not add up to what was closed; remove the "
                f"folder period={period}, and `pamela-billing export lake FOLDER` "
                "writes it again",
            )
        return manifest

    def _refuse_more(self, folder: Path, month: MonthManifest) -> None:
        """Refuse a file that other programs would read with the month's own."""
        for place in folder.rglob("*"):
            is_hidden = place.name.startswith(("_", "."))
            name = str(place.relative_to(folder))
            if place.is_file() and not is_hidden and name not in month.files:
                raise UnfitLake(
                    self.root,
                    f"{place.relative_to(self.root)} was put there by somebody else, "
                    "and whoever reads the lake would count it; remove it",
                )


def _measured(place: Path, rows: int) -> Any:
    try:
        return measured(place, rows)
    except OSError:
        return None


def _sums(manifest: MonthManifest) -> dict[str, int]:
    return {
        "rows": manifest.rows,
        "minutes": manifest.billed_minutes,
        "amount_micro": sum(manifest.amount_micro.values()),
    }


def _closed_sums(close: ClosedMonth) -> dict[str, Any]:
    # The first version kept no sums of what it closed.
    names = ("rows", "minutes", "amount_micro")
    return {name: close.totals[name] for name in names if name in close.totals}
