"""Mishaps: all that makes the sides of a month differ, done to a bench."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import insert, select

from billing.domain.meter_event import FailReason, MeterEvent, SendAnswer, SendVerdict
from billing.domain.period import BillingPeriod, Window
from billing.domain.stripe_invoice import InvoiceLine, StripeInvoice
from billing.ledger.reconcile.runs import Reconciliation
from billing.ledger.schema.tables import b2b_usage, meter_event
from billing.ledger.sync import outbox
from tests.pipeline.adopt.another_program import adopt, report
from tests.pipeline.bench import APRIL, MARCH, NOON, START, Bench, call
from tests.pipeline.fakes import (
    Killed,
    Reply,
    Request,
    StrictMeter,
    count,
    kill_after,
    lock_out,
    lose_answer,
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
    for customer in report.customers:
        assert customer.unexplained_minutes == 0, customer
        assert customer.unexplained_invoice_minutes == 0, customer


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


def opening_differs(bench: Bench) -> None:
    """Let another program have reported two minutes more than its calls come to."""
    report(bench, 7)
    bench.take(call("c", NOON, 300))
    adopt(bench, NOON + HOUR, sole=True)


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


def above_ledger(bench: Bench) -> None:
    take_and_sync(bench)
    request = bench.meter.requests[0]
    stranger = replace(request.event, sequence=9, minutes=3)
    bench.meter.counted.append(Request(stranger, "k", request.at))


def foreign_event(bench: Bench) -> None:
    above_ledger(bench)
    settle(bench)


def counted_twice(bench: Bench) -> None:
    """Let Stripe forget an event's name, and count it again when it is sent again."""
    bench.take(call("c", seconds=300))
    bench.meter.script = [lose_answer]
    bench.sync()
    bench.meter.counted.append(bench.meter.counted[0])
    settle(bench)


def month_edge(bench: Bench) -> None:
    bench.take(call("c", MARCH.start + timedelta(minutes=1), 300))
    bench.sync()
    before = MARCH.start - timedelta(minutes=1)
    bench.source.change("c", started_at=before.isoformat())


def before_first_period(bench: Bench) -> None:
    """Date a billed call before the first month that is billed, and send that."""
    month_edge(bench)
    bench.pull()
    bench.sync()


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
    event = MeterEvent(
        customer="acme",
        stripe_customer="cus_acme",
        meter="stripe_minutes",
        livemode=False,
        hour=hour,
        sequence=0,
        minutes=minutes,
    )
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
