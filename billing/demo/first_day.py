"""The first day: calls become a ledger, a synced meter, and a difference of 0."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from billing.app import App, opened_app
from billing.demo.stage import DemoFailed, Stage
from billing.demo.world import World, wait_until
from billing.domain.period import BillingPeriod, cycle_months
from billing.installation.first_settings import (
    A_SANDBOX,
    make_ledger,
    write_sandbox_settings,
)
from billing.pipeline.concurrency import Progress
from billing.pipeline.cycle import pull_month
from billing.pipeline.cycle_report import CycleReport
from billing.pipeline.reconcile.reconcile import reconcile_period
from billing.pipeline.run import run_round
from billing.pipeline.sync.sync import sync_meter
from billing.reports.reconciliation.live import Reconciliation
from billing.reports.usage.overview import Overview, count_attempts, read_overview
from billing.reports.usage.report import read_usage

SEND = "stripe.meter_events.create"
OUTAGE_AFTER_EVENTS = 40
CUT_FOR = timedelta(milliseconds=150)
OUTAGE_LASTS = timedelta(seconds=2)
# Long enough for every call that is late, corrected or underway to come to its end.
NIGHT = timedelta(hours=10)
UNTIL_SUMMARIES_KNOW = timedelta(minutes=5)
MOST_CYCLES = 3


@dataclass(frozen=True, slots=True)
class FirstDayResult:
    """How the story ended."""

    overview: Overview
    reconciliations: tuple[Reconciliation, ...]
    attempts: dict[str, int]
    called_minutes: int
    counted_minutes: int

    @property
    def good(self) -> bool:
        """Whether the three books agree, and the sandbox's own truth agrees too."""
        clean = all(run.clean for run in self.reconciliations)
        return clean and self.called_minutes == self.counted_minutes

    @property
    def difference_minutes(self) -> int:
        """Stripe's minutes less Pamela's, over all months and customers."""
        return sum(run.difference_minutes for run in self.reconciliations)


def play(world: World, settings_file: Path, stage: Stage) -> FirstDayResult:
    """Play the story through, by the path of every command; raises BillingError."""
    stage.say(f"1. Set up: write {settings_file} and make the ledger, as `init` does.")
    write_sandbox_settings(settings_file, world.url, force=False)
    make_ledger(settings_file, sole_because=A_SANDBOX)
    with opened_app(settings_file, actor="pamela-billing demo") as app, app.exclusive():
        story = _Story(app, world, stage)
        story.pull()
        story.sync_through_an_outage()
        story.reconcile_too_early()
        reconciliations = story.live_through_a_night()
        called, counted = world.true_minutes()
        return FirstDayResult(
            overview=read_overview(app.ledger, reconciliations, app.currency),
            reconciliations=tuple(reconciliations),
            attempts=count_attempts(app.ledger),
            called_minutes=called,
            counted_minutes=counted,
        )


