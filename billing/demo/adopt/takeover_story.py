"""The story: a meter that another program feeds is compared, and then taken over."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from billing.app import opened_app
from billing.demo.adopt import killed_takeover
from billing.demo.adopt.other_program import OtherProgram
from billing.demo.adopt.takeover_ending import AdoptResult, Without
from billing.demo.month_end.cast import CUSTOMERS, THIRD, Cast, Document
from billing.demo.month_end.desk import ACTOR, Desk, day, opened_desk
from billing.demo.stage import DemoFailed, Stage
from billing.demo.world import World, wait_until
from billing.domain.parity import ParityVerdict
from billing.domain.parity_sentences import parity_complaints, parity_sentence
from billing.domain.period import BillingPeriod, cycle_months
from billing.installation.first_settings import (
    A_SANDBOX,
    make_ledger,
    write_sandbox_settings,
)
from billing.offline import opened_ledger
from billing.pipeline.run import run_round
from billing.reports.parity.parity_sheet import parity_report, read_parity_month
from billing.reports.reconciliation.live import Reconciliation
from billing.reports.sheets.sheet import Report

EVENING, LATER = 20, 10  # the hour, and minutes until Stripe's summaries know
FIRST_DAY, LOSES_ON, STOPS_ON = 8, 9, 12
STOPS_AT_HOUR = 6
OFFICE_HOURS = range(9, 18)
CALLS_A_DAY = 4
LOST = 2
EVERY_DAYS = 6
SHADOW = 'send = "shadow"\n'
METER_LINE = "base_url ="
WITHOUT = "without"
ShowReport = Callable[[Report], None]


@dataclass(slots=True)
class Days:
    """The month's days as they pass: calls at Pamela, and whoever reports them."""

    cast: Cast
    other: OtherProgram
    lost: dict[str, list[Document]]

    def moment(self, number: int, hour: int, minute: int = 0) -> datetime:
        """Return a moment of a day of the month, counted from 1."""
        time = timedelta(days=number - 1, hours=hour, minutes=minute)
        return self.cast.month.start + time

    def pass_day(self, number: int, *, reported: bool = True, loses: int = 0) -> None:
        """Let a day's calls have happened; the other program may lose some of them."""
        evening = self.moment(number, EVENING)
        if self.cast.world.now() < evening:
            self.cast.world.move_to(evening)
        for customer in CUSTOMERS:
            calls = [self._call(customer, number) for _ in range(CALLS_A_DAY)]
            self.cast.show(customer, *calls)
            if not reported:
                continue
            lost = loses if customer == THIRD else 0
            self.other.report(customer, calls[lost:])
            if lost:
                self.lost[customer] = calls[:lost]

    def _call(self, customer: str, number: int) -> Document:
        chance = self.cast.chance
        start = self.moment(number, chance.choice(OFFICE_HOURS), chance.randrange(60))
        return self.cast.talk(customer, start, self.cast.seconds())


def play(
    world: World, settings_file: Path, stage: Stage, seed: int, show: ShowReport
) -> AdoptResult:
    """Play the story through, by the path of every command; raises BillingError."""
    month = BillingPeriod.of(world.now())
    facts = write_sandbox_settings(settings_file, world.url, force=False, first=month)
    _set_shadow(settings_file)
    make_ledger(settings_file)
    keys = {account.name: account.api_key for account in facts.accounts}
    cast = Cast(world, keys, month, random.Random(f"adopt:{seed}"))
    stripe_customers = {each.plain_name: each.id for each in facts.customers}
    other = OtherProgram(
        world=world,
        stripe_key=facts.stripe_key,
        meter=facts.meter,
        stripe_customers=stripe_customers,
    )
    days = Days(cast, other, {})
    with opened_desk(settings_file, world, cast, stage) as desk:
        broken = _shadow(desk, days, settings_file, show)
        held = _hold(desk, days, settings_file, show)
    from_hour = days.moment(STOPS_ON, STOPS_AT_HOUR)
    adopted = _take_over(world, settings_file, stage, from_hour)
    with opened_desk(settings_file, world, cast, stage) as desk:
        reconciliations = _live_on(desk, days)
        called, counted = world.true_minutes()
    without = _without(world, settings_file.parent / WITHOUT, stage, other.minutes)
    lost = [call["billed_minutes"] for calls in days.lost.values() for call in calls]
    return AdoptResult(
        month=month,
        lost_minutes=sum(minutes for minutes in lost if isinstance(minutes, int)),
        broken=broken,
        held=held,
        customers=len(stripe_customers),
        adopted_at_kill=adopted,
        other_minutes=other.minutes,
        reconciliations=tuple(reconciliations),
        called_minutes=called,
        counted_minutes=counted,
        without=without,
    )


def _set_shadow(settings_file: Path) -> None:
    text = settings_file.read_text(encoding="utf-8")
    if METER_LINE not in text:
        raise DemoFailed(
            f"{settings_file} has no line to put `{SHADOW.strip()}` before"
        )
    settings_file.write_text(text.replace(METER_LINE, SHADOW + METER_LINE, 1))


