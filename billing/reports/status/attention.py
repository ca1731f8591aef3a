"""What needs attention: what blocks billing, what waits for a person, what to do."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from billing.domain.invariants import NOTHING_IS_SENT
from billing.domain.meter_event import FailReason
from billing.domain.money import DEFAULT_CURRENCY
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.pull import pulls
from billing.ledger.pull.accounts import present_labels
from billing.ledger.pull.unclear_calls import UnclearCall, unclear_calls
from billing.ledger.queries.usage_totals import UsageTotal, currency_of, totals_by
from billing.ledger.reconcile.case_list import CaseFilter, list_cases
from billing.ledger.sync.send_holds import SendHold, holds_in_force
from billing.reports.sheets.cells import format_amount
from billing.reports.sheets.formatting import (
    Document,
    counted,
    format_span,
    format_time,
)
from billing.reports.status.deadlines import DeadlineReport
from billing.reports.status.periods import PeriodStatus

HEADINGS = [
    "month",
    "state",
    "minutes",
    "amount",
    "counted",
    "on the way",
    "failed",
    "reasons",
]
# A month is pulled whole once a day; two hours late is no accident.
WHOLE_PULL_EVERY = timedelta(hours=26)
_NAMES = 3
_FOR_A_PERSON = frozenset({"open", "overdue"})
# What to do about events that failed, by their reason.
_REMEDIES = {
    "rejected": "fix what Stripe names, then `pamela-billing sync --retry "
    "--reason TEXT`",
    "uncertain": "`pamela-billing sync --settle` reads what became of them",
    "expired": "bill them outside the meter, then `pamela-billing sync --void EVENT "
    "--reason TEXT`",
}


def read_holds(ledger: Ledger) -> list[SendHold]:
    """Return what a person has stopped the sending of."""
    with ledger.reading() as connection:
        return holds_in_force(connection)


def old_pulls(
    ledger: Ledger,
    periods: Iterable[BillingPeriod],
    labels: Sequence[str],
    now: datetime,
) -> list[str]:
    """Say which accounts' months were not pulled whole for more than a day."""
    with ledger.reading() as connection:
        names = {label: name for name, label in present_labels(connection).items()}
        return [
            f"{_how_old(label, period, whole_at, now)}; run `pamela-billing run`"
            for period in periods
            for label in labels
            for whole_at in [
                pulls.last_complete(
                    connection, names.get(label, label), period, pulls.MONTH
                )
            ]
            if now - (whole_at or period.start) > WHOLE_PULL_EVERY
        ]


def waiting_for_a_person(
    ledger: Ledger,
    months: Sequence[PeriodStatus],
    deadlines: DeadlineReport,
    now: datetime,
    *,
    violated: bool,
) -> list[str]:
    """Say what does not go on by itself, each with what to do.

    Where an invariant is violated, nothing is advised that ends in sending.
    """
    sentences = [
        sentence
        for month in months
        for sentence in (*_quarantined(month), *_failed(month, deadlines, violated))
    ]
    sentences += _stuck(_stuck_calls(ledger, months, now))
    sentences += _breaks(ledger, now)
    if deadlines.missed_items and not violated:
        items = counted(deadlines.missed_items, "open item")
        minutes = counted(deadlines.missed_minutes, "minute")
        remedy = "bill them outside the meter, then `sync --void EVENT --reason TEXT`"
        sentences.append(f"Past every deadline: {items}, {minutes}: {remedy}")
    if deadlines.undecided_items and not violated:
        sentences.append(_undecided(deadlines))
    sentences += [
        f"{month.period} is over and not closed: `pamela-billing close "
        f"{month.period} --dry-run` says what stands in the way"
        for month in months
        if month.period.end <= now and month.closed is None and month.sync.rows.total()
    ]
    return sentences


def _undecided(deadlines: DeadlineReport) -> str:
    items = counted(deadlines.undecided_items, "uncertain item")
    minutes = counted(deadlines.undecided_minutes, "minute")
    return (
        f"Too old to wait for proof: {items}, {minutes}, to be decided by "
        f"{format_time(deadlines.decide_until)}: ask Stripe for the event; if it does "
        "not count, bill it outside the meter, then `sync --void EVENT --reason TEXT`"
    )


