"""What people decide of events: settle, retry and void, audited, or refused."""

import pytest

from billing.sandbox.stripe.metering.rejections import Rejection
from tests.cli.desk import HOUR, LAST, Desk

EVENTS = "SELECT identifier FROM meter_event WHERE reason = ? ORDER BY id"


def refused(desk: Desk) -> list[str]:
    """Sync while Stripe takes and then refuses two events; return their names."""
    desk.json("pull", LAST)
    order = Rejection("meter_event_invalid_value", count=2)
    desk.sandbox.stripe.test.reject(order)
    desk.json("sync")
    desk.sandbox.clock.advance(HOUR)
    report = desk.json("sync", code=1)
    assert report["rejected"] == 2
    names: list[str] = [name for (name,) in desk.query(EVENTS, "rejected")]
    return names


def test_refused_events_are_retried_under_new_names(desk: Desk) -> None:
    names = refused(desk)
    assert desk.json("sync")["events"] == {}
    assert "2 refused events to be sent anew" in desk.done("sync", "--retry")
    assert desk.query(EVENTS, "rejected") == []
    assert {name for (name,) in desk.query(EVENTS, "replaced")} == set(names)


def test_an_event_is_given_up_with_a_reason_and_never_again(desk: Desk) -> None:
    first, second = refused(desk)
    assert desk.json("sync", "--void", first, "--reason", "paid in cash") == {
        "voided": first
    }
    assert desk.query(EVENTS, "voided") == [(first,)]
    audited = "SELECT reason FROM audit_event WHERE action = ?"
    assert desk.query(audited, "event.voided") == [("paid in cash",)]
    again = desk("sync", "--void", first, "--reason", "again")
    assert (again.exit_code, "is voided; only what failed" in again.output) == (2, True)
    assert desk.query(EVENTS, "rejected") == [(second,)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--void", "no-such", "--reason", "x"), "there is no event no-such"),
        (("--void", "no-such"), "say why the event is given up"),
        (("--reason", "x"), "--reason belongs to --void"),
        (("--retry", "--settle"), "give one of --retry, --settle, --void, --hold and"),
    ],
)
def test_a_decision_that_cannot_be_taken_is_refused(
    desk: Desk, options: tuple[str, ...], sentence: str
) -> None:
    result = desk("sync", *options)
    assert (result.exit_code, sentence in result.output) == (2, True)


def test_settling_sends_nothing(desk: Desk) -> None:
    desk.json("pull", LAST)
    assert desk.json("sync", "--settle")["staged"] == 0
    assert desk.sandbox.stripe.test.events.received == []
