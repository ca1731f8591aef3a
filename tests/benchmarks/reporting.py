"""Files of a month of usage rows, against plain loops over the same cursor."""

import csv
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import median

from xlsxwriter import Workbook

from billing.ledger.database import Ledger, open_ledger
from billing.ledger.migration import upgrade
from billing.ledger.queries.usage_rows import usage_rows
from billing.reports.sheets.csv_file import write_csv_file
from billing.reports.sheets.parquet_file import write_parquet_file
from billing.reports.sheets.sheet import Sheet
from billing.reports.sheets.xlsx_file import write_xlsx_file
from billing.reports.usage.rows_export import COLUMNS, exported_usage
from tests.benchmarks.results import Result
from tests.benchmarks.world.places import Places
from tests.ledger.bookkeeping import MARCH, reading, record, register

ROUNDS = 3
WORKBOOK_ROWS = 100_000
CUSTOMERS = ("acme", "globex")
_BATCH = 50_000
_SECONDS = int((MARCH.end - MARCH.start) / timedelta(seconds=1))
Way = Callable[[Ledger, Path], None]


def measure(places: Places, rows: int) -> Iterator[Result]:
    """Measure every form of file; the ways of one comparison take turns."""
    folder = places.new_folder()
    with filled_ledger(folder, rows) as ledger:
        ways = {"csv": csv_of_ours, "bare csv": bare_csv, "parquet": parquet_of_ours}
        took = _take_turns(ways, ledger, folder)
        yield _rate("CSV", rows, took["csv"], took["bare csv"], 0.5)
        yield _rate("Parquet against our CSV", rows, took["parquet"], took["csv"], 1)
        workbooks = {"xlsx": xlsx_of_ours, "bare xlsx": bare_xlsx}
        took = _take_turns(workbooks, ledger, folder)
    ours, bare = took["xlsx"], took["bare xlsx"]
    count = min(rows, WORKBOOK_ROWS)
    yield Result(
        name=f"XLSX of {count:,} rows",
        ours=f"{ours:.2f} s",
        baseline=f"{bare:.2f} s",
        ratio=ours / bare,
        at_most=1.3,
    )


@contextmanager
def filled_ledger(folder: Path, rows: int) -> Iterator[Ledger]:
    """Give a ledger on SQLite with a month of so many calls, a row of usage each."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    upgrade(url)
    ledger = open_ledger(url)
    register(ledger)
    for first in range(0, rows, _BATCH):
        numbers = range(first, min(first + _BATCH, rows))
        record(
            ledger,
            *(
                reading(
                    f"call_{number:032d}",
                    started_at=MARCH.start
                    + timedelta(seconds=number * 7_919 % _SECONDS),
                    seconds=number * 31 % 1_200,
                    customer=CUSTOMERS[number % len(CUSTOMERS)],
                )
                for number in numbers
            ),
        )
    yield ledger
    ledger.close()


def csv_of_ours(ledger: Ledger, file: Path) -> None:
    """Export the rows as CSV."""
    with exported_usage(ledger, MARCH) as report:
        write_csv_file(report.flat, file)


def parquet_of_ours(ledger: Ledger, file: Path) -> None:
    """Export the rows as Parquet."""
    with exported_usage(ledger, MARCH) as report:
        write_parquet_file(report.flat, file)


def xlsx_of_ours(ledger: Ledger, file: Path) -> None:
    """Write the first rows into a workbook."""
    with ledger.reading() as connection:
        rows = islice(usage_rows(connection, MARCH), WORKBOOK_ROWS)
        write_xlsx_file(
            [Sheet(name="Usage", title="Usage", columns=COLUMNS, rows=rows)], file
        )


def bare_csv(ledger: Ledger, file: Path) -> None:
    """Give the cursor to the writer of the standard library."""
    with ledger.reading() as connection, file.open("w", newline="") as stream:
        csv.writer(stream).writerows(usage_rows(connection, MARCH))


def bare_xlsx(ledger: Ledger, file: Path) -> None:
    """Write the cells one by one, as XlsxWriter's own manual shows."""
    options = {
        "constant_memory": True,
        "remove_timezone": True,
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
    }
    with Workbook(str(file), options) as workbook, ledger.reading() as connection:
        page = workbook.add_worksheet()
        rows = islice(usage_rows(connection, MARCH), WORKBOOK_ROWS)
        for at, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                page.write(at, column, cell)


def _take_turns(
    ways: Mapping[str, Way], ledger: Ledger, folder: Path
) -> dict[str, float]:
    """Return the median seconds that each way took."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            file = folder / "file"
            start = time.perf_counter()
            way(ledger, file)
            seconds[name].append(time.perf_counter() - start)
            file.unlink()
    return {name: median(took) for name, took in seconds.items()}


def _rate(name: str, rows: int, ours: float, theirs: float, at_least: float) -> Result:
    def rate(seconds: float) -> str:
        return f"{rows / seconds:,.0f} rows/s"

    return Result(
        name=f"{name}, {rows:,} rows",
        ours=rate(ours),
        baseline=rate(theirs),
        ratio=theirs / ours,
        at_least=at_least,
    )
