"""`report focus`: usage charges in the columns that FinOps tools read."""

from pathlib import Path

import click

from billing.commands.delivery import Wanted, deliver, report_options
from billing.commands.options import CLEAN, required_period
from billing.domain.period import Month
from billing.offline import opened_ledger
from billing.reports.usage.focus import MAKER, read_focus


@click.command()
@required_period
@click.option(
    "--provider",
    default=MAKER,
    show_default=True,
    help="Who bills your customers, in ProviderName and InvoiceIssuerName.",
)
@report_options
def focus(settings_file: Path, wanted: Wanted, period: Month, provider: str) -> int:
    """Show or write a month's charges by the FOCUS specification, version 1.2."""
    with opened_ledger(settings_file) as books:
        charges = read_focus(books.ledger, books.readable_period(period), provider)
    deliver(charges, wanted)
    return CLEAN
