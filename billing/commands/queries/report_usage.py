"""`report usage`: what months add up to, asked of the ledger or of its lake."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from billing.commands.delivery import Wanted, deliver, report_options
from billing.commands.display import progress_bars
from billing.commands.options import CLEAN, PERIOD, Choice, period_argument
from billing.domain.period import Month, RelativePeriod
from billing.errors import BadInput
from billing.offline import OfflineLedger, opened_ledger
from billing.reports.lake.duckdb_usage import LakeUsage
from billing.reports.usage.report import KEYS, METADATA, Key, read_usage
from billing.reports.usage.span import read_span, span_report
from billing.reports.usage.usage_workbook import usage_report

LEDGER, DUCKDB = "ledger", "duckdb"


@click.command()
@period_argument
@click.option(
    "--to",
    "last",
    type=PERIOD,
    metavar="PERIOD",
    help="Add up all months from the first to this one.",
)
@click.option(
    "--by",
    "key",
    default="customer",
    show_default=True,
    metavar="KEY",
    help=f"One of {', '.join(KEYS)}, or {METADATA}NAME, where NAME is a key of the "
    "calls' metadata that report_metadata in the settings names; with --to also month.",
)
@click.option(
    "--engine",
    type=Choice([LEDGER, DUCKDB]),
    default=LEDGER,
    show_default=True,
    help="Who adds up; duckdb asks a lake of closed months, with the same figures.",
)
@click.option(
    "--lake",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The lake, as `export lake FOLDER` wrote it.",
)
@report_options
def usage(
    settings_file: Path,
    wanted: Wanted,
    period: Month,
    last: Month | None,
    key: Key,
    *,
    engine: str,
    lake: Path | None,
) -> int:
    """Show the usage of a month, in total and by customer or another key."""
    if (engine == DUCKDB) != (lake is not None):
        raise BadInput("--engine duckdb and --lake FOLDER go together; give both")
    with (
        opened_ledger(settings_file) as books,
        _opened_lake(books, lake) as source,
    ):
        first = books.readable_period(period)
        if last is not None:
            until = books.readable_period(last)
            span = read_span(books.ledger, first, until, key, lake=source)
            found = span_report(span)
        else:
            month = read_usage(
                books.ledger,
                first,
                key,
                by_all=wanted.form == "xlsx",
                may_be_new=period is RelativePeriod.THIS,
                lake=source,
            )
            found = usage_report(month)
    deliver(found, wanted)
    return CLEAN


@contextmanager
def _opened_lake(books: OfflineLedger, lake: Path | None) -> Iterator[LakeUsage | None]:
    if lake is None:
        yield None
        return
    with progress_bars() as watch:
        yield LakeUsage(books.ledger, lake, watch("checking the lake"))
