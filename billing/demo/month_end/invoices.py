"""The invoices: what comes when they are final is on none, and somebody says so."""

from dataclasses import dataclass

from billing.demo.month_end.cast import THIRD
from billing.demo.month_end.desk import ACTOR, Desk
from billing.demo.stage import DemoFailed
from billing.domain.break_causes import Cause
from billing.pipeline.reconcile.acknowledge import acknowledge_breaks
from billing.reports.reconciliation.breaks import CaseFilter, read_breaks

SECONDS, MINUTES = 150, 3
WHY = f"{MINUTES} minutes, invoiced by hand"


@dataclass(frozen=True, slots=True)
class Missed:
    """What no invoice of the month has, and the break by which somebody knows of it."""

    call: str
    minutes: int
    acknowledged: int


def play_too_late(desk: Desk) -> Missed:
    """Let a call turn up after the invoices are final, and before the month is closed.

    Raises DemoFailed when nothing keeps the month from being closed.
    """
    cast = desk.cast
    at, call = cast.hour(4, 0, 40), cast.talk(THIRD, cast.hour(0, 17, 35), SECONDS)
    desk.move_to(at)
    cast.show(THIRD, call)
    desk.run()
    refused = desk.close(cast.hour(4, 0, 50))
    ledger, month = desk.app.ledger, cast.month
    numbers = [
        case.number
        for case in read_breaks(ledger, CaseFilter(period=month))
        if case.cause is Cause.INVOICED_BEFORE_IT_ARRIVED
    ]
    if len(numbers) != 1 or len(refused.obstacles) != 1:
        raise DemoFailed(f"{month} should be open for one break, {THIRD}'s")
    [number] = numbers
    acknowledge_breaks(ledger, ACTOR, desk.app.clock.now(), numbers, WHY)
    desk.begin(
        7,
        at,
        f"the invoices of {month} are final since midnight, and one more call of it "
        f"turns up. {month} is open, so its {MINUTES} minutes are reported as of "
        f"{month}: the meter counts them, and no invoice ever will. That keeps "
        f"{month} open until somebody bills them by hand and says so:",
    )
    desk.go_on(f'`pamela-billing breaks --acknowledge {number} --reason "{WHY}"`')
    return Missed(str(call["id"]), MINUTES, number)
