"""The story: a month closes, whatever happens to it, and every minute has a cause."""

import random
from pathlib import Path

from billing.demo.month_end import invoices, late, outage, rejection
from billing.demo.month_end.cast import Cast
from billing.demo.month_end.desk import Desk, opened_desk
from billing.demo.month_end.ending import MonthEndResult
from billing.demo.month_end.rejection import Rejected
from billing.demo.stage import DemoFailed, Stage
from billing.demo.world import World
from billing.domain.close_obstacles import Obstacle
from billing.domain.money import format_micro
from billing.domain.period import BillingPeriod
from billing.installation.first_settings import (
    A_SANDBOX,
    make_ledger,
    write_sandbox_settings,
)
from billing.pipeline.close import CloseReport

GRACE_HOURS = 72
HOUR_SECONDS = 3_600


def play(world: World, settings_file: Path, stage: Stage, seed: int) -> MonthEndResult:
    """Play the story through, by the path of every command; raises BillingError."""
    month = BillingPeriod.of(world.now())
    world.set_rules(invoice_grace=GRACE_HOURS * HOUR_SECONDS)
    facts = write_sandbox_settings(
        settings_file, world.url, force=False, first=month, grace_hours=GRACE_HOURS
    )
    make_ledger(settings_file, sole_because=A_SANDBOX)
    keys = {account.name: account.api_key for account in facts.accounts}
    cast = Cast(world, keys, month, random.Random(f"month end:{seed}:story"))
    with opened_desk(settings_file, world, cast, stage) as desk:
        _begin(desk)
        evening = late.play_evening(desk)
        uncertain = outage.lose_answers(desk)
        rejection.order_rejection(world)
        survived = outage.settle_uncertain(desk, uncertain.events)
        named = rejection.find_named(desk)
        refused = desk.close(cast.hour(2, 16, 35))
        desk.begin(
            5,
            cast.hour(2, 16, 35),
            f"try to close {month}. It is refused, and this stands in the way:",
        )
        _list(desk, refused.obstacles)
        late.fix_broken(desk, evening)
    rejection.fix_customer(settings_file, world)
    with opened_desk(settings_file, world, cast, stage) as desk:
        sent_anew = rejection.send_anew(desk, named)
        missed = invoices.play_too_late(desk)
        closed = _close(desk)
        named_calls = late.play_after_close(desk, evening, uncertain.call)
        silent = rejection.find_silent(desk)
        reconciliations = desk.reconcile()
        desk.begin(11, cast.hour(6, 17, 15), "compare all books of both months.")
        called, counted = world.true_minutes()
        return MonthEndResult(
            month=month,
            survived=survived,
            rejected=Rejected(named, silent.read),
            sent_anew=sent_anew + silent.sent_anew,
            obstacles=refused.obstacles,
            missed=missed,
            closed=closed,
            named_calls=named_calls,
            reconciliations=tuple(reconciliations),
            currency=desk.app.currency,
            called_minutes=called,
            counted_minutes=counted,
            invoiced_minutes=world.invoiced_minutes(),
        )


def _begin(desk: Desk) -> None:
    """Pull, sync and reconcile what the month has so far."""
    report = desk.run()
    first = desk.reconcile()[0]
    calls = sum(p.certificate.fetched for p in report.pulls if p.certificate)
    sent = report.sync.staged if report.sync else 0
    desk.begin(
        1,
        desk.cast.hour(0, 20),
        f"the last evening of {desk.cast.month}. {calls:,} calls of "
        f"{len(desk.app.sources)} accounts are pulled, {sent:,} events are sent, the "
        f"books are compared: a difference of {first.difference_minutes} minutes.",
    )


def _close(desk: Desk) -> CloseReport:
    cast = desk.cast
    at = cast.hour(4, 1, 5)
    report = desk.close(at)
    if report.closed is None:
        _list(desk, report.obstacles)
        raise DemoFailed(f"{cast.month} cannot be closed")
    totals = report.closed.totals
    amount = format_micro(totals["amount_micro"], desk.app.currency)
    desk.begin(
        8,
        at,
        f"close {cast.month} again. It is closed for "
        f"good: {totals['rows']:,} rows, {totals['minutes']:,} minutes, {amount} "
        f"{desk.app.currency}. The digest of it all is",
    )
    desk.go_on(report.closed.digest)
    return report


def _list(desk: Desk, obstacles: tuple[Obstacle, ...]) -> None:
    for obstacle in obstacles:
        minutes = f", {obstacle.minutes} minutes" if obstacle.minutes else ""
        count = f"{obstacle.count}{minutes}"
        desk.go_on(f"- {obstacle.found} ({count}). To do: {obstacle.remedy}.")