@dataclass(frozen=True, slots=True)
class _Story:
    """The acts of the story."""

    app: App
    world: World
    stage: Stage

    def pull(self) -> None:
        """Read last month and this month of all three accounts."""
        app, months = self.app, self._months()
        fetched = billed = 0
        with self.stage.bars() as watch:
            for month in months:
                for source, rules in app.sources:
                    result = pull_month(
                        app.ledger,
                        source,
                        rules,
                        app.cycle_options(),
                        month,
                        watch=watch,
                    )
                    if result.certificate is None:
                        raise DemoFailed(result.error or "another process pulls")
                    fetched += result.certificate.fetched
                    billed += result.certificate.billed
        names = " and ".join(map(str, months))
        self.stage.say(
            f"2. Pull {names}: {fetched:,} calls of {len(app.sources)} accounts read, "
            f"{billed:,} of them billable. Each pull is checked against Pamela's total."
        )

    def sync_through_an_outage(self) -> None:
        """Report to Stripe, which goes down meanwhile, and comes back."""
        app = self.app
        self.stage.say(
            "3. Sync: one meter event for each customer and hour. In the middle of it "
            "Stripe goes down for two seconds."
        )
        with self.stage.bars() as watch:
            progress = self._with_an_outage(watch("sync"))
            terms = app.sync_options()
            report = sync_meter(app.ledger, app.meter, terms, progress=progress)
        self.world.trouble([])
        attempts = count_attempts(app.ledger)
        self.stage.say(
            f"   {report.staged:,} events sent. {attempts.get('unknown', 0)} requests "
            "went unanswered, so it waited (1 s, 2 s) and sent the same again; "
            f"{attempts.get('duplicate', 0)} of these Stripe had counted before the "
            "line went dead, and it counted none of them twice."
        )

    def _with_an_outage(self, progress: Progress) -> Progress:
        """Cut Stripe's line once some events are through; then let it be down."""

        def watch(done: int, total: int) -> None:
            if done == OUTAGE_AFTER_EVENTS:
                start = self.app.clock.now()
                cut, end = start + CUT_FOR, start + OUTAGE_LASTS
                self.world.trouble(
                    [_fault("drop_after", start, cut), _fault("error_503", cut, end)]
                )
            progress(done, total)

        return watch

    def reconcile_too_early(self) -> None:
        """Compare at once, while Stripe's summaries still lag behind."""
        runs = self._reconcile()
        difference = sum(run.difference_minutes for run in runs)
        settled = all(run.settled for run in runs)
        self.stage.say(
            f"4. Reconcile at once: a difference of {difference:,} minutes"
            + ("." if settled else ", but NOT SETTLED YET: Stripe's summaries lag")
            + ("" if settled else " behind, so this is no verdict.")
        )

    def live_through_a_night(self) -> list[Reconciliation]:
        """Let the hours pass in which late, corrected and running calls come in."""
        before = self._rows()
        runs: list[Reconciliation] = []
        for _ in range(MOST_CYCLES):
            self._pass_time(NIGHT if not runs else timedelta(hours=1))
            self._cycle()
            self._pass_time(UNTIL_SUMMARIES_KNOW)
            runs = self._reconcile()
            if all(run.clean for run in runs):
                break
        calls, corrections = (a - b for a, b in zip(self._rows(), before, strict=True))
        self.stage.say(
            f"5. Ten hours later a second cycle finds {calls} calls that were late, "
            f"running or new, and {corrections} corrections of calls already billed: "
            "each is another event with just the difference."
        )
        difference = sum(run.difference_minutes for run in runs)
        self.stage.say(
            f"6. Reconcile again: the total difference is {difference} minutes."
        )
        return runs

    def _pass_time(self, time: timedelta) -> None:
        """Move the sandbox's clock on, and wait until the service knows of it."""
        self.world.advance(time)
        wait_until(self.app.clock.now, self.world.now())

    def _cycle(self) -> CycleReport:
        app = self.app
        with self.stage.bars() as watch:
            report = run_round(
                app.ledger,
                app.meter,
                app.cycle_options(),
                app.trail,
                self._months(),
                watch=watch,
            )
        if report.errors:
            raise DemoFailed(report.errors[0])
        return report

    def _reconcile(self) -> list[Reconciliation]:
        app, terms = self.app, self.app.reconcile_options()
        with self.stage.bars() as watch:
            return [
                reconcile_period(
                    app.ledger,
                    app.meter,
                    terms,
                    month,
                    progress=watch(f"reconcile {month}"),
                )
                for month in self._months()
            ]

    def _months(self) -> list[BillingPeriod]:
        return cycle_months(self.app.clock.now(), self.app.settings.first_period)

    def _rows(self) -> tuple[int, int]:
        totals = [
            read_usage(self.app.ledger, month, "account").total
            for month in self._months()
        ]
        return sum(t.calls for t in totals), sum(t.adjustments for t in totals)


def _fault(kind: str, starts_at: datetime, ends_at: datetime) -> dict[str, object]:
    return {
        "kind": kind,
        "endpoint": SEND,
        "starts_at": starts_at.isoformat(),
        "ends_at": ends_at.isoformat(),
    }
