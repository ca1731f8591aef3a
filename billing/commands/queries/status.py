"""`status`: what is pending, synced and failed."""

from pathlib import Path

import click

from billing.commands.display import say, show_table
from billing.commands.options import CLEAN, common_options, show_json
from billing.offline import opened_ledger
from billing.pipeline.cycle import periods_at
from billing.reports.sheets.formatting import spell
from billing.reports.status.deadlines import HEADINGS as DEADLINE_HEADINGS
from billing.reports.status.deadlines import DeadlineReport, read_deadlines
from billing.reports.status.integrity import (
    integrity_document,
    integrity_sentence,
    read_integrity,
)
from billing.reports.status.periods import (
    STATES,
    PeriodStatus,
    absent_document,
    absent_sentence,
    read_absent,
    read_status,
    status_document,
)


@click.command()
@common_options
def status(settings_file: Path, as_json: bool) -> int:
    """Show how far the last month and the present one have come."""
    with opened_ledger(settings_file) as books:
        months = periods_at(books.now, books.settings.first_period)
        found = read_status(books.ledger, reversed(months))
        grace = books.settings.stripe.grace
        deadlines = read_deadlines(books.ledger, books.now, grace)
        laws = read_integrity(books.ledger)
        labels = [account.name for account in books.settings.accounts]
        absent = read_absent(books.ledger, labels)
    if as_json:
        document = status_document(found, books.now)
        document |= {"deadlines": deadlines.document()}
        document |= {"laws": integrity_document(laws)}
        document |= {"absent_accounts": absent_document(absent)}
        show_json(document)
        return CLEAN
    say(f"As of {spell(books.now)}")
    for account in absent:
        say(absent_sentence(account))
    _show_rows(found)
    _show_deadlines(deadlines)
    for month in found:
        _show_month(month)
    say(integrity_sentence(laws))
    return CLEAN


def _show_rows(found: list[PeriodStatus]) -> None:
    lines = [
        [str(month.period), state, f"{month.sync.rows[state]}", f"{minutes}", reasons]
        for month in found
        for state in STATES
        for minutes in [month.sync.minutes[state]]
        for reasons in [_reasons(month) if state == "failed" else ""]
    ]
    headings = ["period", "state", "usage rows", "minutes", "reasons"]
    show_table(headings, lines, title="Usage on its way to the meter")


def _show_deadlines(found: DeadlineReport) -> None:
    if found.nearest:
        title = f"The nearest deadlines of {found.items} open items"
        show_table(DEADLINE_HEADINGS, found.lines(), title=title)
    if found.missed_items:
        missed = f"{found.missed_items} open items, {found.missed_minutes} minutes"
        remedy = "bill them outside the meter, then `sync --void EVENT --reason TEXT`"
        say(f"Past every deadline are {missed}: {remedy}.")


def _reasons(month: PeriodStatus) -> str:
    reasons = month.sync.failed_reasons
    return ", ".join(f"{reason} {count}" for reason, count in reasons.items())


def _show_month(month: PeriodStatus) -> None:
    period = month.period
    if month.closed:
        at, by = spell(month.closed.closed_at), month.closed.closed_by
        say(f"{period}: closed {at} by {by}.")
    if month.sync.oldest_pending:
        say(f"{period}: the oldest pending hour is {spell(month.sync.oldest_pending)}.")
    if not month.pulls:
        say(f"{period}: never pulled.")
    for pulls in month.pulls:
        last, complete = pulls.last, spell(pulls.complete_at) or "never"
        trouble = f"; last pull {last.state}: {last.error}" if last.error else ""
        say(f"{period}: {last.account} was complete as of {complete}{trouble}.")
    for item in month.quarantined:
        words = f"{item.reason}: {item.detail}"
        say(f"{period}: quarantined {item.call_id} of {item.account}, {words}.")
    last_run = month.last_reconciliation
    if last_run is None:
        say(f"{period}: never reconciled.")
        return
    settled = "settled" if last_run.settled else "not settled yet"
    say(
        f"{period}: reconciled {spell(last_run.finished_at)}, {settled}, difference "
        f"{last_run.difference_minutes} minutes, {last_run.breaks} breaks."
    )
