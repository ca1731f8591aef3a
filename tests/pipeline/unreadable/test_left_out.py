"""Whoever cannot be read is left out and told; the others are compared all the same."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.period import Window
from billing.domain.stripe_invoice import StripeInvoice
from billing.errors import (
    MeterFault,
    MeterRefused,
    MeterUnavailable,
    SourceUnreadable,
)
from billing.ledger.reconcile.runs import Reconciliation
from billing.pipeline.concurrency import READERS, SERIAL, read_each
from billing.pipeline.pull.identity import Sources
from billing.pipeline.reconcile.reconcile import (
    CLOSELY,
    Depth,
    ReconcileOptions,
    reconcile_period,
)
from billing.ports import SourceTotals
from tests.pipeline.bench import MARCH, NOON, Bench, call, of
from tests.pipeline.fakes import ListedSource, StrictMeter

ODD = MeterFault("a summary cannot be read (ValueError: two rows are named s)")
NO_ANSWER = MeterUnavailable("no answer")
REFUSED = MeterRefused("the API key is refused")


@dataclass
class HalfReadMeter(StrictMeter):
    """A meter that shows nothing of some customers, or none of their invoices."""

    faults: dict[str, MeterFault] = field(default_factory=dict)
    invoice_faults: dict[str, MeterFault] = field(default_factory=dict)

    def read_total(self, stripe_customer: str, window: Window) -> int:
        """Read a total, or fail."""
        if stripe_customer in self.faults:
            raise self.faults[stripe_customer]
        return super().read_total(stripe_customer, window)

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Read the hours, or fail."""
        if stripe_customer in self.faults:
            raise self.faults[stripe_customer]
        return super().read_hours(stripe_customer, window)

    def read_invoices(
        self, stripe_customer: str, window: Window
    ) -> Sequence[StripeInvoice]:
        """Read invoices, or fail."""
        if stripe_customer in self.invoice_faults:
            raise self.invoice_faults[stripe_customer]
        return super().read_invoices(stripe_customer, window)


@pytest.fixture
def meter(bench: Bench) -> HalfReadMeter:
    """Bring two customers level, on a meter that may fail."""
    meter = HalfReadMeter(bench.clock)
    bench.meter = meter
    bench.take(call("a", seconds=300), call("g", seconds=61, **of("globex")))
    bench.sync()
    return meter


def names(report: Reconciliation) -> list[str]:
    """Name the customers that were compared."""
    return [each.customer for each in report.customers]


@pytest.mark.parametrize("fault", [ODD, NO_ANSWER])
@pytest.mark.parametrize("depth", [Depth(), CLOSELY])
def test_a_customer_that_cannot_be_read_is_left_out(
    bench: Bench, meter: HalfReadMeter, fault: MeterFault, depth: Depth
) -> None:
    meter.faults = {"cus_acme": fault}
    report = bench.reconcile(depth=depth)
    assert names(report) == ["globex"]
    assert report.customers[0].agrees
    assert report.unread == {"acme": str(fault)}
    assert (report.settled, report.clean, report.needs_a_person) == (False, False, True)
    kept = "SELECT settled FROM reconciliation_run ORDER BY id DESC LIMIT 1"
    assert bench.rows(kept) == [(0,)]
    told = "SELECT detail FROM audit_event WHERE action = 'period.reconciled'"
    assert json.loads(bench.rows(told)[-1][0])["left_out"] == ["acme"]


def test_who_was_left_out_is_read_before_more_is_sent(
    bench: Bench, meter: HalfReadMeter
) -> None:
    """Of whom the day's reconciliation read, nothing is asked; it read one of two."""
    meter.faults = {"cus_acme": ODD}
    bench.clock.advance(hours=20)
    bench.reconcile()
    meter.faults = {}
    bench.clock.advance(hours=5)
    for name in ("acme", "globex"):
        bench.take(call(f"next {name}", NOON + timedelta(hours=1), 60, **of(name)))
    assert bench.sync().clean
    contacts = "SELECT customer FROM meter_contact ORDER BY id"
    first, *again = [customer for (customer,) in bench.rows(contacts)]
    assert sorted([first, *again]) == ["acme", "acme", "globex"]


