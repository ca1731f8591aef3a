"""`breaks`: what differs, since when; and that somebody knows of it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from billing.commands.display import say, show_table
from billing.commands.options import (
    CLEAN,
    PERIOD,
    PERIOD_HELP,
    common_options,
    person,
    show_json,
)
from billing.domain.period import Month, period_at
from billing.errors import BadInput
from billing.offline import OfflineLedger, opened_ledger
from billing.pipeline.sync.operator_actions import acknowledge_break
from billing.reports.reconciliation.breaks import (
    HEADINGS,
    break_document,
    break_lines,
    read_breaks,
)


@click.command()
@click.argument(
    "period", type=PERIOD, required=False, help=f"{PERIOD_HELP} [default: all]."
)
@click.option("--all", "resolved", is_flag=True, help="Show the resolved ones too.")
@click.option(
    "--acknowledge",
    "number",
    type=click.IntRange(1),
    metavar="N",
    help="Say that you know of break N, and leave it.",
)
@click.option("--reason", default="", help="Why, with --acknowledge; it is audited.")
@common_options
def breaks(
    *,
    settings_file: Path,
    as_json: bool,
    period: Month | None,
    resolved: bool,
    number: int | None,
    reason: str,
) -> int:
    """List the breaks that are open, of one month or of all.

    Each was found by a reconciliation, and is resolved by the first that finds it no
    more. What waits for the next hours is overdue after a day.
    """
    if reason and number is None:
        raise BadInput("--reason belongs to --acknowledge")
    with opened_ledger(settings_file) as opened:
        if number is None:
            _list(opened, period, resolved=resolved, as_json=as_json)
        else:
            who = f"{person()}, pamela-billing breaks"
            case = acknowledge_break(opened.ledger, who, opened.now, number, reason)
            document = break_document(case, _currency(opened), opened.now)
            _tell(as_json, document, lambda: say(f"Break {number} is acknowledged."))
    return CLEAN


def _list(
    opened: OfflineLedger, period: Month | None, *, resolved: bool, as_json: bool
) -> None:
    currency, now = _currency(opened), opened.now
    month = None if period is None else period_at(period, now)
    cases = read_breaks(opened.ledger, month, resolved=resolved)
    document = {"breaks": [break_document(case, currency, now) for case in cases]}

    def show() -> None:
        if cases:
            show_table(HEADINGS, break_lines(cases, currency, now))
        else:
            say("No break is open." if not resolved else "There are no breaks.")

    _tell(as_json, document, show)


def _tell(
    as_json: bool, document: Mapping[str, object], show: Callable[[], None]
) -> None:
    show_json(document) if as_json else show()


def _currency(opened: OfflineLedger) -> str:
    return opened.settings.prices[0].currency
