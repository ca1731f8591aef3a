"""What people decide of events: settle, retry and void, audited, or refused."""

from datetime import datetime

import httpx2
import pytest

from billing.sandbox.stripe.metering.rejections import Rejection
from tests.cli.desk import HOUR, LAST, Desk

WHY = ("--reason", "the value is right now")
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
    assert "2 refused events to be sent anew" in desk.done("sync", "--retry", *WHY)
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


def test_some_refused_events_are_retried_and_the_reason_is_kept(desk: Desk) -> None:
    first, second = refused(desk)
    why = ("--reason", "the customer is back")
    assert desk.json("sync", "--retry", "--event", second, *why)["retried"] == 1
    assert desk.query(EVENTS, "rejected") == [(first,)]
    audited = "SELECT actor, reason FROM audit_event WHERE action = ?"
    [(actor, reason)] = desk.query(audited, "events.retried")
    assert reason == "the customer is back"
    assert actor.endswith(", pamela-billing sync")
    settled = desk("sync", "--retry", "--event", second, *WHY)
    assert (settled.exit_code, "only what Stripe refused" in settled.output) == (
        2,
        True,
    )
    [(customer,)] = desk.query(
        "SELECT customer FROM meter_event WHERE identifier = ?", first
    )
    assert desk.json("sync", "--retry", "--customer", customer, *WHY)["retried"] == 1


def test_what_the_meter_shows_after_all_is_named_and_not_sent_anew(desk: Desk) -> None:
    first, second = refused(desk)
    query = "SELECT stripe_customer, timestamp, minutes FROM meter_event "
    [(customer, at, minutes)] = desk.query(query + "WHERE identifier = ?", first)
    report_anew(desk, customer, datetime.fromisoformat(at), minutes)
    retried = desk("sync", "--retry", *WHY)
    assert retried.exit_code == 1
    assert "1 refused event to be sent anew" in retried.stdout
    assert f"{first} is on Stripe's meter after all" in retried.stderr
    assert desk.query(EVENTS, "rejected") == [(first,)]
    assert desk.query(EVENTS, "replaced") == [(second,)]
    named = desk.json("sync", "--retry", "--event", first, *WHY, code=1)
    assert (named["retried"], named["counted_after_all"]) == (0, [first])


def report_anew(
    desk: Desk, stripe_customer: str, moment: datetime, minutes: int
) -> None:
    """Report minutes at Stripe, and wait till summaries show them."""
    event = {
        "event_name": "stripe_minutes",
        "timestamp": str(int(moment.timestamp())),
        "payload[stripe_customer_id]": stripe_customer,
        "payload[value]": str(minutes),
    }
    key = {"Authorization": "Bearer sk_test_sandbox"}
    place = f"{desk.url}/v1/billing/meter_events"
    assert httpx2.post(place, data=event, headers=key).status_code == 200
    desk.sandbox.clock.advance(HOUR)


def test_all_failed_events_of_a_customer_are_given_up_at_once(desk: Desk) -> None:
    first, second = refused(desk)
    why = ("--reason", "paid in cash")
    both = ("sync", "--void", first, "--void", "no-such", *why)
    assert desk(*both).exit_code == 2
    assert desk.query(EVENTS, "voided") == []
    owners = "SELECT DISTINCT customer FROM meter_event WHERE reason = 'rejected'"
    for (customer,) in desk.query(owners):
        line = ("sync", "--void", "all", "--customer", customer, *why)
        desk.json(*line)
        assert "has no failed event" in desk(*line).stderr
    assert desk.query(EVENTS, "rejected") == []
    assert desk.query(EVENTS, "voided") == [(first,), (second,)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--void", "no-such", "--reason", "x"), "there is no event no-such"),
        (("--void", "all", "--reason", "x"), "say whose events are given up"),
        (("--void", "all", "--customer", "acne", "--reason", "x"), "acne"),
        (("--void", "all", "--void", "one", "--reason", "x"), "`all` with --customer"),
        (("--retry", "--event", "no-such", *WHY), "there is no event no-such"),
        (("--retry", "--customer", "acne", *WHY), "acne"),
        (("--event", "no-such"), "--event belongs to --retry"),
        (("--customer", "acme"), "--customer belongs to --hold"),
        (("--void", "no-such"), "say why the event is given up"),
        (("--retry",), "say what was fixed: --reason TEXT"),
        (("--retry", "--reason", " "), "say what was fixed: --reason TEXT"),
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
