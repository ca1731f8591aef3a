"""Calls and postings: revisions, the differences they make, and their sums."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.call import NotBillable
from billing.domain.posting import Charge
from billing.ledger.database import Ledger
from billing.ledger.pull import calls
from billing.ledger.pull.calls import RatedCall
from billing.ledger.reconcile import ledger_totals
from tests.ledger.bookkeeping import (
    APRIL,
    HOUR,
    MARCH,
    NOON,
    pull_context,
    reading,
    record,
    register,
    rows,
    usage_rows,
)

REVISIONS = "SELECT revision FROM call WHERE call_id = 'call_1' ORDER BY id"
TYPES = "SELECT type, corrects FROM b2b_usage ORDER BY id"


@pytest.fixture(autouse=True)
def _registered(ledger: Ledger) -> None:
    register(ledger)


def test_a_new_call_is_one_revision_and_one_posting(ledger: Ledger) -> None:
    assert record(ledger, reading()) == 1
    assert usage_rows(ledger) == [
        ("api_usage", "call_1", 1, "acme", "2026-03", 2, 200_000)
    ]


def test_the_same_reading_again_adds_nothing(ledger: Ledger) -> None:
    record(ledger, reading())
    assert record(ledger, reading()) == 0
    assert len(usage_rows(ledger)) == 1
    assert rows(ledger, REVISIONS) == [(1,)]


def test_nothing_read_records_nothing(ledger: Ledger) -> None:
    assert record(ledger) == 0


def test_a_changed_call_posts_the_difference_and_names_what_it_corrects(
    ledger: Ledger,
) -> None:
    record(ledger, reading(seconds=61))
    assert record(ledger, reading(seconds=200)) == 1
    assert usage_rows(ledger)[1] == (
        "adjustment",
        "call_1",
        2,
        "acme",
        "2026-03",
        2,
        200_000,
    )
    ((first,),) = rows(ledger, "SELECT id FROM b2b_usage WHERE type = 'api_usage'")
    assert rows(ledger, TYPES) == [("api_usage", None), ("adjustment", first)]


def test_a_change_that_costs_nothing_is_a_revision_without_a_posting(
    ledger: Ledger,
) -> None:
    record(ledger, reading(seconds=61))
    assert record(ledger, reading(seconds=62)) == 1
    assert rows(ledger, REVISIONS) == [(1,), (2,)]
    assert len(usage_rows(ledger)) == 1


def test_a_call_underway_posts_nothing_until_it_is_over(ledger: Ledger) -> None:
    record(ledger, reading(status="in_progress", seconds=None))
    with ledger.reading() as connection:
        assert ledger_totals.calls_underway(connection, "main") == ["call_1"]
        assert ledger_totals.calls_underway(connection, "other") == []
    record(ledger, reading())
    with ledger.reading() as connection:
        assert ledger_totals.calls_underway(connection, "main") == []
    assert usage_rows(ledger) == [
        ("api_usage", "call_1", 2, "acme", "2026-03", 2, 200_000)
    ]


def test_a_call_that_is_no_longer_billable_is_taken_back(ledger: Ledger) -> None:
    record(ledger, reading())
    record(ledger, reading(started_at=None, seconds=None))
    assert [row[5] for row in usage_rows(ledger)] == [2, -2]
    record(ledger, reading())
    assert [row[5] for row in usage_rows(ledger)] == [2, -2, 2]
    assert [row[0] for row in usage_rows(ledger)[1:]] == ["adjustment"] * 2


def test_a_call_that_moves_to_another_hour_takes_its_minutes_along(
    ledger: Ledger,
) -> None:
    record(ledger, reading())
    record(ledger, reading(started_at=NOON + HOUR))
    hours = rows(ledger, "SELECT hour, billed_minutes FROM b2b_usage ORDER BY hour, id")
    assert [minutes for _, minutes in hours] == [2, -2, 2]
    assert len({str(hour) for hour, _ in hours}) == 2


def test_a_call_that_moves_to_another_month_leaves_the_first(ledger: Ledger) -> None:
    record(ledger, reading())
    record(ledger, reading(started_at=NOON + timedelta(days=31)))
    with ledger.reading() as connection:
        assert ledger_totals.account_minutes(connection, MARCH, "main") == 0
        assert ledger_totals.account_minutes(connection, APRIL, "main") == 2


def test_a_call_that_moves_to_another_customer_is_paid_by_that_one(
    ledger: Ledger,
) -> None:
    record(ledger, reading())
    record(ledger, reading(customer="globex"))
    with ledger.reading() as connection:
        minutes = {
            h.customer: h.minutes
            for h in ledger_totals.account_totals(connection, MARCH)
        }
    assert minutes == {"acme": 0, "globex": 2}


def out_of_all_bills(call_id: str, at: datetime) -> RatedCall:
    """Rate a call that began before the first month that is billed."""
    rated = reading(call_id, started_at=at)
    return rated._replace(not_billable=NotBillable.BEFORE_FIRST_PERIOD, due=None)


def test_a_call_before_the_first_month_is_recorded_only_to_take_it_back(
    ledger: Ledger,
) -> None:
    record(ledger, reading("known"))
    before = MARCH.start - timedelta(hours=1)
    both = [out_of_all_bills("known", before), out_of_all_bills("unknown", before)]
    assert record(ledger, *both, first_period=MARCH) == 1
    assert [row[4:6] for row in usage_rows(ledger)] == [("2026-03", 2), ("2026-03", -2)]
    again = out_of_all_bills("known", before - timedelta(hours=1))
    assert record(ledger, again, first_period=MARCH) == 0
    assert record(ledger, reading("known"), first_period=MARCH) == 1
    assert [row[5] for row in usage_rows(ledger)] == [2, -2, 2]


def created(at: datetime | None, **more: Any) -> RatedCall:
    """Return a reading of a call that was created at a moment."""
    rated = reading(**more)
    call = rated.call._replace(created_at=at)
    return rated._replace(call=call, extract_sha256=call.digest())


def holds(ledger: Ledger, *readings: RatedCall) -> list[tuple[str, str]]:
    """Record readings; return the calls that are held, and why."""
    with ledger.writing() as connection:
        context = pull_context(connection)
        recorded = calls.record_readings(connection, context, readings)
    return [(each.item.call_id, each.item.reason) for each in recorded.held]


def test_a_call_that_another_account_has_is_held(ledger: Ledger) -> None:
    record(ledger, reading())
    twice = reading(account="other", customer="globex")
    assert holds(ledger, twice) == [("call_1", "call_in_two_accounts")]
    assert holds(ledger, reading(seconds=200)) == []
    with ledger.reading() as connection:
        assert ledger_totals.account_minutes(connection, MARCH, "other") == 0


def test_calls_of_one_id_that_say_no_creation_are_taken_for_one(
    ledger: Ledger,
) -> None:
    record(ledger, created(None))
    twice = created(None, account="other", customer="globex")
    assert holds(ledger, twice) == [("call_1", "call_in_two_accounts")]


def test_an_id_that_is_used_again_leaves_the_old_call_alone(ledger: Ledger) -> None:
    record(ledger, reading())
    week = timedelta(days=7)
    again = created(NOON + week, started_at=NOON + week, seconds=600)
    assert holds(ledger, again) == [("call_1", "id_reused")]
    assert [row[1] for row in usage_rows(ledger)] == ["call_1"]
    assert holds(ledger, created(NOON - HOUR, seconds=200)) == []


def test_a_creation_that_is_told_later_or_no_more_is_no_other_call(
    ledger: Ledger,
) -> None:
    record(ledger, created(None))
    assert holds(ledger, created(NOON, seconds=200)) == []
    assert holds(ledger, created(None, seconds=300)) == []
    assert holds(ledger, created(NOON + HOUR)) == [("call_1", "id_reused")]


def test_two_accounts_may_use_the_same_call_id(ledger: Ledger) -> None:
    record(ledger, reading())
    other = created(NOON, account="other", customer="globex")
    assert record(ledger, other) == 1
    with ledger.reading() as connection:
        assert ledger_totals.account_minutes(connection, MARCH, "main") == 2
        assert ledger_totals.account_minutes(connection, MARCH, "other") == 2
        assert ledger_totals.account_minutes(connection, MARCH, "nobody") == 0


def test_more_calls_than_one_batch_are_all_recorded(ledger: Ledger) -> None:
    many = [reading(f"call_{n}", seconds=n % 200) for n in range(5_003)]
    assert record(ledger, *many) == 5_003
    assert record(ledger, *many) == 0
    due = sum(rated.due[1].minutes for rated in many if rated.due)
    with ledger.reading() as connection:
        assert ledger_totals.account_minutes(connection, MARCH, "main") == due


VERSIONS: st.SearchStrategy[RatedCall] = st.builds(
    reading,
    st.sampled_from(["call_1", "call_2"]),
    started_at=st.sampled_from([NOON, NOON + HOUR, NOON + timedelta(days=31), None]),
    seconds=st.sampled_from([0, 61, 600]),
    status=st.sampled_from(["completed", "in_progress"]),
    customer=st.sampled_from(["acme", "globex"]),
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(VERSIONS, min_size=1, max_size=6))
def test_after_any_revisions_the_ledger_holds_what_is_due(
    ledger: Ledger, rated_calls: list[RatedCall]
) -> None:
    # The ledger is not emptied between examples: that only makes histories longer.
    for rated in rated_calls:
        record(ledger, rated)
    for rated in {rated.call.call_id: rated for rated in rated_calls}.values():
        due = (rated.due[0].customer, rated.due[1]) if rated.due else None
        assert charge_of(ledger, rated.call.call_id) == due
    chains = rows(
        ledger, "SELECT call_id, max(revision), count(*) FROM call GROUP BY 1"
    )
    assert all(newest == revisions for _, newest, revisions in chains)


def charge_of(ledger: Ledger, call_id: str) -> tuple[str, Charge] | None:
    """Read what the ledger holds for a call over all months."""
    query = (
        "SELECT customer, sum(billed_minutes), sum(amount_micro) FROM b2b_usage "
        f"WHERE call_id = '{call_id}' GROUP BY customer, hour"
    )
    charges = [
        (str(customer), Charge(int(str(minutes)), int(str(amount))))
        for customer, minutes, amount in rows(ledger, query)
        if minutes
    ]
    assert len(charges) <= 1
    return charges[0] if charges else None