def test_who_could_not_be_read_was_not_found_late(
    bench: Bench, meter: HalfReadMeter
) -> None:
    bench.clock.advance(hours=1)
    bench.reconcile()
    for name in ("acme", "globex"):
        bench.take(call(f"next {name}", NOON + timedelta(hours=1), 60, **of(name)))
    bench.sync()
    meter.hidden = {request.event.identifier for request in meter.requests[-2:]}
    meter.faults = {"cus_acme": ODD}
    bench.clock.advance(hours=30)
    bench.reconcile()
    meter.faults, meter.hidden = {}, set()
    bench.clock.advance(hours=1)
    bench.reconcile()
    lags = "SELECT customer, lag_seconds FROM summary_lag JOIN meter_event "
    lags += "ON meter_event.id = event_id WHERE lag_seconds > 7200 OR "
    lags += "lag_seconds IS NULL ORDER BY customer"
    assert bench.rows(lags) == [("acme", None), ("globex", 31 * 3_600)]


def test_a_break_stays_open_while_its_customer_cannot_be_read(
    bench: Bench, meter: HalfReadMeter
) -> None:
    (first, _) = sorted(meter.taken)
    meter.hidden = {first}
    bench.clock.advance(hours=3)
    bench.reconcile()
    bench.clock.advance(hours=1)
    assert {item.item.cause for item in bench.reconcile().breaks} == {Cause.NOT_COUNTED}
    is_open = "SELECT count(*) FROM break_case WHERE resolved_at IS NULL"
    meter.faults = {"cus_acme": ODD}
    assert bench.reconcile().breaks == []
    assert bench.rows(is_open) == [(1,)]
    meter.faults, meter.hidden = {}, set()
    assert bench.reconcile().clean
    assert bench.rows(is_open) == [(0,)]


def test_one_invoice_that_cannot_be_read_hides_no_other(
    bench: Bench, meter: HalfReadMeter
) -> None:
    bench.clock.advance(days=30)
    meter.invoice_faults = {"cus_acme": ODD}
    report = bench.reconcile(depth=CLOSELY)
    assert names(report) == ["acme", "globex"]
    assert (report.invoices_read, report.invoices_fault) == (True, None)
    assert report.invoices_unread == {"acme": str(ODD)}
    assert report.needs_a_person


def test_a_stripe_that_answers_nobody_gives_no_figure(
    bench: Bench, meter: HalfReadMeter
) -> None:
    meter.faults = {"cus_acme": ODD, "cus_globex": NO_ANSWER}
    with pytest.raises(MeterUnavailable):
        bench.reconcile()


class UnreadableSource(ListedSource):
    """A source whose totals make no sense."""

    def read_totals(self, period: object) -> SourceTotals:
        """Fail."""
        raise SourceUnreadable("other", "the usage is odd")


def test_an_account_that_cannot_be_read_leaves_the_others(
    bench: Bench, meter: HalfReadMeter
) -> None:
    other = UnreadableSource(account="other")
    sources: Sources = [(bench.source, bench.rules), (other, bench.rules)]
    options = ReconcileOptions(
        sources=sources,
        stripe_customers=bench.stripe_customers,
        clock=bench.clock,
        actor="tests",
    )
    report = reconcile_period(bench.ledger, meter, options, MARCH)
    assert names(report) == ["acme", "globex"]
    assert report.accounts_unread == {
        "other": "Pamela, account other: the usage is odd"
    }
    assert (report.clean, report.needs_a_person) == (False, True)


@pytest.mark.parametrize("fault", [NO_ANSWER, REFUSED])
def test_many_in_a_row_who_are_not_served_are_an_outage(fault: MeterFault) -> None:
    def read(number: int) -> int:
        if number:
            raise fault
        return 7

    with pytest.raises(type(fault)):
        read_each(SERIAL, read, range(READERS + 1))
    values, faults = read_each(SERIAL, read, range(READERS))
    assert values == {0: 7}
    assert faults == dict.fromkeys(range(1, READERS), fault)
    with pytest.raises(type(fault)):
        read_each(SERIAL, read, [1, 2])
    # Of one alone nobody can say whose fault it is: the others' work is done.
    assert read_each(SERIAL, read, [1]) == ({}, {1: fault})
