"""Answers that cannot be read: one customer's end its own part, and nobody else's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from billing.domain.error_report import RejectionReport
from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.domain.period import Window
from billing.errors import (
    MeterFault,
    MeterRefused,
    MeterUnavailable,
    MeterUnfit,
)
from billing.pipeline.sync.send import Outcome
from tests.pipeline.bench import NOON, Bench, call, of
from tests.pipeline.fakes import StrictMeter, lock_out

ODD = MeterFault("a summary cannot be read (ValueError: two rows are named s)")
NO_ANSWER = MeterUnavailable("no answer")
REFUSED = MeterRefused("the API key is refused")


@dataclass
class OddMeter(StrictMeter):
    """A meter of which some customers' reads fail."""

    faults: dict[str, MeterFault] = field(default_factory=dict)
    reports_fault: MeterFault | None = None

    def has_customer(self, stripe_customer: str) -> bool:
        """Say whether the customer exists, or fail."""
        if stripe_customer in self.faults:
            raise self.faults[stripe_customer]
        return super().has_customer(stripe_customer)

    def read_total(self, stripe_customer: str, window: Window) -> int:
        """Read a total, or fail."""
        if stripe_customer in self.faults:
            raise self.faults[stripe_customer]
        return super().read_total(stripe_customer, window)

    def error_reports(self, since: datetime) -> Sequence[RejectionReport]:
        """Read reports, or fail."""
        if self.reports_fault is not None:
            raise self.reports_fault
        return super().error_reports(since)


@pytest.fixture
def odd(bench: Bench) -> OddMeter:
    """Put an odd meter behind the bench, with minutes due for two customers."""
    meter = OddMeter(bench.clock)
    bench.meter = meter
    bench.take(call("a", seconds=300), call("g", seconds=61, **of("globex")))
    return meter


@pytest.mark.parametrize(
    "fault", [ODD, NO_ANSWER, REFUSED, MeterUnfit("of the other mode")]
)
def test_a_customer_whose_answers_are_odd_ends_its_own_part(
    bench: Bench, odd: OddMeter, fault: MeterFault
) -> None:
    odd.faults = {"cus_acme": fault}
    report = bench.sync()
    assert bench.counted() == {"globex": 2}
    assert report.outcomes == {Outcome.SYNCED: 1, Outcome.WAITING: 1}
    assert report.held == [f"acme: its part of the sync ended early: {fault}"]
    assert (report.stopped_because, report.clean) == (None, False)
    odd.faults = {}
    assert bench.sync().clean
    assert bench.counted() == {"acme": 5, "globex": 2}


def test_two_customers_without_an_answer_are_an_outage(
    bench: Bench, odd: OddMeter
) -> None:
    odd.faults = {"cus_acme": NO_ANSWER, "cus_globex": NO_ANSWER}
    assert bench.sync().stopped_because == "Stripe: no answer"
    assert bench.counted() == {}


def test_two_customers_with_odd_answers_are_none(bench: Bench, odd: OddMeter) -> None:
    odd.faults = {"cus_acme": ODD, "cus_globex": ODD}
    report = bench.sync()
    assert report.stopped_because is None
    assert len(report.held) == 2


def test_a_key_that_is_refused_for_two_stops_all(bench: Bench, odd: OddMeter) -> None:
    bench.take(call("i", seconds=61, **of("initech")))
    odd.faults = {"cus_acme": REFUSED, "cus_globex": REFUSED, "cus_initech": REFUSED}
    assert bench.sync().stopped_because == "Stripe: the API key is refused"
    assert bench.counted() == {}


def test_a_send_that_is_refused_as_by_the_key_is_one_customers_matter(
    bench: Bench, odd: OddMeter
) -> None:
    bench.take(call("b", NOON + timedelta(hours=1), seconds=61))
    odd.by_customer = {"acme": lock_out}
    report = bench.sync()
    assert bench.counted() == {"globex": 2}
    assert report.outcomes == {Outcome.SYNCED: 1, Outcome.WAITING: 2}
    assert report.stopped_because is None
    assert [r.event.customer for r in odd.requests].count("acme") == 1
    odd.by_customer = {"acme": lock_out, "globex": lock_out}
    bench.take(call("h", NOON + timedelta(hours=1), seconds=61, **of("globex")))
    stopped = bench.sync().stopped_because
    assert stopped == "Stripe: the API key is refused: key revoked"
    odd.by_customer = {}
    assert bench.sync().clean
    assert bench.counted() == {"acme": 7, "globex": 4}


def lost(_meter: StrictMeter, _request: object) -> SendAnswer:
    """Let the answer get lost."""
    return SendAnswer(SendVerdict.UNKNOWN, detail="connection reset")


def test_what_is_uncertain_waits_until_its_minute_can_be_read(
    bench: Bench, odd: OddMeter
) -> None:
    odd.by_customer = {"acme": lost}
    bench.sync()
    odd.by_customer = {}
    bench.clock.advance(hours=30)
    odd.faults = {"cus_acme": ODD}
    report = bench.sync()
    assert report.held == [f"acme: its part of the sync ended early: {ODD}"]
    # Customers work side by side: whose event has which number is nobody's promise.
    states = {event[:2] for event in bench.events()}
    assert states == {("failed", "uncertain"), ("synced", "")}
    assert bench.counted() == {"globex": 2}


@pytest.mark.parametrize("fault", [ODD, NO_ANSWER])
def test_reports_that_cannot_be_read_are_told_and_hold_nothing(
    bench: Bench, odd: OddMeter, fault: MeterFault
) -> None:
    odd.reports_fault = fault
    report = bench.sync()
    assert bench.counted() == {"acme": 5, "globex": 2}
    assert report.held == [f"what was refused late could not be read: {fault}"]
    assert not report.clean


def test_a_key_that_may_not_read_reports_is_refused(
    bench: Bench, odd: OddMeter
) -> None:
    odd.reports_fault = REFUSED
    with pytest.raises(MeterRefused):
        bench.sync()
