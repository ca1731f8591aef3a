"""Pull: read a month of one account whole, and record what it changes."""

from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.call import LOOK_BACK, NAMELESS, READ_AGAIN
from billing.domain.period import HOUR, BillingPeriod, Window
from billing.errors import AccountRefused, BillingError, SourceFault
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull import call_decisions, pulls
from billing.ledger.pull.pulls import Certificate
from billing.ledger.pull.seen_calls import SeenCalls
from billing.ledger.reconcile import ledger_totals
from billing.pipeline.concurrency import (
    THREADS,
    Concurrency,
    Progress,
    Readers,
    Turn,
    no_progress,
    readers,
)
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.counts import PullCounts
from billing.pipeline.pull.paging import pulled_window
from billing.pipeline.pull.part import (
    PartReader,
    PulledPart,
    rate_calls,
    recognise_nothing,
)
from billing.pipeline.pull.recognition import recognition
from billing.pipeline.pull.recording import Recording, record_part
from billing.ports import Clock, SourceTotals, UsageSource

# Of the calls that no list has, so many are asked for one by one in each look.
MOST_ASKED = 1_000
# Some parts share a commit, which costs as much for few calls as for some more.
IN_ONE_COMMIT = 5_000


@dataclass(frozen=True, slots=True)
class PullOptions:
    """What a pull is handed: its clock, who asked for it, and who does the reading.

    Without `readers` that it shares with other accounts it has some of its own. What
    several accounts list is the first one's: each records in its `turn`.
    """

    clock: Clock
    actor: str
    concurrency: Concurrency = THREADS
    readers: Readers | None = None
    turn: Turn = field(default_factory=Turn)
    rate_all: bool = False  # also what is recorded already as it is told

    def reading(self) -> AbstractContextManager[Readers]:
        """Return who reads."""
        if self.readers is None:
            return readers(self.concurrency)
        return nullcontext(self.readers)


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
    now = options.clock.now()
    window = pulled_window(period, since, now)
    is_whole = window.start == period.start - READ_AGAIN
    with ledger.writing() as connection:
        number = pulls.start_pull(
            connection,
            source.account,
            period,
            scope=pulls.MONTH if is_whole else pulls.RECENT,
            window=window,
            now=now,
            rules_sha256=rules.sha256,
        )
    try:
        with options.reading() as those:
            pull = _Pull(
                ledger=ledger,
                source=source,
                rules=rules,
                period=period,
                number=number,
                options=options,
                progress=progress,
                readers=those,
            )
            certificate = pull.read(window, search=search and is_whole)
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
    readers: Readers

    def read(self, window: Window, *, search: bool) -> Certificate:
        """Read the window by parts, then what was underway, then the totals."""
        with closing(SeenCalls()) as seen:
            counts = PullCounts(period=self.period, seen=seen)
            return self._read(window, counts, search=search)

    def _read(self, window: Window, counts: PullCounts, *, search: bool) -> Certificate:
        self._read_window(window, counts)
        self.options.turn.pass_on()
        self._read_each(counts.unread(self._underway()), counts)
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
        """Read a window, and record it a few parts at a time, the oldest first."""
        reader = PartReader(
            source=self.source,
            rules=self.rules,
            period=self.period,
            now=self.options.clock.now,
            readers=self.readers,
            turn=self.options.turn,
            recognise=recognise_nothing
            if self.options.rate_all
            else recognition(self.ledger, self.rules),
        )
        gathered: list[PulledPart] = []
        try:
            for part in reader.read(window):
                gathered.append(part)
                if sum(map(len, gathered)) >= IN_ONE_COMMIT:
                    full, gathered = gathered, []
                    self._take_in(PulledPart.together(full), counts)
                self._show(window, part.until)
        except SourceFault:
            self._take_in(PulledPart.together(gathered), counts)
            raise
        self._take_in(PulledPart.together(gathered), counts)

    def _show(self, window: Window, until: datetime | None) -> None:
        """Show how much of a window is read, in hours."""
        hours = max((window.end - window.start) // HOUR, 1)
        read = ((until or window.start) - window.start) // HOUR
        self.progress(hours if until == window.end else min(read, hours), hours)

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
            unmet: dict[str, int] = {}
            for some in billed:
                missing = some.keys() - counts.understood(some)
                missing |= some.keys() & decided.keys()
                unmet.update((name, some[name]) for name in missing)
            # The source's total had them as the source stated them.
            for gap in ledger_totals.source_gaps(connection, self.period):
                if gap.account == account and gap.call_id in unmet:
                    unmet[gap.call_id] += gap.minutes
        names = sorted(counts.unread(unmet))
        unasked = frozenset(names[MOST_ASKED:])
        self._read_each(names[:MOST_ASKED], counts)
        stands = decided.keys() - counts.overruled
        settled = counts.understood(unmet) | unasked
        counts.unmet_minutes = sum(
            minutes
            for name, minutes in unmet.items()
            if name in stands or name not in settled
        )

    def _read_each(self, names: list[str], counts: PullCounts) -> None:
        """Read calls one by one."""
        answers = map(self.source.get_call, names)
        calls = [call for call in answers if call is not None]
        now = self.options.clock.now()
        part = rate_calls(self.rules, calls, self.period, now)
        self._take_in(part, counts)

    def _take_in(self, part: PulledPart, counts: PullCounts) -> None:
        """Record a part's calls, and count them."""
        self.options.turn.wait()
        again = counts.met(each.call_id for each in part.unchanged)
        recorded = record_part(self.ledger, part, self._recording())
        counts.add(part)
        counts.hold(recorded.held)
        counts.overruled.update(recorded.overruled)
        if again:
            # What they were compared with may have been recorded since.
            self._read_each(sorted(again), counts)

    def _recording(self) -> Recording:
        return Recording(
            pull_id=self.number,
            period=self.period,
            rules=self.rules,
            actor=Actor(self.options.actor, self.options.clock.now()),
        )
