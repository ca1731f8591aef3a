"""Shadow: the meters that another program feeds are read by the hour, and compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from billing.domain.meter_contact import MeterMonth
from billing.domain.parity import ParityVerdict, settled_day_at
from billing.domain.period import BillingPeriod, Window
from billing.errors import BadInput, BillingError
from billing.ledger.adopt.shadow import read_shadow
from billing.ledger.adopt.shadow_readings import (
    ShadowReading,
    newest_readings,
    record_shadow_reading,
)
from billing.ledger.database import Ledger
from billing.ledger.queries.parity import read_verdict
from billing.pipeline.concurrency import Progress, no_progress, read_each
from billing.pipeline.sync.options import SyncOptions
from billing.ports import Meter

# After Stripe's longest grace nothing more counts for a month; it is read once a day.
LATE_FOR = timedelta(hours=72)
ONCE_A_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """Who is in shadow, how parity stands, and whose meter could not be read."""

    customers: tuple[str, ...]
    verdict: ParityVerdict
    faults: tuple[str, ...] = ()


def try_in_shadow(
    ledger: Ledger,
    meter: Meter,
    options: SyncOptions,
    periods: Sequence[BillingPeriod],
    *,
    progress: Progress = no_progress,
) -> ShadowReport | BillingError | None:
    """Read and compare the meters that another program feeds; None without any."""
    if not options.shadow.is_on or options.stopping():
        return None
    try:
        return compare_in_shadow(ledger, meter, options, periods, progress=progress)
    except BillingError as fault:
        return fault


def compare_in_shadow(
    ledger: Ledger,
    meter: Meter,
    options: SyncOptions,
    periods: Sequence[BillingPeriod],
    *,
    progress: Progress = no_progress,
) -> ShadowReport | None:
    """Read the months of all in shadow, and compare them; None where nobody is.

    Raises MeterUnavailable, MeterRefused or LedgerFault.
    """
    with ledger.reading() as connection:
        shadow = read_shadow(connection, options.shadow)
    customers = shadow.among(options.stripe_customers)
    if not customers:
        return None
    faults: list[str] = []
    for period in sorted(periods):
        due = _due(ledger, customers, period, options.clock.now())
        # One walk each, side by side.
        read, unread = read_each(
            options.concurrency,
            partial(_read, meter, options, period),
            due,
            progress,
        )
        faults += [
            f"the meter of {name} cannot be compared in {period}: {fault}"
            for name, fault in unread.items()
        ]
        _keep(ledger, list(read.values()))
    with ledger.reading() as connection:
        verdict = read_verdict(connection, customers, periods)
    return ShadowReport(tuple(customers), verdict, tuple(dict.fromkeys(faults)))


def all_in_shadow(ledger: Ledger, options: SyncOptions) -> bool:
    """Say whether everybody is in shadow, so that there is nothing to reconcile."""
    if not options.shadow.is_on:
        return False
    with ledger.reading() as connection:
        shadow = read_shadow(connection, options.shadow)
    names = options.stripe_customers
    return len(shadow.among(names)) == len(names)


def refuse_all_in_shadow(ledger: Ledger, options: SyncOptions) -> None:
    """Refuse to reconcile where nothing is sent for anybody; raises BadInput."""
    if all_in_shadow(ledger, options):
        raise BadInput(
            "every customer is in shadow, so there is nothing of ours at the meter to "
            "reconcile; `pamela-billing report parity PERIOD` compares it"
        )


def _due(
    ledger: Ledger, customers: Sequence[str], period: BillingPeriod, now: datetime
) -> list[str]:
    """Return whose month is to be read: every hour while it can change, then daily."""
    with ledger.reading() as connection:
        newest = newest_readings(connection, period)
    is_late = now >= period.end + LATE_FOR
    return [
        name
        for name in customers
        if not is_late
        or name not in newest
        or newest[name].read_at < period.end + LATE_FOR
        or now - newest[name].read_at >= ONCE_A_DAY
    ]


def _read(
    meter: Meter, options: SyncOptions, period: BillingPeriod, customer: str
) -> ShadowReading:
    month = MeterMonth(
        stripe_customer=options.stripe_customers[customer],
        meter=meter.event_name,
        livemode=options.livemode,
        period=period,
    )
    # What may arrive while the walk goes on is not claimed to have been seen.
    asked_at = options.clock.now()
    window = Window(period.start, period.end)
    hours = meter.read_hours(month.stripe_customer, window)
    return ShadowReading(customer, month, asked_at, hours)


def _keep(ledger: Ledger, readings: Sequence[ShadowReading]) -> None:
    """Keep what is news: another figure, or the first reading of a settled day."""
    if not readings:
        return
    with ledger.writing() as connection:
        known = newest_readings(connection, readings[0].month.period)
        for reading in readings:
            last = known.get(reading.customer)
            if last is None or _is_news(last, reading):
                record_shadow_reading(connection, reading)


def _is_news(last: ShadowReading, reading: ShadowReading) -> bool:
    if (last.month, last.hours) != (reading.month, reading.hours):
        return reading.read_at > last.read_at
    return last.read_at < settled_day_at(reading.read_at)