def _shadow(
    desk: Desk, days: Days, settings_file: Path, show: ShowReport
) -> ParityVerdict:
    """Begin beside the other program, which loses some calls on the first day."""
    for number in range(1, FIRST_DAY + 1):
        days.pass_day(number)
    at = days.moment(FIRST_DAY, EVENING, LATER)
    verdict = _compare(desk, at)
    desk.begin(
        1,
        at,
        f"another program has fed the meter so far, an event for each call: "
        f"{days.other.minutes:,} minutes. A new ledger begins beside it, with "
        '`send = "shadow"`: it pulls, rates and reads the meter by the hour, and it '
        f"sends nothing. {parity_sentence(verdict)}.",
    )
    days.pass_day(LOSES_ON, loses=LOST)
    _compare(desk, days.moment(LOSES_ON, EVENING, LATER))
    at = days.moment(LOSES_ON + 1, 7)
    broken = _compare(desk, at)
    desk.begin(
        2,
        at,
        "the other program was down for a while yesterday. `run` ends with 1, and "
        "says:",
    )
    for sentence in parity_complaints(broken):
        desk.go_on(f"- {sentence}")
    _show_parity(settings_file, days.cast.month, show, THIRD, by="hour")
    return broken


def _hold(
    desk: Desk, days: Days, settings_file: Path, show: ShowReport
) -> ParityVerdict:
    """Let the other program catch up, and parity hold until it is stopped."""
    for customer, calls in days.lost.items():
        days.other.report(customer, calls)
    for number in range(LOSES_ON + 1, STOPS_ON):
        days.pass_day(number)
        _compare(desk, days.moment(number, EVENING, LATER))
    at = days.moment(STOPS_ON, STOPS_AT_HOUR + 1)
    verdict = _compare(desk, at)
    desk.begin(
        3,
        at,
        f"the lost calls were reported late, and three days of shadow have passed. "
        f"{parity_sentence(verdict)}. Only calls over the end of an hour stand in "
        "another hour there, which moves no minute to another day. The parity sheet:",
    )
    _show_parity(settings_file, days.cast.month, show, None, by="day")
    return verdict


def _compare(desk: Desk, at: datetime) -> ParityVerdict:
    """Run a cycle in shadow, once Stripe's summaries know of all that was sent."""
    report = desk.run(at)
    if report.shadow is None or report.sync is None or report.sync.staged:
        raise DemoFailed("a cycle in shadow compared nothing, or staged something")
    return report.shadow.verdict


def _show_parity(
    settings_file: Path,
    month: BillingPeriod,
    show: ShowReport,
    customer: str | None,
    *,
    by: str,
) -> None:
    with opened_ledger(settings_file) as books:
        report = parity_report(read_parity_month(books.ledger, month, customer), by)
    sheets = report.shown if by == "hour" else [report.sheets[0]]
    show(replace(report, shown=sheets))


def _take_over(
    world: World, settings_file: Path, stage: Stage, from_hour: datetime
) -> int:
    """Take the meter over, be killed half-way, and go on."""
    at = from_hour + timedelta(hours=3)
    world.move_to(at)
    hour = f"{from_hour:%H:%M}"
    adopted = killed_takeover.kill_half_way(world, settings_file, from_hour)
    stage.say(
        f"4. {day(at)} {at:%H:%M}: the other program was stopped at {hour}. From then "
        "on the meter is to be ours: `pamela-billing adopt` takes it over, and is "
        f"killed (kill -9) when {adopted} of {len(CUSTOMERS)} customers are ours."
    )
    killed_takeover.finish(settings_file, from_hour)
    stage.say(
        "   The same line again takes over the others. What stood there before is the "
        "other's, hour by hour, and is never sent; from then on all is ours."
    )
    return adopted


def _live_on(desk: Desk, days: Days) -> Sequence[Reconciliation]:
    """Send what is ours for the rest of the month, and compare all books."""
    month, sent = days.cast.month, 0
    last = (month.end - month.start).days
    for number in range(STOPS_ON, last + 1):
        days.pass_day(number, reported=False)
        if number % EVERY_DAYS == 0 or number == last:
            report = desk.sync(days.moment(number, 23))
            sent += report.staged
    at = days.moment(last + 1, 3)
    sent += desk.sync(at).staged
    runs = [run for run in desk.reconcile() if run.period == month]
    difference = sum(run.difference_minutes for run in runs)
    desk.begin(
        5,
        at,
        f"the month is over. {sent:,} events of ours were sent since; the other "
        f"program's {days.other.minutes:,} minutes stand before them. Pamela, ledger "
        f"and Stripe: a difference of {difference} minutes.",
    )
    return runs


def _without(world: World, folder: Path, stage: Stage, others: int) -> Without:
    """Let a new ledger meet the same meter, without shadow and without `adopt`."""
    folder.mkdir()
    file = folder / "billing.toml"
    month = BillingPeriod.of(world.now()).previous
    write_sandbox_settings(file, world.url, force=False, first=month)
    make_ledger(file, sole_because=A_SANDBOX)
    with opened_app(file, actor=ACTOR) as app, app.exclusive():
        wait_until(app.clock.now, world.now())
        periods = cycle_months(app.clock.now(), app.settings.first_period)
        with stage.bars() as watch:
            report = run_round(
                app.ledger,
                app.meter,
                app.cycle_options(),
                app.trail,
                periods,
                watch=watch,
            )
    if report.sync is None:
        raise DemoFailed("the sync of the other ledger did not take place")
    found = sum(opening.minutes for opening in report.sync.contact.openings)
    stage.say(
        f"6. And without all this: a second new ledger on this meter, told to send at "
        f"once, finds {found:,} minutes that it never sent, and sends nothing. One "
        f"that trusted its empty memory would have sent the other program's {others:,} "
        "minutes a second time, and invoices would be so much too high (derived from "
        "the figures above: this version does not do it)."
    )
    outcomes = report.sync.outcomes
    sent = sum(count for outcome, count in outcomes.items() if outcome != "waiting")
    return Without(refused_minutes=found, sent_events=sent, doubled_minutes=others)
