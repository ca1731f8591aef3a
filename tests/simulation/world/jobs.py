"""Jobs: what a process of the product does in one go, by itself or for a person."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from billing.domain.meter_contact import ContactFindings
from billing.domain.period import BillingPeriod, cycle_months
from billing.errors import BillingError
from billing.pipeline.close import close_period
from billing.pipeline.concurrency import Progress, no_progress
from billing.pipeline.cycle import identified, pull_month, run_cycle
from billing.pipeline.run import run_round
from billing.pipeline.signing import TrailOptions, refuse_rewound, remember_end
from billing.pipeline.sync.operator_actions import (
    RetryOrder,
    retry_rejected,
    void_events,
)
from billing.pipeline.sync.sync import sync_meter
from tests.simulation.judge.closes import judge_absent, judge_obstacle
from tests.simulation.world.borders.output import SimOutput
from tests.simulation.world.borders.sessions import judge_left_behind
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.machine import Host
from tests.simulation.world.schedule import Process
from tests.simulation.world.world import Desk, World

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PERSON = "a person"
Job = Callable[[World, Desk], None]


def unwatched(_name: str) -> Progress:
    """Show no progress."""
    return no_progress


def cycle(world: World, desk: Desk) -> None:
    """Run one whole cycle, as cron and daemon do."""
    months = cycle_months(desk.machine.now(), world.first_period)
    output = SimOutput(world.weather)
    if world.memory is None:
        report = run_cycle(
            desk.ledger,
            desk.meter,
            desk.terms,
            months,
            unwatched,
            on_step=output.tell,
        )
    else:
        report = run_round(
            desk.ledger,
            desk.meter,
            desk.terms,
            TrailOptions(None, (), world.memory),
            months,
            watch=unwatched,
            on_step=output.tell,
        )
    output.judge()
    judge_left_behind(desk.machine, told=bool(report.errors))
    read = {pull.account for pull in report.pulls if not pull.error}
    world.unread = {
        name for name, (label, _) in world.settings.homes.items() if label not in read
    }
    contact = report.sync.contact if report.sync else ContactFindings()
    owners = world.settings.owners
    world.waiting = {owners[wait.customer] for wait in contact.waits}
    world.stopped = {owners[each.customer] for each in contact.openings}
    world.stopped |= {owners[each.customer] for each in contact.stops}
    world.complaints = [*report.errors, *(report.sync.held if report.sync else ())]
    for error in report.errors:
        desk.machine.schedule.note(f"error: {error[:100]}")
    world.trace.sometimes("a cycle has errors" if report.errors else "a cycle is done")


def sync(world: World, desk: Desk) -> None:
    """Sync alone, or only settle what is uncertain."""
    terms = desk.terms.sync
    if world.chance.happens(200):
        terms = replace(terms, settle_only=True)
    sync_meter(desk.ledger, desk.meter, terms)
    world.trace.sometimes("a sync by itself is done")


def retry(world: World, desk: Desk) -> None:
    """Send anew what was refused, as a person asks for."""
    now, order = desk.machine.now(), RetryOrder("fixed")
    if retry_rejected(desk.ledger, desk.meter, PERSON, now, order).freed:
        world.trace.sometimes("a refused event is freed")
    sync_meter(desk.ledger, desk.meter, desk.terms.sync)


def void(world: World, desk: Desk) -> None:
    """Give up an event for good, whichever it is."""
    events = world.view.events()
    if events:
        event = world.chance.pick(events)
        now = desk.machine.now()
        void_events(desk.ledger, PERSON, now, [event.identifier], "it was a test")
        world.trace.sometimes("a person gives up an event")


def close(world: World, desk: Desk) -> None:
    """Close last month, or hear what stands in the way."""
    months = cycle_months(desk.machine.now(), world.first_period)
    if not months:
        return
    month = months[0]
    report = close_period(desk.ledger, desk.meter, desk.terms, month, unwatched)
    if report.closed and not report.already:
        world.trace.sometimes("a month is closed")
        judge_absent(world, set(desk.machine.labels), month)
    for obstacle in report.obstacles:
        world.trace.sometimes(f"a close is hindered: {obstacle.kind.value}")
        judge_obstacle(obstacle, world.first_period)


def repair(world: World, desk: Desk) -> None:
    """Read every month whole, and free what was refused."""
    terms = identified(desk.ledger, desk.terms).options
    for month in cycle_months(desk.machine.now(), world.first_period):
        for source, rules in terms.sources:
            result = pull_month(
                desk.ledger, source, rules, terms, month, watch=unwatched
            )
            if result.error:
                desk.machine.schedule.note(f"error: {result.error[:100]}")
    retry(world, desk)


def do_a_job(world: World, desk: Desk) -> None:
    """Do what is due, mostly a whole cycle; a fault ends it in order."""
    job: Job = cycle if world.chance.happens(600) else sync
    for fault, act in (
        (Fault.PERSON_RETRIES, retry),
        (Fault.PERSON_GIVES_UP, void),
        (Fault.PERSON_CLOSES, close),
    ):
        if world.weather.strikes(fault):
            job = act
    world.decider.look()
    desk.machine.began_at = world.schedule.now
    try:
        if world.memory is not None and job is not cycle:
            refuse_rewound(desk.ledger, world.memory)  # as every command does
        job(world, desk)
        # Who closes hears of it among what hinders the close.
        judge_left_behind(desk.machine, told=job is close)
        if world.memory is not None and not world.is_restored:
            remember_end(desk.ledger, world.memory)
    except BillingError as fault:
        desk.machine.schedule.note(f"error: {fault}")
        judge_left_behind(desk.machine, told=True)


def run_once(world: World, name: str, job: Job) -> None:
    """Let a process do one job, and wait for its end."""

    def main(process: Process) -> None:
        try:
            job(world, world.desk(process, Host(name)))
        except BillingError as fault:
            world.schedule.note(f"error: {fault}")

    process = world.schedule.start(name, main)
    deadline = world.schedule.now + 50 * MINUTE
    while not process.ended and world.schedule.now < deadline:
        world.schedule.run(min(process.wake_at, deadline))


def close_without_account(world: World) -> None:
    """Ask to close last month while one of the accounts is not in the settings."""
    labels = sorted(world.settings.accounts)
    if len(labels) > 1:
        del world.settings.accounts[world.chance.pick(labels)]
        run_once(world, "P", close)
        world.settings.put_back()


def begin_later(world: World) -> None:
    """Let the month to come be the first that is billed, and ask to close it."""
    world.first_period = BillingPeriod.of(world.schedule.now).next
    world.schedule.run(world.first_period.end + HOUR)
    run_once(world, "P", close)
