"""`reconcile`: compare Pamela, the ledger and Stripe, and name every difference."""

from pathlib import Path

import click

from billing.app import App, opened_app
from billing.commands.display import (
    complain,
    progress_bars,
    say,
    show_findings,
    show_table,
)
from billing.commands.options import (
    CLEAN,
    FAILED,
    NOT_SETTLED,
    acting,
    common_options,
    period_argument,
    show_json,
)
from billing.domain.period import BillingPeriod, Month
from billing.pipeline.cycle import CycleOptions, identified
from billing.pipeline.reconcile.heal import HealReport, heal_period
from billing.pipeline.reconcile.reconcile import CLOSELY, Depth, reconcile_period
from billing.reports.reconciliation.live import (
    HEALING_HEADINGS,
    Reconciliation,
    is_only_unsettled,
    reconciliation_document,
)


@click.command()
@period_argument
@click.option(
    "--heal",
    is_flag=True,
    help="Fix what is provably safe (pull, sync, settle), say what, and look again.",
)
@click.option(
    "--thorough",
    is_flag=True,
    help="Read every customer's hours, also where the totals agree.",
)
@common_options
def reconcile(
    settings_file: Path,
    as_json: bool,
    period: Month,
    heal: bool,
    thorough: bool,
) -> int:
    """Compare the books of a month, and name every difference.

    Pamela, the ledger, Stripe's meter and, once the month is over, its invoices. Ends
    with 0 when they agree, 1 when there are breaks, and 3 when nothing is wrong but
    Stripe's summaries have not caught up yet.
    """
    depth = CLOSELY if thorough else Depth(invoices=True)
    with opened_app(settings_file, actor=acting("reconcile")) as app, app.exclusive():
        month = app.billed_period(period)
        accounts = identified(app.ledger, app.cycle_options())
        options = accounts.options
        report = _heal(app, options, month, depth) if heal else None
        found = report.after if report else _reconcile(app, options, month, depth)
        currency = app.currency
    faults = [str(fault) for fault in accounts.faults.values()]
    if as_json:
        document = reconciliation_document(found, currency) | {"errors": faults}
        show_json(document | (_document(report) if report else {}))
    else:
        if report:
            _show(report)
        show_findings(found)
        for fault in faults:
            complain(f"pamela-billing: {fault}")
    if faults:
        return FAILED
    if found.clean:
        return CLEAN
    return NOT_SETTLED if is_only_unsettled(found) else FAILED


def _reconcile(
    app: App, options: CycleOptions, month: BillingPeriod, depth: Depth
) -> Reconciliation:
    with progress_bars() as watch:
        return reconcile_period(
            app.ledger,
            app.meter,
            options.reconcile,
            month,
            depth=depth,
            progress=watch(f"reconcile {month}"),
        )


def _heal(
    app: App, options: CycleOptions, month: BillingPeriod, depth: Depth
) -> HealReport:
    with progress_bars() as watch:
        return heal_period(app.ledger, app.meter, options, month, watch, depth=depth)


def _document(report: HealReport) -> dict[str, object]:
    def rows(name: str) -> list[dict[str, object]]:
        healings = report.done if name == "did" else report.left
        return [
            {"cause": one.cause.value, name: one.did, "minutes": one.minutes}
            for one in healings
        ]

    return {"healed": rows("did"), "left": rows("remedy")}


def _show(report: HealReport) -> None:
    if report.done:
        lines = [[one.cause.value, one.did, f"{one.minutes:+d}"] for one in report.done]
        show_table(HEALING_HEADINGS, lines, title="Healed")
    else:
        say("Nothing was found that may be mended without a person.")
