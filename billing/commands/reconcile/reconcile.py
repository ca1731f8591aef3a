"""`reconcile`: compare Pamela, the ledger and Stripe, and name every difference."""

from pathlib import Path

import click

from billing.app import App, opened_app
from billing.commands.display import (
    complain,
    progress_bars,
    say,
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
from billing.commands.reconcile.findings import show_findings
from billing.domain.period import BillingPeriod, Month
from billing.pipeline.adopt.shadow import refuse_all_in_shadow
from billing.pipeline.cycle import CycleOptions, identified
from billing.pipeline.reconcile.heal import HealReport, heal_period
from billing.pipeline.reconcile.reconcile import CLOSELY, Depth, reconcile_period
from billing.reports.reconciliation.live import (
    HEALING_HEADINGS,
    Reconciliation,
    reconciliation_document,
)
from billing.reports.reconciliation.outcome import is_only_unsettled
from billing.reports.status.integrity import is_violated, read_integrity


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
    help="Read every call and every customer's hours, also where the totals agree.",
)
@common_options
def reconcile(
    settings_file: Path,
    as_json: bool,
    period: Month,
    heal: bool,
    thorough: bool,
) -> int:
    """Compare the totals of a month (default: the present one).

    Pamela, the ledger, Stripe's meter and, once the month is over, its invoices. Ends
    with 0 when they agree, 1 when there are breaks, and 3 when nothing is wrong but
    Stripe's summaries have not caught up yet.
    """
    depth = CLOSELY if thorough else Depth(invoices=True)
    with opened_app(settings_file, actor=acting("reconcile")) as app, app.exclusive():
        month = app.billed_period(period)
        refuse_all_in_shadow(app.ledger, app.sync_options())
        accounts = identified(app.ledger, app.cycle_options())
        options = accounts.options
        healed = _heal(app, options, month, depth) if heal else None
        report = healed.after if healed else _reconcile(app, options, month, depth)
        currency, integrity = app.currency, read_integrity(app.ledger)
    faults = [str(fault) for fault in accounts.faults.values()]
    if as_json:
        document = reconciliation_document(report, currency) | {"errors": faults}
        show_json(document | (_document(healed) if healed else {}))
    else:
        if healed:
            _show(healed)
        show_findings(report, violated=is_violated(integrity))
        for fault in faults:
            complain(f"pamela-billing: {fault}")
    if faults:
        return FAILED
    if report.clean:
        return CLEAN
    return NOT_SETTLED if is_only_unsettled(report) else FAILED


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
            {"cause": each.cause.value, name: each.did, "minutes": each.minutes}
            for each in healings
        ]

    return {"healed": rows("did"), "left": rows("remedy")}


def _show(report: HealReport) -> None:
    if report.done:
        lines = [
            [each.cause.value, each.did, f"{each.minutes:+,d}"] for each in report.done
        ]
        show_table(HEALING_HEADINGS, lines, title="Healed")
    else:
        say("Nothing was found that can be fixed without a person.")
