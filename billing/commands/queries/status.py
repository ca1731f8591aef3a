"""`status`: what blocks and what to do, then how far each month has come."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import click

from billing.commands.display import mark, say, show_table
from billing.commands.options import CLEAN, common_options, show_json
from billing.domain.contact_sentences import contact_complaints
from billing.domain.invariants import NOTHING_IS_SENT
from billing.domain.parity_sentences import parity_complaints
from billing.domain.period import cycle_months
from billing.offline import opened_ledger, restored_ledger
from billing.reports.parity.shadow_status import ShadowStatus, read_shadow_status
from billing.reports.sheets.formatting import counted, format_time
from billing.reports.status.attention import HEADINGS as MONTH_HEADINGS
from billing.reports.status.attention import (
    month_lines,
    month_sentence,
    old_pulls,
    read_holds,
    stuck_document,
    waiting_for_a_person,
)
from billing.reports.status.cycles import read_cycles
from billing.reports.status.deadlines import HEADINGS as DEADLINE_HEADINGS
from billing.reports.status.deadlines import DeadlineReport, read_deadlines
from billing.reports.status.first_contact import (
    contact_document,
    read_contacts,
    wait_sentence,
)
from billing.reports.status.integrity import (
    integrity_document,
    integrity_sentence,
    is_violated,
    read_integrity,
)
from billing.reports.status.lags import read_lags
from billing.reports.status.moves import read_move
from billing.reports.status.periods import (
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
    """Show what blocks and what to do, and how far the newest months have come."""
    with opened_ledger(settings_file) as opened:
        ledger, now, settings = opened.ledger, opened.now, opened.settings
        periods = cycle_months(now, settings.first_period)
        months = read_status(ledger, reversed(periods))
        shadow = read_shadow_status(ledger, opened.shadow, periods)
        deadlines = read_deadlines(
            ledger, now, settings.stripe.grace, besides=shadow.customers
        )
        integrity, moved = read_integrity(ledger), read_move(ledger)
        labels = [account.name for account in settings.accounts]
        absent = read_absent(ledger, labels)
        contacts = read_contacts(ledger, periods, now).without(shadow.customers)
        cycles, lags = read_cycles(ledger, now), read_lags(ledger, now)
        held = [hold.sentence() for hold in read_holds(ledger)]
        restored = restored_ledger(settings, settings_file.parent, ledger)
        if as_json:
            document = status_document(months, now)
            document["deadlines"] = deadlines.document()
            document["laws"] = integrity_document(integrity)
            document |= {"cycles": cycles.document(), "restored": restored}
            document |= {"summary_lag": lags.document(), "moved": moved}
            document |= stuck_document(ledger, months, now)
            document |= {"holds": held, "shadow": shadow.document()}
            document["absent_accounts"] = absent_document(absent)
            show_json(document | contact_document(contacts))
            return CLEAN
        violated = is_violated(integrity)
        still_open = [month.period for month in months if month.closed is None]
        stops = [*filter(None, [moved, restored]), *held]
        blocking = [
            *([integrity_sentence(integrity)] if violated else []),
            *map(absent_sentence, absent),
            *old_pulls(ledger, still_open, labels, now),
            *(f"Not sent: {each}" for each in contact_complaints(contacts)),
            *parity_complaints(shadow.verdict),
            *filter(None, [cycles.overdue()]),
        ]
        waiting = waiting_for_a_person(
            ledger, months, deadlines, now, violated=violated
        )
        lines = month_lines(ledger, months)
    _show_first(now, stops, shadow)
    _show_attention(blocking, waiting, wait_sentence(contacts), stopped=bool(stops))
    show_table(MONTH_HEADINGS, lines, title="\nMinutes on their way to the meter")
    _show_deadlines(deadlines, violated=violated)
    sound = [] if violated else [integrity_sentence(integrity)]
    _show_standing(months, [cycles.sentence(), lags.sentence(), *sound])
    return CLEAN


def _show_first(now: datetime, stops: list[str], shadow: ShadowStatus) -> None:
    """Say for whom nothing is sent, before all else."""
    say(f"As of {format_time(now)}")
    _show_marked(stops)
    for sentence in shadow.sentences():
        say(f"{sentence}.")


def _show_attention(
    blocking: list[str],
    waiting: list[str],
    first_sends: str | None,
    *,
    stopped: bool,
) -> None:
    _show_marked(blocking)
    for sentence in waiting:
        say(f"! {sentence}.")
    if not (stopped or blocking or waiting):
        say("Nothing blocks, and nothing waits for a person.")
    if first_sends:
        say(first_sends)


def _show_marked(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        say(f"{mark(False)} {sentence}.")


def _show_standing(months: Iterable[PeriodStatus], standing: Iterable[str]) -> None:
    """Say how far each month has come, and how the ledger itself does."""
    say("\n".join(["", *map(month_sentence, months), *standing]))


def _show_deadlines(deadlines: DeadlineReport, *, violated: bool) -> None:
    items = counted(deadlines.items, "open item")
    if violated and deadlines.items:
        say(f"\n{items}, whose deadlines are not named: {NOTHING_IS_SENT}.")
        return
    title = f"\nThe nearest deadlines of {items}"
    show_table(DEADLINE_HEADINGS, deadlines.lines(), title=title)
