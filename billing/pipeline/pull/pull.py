"""Pull: read a month of one account whole, and record what it changes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from billing.domain.call import READ_AGAIN
from billing.domain.period import BillingPeriod, Window
from billing.errors import BillingError
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull import call_metadata, calls, pulls, quarantine
from billing.ledger.pull.call_identity import HeldCall, Place, set_all_aside
from billing.ledger.pull.pulls import Certificate
from billing.ledger.reconcile import ledger_totals
from billing.pipeline.concurrency import (
    READERS,
    THREADS,
    Concurrency,
    Progress,
    no_progress,
)
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.day import PullCounts, PulledDay, rate_calls, read_day
from billing.ports import Clock, UsageSource


@dataclass(frozen=True, slots=True)
class PullOptions:
    """What a pull is handed: its clock, who asked for it, and who does the reading."""

    clock: Clock
    actor: str
    concurrency: Concurrency = THREADS


def pull_usage(
    ledger: Ledger,
    source: UsageSource,
    rules: AccountRules,
    period: BillingPeriod,
    *,
    options: PullOptions,
    since: datetime | None = None,
    progress: Progress = no_progress,
) -> Certificate:
    """Read a month (or what was created `since`) and record it; raises SourceFault.

    Whatever was read is kept; a pull that fails leaves the month marked incomplete.
    """
    clock = options.clock
    now = clock.now()
    start = period.start - READ_AGAIN
    window = Window(max(since or start, start), min(period.end + READ_AGAIN, now))
    scope = pulls.RECENT if window.start > start else pulls.MONTH
    with ledger.writing() as connection:
        number = pulls.start_pull(
            connection, source.account, period, scope=scope, window=window, now=now
        )
    pull = _Pull(
        ledger=ledger,
        source=source,
        rules=rules,
        period=period,
        number=number,
        options=options,
    )
    try:
        certificate = pull.read(window, progress)
    except BillingError as fault:
        with ledger.writing() as connection:
            pulls.fail_pull(connection, number, str(fault), clock.now())
        raise
    with ledger.writing() as connection:
        pulls.complete_pull(connection, number, certificate, clock.now())
    return certificate


@dataclass(frozen=True, slots=True)
class _Pull:
    """One pull at work."""

    ledger: Ledger
    source: UsageSource
    rules: AccountRules
    period: BillingPeriod
    number: int
    options: PullOptions

    def read(self, window: Window, progress: Progress) -> Certificate:
        """Read every day of the window, then what was underway, then the totals."""
        counts = PullCounts(period=self.period)
        windows = list(window.days())
        for done, day in enumerate(self._days(windows), start=1):
            held = self._record(day)
            counts.add(day)
            counts.hold(held)
            progress(done, len(windows))
        underway = self._read_underway(counts)
        held = self._record(underway)
        counts.add(underway)
        counts.hold(held)
        totals = self.source.read_totals(self.period)
        with self.ledger.reading() as connection:
            account = self.source.account
            minutes = ledger_totals.account_minutes(connection, self.period, account)
            gaps = ledger_totals.source_gaps(connection, self.period)
        stated = minutes + sum(gap.minutes for gap in gaps if gap.account == account)
        return counts.certificate(totals, stated)

    def _days(self, windows: list[Window]) -> Iterator[PulledDay]:
        """Read days side by side, a few ahead of the one that is recorded."""
        ahead: list[Future[PulledDay]] = []
        with self.options.concurrency.pool(READERS, "pull") as pool:
            try:
                for window in windows:
                    ahead.append(pool.submit(self._read_day, window))
                    if len(ahead) > READERS:
                        yield ahead.pop(0).result()
                while ahead:
                    yield ahead.pop(0).result()
            finally:
                for future in ahead:
                    future.cancel()

    def _read_day(self, window: Window) -> PulledDay:
        now = self.options.clock.now()
        return read_day(self.source, self.rules, window, self.period, now)

    def _read_underway(self, counts: PullCounts) -> PulledDay:
        """Read again, one by one, the calls that were not over when last seen."""
        with self.ledger.reading() as connection:
            underway = ledger_totals.calls_underway(connection, self.source.account)
        answers = (
            self.source.get_call(name) for name in underway if name not in counts
        )
        calls = [call for call in answers if call is not None]
        return rate_calls(self.rules, calls, self.period, self.options.clock.now())

    def _record(self, day: PulledDay) -> Sequence[HeldCall]:
        """Record a day's calls, with all they change, in one commit.

        Returns the calls that are held: each is another one than its id says.
        """
        if not day.readings and not day.set_aside:
            return ()
        now, rules = self.options.clock.now(), self.rules
        context = calls.PullContext(
            pull_id=self.number,
            at=now,
            currency=rules.prices.currency,
            price_ids=rules.price_ids,
        )
        own = [item for item in day.readings if item.period == self.period]
        other = [item for item in day.readings if item.period != self.period]
        understood = {item.call.call_id for item in day.readings}
        with self.ledger.writing() as connection:
            recorded = calls.record_readings(connection, context, own)
            recorded = recorded.with_more(
                calls.record_readings(connection, context, other, only_known=True)
            )
            held = {each.rated.call.call_id for each in recorded.held}
            kept = [item for item in own if item.call.call_id not in held]
            call_metadata.keep(connection, kept, now)
            account = rules.account.name
            released = quarantine.release(connection, account, understood - held, now)
            place = Place(self.period, self.number, now)
            set_all_aside(connection, day.set_aside, recorded.held, place)
            set_aside = len(day.set_aside) + len(held)
            if recorded.changed or released or set_aside:
                detail = {
                    "pull": self.number,
                    "calls_changed": recorded.changed,
                    "released": released,
                    "set_aside": set_aside,
                    "metadata_withheld": sum(
                        len(item.metadata.withheld) for item in day.readings
                    ),
                }
                actor = Actor(self.options.actor, now)
                audit_log.record(
                    connection, actor, "calls.recorded", str(self.period), detail
                )
        return recorded.held
