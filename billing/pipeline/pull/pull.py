"""Pull: read a month of one account whole, and record what it changes."""

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from billing.domain.call import LOOK_BACK, NAMELESS, READ_AGAIN
from billing.domain.period import BillingPeriod, Window
from billing.errors import AccountRefused, BillingError
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull import (
    call_decisions,
    call_metadata,
    calls,
    pulls,
    quarantine,
)
from billing.ledger.pull.calls import RecordedCalls
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
from billing.ports import Clock, SourceTotals, UsageSource

# Of the calls that no list has, so many are asked for one by one in each look.
MOST_ASKED = 1_000


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
    search: bool = True,
    progress: Progress = no_progress,
) -> Certificate:
    """Read a month (or what is new `since`) and record it; raises SourceFault.

    Whatever was read is kept; a pull that fails leaves the month marked incomplete. A
    whole month whose total is more than its calls is searched for back from its start.
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
        progress=progress,
    )
    try:
        certificate = pull.read(window, search=search and scope == pulls.MONTH)
    except BillingError as fault:
        with ledger.writing() as connection:
            pulls.fail_pull(connection, number, str(fault), options.clock.now())
        raise
    with ledger.writing() as connection:
        pulls.complete_pull(connection, number, certificate, options.clock.now())
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
    progress: Progress

    def read(self, window: Window, *, search: bool) -> Certificate:
        """Read every day of the window, then what was underway, then the totals."""
        counts = PullCounts(period=self.period)
        self._read_window(window, counts)
        underway = [name for name in self._underway() if name not in counts]
        self._read_each(underway, counts)
        totals = self._read_totals()
        looked_back_to = None
        if search:
            self._ask_for_unmet(counts)
        if search and self._missing(totals, counts):
            looked_back_to = self._reconsider(window, totals, counts)
            totals = self._read_totals()
        return counts.certificate(totals, self._ledger_minutes(), looked_back_to)

    def _read_totals(self) -> SourceTotals:
        """Read the totals of the month; raises AccountRefused if they are another's."""
        totals, expected = self.source.read_totals(self.period), self.rules.identity
        is_known = expected is not None and expected.known
        if is_known and totals.identity not in {None, expected}:
            raise AccountRefused(
                self.source.account,
                f"it became {totals.identity} while it was read, and was {expected}: "
                "give it a key of its own, then pull it again",
            )
        return totals

    def _reconsider(
        self, window: Window, totals: SourceTotals, counts: PullCounts
    ) -> datetime | None:
        """Look for what the total has and the ledger has not.

        Returns how far back it searched; None if there was no need to.
        """
        # A call may have begun or ended between its list and the total.
        until = min(self.period.end + READ_AGAIN, self.options.clock.now())
        self._read_window(Window(window.end, until), counts)
        self._read_each(self._underway(), counts)
        start, margin = window.start, self.period.start - window.start
        while self._missing(totals, counts) > 0 and margin < LOOK_BACK:
            margin = min(2 * margin, LOOK_BACK)
            earlier = Window(self.period.start - margin, start)
            self._read_window(earlier, counts)
            start = earlier.start
        return start if start < window.start else None

    def _missing(self, totals: SourceTotals, counts: PullCounts) -> int:
        """Return the minutes of the total that no call has which was understood.

        Nobody knows what the source counts for a call that is in quarantine: what it
        may come to must not stand in for a call that was not found.
        """
        if totals.billed_minutes is None:
            return 0
        return totals.billed_minutes - self._ledger_minutes() + counts.unmet_minutes

    def _ledger_minutes(self) -> int:
        """Return what the ledger has of the month, as the source states it."""
        account = self.source.account
        with self.ledger.reading() as connection:
            minutes = ledger_totals.account_minutes(connection, self.period, account)
            gaps = ledger_totals.source_gaps(connection, self.period)
        return minutes + sum(gap.minutes for gap in gaps if gap.account == account)

    def _read_window(self, window: Window, counts: PullCounts) -> None:
        windows = list(window.days())
        for done, day in enumerate(self._days(windows), start=1):
            self._take_in(day, counts)
            self.progress(done, len(windows))

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

    def _underway(self) -> list[str]:
        """Name the calls that were not over when last seen, or are decided."""
        account = self.source.account
        with self.ledger.reading() as connection:
            names = ledger_totals.calls_underway(connection, account)
            decided = call_decisions.decided_calls(connection, account)
        return names + [name for name in decided if not name.startswith(NAMELESS)]

    def _ask_for_unmet(self, counts: PullCounts) -> None:
        """Ask for the month's calls that no list had: planned long before, or gone.

        One that moved to another month may be on no list that is read, either.
        """
        account = self.source.account
        with self.ledger.reading() as connection:
            billed = ledger_totals.billed_calls(connection, self.period, account)
            decided = call_decisions.decided_calls(connection, account)
            # What a person said of a call that is not over, no total has.
            unmet = {
                name: minutes
                for name, minutes in billed
                if name in decided or not counts.understood(name)
            }
            # The source's total had them as the source stated them.
            for gap in ledger_totals.source_gaps(connection, self.period):
                if gap.account == account and gap.call_id in unmet:
                    unmet[gap.call_id] += gap.minutes
        names = sorted(name for name in unmet if name not in counts)
        unasked = frozenset(names[MOST_ASKED:])
        self._read_each(names[:MOST_ASKED], counts)
        stands = decided.keys() - counts.overruled
        counts.unmet_minutes = sum(
            minutes
            for name, minutes in unmet.items()
            if name in stands or not (counts.understood(name) or name in unasked)
        )

    def _read_each(self, names: list[str], counts: PullCounts) -> None:
        """Read calls one by one."""
        answers = map(self.source.get_call, names)
        calls = [call for call in answers if call is not None]
        now = self.options.clock.now()
        day = rate_calls(self.rules, calls, self.period, now)
        self._take_in(day, counts)

    def _take_in(self, day: PulledDay, counts: PullCounts) -> None:
        """Record a day's calls, and count them."""
        recorded = self._record(day)
        counts.add(day)
        counts.hold(recorded.held)
        counts.overruled.update(recorded.overruled)

    def _record(self, day: PulledDay) -> RecordedCalls:
        """Record a day's calls, with all they change, in one commit.

        Calls that are held go into quarantine: each is another one than its id says.
        """
        if not day.readings and not day.set_aside:
            return RecordedCalls()
        now, rules = self.options.clock.now(), self.rules
        context = calls.PullContext(
            pull_id=self.number,
            at=now,
            currency=rules.prices.currency,
            price_ids=rules.price_ids,
            first_period=rules.first_period,
        )
        understood = {item.call.call_id for item in day.readings}
        with self.ledger.writing() as connection:
            recorded = calls.record_readings(connection, context, day.readings)
            kept, held = day.readings, {each.item.call_id for each in recorded.held}
            if held:
                kept = [item for item in kept if item.call.call_id not in held]
            call_metadata.keep(connection, kept, now)
            account = rules.account.name
            released = quarantine.release(connection, account, understood - held, now)
            set_aside = [*day.set_aside, *(each.item for each in recorded.held)]
            quarantine.set_aside(
                connection,
                set_aside,
                period=self.period,
                pull_id=self.number,
                now=now,
            )
            if recorded.changed or released or set_aside:
                detail = {
                    "pull": self.number,
                    "calls_changed": recorded.changed,
                    "released": released,
                    "set_aside": len(set_aside),
                    "decisions_overruled": sorted(recorded.overruled),
                    "metadata_withheld": sum(
                        len(item.metadata.withheld) for item in day.readings
                    ),
                }
                actor = Actor(self.options.actor, now)
                audit_log.record(
                    connection, actor, "calls.recorded", str(self.period), detail
                )
        return recorded
