"""`export`: what leaves the ledger whole, row by row, for other programs."""

import sys
from pathlib import Path

import click

from billing.commands.audit.export_bundle import audit
from billing.commands.display import say
from billing.commands.options import (
    CLEAN,
    Choice,
    common_options,
    required_period,
    show_json,
)
from billing.commands.queries.export_lake import lake
from billing.domain.period import Month
from billing.errors import BadInput
from billing.offline import opened_ledger
from billing.reports.sheets.csv_file import write_csv
from billing.reports.sheets.formats import write_report
from billing.reports.usage.rows_export import exported_usage


@click.group()
def export() -> None:
    """Write out what the ledger holds of a month."""


export.add_command(audit)
export.add_command(lake)


@export.command()
@required_period
@click.option(
    "--format",
    "form",
    type=Choice(["csv", "parquet", "xlsx"]),
    default="csv",
    show_default=True,
    help="What to write.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to this file or folder. Without it CSV is printed; the other "
    "formats need it.",
)
@common_options
def usage(
    settings_file: Path,
    as_json: bool,
    period: Month,
    form: str,
    output: Path | None,
) -> int:
    """Write every usage row of a month, with its price and its meter event."""
    if output is None and (form != "csv" or as_json):
        raise BadInput("give --output FILE")
    with opened_ledger(settings_file) as books:
        month = books.readable_period(period)
        with exported_usage(books.ledger, month) as report:
            if output is None:
                write_csv(report.flat, sys.stdout)
                return CLEAN
            [target] = write_report(report, form, output)
    if as_json:
        show_json({"file": str(target), "period": str(month), "format": form})
    else:
        say(f"{target}")
    return CLEAN
