"""`export`: what leaves the ledger whole, row by row, for other programs."""

import sys
from pathlib import Path

import click

from billing.commands.audit.export_bundle import audit
from billing.commands.display import say
from billing.commands.options import CLEAN, PERIOD, common_options, show_json
from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.offline import opened_ledger
from billing.reports.sheets.csv_file import write_csv
from billing.reports.sheets.formats import write_report
from billing.reports.usage.rows_export import exported_usage


@click.group()
def export() -> None:
    """Write out what the ledger holds of a month."""


export.add_command(audit)


@export.command()
@click.argument("period", type=PERIOD)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet", "xlsx"]),
    default="csv",
    show_default=True,
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file or a folder; CSV may do without and is printed.",
)
@common_options
def usage(
    settings_file: Path,
    as_json: bool,
    period: BillingPeriod,
    form: str,
    output: Path | None,
) -> int:
    """Write every usage row of a month, with its price and its meter event."""
    if output is None and (form != "csv" or as_json):
        raise BadInput("give --output FILE")
    with (
        opened_ledger(settings_file) as books,
        exported_usage(books.ledger, period) as report,
    ):
        if output is None:
            write_csv(report.flat, sys.stdout)
            return CLEAN
        target = write_report(report, form, output)
    if as_json:
        show_json({"file": str(target), "period": str(period), "format": form})
    else:
        say(f"{target}")
    return CLEAN