def month_lines(ledger: Ledger, months: Iterable[PeriodStatus]) -> list[list[str]]:
    """Return a line under HEADINGS for each month that has usage."""
    lines = []
    with ledger.reading() as connection:
        for month in months:
            if not month.sync.rows.total():
                continue
            totals = totals_by(connection, month.period, "customer")
            billed = sum(totals.values(), UsageTotal())
            currency = currency_of(connection, month.period) or DEFAULT_CURRENCY
            minutes, reasons = month.sync.minutes, month.sync.failed_reasons
            lines.append(
                [
                    str(month.period),
                    "open" if month.closed is None else "closed",
                    f"{billed.billed_minutes:,}",
                    format_amount(billed.billed_amount_micro, currency),
                    f"{minutes['synced']:,}",
                    f"{minutes['pending']:,}",
                    f"{minutes['failed']:,}",
                    ", ".join(
                        f"{reason} {counted(rows, 'row')}"
                        for reason, rows in reasons.items()
                    ),
                ]
            )
    return lines


def month_sentence(month: PeriodStatus) -> str:
    """Say when a month was closed, pulled and reconciled last."""
    parts = []
    if month.closed:
        parts.append(f"closed {format_time(month.closed.closed_at)}")
    parts.append(_pulled(month))
    last = month.last_reconciliation
    if last is None:
        parts.append("never reconciled")
    else:
        state = f"difference {counted(last.difference_minutes, 'minute')}"
        if not last.settled:
            state = "the difference is not settled yet"
        breaks = counted(last.breaks, "break")
        parts.append(f"reconciled {format_time(last.finished_at)}, {state}, {breaks}")
    return f"{month.period}: {'; '.join(parts)}."


def _pulled(month: PeriodStatus) -> str:
    if not month.pulls:
        return "never pulled"
    moments = [each.complete_at for each in month.pulls]
    if None in moments:
        return "not pulled completely yet"
    return f"complete as of {format_time(min(filter(None, moments)))}"


def _how_old(
    account: str, period: BillingPeriod, whole_at: datetime | None, now: datetime
) -> str:
    if whole_at is None:
        return f"{period} of {account} was never pulled whole"
    age = format_span(now - whole_at)
    return f"The last whole pull of {period} of {account} is {age} old"


def _quarantined(month: PeriodStatus) -> Iterator[str]:
    calls = month.quarantined
    for item in calls[:_NAMES]:
        yield (
            f"{month.period}: {item.call_id} of {item.account} is in quarantine, "
            f"{item.reason}: {item.detail}; fix it at Pamela, the next pull reads it; "
            "or decide on it: `pamela-billing quarantine`"
        )
    if (more := len(calls) - _NAMES) > 0:
        yield f"{month.period}: {counted(more, 'more call')} in quarantine"


def _stuck_calls(
    ledger: Ledger, months: Sequence[PeriodStatus], now: datetime
) -> list[UnclearCall]:
    """Return the calls of the months that are underway for longer than any can be."""
    with ledger.reading() as connection:
        return [
            call
            for month in months
            for call in unclear_calls(connection, now, period=month.period)
            if call.number is None
        ]


def stuck_document(
    ledger: Ledger, months: Sequence[PeriodStatus], now: datetime
) -> Document:
    """Return the calls that are underway for too long, with stable names."""
    calls = [
        {
            "account": call.account,
            "call": call.call_id,
            "period": call.period,
            "since": format_time(call.seen_at),
        }
        for call in _stuck_calls(ledger, months, now)
    ]
    return {"underway_too_long": calls}


def _stuck(calls: Sequence[UnclearCall]) -> Iterator[str]:
    for call in calls[:_NAMES]:
        yield (
            f"{call.period}: {call.call_id} of {call.account} is underway for over a "
            f"day, {call.detail}; ask Pamela, or decide on it: "
            "`pamela-billing quarantine`"
        )
    if (more := len(calls) - _NAMES) > 0:
        yield f"{counted(more, 'more call')} underway for more than a day"


def _failed(
    month: PeriodStatus, deadlines: DeadlineReport, violated: bool
) -> Iterator[str]:
    provable = deadlines.provable_from.get(month.period)
    for reason, rows in month.sync.failed_reasons.items():
        if remedy := _REMEDIES.get(reason):
            if violated:
                remedy = NOTHING_IS_SENT
            elif reason == FailReason.UNCERTAIN and provable is not None:
                remedy = (
                    f"each run reads what became of it; that it does not count can be "
                    f"proved from {format_time(provable)} on"
                )
            yield f"{month.period}: {counted(rows, 'row')} {reason}: {remedy}"


def _breaks(ledger: Ledger, now: datetime) -> Iterator[str]:
    with ledger.reading() as connection:
        cases = list_cases(connection, CaseFilter())
    periods = Counter(
        case.period for case in cases if case.state_at(now) in _FOR_A_PERSON
    )
    for period, count in sorted(periods.items(), key=str):
        breaks = counted(count, "break")
        yield f"{period}: {breaks}: see `pamela-billing breaks {period}`"
