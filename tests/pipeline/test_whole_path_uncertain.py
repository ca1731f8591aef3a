"""Doubts over real HTTP: lost answers, refusals that come later, events taken back."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from billing.domain.period import Window
from billing.sandbox.control.calls import take_calls
from billing.sandbox.faults import Fault, FaultKind
from billing.sandbox.stripe.metering.rejections import Rejection
from tests.pipeline.circuit import (
    NOW,
    Circuit,
    by_name,
    circuit,
    counted_twice,
    ledger_minutes,
    moment,
    seeded_sandbox,
    stripe_minutes,
)

SEND = "stripe.meter_events.create"
CANCEL = "stripe.meter_event_adjustments.create"


@pytest.fixture
def one(sqlite_url: str) -> Iterator[Circuit]:
    """Give a small month whose calls are all over."""
    yield from small_month(sqlite_url, NOW)


@pytest.fixture
def young(sqlite_url: str) -> Iterator[Circuit]:
    """Give a small month of which nothing gets too old to be sent for days."""
    yield from small_month(sqlite_url, NOW - timedelta(days=6))


def small_month(ledger_url: str, now: datetime) -> Iterator[Circuit]:
    """Give the month of a moment, half a day later."""
    with (
        seeded_sandbox(5, calls=40, now=now) as (url, sandbox),
        circuit(url, sandbox, ledger_url) as made,
    ):
        made.advance(hours=12)
        yield made


def equal(one: Circuit) -> bool:
    """Say whether Stripe truly counts what the ledger holds, and nothing twice."""
    return not differing(one)


def differing(one: Circuit) -> set[tuple[str, datetime]]:
    """Return the customers' hours of which Stripe counts something else than we do."""
    truth = one.sandbox.truth()
    assert counted_twice(truth) == []
    names = {customer.id: customer.name for customer in one.sandbox.customers()}
    counted = {(names[c], hour): m for (c, hour), m in stripe_minutes(truth).items()}
    held = ledger_minutes(one.ledger)
    return {slot for slot in {*counted, *held} if counted.get(slot) != held.get(slot)}


def attempts(one: Circuit, kind: str) -> list[str]:
    query = "SELECT verdict FROM meter_attempt WHERE kind = :kind ORDER BY id"
    return [verdict for (verdict,) in one.rows(query, kind=kind)]


def states(one: Circuit) -> set[str]:
    query = "SELECT DISTINCT coalesce(reason, state) FROM meter_event"
    return {state for (state,) in one.rows(query)}


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.DROP_BEFORE])
def test_answers_that_stay_lost_for_a_day_are_settled_by_their_minutes(
    one: Circuit, kind: FaultKind
) -> None:
    one.sandbox.faults.replace_all([Fault(kind=kind, endpoint=SEND)])
    one.cycle()
    one.sandbox.faults.replace_all([])
    for hours in (24, 48, 24):
        one.advance(hours=hours)
        one.cycle()
    # What got older than 34 days meanwhile can no longer be sent, and is said to be so.
    old = one.rows("SELECT customer, hour FROM meter_event WHERE reason = 'expired'")
    for _, hour in old:
        assert moment(hour) <= one.sandbox.clock.now() - timedelta(days=34)
    assert differing(one) == {(customer, moment(hour)) for customer, hour in old}
    assert states(one) <= {"synced", "expired"}


def test_a_refusal_that_comes_later_is_found_and_fixed(young: Circuit) -> None:
    young.sandbox.stripe.test.reject(Rejection("meter_event_invalid_value", count=5))
    young.cycle()
    assert not equal(young)
    # A report names but a sample; the others are proved absent days later.
    for hours in (1, 72, 24):
        young.advance(hours=hours)
        young.cycle()
    assert "rejected" in states(young)
    assert young.retry() == 5
    young.advance(hours=1)
    young.cycle()
    assert equal(young)
    assert states(young) == {"synced", "replaced"}


@pytest.mark.parametrize("kind", [None, FaultKind.DROP_AFTER, FaultKind.DROP_BEFORE])
def test_a_call_that_becomes_shorter_takes_its_event_back(
    one: Circuit, kind: FaultKind | None
) -> None:
    one.cycle()
    shorten_the_longest_call(one)
    if kind is not None:
        one.sandbox.faults.replace_all([Fault(kind=kind, endpoint=CANCEL, count=1)])
    for _ in range(2):
        one.cycle()
        one.advance(minutes=2)
    assert attempts(one, "cancel")[-1] == "cancelled"
    assert len(attempts(one, "cancel")) == (1 if kind is None else 2)
    assert equal(one)
    assert sum(by_name(ledger_minutes(one.ledger)).values()) > 0


def shorten_the_longest_call(one: Circuit) -> None:
    """Let the source say of the longest recent call that it took a second."""
    now = one.sandbox.clock.now()
    window = Window(now - timedelta(days=2), now)
    found = [
        (int(record.get("duration_seconds") or 0), str(record["id"]), source.account)
        for source, _ in one.sources
        for record in source.read_page(window, 0).records
        if isinstance(record, dict)
    ]
    _, call_id, name = max(found)
    state = one.sandbox.pamela
    account = next(one for one in state.accounts if one.name == name)
    take_calls(state, account, [{"id": call_id, "duration_seconds": 1}], now)
