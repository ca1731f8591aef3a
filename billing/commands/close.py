"""`close`: freeze a month, or say what stands in the way."""

from pathlib import Path

import click

from billing.app import opened_app
from billing.commands.display import complain, progress_bars, say, show_table
from billing.commands.options import (
    CLEAN,
    FAILED,
    WORDS,
    acting,
    common_options,
    required_period,
    show_json,
)
from billing.domain.close_obstacles import Obstacle
from billing.domain.period import Month
from billing.offline import opened_ledger
from billing.pipeline.close import CloseReport, check_close, close_period
from billing.pipeline.signing import sign_news
from billing.reports.sheets.formatting import Document, format_time

_NAMES_IN_A_LINE = 3


@click.command()
@required_period
@click.option("--dry-run", is_flag=True, help="Only look, and only into the ledger.")
@click.option(
    "--reason",
    type=WORDS,
    metavar="TEXT",
    default="the month is over",
    show_default=True,
    help="Kept in the audit trail.",
)
@common_options
def close(
    settings_file: Path,
    as_json: bool,
    period: Month,
    dry_run: bool,
    reason: str,
) -> int:
    """Freeze a month for ever, once it is pulled, sent, reconciled and explained.

    The month is pulled whole and reconciled first. Ends with 1, and changes nothing
    of the month, when something stands in the way. There is no reopening: what comes
    later is an adjustment in the first open month.
    """
    report = (
        _check(settings_file, period)
        if dry_run
        else _close(settings_file, period, reason)
    )
    if as_json:
        show_json({"dry_run": dry_run, **_document(report)})
    else:
        _show(report, dry_run=dry_run)
    return FAILED if report.obstacles else CLEAN


def _check(settings_file: Path, period: Month) -> CloseReport:
    with opened_ledger(settings_file) as opened:
        accounts = [account.name for account in opened.settings.accounts]
        month = opened.readable_period(period)
        return check_close(
            opened.ledger,
            month,
            accounts,
            opened.now,
            first_period=opened.settings.first_period,
            shadow=opened.shadow,
        )


def _close(settings_file: Path, period: Month, reason: str) -> CloseReport:
    actor = acting("close")
    with opened_app(settings_file, actor=actor) as app, app.exclusive():
        month = app.billed_period(period)
        with progress_bars() as watch:
            report = close_period(
                app.ledger, app.meter, app.cycle_options(), month, watch, reason=reason
            )
        for fault in sign_news(app.ledger, app.trail, actor, app.clock):
            complain(f"pamela-billing: {fault}")
        return report


def _document(report: CloseReport) -> Document:
    closed = report.closed
    document: Document = {
        "period": str(report.period),
        "closed": closed is not None,
        "already": report.already,
        "obstacles": [_obstacle(obstacle) for obstacle in report.obstacles],
    }
    if closed is not None:
        document |= {
            "closed_at": format_time(closed.closed_at),
            "closed_by": closed.closed_by,
            "digest": closed.digest,
            "totals": dict(closed.totals),
        }
    return document


def _obstacle(obstacle: Obstacle) -> Document:
    return {
        "kind": obstacle.kind.value,
        "found": obstacle.found,
        "count": obstacle.count,
        "minutes": obstacle.minutes,
        "names": list(obstacle.names),
        "remedy": obstacle.remedy,
    }


def _show(report: CloseReport, *, dry_run: bool) -> None:
    month, closed = report.period, report.closed
    if closed is not None:
        was = "was closed before" if report.already else "is closed"
        say(f"{month} {was}: {format_time(closed.closed_at)}, by {closed.closed_by}.")
        say(f"Digest {closed.digest}")
    elif report.obstacles:
        headings = ["in the way", "count", "minutes", "which", "what to do"]
        lines = map(_line, report.obstacles)
        show_table(headings, lines, title=f"{month} is not closed")
    elif dry_run:
        say(f"{month}: as far as the ledger knows, nothing stands in the way.")


def _line(obstacle: Obstacle) -> list[str]:
    names = obstacle.names[:_NAMES_IN_A_LINE]
    more = obstacle.count - len(names)
    which = ", ".join(names) + (f" and {more} more" if names and more > 0 else "")
    figures = [
        f"{obstacle.count:,}",
        f"{obstacle.minutes:,}" if obstacle.minutes else "",
    ]
    return [obstacle.found, *figures, which, obstacle.remedy]
