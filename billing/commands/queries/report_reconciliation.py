"""`report reconciliation`: the newest run of a month, its breaks, and who knows."""

from pathlib import Path

import click

from billing.commands.delivery import Wanted, deliver, report_options
from billing.commands.options import CLEAN, required_period
from billing.domain.period import Month
from billing.offline import opened_ledger
from billing.reports.reconciliation.reconciliation_workbook import reconciled_report
from billing.reports.reconciliation.stored import read_reconciled


@click.command()
@required_period
@report_options
def reconciliation(settings_file: Path, wanted: Wanted, period: Month) -> int:
    """Show a month's newest reconciliation: totals, breaks, ages, who knows.

    It only reads what `reconcile` or `run` has kept; nothing is compared anew.
    """
    with opened_ledger(settings_file) as books:
        reconciled = read_reconciled(books.ledger, books.readable_period(period))
    deliver(reconciled_report(reconciled), wanted)
    return CLEAN
