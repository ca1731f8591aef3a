"""Somebody else at the meter, and what a sync then says of its contacts."""

from datetime import datetime

from billing.domain.meter_contact import Opening
from billing.domain.meter_event import MeterEvent
from tests.pipeline.bench import NOON, Bench
from tests.pipeline.fakes import Request

CONTACTS = "SELECT customer, period, minutes, lower, upper FROM meter_contact"


def stranger(bench: Bench, minutes: int, at: datetime = NOON) -> None:
    """Let somebody else report minutes for acme."""
    event = MeterEvent(
        customer="acme",
        stripe_customer="cus_acme",
        meter="stripe_minutes",
        livemode=False,
        hour=at,
        sequence=59 - len(bench.meter.counted),
        minutes=minutes,
    )
    bench.meter.counted.append(Request(event, "k", bench.clock.now()))


def openings(bench: Bench) -> list[Opening]:
    """Sync, and return what stands at the meter that is not ours."""
    report = bench.sync()
    assert report.clean is not report.contact.needs_a_person
    return report.contact.openings
