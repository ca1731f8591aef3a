"""`report parity`: a meter that another program feeds, beside what is rated here."""

from pathlib import Path

import click

from billing.commands.delivery import Wanted, deliver, report_options
from billing.commands.options import CLEAN, Choice, required_period
from billing.domain.period import Month
from billing.offline import opened_ledger
from billing.reports.parity.parity_sheet import (
    GROUPINGS,
    parity_report,
    read_parity_month,
)


@click.command()
@required_period
@click.option(
    "--by",
    type=Choice(GROUPINGS),
    default="day",
    show_default=True,
    help="Show each day, or each hour; a screen shows the hours that differ.",
)
@click.option("--customer", metavar="NAME", help="Of this customer alone.")
@report_options
def parity(
    settings_file: Path, wanted: Wanted, period: Month, by: str, customer: str | None
) -> int:
    """Show what a meter in shadow counts beside what is rated here, and why.

    It only reads what `run` has kept of the meter. A day counts once it has been over
    for six hours; what moved to another hour is shown, and breaks no parity.
    """
    with opened_ledger(settings_file) as books:
        month = read_parity_month(books.ledger, books.readable_period(period), customer)
    deliver(parity_report(month, by), wanted)
    return CLEAN
