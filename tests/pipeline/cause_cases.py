"""Every cause of a break: the mishap that brings it about, and what it comes to."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from billing.domain.break_causes import Cause
from billing.domain.call_times import TimeTolerance
from billing.domain.period import BillingPeriod
from billing.pipeline.reconcile.reconcile import BY_TOTALS, Depth
from tests.pipeline import mishaps
from tests.pipeline.bench import APRIL, MARCH, NOON, Bench, call


class Case(NamedTuple):
    """A cause: how it comes about, its minutes, and where it is looked for."""

    arrange: Callable[[Bench], None]
    minutes: int
    month: BillingPeriod = MARCH
    depth: Depth = BY_TOTALS
    beside: Cause | None = None  # what comes with it


def times_contradict(bench: Bench) -> None:
    """Bill a call whose times contradict, and read it again with more care."""
    strict = bench.rules
    bench.rules = replace(strict, times=TimeTolerance(tolerance_seconds=86_400))
    ended = (NOON + timedelta(hours=1)).isoformat()
    bench.take(call("c", seconds=300, ended_at=ended))
    bench.sync()
    bench.rules = strict
    bench.pull()


INVOICES = Depth(invoices=True)
CASES: dict[Cause, Case] = {
    Cause.LATE_CALL: Case(arrange=mishaps.late_call, minutes=-2),
    Cause.CHANGED_CALL: Case(arrange=mishaps.changed_call, minutes=-2),
    Cause.MISSING_AT_SOURCE: Case(arrange=mishaps.missing_at_source, minutes=5),
    Cause.MONTH_EDGE: Case(arrange=mishaps.month_edge, minutes=5),
    Cause.SOURCE_MINUTES_DIFFER: Case(
        arrange=mishaps.source_minutes_differ, minutes=-2
    ),
    Cause.TIMES_CONTRADICT: Case(arrange=times_contradict, minutes=0),
    Cause.BEFORE_FIRST_PERIOD: Case(arrange=mishaps.before_first_period, minutes=0),
    Cause.BILLED_IN_LATER_MONTH: Case(arrange=mishaps.post_in_april, minutes=-2),
    Cause.CORRECTS_EARLIER_MONTH: Case(
        arrange=mishaps.corrects_earlier_month, minutes=2, month=APRIL
    ),
    Cause.SENT_IN_LATER_MONTH: Case(arrange=mishaps.send_in_april, minutes=-5),
    Cause.CARRIES_EARLIER_MONTH: Case(
        arrange=mishaps.send_in_april, minutes=5, month=APRIL
    ),
    Cause.OPENING_DIFFERS: Case(arrange=mishaps.opening_differs, minutes=2),
    Cause.NOT_STAGED: Case(arrange=mishaps.not_staged, minutes=-5),
    Cause.IN_FLIGHT: Case(arrange=mishaps.in_flight, minutes=-5),
    Cause.HELD: Case(arrange=mishaps.held, minutes=4, beside=Cause.NOT_STAGED),
    Cause.UNANSWERED: Case(arrange=mishaps.unanswered, minutes=-5),
    Cause.REJECTED: Case(arrange=mishaps.rejected, minutes=-5),
    Cause.UNCERTAIN: Case(arrange=mishaps.uncertain, minutes=-5),
    Cause.EXPIRED: Case(arrange=mishaps.expired, minutes=-5),
    Cause.CANCELLING: Case(arrange=mishaps.cancelling, minutes=-5),
    Cause.VOIDED: Case(arrange=mishaps.voided, minutes=-5),
    Cause.COUNTED_UNRECORDED: Case(
        arrange=mishaps.counted_unrecorded, minutes=5, beside=Cause.IN_FLIGHT
    ),
    Cause.COUNTED_AFTER_ALL: Case(
        arrange=mishaps.counted_after_all, minutes=5, beside=Cause.REJECTED
    ),
    Cause.NOT_SETTLED: Case(arrange=mishaps.not_settled, minutes=-5),
    Cause.UNKNOWN_CUSTOMER: Case(arrange=mishaps.unknown_customer, minutes=-5),
    Cause.NOT_COUNTED: Case(arrange=mishaps.not_counted, minutes=-5),
    Cause.ABOVE_LEDGER: Case(arrange=mishaps.above_ledger, minutes=3),
    Cause.COUNTED_TWICE: Case(arrange=mishaps.counted_twice, minutes=5),
    Cause.FOREIGN_EVENT: Case(arrange=mishaps.foreign_event, minutes=3),
    Cause.INVOICED_BEFORE_IT_ARRIVED: Case(
        arrange=mishaps.invoiced_before_it_arrived, minutes=-5, depth=INVOICES
    ),
    Cause.INVOICE_DIFFERS: Case(
        arrange=mishaps.invoice_differs, minutes=-2, depth=INVOICES
    ),
}
