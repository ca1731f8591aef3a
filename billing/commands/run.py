"""`run`: one whole cycle, as cron or a person starts it."""

from pathlib import Path

import click

from billing.app import opened_app
from billing.commands.display import (
    complain,
    progress_bars,
    say,
    show_table,
)
from billing.commands.options import (
    CLEAN,
    FAILED,
    PERIOD,
    PERIOD_HELP,
    acting,
    common_options,
    show_json,
)
from billing.commands.reconcile.findings import show_findings
from billing.commands.results import (
    PULL_HEADINGS,
    overruled_sentences,
    pull_line,
    sync_complaints,
    sync_sentence,
    withheld_sentence,
)
from billing.documents import cycle_document
from billing.domain.cycle_schedule import Trigger
from billing.domain.parity_sentences import parity_complaints, parity_sentence
from billing.domain.period import Month, cycle_months
from billing.pipeline.cycle_report import CycleReport
from billing.pipeline.run import run_round


@click.command()
@click.argument(
    "periods",
    type=PERIOD,
    nargs=-1,
    help=f"{PERIOD_HELP}; several of them [default: last this].",
)
@common_options
def run(settings_file: Path, as_json: bool, periods: tuple[Month, ...]) -> int:
    """Pull, sync and reconcile months: one whole cycle, as for cron.

    It is safe to repeat and safe to kill. Ends with 1 when a part failed, or found what
    the next hours will not settle; what was done stays done.
    """
    with opened_app(settings_file, actor=acting("run")) as app, app.exclusive():
        now = app.clock.now()
        months = [app.billed_period(period) for period in periods]
        app.expire_metadata(now)
        months = months or cycle_months(now, app.settings.first_period)
        with progress_bars() as watch:
            report = run_round(
                app.ledger,
                app.meter,
                app.cycle_options(Trigger.RUN),
                app.trail,
                months,
                watch=watch,
            )
        currency = app.currency
    if as_json:
        show_json(cycle_document(report, currency))
    else:
        show_cycle(report)
    return FAILED if report.failed else CLEAN


def show_cycle(report: CycleReport) -> None:
    """Print what a cycle did, and what failed in it."""
    lines = [[str(result.period), *pull_line(result)] for result in report.pulls]
    show_table(["period", *PULL_HEADINGS], lines, title="Pull")
    if withheld := withheld_sentence(report.pulls):
        say(withheld)
    for sentence in overruled_sentences(report.pulls):
        say(sentence)
    if report.sync:
        say(sync_sentence(report.sync))
    complaints = list(report.errors)
    if report.shadow:
        say(f"{parity_sentence(report.shadow.verdict)}.")
        complaints += parity_complaints(report.shadow.verdict)
    for reconciliation in report.reconciliations:
        show_findings(reconciliation, violated=report.refused)
    for period in report.elsewhere:
        say(f"{period} is reconciled by another process.")
    if report.sync:
        complaints += [
            sentence
            for sentence in sync_complaints(report.sync)
            if sentence not in complaints
        ]
    for sentence in complaints:
        complain(f"pamela-billing: {sentence}")
