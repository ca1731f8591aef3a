"""`reconcile`: compare Pamela, the ledger and Stripe, and name every difference."""

from pathlib import Path

import click

from billing.app import opened_app
from billing.commands.display import progress_bars, show_findings
from billing.commands.options import (
    CLEAN,
    FAILED,
    NOT_SETTLED,
    common_options,
    period_argument,
    show_json,
)
from billing.domain.period import BillingPeriod
from billing.pipeline.reconcile import reconcile_period
from billing.reports.reconciliation import is_only_unsettled, reconciliation_document


@click.command()
@period_argument
@common_options
def reconcile(settings_file: Path, as_json: bool, period: BillingPeriod | None) -> int:
    """Compare the three books of a month (default: the present one).

    Ends with 0 when they agree, 1 when there are breaks, and 3 when nothing is wrong
    but Stripe's summaries have not caught up yet.
    """
    with opened_app(settings_file, actor="pamela-billing reconcile") as app, app.sole():
        month = app.billed_period(period)
        with progress_bars() as watch:
            found = reconcile_period(
                app.ledger,
                app.meter,
                app.reconcile_terms(),
                month,
                progress=watch(f"reconcile {month}"),
            )
        currency = app.currency
    if as_json:
        show_json(reconciliation_document(found, currency))
    else:
        show_findings(found)
    if found.clean:
        return CLEAN
    return NOT_SETTLED if is_only_unsettled(found) else FAILED
