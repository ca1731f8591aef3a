"""The books: sums by customer, hour, call and state, as readers ask for them."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from billing.domain.breaks_meter import Unsynced
from billing.domain.breaks_source import CarriedCall
from billing.domain.meter_event import EventState, FailReason, SendAnswer, SendVerdict
from billing.domain.posting import Charge
from billing.ledger.database import Ledger
from billing.ledger.reconcile import ledger_totals
from billing.ledger.reconcile.ledger_totals import LedgerTotal, SourceGap
from billing.ledger.reconcile.month_snapshot import (
    NO_DETAIL,
    DetailRequest,
    read_month,
)
from billing.ledger.reconcile.synced_totals import MeterCustomer, SyncedTotal
from billing.ledger.schema.tables import b2b_usage
from billing.ledger.sync.attempts import (
    Answered,
    Attempt,
    record_answers,
    record_attempts,
)
from tests.ledger.bookkeeping import (
    ACTOR,
    APRIL,
    HOUR,
    MARCH,
    NOON,
    reading,
    record,
    register,
    stage,
    unsynced,
)

TWO = Charge(2, 200_000)
HOME = MeterCustomer("acme", "cus_acme")


@pytest.fixture(autouse=True)
def _registered(ledger: Ledger) -> None:
    register(ledger)


def gap(call_id: str, minutes: int) -> list[SourceGap]:
    return [SourceGap("main", "acme", call_id, minutes)]


def attempt(ledger: Ledger, hour_from_noon: int, answer: SendAnswer | None) -> None:
    """Send the event of an hour once, with or without an answer."""
    (event,) = [
        one
        for one in unsynced(ledger)
        if one.event.hour == NOON + hour_from_noon * HOUR
    ]
    with ledger.writing() as connection:
        record_attempts(
            connection,
            [
                Attempt(
                    event=event, owner="me", idempotency_key="key", started_at=ACTOR.at
                )
            ],
        )
        if answer:
            record_answers(connection, [Answered(event, answer, ACTOR.at)])


def test_totals_are_summed_by_account_and_customer(ledger: Ledger) -> None:
    record(ledger, reading("a"), reading("b", seconds=600))
    record(ledger, reading("c", customer="globex"))
    record(ledger, reading("d", account="other", customer="globex"))
    record(ledger, reading("e", started_at=NOON + timedelta(days=31)))
    record(ledger, reading("a", seconds=0))
    with ledger.reading() as connection:
        assert ledger_totals.account_totals(connection, MARCH) == [
            LedgerTotal("main", "acme", 11, 3),
            LedgerTotal("main", "globex", 2, 1),
            LedgerTotal("other", "globex", 2, 1),
        ]
        assert ledger_totals.account_totals(connection, APRIL) == [
            LedgerTotal("main", "acme", 2, 1)
        ]
        assert ledger_totals.account_totals(connection, MARCH.previous) == []


def test_what_is_posted_is_summed_call_by_call(ledger: Ledger) -> None:
    record(ledger, reading("a"), reading("b"))
    record(ledger, reading("a", seconds=600), reading("b", customer="globex"))
    with ledger.reading() as connection:
        assert ledger_totals.posted_calls(connection, MARCH, "main") == {
            "acme": {"a": Charge(10, 1_000_000), "b": Charge(0, 0)},
            "globex": {"b": TWO},
        }
        assert ledger_totals.posted_calls(connection, MARCH, "other") == {}


def test_minutes_that_differ_from_the_sources_own_are_shown_once(
    ledger: Ledger,
) -> None:
    record(ledger, reading("a", source_minutes=2), reading("b", source_minutes=1))
    record(ledger, reading("c", source_minutes=3))
    with ledger.reading() as connection:
        gaps = ledger_totals.source_gaps(connection, MARCH)
        assert gaps == [*gap("b", -1), *gap("c", 1)]
    record(ledger, reading("b", source_minutes=2))
    with ledger.reading() as connection:
        assert ledger_totals.source_gaps(connection, MARCH) == gap("c", 1)
        assert ledger_totals.source_gaps(connection, APRIL) == []


def test_minutes_are_followed_to_the_event_of_their_hour(ledger: Ledger) -> None:
    record(
        ledger, *(reading(f"call_{n}", started_at=NOON + n * HOUR) for n in range(5))
    )
    stage(ledger)
    record(ledger, reading("late"))
    attempt(ledger, 0, SendAnswer(SendVerdict.COUNTED, 200, "req_1"))
    attempt(ledger, 1, SendAnswer(SendVerdict.DUPLICATE, 400, "req_2"))
    attempt(ledger, 2, SendAnswer(SendVerdict.REFUSED, 400, None, "no such customer"))
    attempt(ledger, 3, None)
    names = [f"test-stripe_minutes-cus_acme-20260310T{hour}-0" for hour in (14, 15, 16)]
    seen = {NOON: 2, NOON + HOUR: 0}
    with ledger.reading() as connection:
        month = read_month(connection, MARCH, DetailRequest(counted={HOME: seen}))
    assert month.synced == {HOME: SyncedTotal(Charge(4, 400_000), ACTOR.at)}
    assert month.hours == {HOME: {NOON: TWO, NOON + HOUR: TWO}}
    assert list(month.unsynced) == [
        (MeterCustomer("acme", ""), Unsynced(hour=NOON, charge=TWO, calls=("late",))),
        (
            HOME,
            Unsynced(
                NOON + 2 * HOUR,
                TWO,
                ("call_2",),
                names[0],
                EventState.FAILED,
                reason=FailReason.REJECTED,
                attempted=True,
                evidence="no such customer",
            ),
        ),
        (
            HOME,
            Unsynced(
                NOON + 3 * HOUR,
                TWO,
                ("call_3",),
                names[1],
                EventState.PENDING,
                attempted=True,
                uncertain=True,
            ),
        ),
        (
            HOME,
            Unsynced(
                hour=NOON + 4 * HOUR,
                charge=TWO,
                calls=("call_4",),
                event=names[2],
                state=EventState.PENDING,
            ),
        ),
    ]
    ((place, events),) = month.events.items()
    assert place == (HOME, NOON + HOUR)
    assert [(event.calls, event.expected) for event in events] == [(("call_1",), 2)]


def test_the_calls_of_an_hour_that_differs_come_with_each_of_its_events(
    ledger: Ledger,
) -> None:
    record(ledger, reading("a"), reading("b", seconds=600))
    stage(ledger)
    attempt(ledger, 0, SendAnswer(SendVerdict.COUNTED, 200, "req_1"))
    record(ledger, reading("late"))
    stage(ledger)
    attempt(ledger, 0, SendAnswer(SendVerdict.COUNTED, 200, "req_2"))
    with ledger.reading() as connection:
        month = read_month(connection, MARCH, DetailRequest(counted={HOME: {NOON: 12}}))
    (events,) = month.events.values()
    assert [(e.calls, e.expected, e.own_minute.start) for e in events] == [
        (("a", "b"), 12, NOON),
        (("late",), 2, NOON + timedelta(minutes=1)),
    ]


def test_an_accounts_minutes_are_those_of_its_calls_wherever_they_are_billed(
    ledger: Ledger,
) -> None:
    record(ledger, reading("a"), reading("b", seconds=600))
    carry_to_april(ledger, "b")
    with ledger.reading() as connection:
        assert ledger_totals.account_minutes(connection, MARCH, "main") == 12
        assert ledger_totals.account_minutes(connection, APRIL, "main") == 0
        assert ledger_totals.posted_calls(connection, MARCH, "main") == {
            "acme": {"a": TWO, "b": Charge(10, 1_000_000)}
        }
        assert ledger_totals.posted_calls(connection, APRIL, "main") == {}
        carried = CarriedCall("b", MARCH, APRIL, Charge(10, 1_000_000))
        for month in (MARCH, APRIL):
            found = ledger_totals.carried_calls(connection, month)
            assert [row.carried for row in found] == [carried]
        assert ledger_totals.carried_calls(connection, MARCH.previous) == []
        held = [
            held.minutes for held in ledger_totals.account_totals(connection, APRIL)
        ]
        assert held == [10]


def carry_to_april(ledger: Ledger, call_id: str) -> None:
    """Bill a call of March in April, as is done once March is closed."""
    with ledger.writing() as connection:
        original = select(b2b_usage).where(b2b_usage.c.call_id == call_id)
        row = connection.execute(original).one()._asdict()
        there = {"period": "2026-04", "hour": APRIL.start, "type": "adjustment"}
        back = {"type": "adjustment", "corrects": row["id"], "call_revision": 2}
        back |= {name: -row[name] for name in ("billed_minutes", "amount_micro")}
        del row["id"]
        connection.execute(insert(b2b_usage).values(row | back))
        connection.execute(insert(b2b_usage).values(row | there | {"call_revision": 3}))


def test_calls_at_the_edges_of_a_month_are_found_on_both_sides(ledger: Ledger) -> None:
    minute = timedelta(minutes=1)
    starts = {
        "before": MARCH.start - minute,
        "first": MARCH.start,
        "noon": NOON,
        "last": MARCH.end - minute,
        "after": MARCH.end,
    }
    record(ledger, *(reading(name, started_at=at) for name, at in starts.items()))
    with ledger.reading() as connection:
        found = ledger_totals.edge_calls(connection, MARCH, "main")
        assert {one.call_id: one.started_at for one in found} == {
            name: at for name, at in starts.items() if name != "noon"
        }
        assert ledger_totals.edge_calls(connection, MARCH, "other") == []
        months = ledger_totals.months_of_calls(
            connection, "main", ["before", "noon", "none"]
        )
    assert months == {"before": MARCH.previous, "noon": MARCH}


def test_an_empty_ledger_has_empty_books(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        assert ledger_totals.account_totals(connection, MARCH) == []
        assert ledger_totals.calls_underway(connection, "main") == []
        month = read_month(connection, MARCH, NO_DETAIL)
    assert (month.totals, month.synced, month.unsynced) == ([], {}, [])
