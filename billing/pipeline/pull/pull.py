"""Pull: read a month of one account whole, and record what it changes."""

from collections.abc import Iterator
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
    book: AccountRules,
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
        book=book,
        period=period,
        number=number,
        options=options,
    )
    try:
        found = pull.read(window, progress)
    except BillingError as fault:
        with ledger.writing() as connection:
            pulls.fail_pull(connection, number, str(fault), clock.now())
        raise
    with ledger.writing() as connection:
        pulls.complete_pull(connection, number, found, clock.now())
    return found


@dataclass(frozen=True, slots=True)
class _Pull:
    """One pull at work."""

    ledger: Ledger
    source: UsageSource
    book: AccountRules
    period: BillingPeriod
    number: int
    options: PullOptions

    def read(self, window: Window, progress: Progress) -> Certificate:
        """Read every day of the window, then what was underway, then the totals."""
        tally = PullCounts(period=self.period)
        windows = list(window.days())
        for done, day in enumerate(self._days(windows), start=1):
            self._record(day)
            tally.add(day)
            progress(done, len(windows))
        underway = self._read_underway(tally)
        self._record(underway)
        tally.add(underway)
        totals = self.source.read_totals(self.period)
        with self.ledger.reading() as connection:
            account = self.source.account
            held = ledger_totals.account_minutes(connection, self.period, account)
            gaps = ledger_totals.source_gaps(connection, self.period)
        stated = held + sum(gap.minutes for gap in gaps if gap.account == account)
        return tally.certificate(totals, stated)

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
        return read_day(self.source, self.book, window, self.period, now)

    def _read_underway(self, tally: PullCounts) -> PulledDay:
        """Read again, one by one, the calls that were not over when last seen."""
        with self.ledger.reading() as connection:
            underway = ledger_totals.calls_underway(connection, self.source.account)
        answers = (self.source.get_call(name) for name in underway if name not in tally)
        calls = [told for told in answers if told is not None]
        return rate_calls(self.book, calls, self.period, self.options.clock.now())

    def _record(self, day: PulledDay) -> None:
        """Record a day's calls, with all they change, in one commit."""
        if not day.readings and not day.set_aside:
            return
        now, book = self.options.clock.now(), self.book
        posting = calls.PullContext(
            pull_id=self.number,
            at=now,
            currency=book.prices.currency,
            price_ids=book.price_ids,
        )
        own = [item for item in day.readings if item.period == self.period]
        other = [item for item in day.readings if item.period != self.period]
        understood = {item.call.call_id for item in day.readings}
        with self.ledger.writing() as connection:
            changed = calls.record_readings(connection, posting, own)
            changed += calls.record_readings(
                connection, posting, other, only_known=True
            )
            call_metadata.keep(connection, own, now)
            account = book.account.name
            released = quarantine.release(connection, account, understood, now)
            quarantine.set_aside(
                connection,
                day.set_aside,
                period=self.period,
                pull_id=self.number,
                now=now,
            )
            if changed or released or day.set_aside:
                detail = {
                    "pull": self.number,
                    "calls_changed": changed,
                    "released": released,
                    "set_aside": len(day.set_aside),
                    "metadata_withheld": sum(
                        len(item.metadata.withheld) for item in day.readings
                    ),
                }
                who = Actor(self.options.actor, now)
                audit_log.record(
                    connection, who, "calls.recorded", str(self.period), detail
                )
