"""Mishaps: every cause of a difference, made to happen on a bench."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import insert, select

from billing.domain.break_causes import Cause
from billing.domain.meter_event import FailReason, MeterEvent, SendAnswer, SendVerdict
from billing.domain.period import BillingPeriod, Window
from billing.domain.stripe_invoice import InvoiceLine, StripeInvoice
from billing.ledger.reconcile.runs import Reconciliation
from billing.ledger.schema.tables import b2b_usage, meter_event
from billing.ledger.sync import outbox
from billing.pipeline.reconcile.reconcile import BY_TOTALS, Depth
from tests.pipeline.bench import APRIL, MARCH, NOON, START, Bench, call
from tests.pipeline.fakes import (
    Killed,
    Reply,
    Request,
    StrictMeter,
    count,
    kill_after,
    lock_out,
    lose_request,
    refuse,
)

HOUR = timedelta(hours=1)
PRICE_MICRO = 100_000
FIRST = "test-stripe_minutes-cus_acme-20260310T12-0"


def take_and_sync(bench: Bench, reply: Reply = count) -> None:
    """Pull one call of five minutes and send it, with this reply."""
    bench.take(call("c", seconds=300))
    bench.meter.always = reply
    try:
        bench.sync()
    except Killed:
        bench.clock.advance(seconds=1)
    bench.meter.always = count


def adds_up(report: Reconciliation) -> None:
    """Check that the breaks of each customer are its difference, to the minute."""
    for one in report.customers:
        assert one.unexplained_minutes == one.unexplained_invoice_minutes == 0, one


def settle(bench: Bench) -> None:
    """Read twice, long after the last send and far enough apart."""
    for _ in range(2):
        bench.clock.advance(hours=2, minutes=1)
        adds_up(bench.reconcile())
        bench.clock.advance(minutes=31)


def late_call(bench: Bench) -> None:
    take_and_sync(bench)
    bench.source.calls.append(call("late", NOON + HOUR, 120))


def changed_call(bench: Bench) -> None:
    take_and_sync(bench)
    bench.source.change("c", duration_seconds=420)


def missing_at_source(bench: Bench) -> None:
    take_and_sync(bench)
    bench.source.remove("c")


def source_minutes_differ(bench: Bench) -> None:
    bench.source.calls.append(call("gap", seconds=300, billed_minutes=7))
    bench.pull()
    bench.sync()


def not_staged(bench: Bench) -> None:
    bench.take(call("c", START - timedelta(minutes=1), 300))


def in_flight(bench: Bench) -> None:
    take_and_sync(bench, lock_out)


def unanswered(bench: Bench) -> None:
    take_and_sync(bench, lose_request)


def rejected(bench: Bench) -> None:
    take_and_sync(bench, refuse)


def uncertain(bench: Bench) -> None:
    take_and_sync(bench, lose_request)
    bench.clock.advance(hours=24)
    bench.sync()


def expired(bench: Bench) -> None:
    bench.take(call("c", seconds=300))
    bench.clock.advance(days=40)
    bench.sync()


def fail(bench: Bench, reason: FailReason) -> None:
    take_and_sync(bench, lock_out)
    with bench.ledger.writing() as connection:
        event = outbox.event_numbered(connection, 1)
        outbox.move_to_failed(connection, event, reason)


def cancelling(bench: Bench) -> None:
    fail(bench, FailReason.CANCELLING)


def voided(bench: Bench) -> None:
    fail(bench, FailReason.VOIDED)


def counted_unrecorded(bench: Bench) -> None:
    take_and_sync(bench, kill_after)


def not_settled(bench: Bench) -> None:
    take_and_sync(bench)
    bench.meter.hidden = {FIRST}


def unknown_customer(bench: Bench) -> None:
    take_and_sync(bench)
    bench.meter.missing = {"cus_acme"}


def not_counted(bench: Bench) -> None:
    not_settled(bench)
    settle(bench)


def foreign_event(bench: Bench) -> None:
    take_and_sync(bench)
    request = bench.meter.requests[0]
    stranger = replace(request.event, sequence=9, minutes=3)
    bench.meter.counted.append(Request(stranger, "k", request.at))
    settle(bench)


def month_edge(bench: Bench) -> None:
    bench.take(call("c", MARCH.start + timedelta(minutes=1), 300))
    bench.sync()
    before = MARCH.start - timedelta(minutes=1)
    bench.source.change("c", started_at=before.isoformat())


def post_in_april(bench: Bench) -> None:
    """Correct a call of March, which is billed in April."""
    take_and_sync(bench)
    bench.source.change("c", duration_seconds=420)
    with bench.ledger.writing() as connection:
        row = connection.execute(select(b2b_usage)).one()._asdict()
        row |= {"type": "adjustment", "corrects": row.pop("id"), "call_revision": 2}
        row |= {"period": "2026-04", "hour": APRIL.start, "meter_event_id": None}
        row |= {"billed_minutes": 2, "amount_micro": 2 * PRICE_MICRO}
        connection.execute(insert(b2b_usage).values(row))


def corrects_earlier_month(bench: Bench) -> None:
    post_in_april(bench)
    bench.clock.advance(days=25)
    bench.sync()


def send_in_april(bench: Bench) -> None:
    """Report a call of March by an event of April."""
    bench.take(call("c", seconds=300))
    event = insert_event(bench, APRIL, 5, carries="2026-03")
    bench.meter.counted.append(Request(event, "k", APRIL.start))
    bench.execute("UPDATE b2b_usage SET meter_event_id = 1")
    bench.execute("UPDATE meter_event SET state = 'synced', evidence = 'counted'")
    bench.clock.advance(days=25)


def held(bench: Bench) -> None:
    """Let minutes less wait, which would take what is counted below zero."""
    bench.take(call("c", seconds=300))
    bench.source.change("c", duration_seconds=60)
    bench.pull()
    insert_event(bench, MARCH, -4)
    bench.execute("UPDATE b2b_usage SET meter_event_id = 1 WHERE billed_minutes < 0")


def refuse_and_count(meter: StrictMeter, request: Request) -> SendAnswer:
    """Count an event, and say that it is refused."""
    count(meter, request)
    return SendAnswer(SendVerdict.REFUSED, 400, "req_1", "no such thing")


def counted_after_all(bench: Bench) -> None:
    take_and_sync(bench, refuse_and_count)
    settle(bench)


def invoiced(bench: Bench, minutes: int, final: datetime) -> None:
    """Let March be over, and invoiced with so many minutes."""
    take_and_sync(bench)
    bench.clock.advance(days=25)
    line = InvoiceLine(
        price="price_1",
        quantity=minutes,
        window=Window(MARCH.start, MARCH.end),
        amount_minor=0,
        currency="usd",
    )
    invoice = StripeInvoice(
        name="in_1",
        status="open",
        final=True,
        created_at=MARCH.end,
        finalized_at=final,
        finalizes_at=None,
        lines=(line,),
    )
    bench.meter.invoices = {"cus_acme": [invoice]}


def invoiced_before_it_arrived(bench: Bench) -> None:
    invoiced(bench, 0, START - HOUR)


def invoice_differs(bench: Bench) -> None:
    invoiced(bench, 3, MARCH.end + HOUR)


def insert_event(
    bench: Bench, month: BillingPeriod, minutes: int, carries: str | None = None
) -> MeterEvent:
    """Stage an event in the second hour of a month, as a correction does."""
    hour = month.start + HOUR
    names = ("acme", "cus_acme", "stripe_minutes", False)
    event = MeterEvent(*names, hour, 0, minutes)
    row = {
        "identifier": event.identifier,
        "customer": event.customer,
        "stripe_customer": event.stripe_customer,
        "meter": event.meter,
        "livemode": 0,
        "period": str(month),
        "hour": hour,
        "sequence": 0,
        "timestamp": event.timestamp,
        "minutes": minutes,
        "amount_micro": minutes * PRICE_MICRO,
        "usage_rows": 1,
        "staged_at": hour,
        "state": "pending",
        "tries": 0,
        "carries": carries,
    }
    with bench.ledger.writing() as connection:
        connection.execute(insert(meter_event).values(row))
    return event


class Case(NamedTuple):
    """A cause: how it comes about, its minutes, and where it is looked for."""

    arrange: Callable[[Bench], None]
    minutes: int
    month: BillingPeriod = MARCH
    depth: Depth = BY_TOTALS
    beside: Cause | None = None  # what comes with it


INVOICES = Depth(invoices=True)
CASES: dict[Cause, Case] = {
    Cause.LATE_CALL: Case(arrange=late_call, minutes=-2),
    Cause.CHANGED_CALL: Case(arrange=changed_call, minutes=-2),
    Cause.MISSING_AT_SOURCE: Case(arrange=missing_at_source, minutes=5),
    Cause.MONTH_EDGE: Case(arrange=month_edge, minutes=5),
    Cause.SOURCE_MINUTES_DIFFER: Case(arrange=source_minutes_differ, minutes=-2),
    Cause.BILLED_IN_LATER_MONTH: Case(arrange=post_in_april, minutes=-2),
    Cause.CORRECTS_EARLIER_MONTH: Case(
        arrange=corrects_earlier_month, minutes=2, month=APRIL
    ),
    Cause.SENT_IN_LATER_MONTH: Case(arrange=send_in_april, minutes=-5),
    Cause.CARRIES_EARLIER_MONTH: Case(arrange=send_in_april, minutes=5, month=APRIL),
    Cause.NOT_STAGED: Case(arrange=not_staged, minutes=-5),
    Cause.IN_FLIGHT: Case(arrange=in_flight, minutes=-5),
    Cause.HELD: Case(arrange=held, minutes=4, beside=Cause.NOT_STAGED),
    Cause.UNANSWERED: Case(arrange=unanswered, minutes=-5),
    Cause.REJECTED: Case(arrange=rejected, minutes=-5),
    Cause.UNCERTAIN: Case(arrange=uncertain, minutes=-5),
    Cause.EXPIRED: Case(arrange=expired, minutes=-5),
    Cause.CANCELLING: Case(arrange=cancelling, minutes=-5),
    Cause.VOIDED: Case(arrange=voided, minutes=-5),
    Cause.COUNTED_UNRECORDED: Case(
        arrange=counted_unrecorded, minutes=5, beside=Cause.IN_FLIGHT
    ),
    Cause.COUNTED_AFTER_ALL: Case(
        arrange=counted_after_all, minutes=5, beside=Cause.REJECTED
    ),
    Cause.NOT_SETTLED: Case(arrange=not_settled, minutes=-5),
    Cause.UNKNOWN_CUSTOMER: Case(arrange=unknown_customer, minutes=-5),
    Cause.NOT_COUNTED: Case(arrange=not_counted, minutes=-5),
    Cause.FOREIGN_EVENT: Case(arrange=foreign_event, minutes=3),
    Cause.INVOICED_BEFORE_IT_ARRIVED: Case(
        arrange=invoiced_before_it_arrived, minutes=-5, depth=INVOICES
    ),
    Cause.INVOICE_DIFFERS: Case(arrange=invoice_differs, minutes=-2, depth=INVOICES),
}
