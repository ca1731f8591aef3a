"""`pull`: read a month of calls into the ledger."""

from pathlib import Path

import click

from billing.app import App, opened_app
from billing.commands.display import complain, progress_bars, say, show_table
from billing.commands.options import (
    CLEAN,
    FAILED,
    acting,
    common_options,
    period_argument,
    show_json,
)
from billing.commands.results import (
    PULL_HEADINGS,
    overruled_sentences,
    pull_line,
    pull_sentences,
    withheld_sentence,
)
from billing.documents import pull_document
from billing.domain.period import BillingPeriod, Month
from billing.pipeline.cycle import Watcher, identified, pull_month
from billing.pipeline.cycle_report import PullResult


@click.command()
@period_argument
@click.option("--account", metavar="NAME", help="Only this account [default: all].")
@common_options
def pull(
    settings_file: Path,
    as_json: bool,
    period: Month,
    account: str | None,
) -> int:
    """Read every call of a month into the ledger.

    A pull is complete when it adds up to what Pamela says. Ends with 1 when an account
    could not be read whole; the others are kept, and the next pull reads it again.
    """
    with opened_app(settings_file, actor=acting("pull")) as app, app.exclusive():
        month = app.billed_period(period)
        with progress_bars() as watch:
            results = _pull_all(app, month, account, watch)
    failed = [result for result in results if result.error]
    if as_json:
        pulls = [pull_document(result) for result in results]
        show_json({"period": str(month), "pulls": pulls})
    else:
        show_table(PULL_HEADINGS, map(pull_line, results), title=f"Pull {month}")
        for sentence in (*pull_sentences(results), *overruled_sentences(results)):
            say(sentence)
        if withheld := withheld_sentence(results):
            say(withheld)
        for result in failed:
            complain(f"pamela-billing: {result.error}")
    return FAILED if failed else CLEAN


def _pull_all(
    app: App, month: BillingPeriod, account: str | None, watch: Watcher
) -> list[PullResult]:
    if account:
        app.source(account)
    accounts = identified(app.ledger, app.cycle_options())
    results = [
        pull_month(app.ledger, source, rules, accounts.options, month, watch=watch)
        for source, rules in accounts.options.sources
        if account in {None, source.label}
    ]
    return results + [
        PullResult(account=name, period=month, error=str(fault))
        for name, fault in accounts.faults.items()
        if account in {None, name}
    ]
