"""The desk: where the month end is worked on, by the path of every command."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from billing.app import App, opened_app
from billing.demo.month_end.cast import Cast
from billing.demo.stage import DemoFailed, Stage
from billing.demo.world import World, wait_until
from billing.domain.period import BillingPeriod, cycle_months
from billing.pipeline.close import CloseReport, close_period
from billing.pipeline.cycle import pull_month
from billing.pipeline.cycle_report import CycleReport
from billing.pipeline.reconcile.reconcile import CLOSELY, reconcile_period
from billing.pipeline.run import run_round
from billing.pipeline.sync.sync import SyncReport
from billing.reports.reconciliation.live import Reconciliation

ACTOR = "pamela-billing demo"
UNTIL_SUMMARIES_KNOW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Desk:
    """A running service, the world around it, and who sees the story."""

    app: App
    world: World
    cast: Cast
    stage: Stage

    def begin(self, number: int, at: datetime, text: str) -> None:
        """Tell how a part of the story begins."""
        self.stage.say(f"{number}. {day(at)} {at:%H:%M}: {text}")

    def go_on(self, text: str) -> None:
        """Tell how a part goes on."""
        self.stage.say(f"   {text}")

    def move_to(self, moment: datetime) -> None:
        """Set the sandbox's clock, and wait until the service knows of it."""
        self.world.move_to(moment)
        wait_until(self.app.clock.now, moment)

    def run(self, at: datetime | None = None) -> CycleReport:
        """Do what is done each hour; raises DemoFailed."""
        if at is not None:
            self.move_to(at)
        app = self.app
        with self.stage.bars() as watch:
            report = run_round(
                app.ledger,
                app.meter,
                app.cycle_options(),
                app.trail,
                self.months(),
                watch=watch,
            )
        if report.errors:
            raise DemoFailed(report.errors[0])
        return report

    def pull(self) -> None:
        """Read what is new of every account; raises DemoFailed."""
        app, terms = self.app, self.app.cycle_options()
        with self.stage.bars() as watch:
            for month in self.months():
                for source, rules in app.sources:
                    result = pull_month(
                        app.ledger, source, rules, terms, month, watch=watch
                    )
                    if result.certificate is None:
                        raise DemoFailed(result.error or "another process pulls")

    def sync(self, at: datetime | None = None) -> SyncReport:
        """Run, and return what its sync did."""
        report = self.run(at).sync
        if report is None:
            raise DemoFailed("the sync of a cycle did not take place")
        return report

    def reconcile(self) -> list[Reconciliation]:
        """Wait for Stripe's summaries, and compare all books of every month."""
        self.move_to(self.app.clock.now() + UNTIL_SUMMARIES_KNOW)
        app, terms = self.app, self.app.reconcile_options()
        with self.stage.bars() as watch:
            return [
                reconcile_period(
                    app.ledger,
                    app.meter,
                    terms,
                    month,
                    depth=CLOSELY,
                    progress=watch(f"reconcile {month}"),
                )
                for month in self.months()
            ]

    def close(self, at: datetime) -> CloseReport:
        """Try to close the month."""
        self.move_to(at)
        app = self.app
        with self.stage.bars() as watch:
            terms = app.cycle_options()
            return close_period(app.ledger, app.meter, terms, self.cast.month, watch)

    def months(self) -> list[BillingPeriod]:
        """Return the months that are worked on now."""
        return cycle_months(self.app.clock.now(), self.app.settings.first_period)


def day(moment: datetime) -> str:
    """Spell a day as people do, such as Oct 3."""
    return f"{moment:%b} {moment.day}"


@contextmanager
def opened_desk(
    settings_file: Path, world: World, cast: Cast, stage: Stage
) -> Iterator[Desk]:
    """Open the service as its settings are now; raises BillingError."""
    with opened_app(settings_file, actor=ACTOR) as app, app.exclusive():
        yield Desk(app, world, cast, stage)
