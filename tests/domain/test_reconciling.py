"""Reconciling: each difference between two books has its cause."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.metering import EventState, FailReason
from billing.domain.posting import Charge
from billing.domain.reconciling import (
    Break,
    Cause,
    CustomerFinding,
    MeterBook,
    UnsyncedCall,
    find_meter_breaks,
    find_source_breaks,
    find_unknown_customer_breaks,
    is_settled,
)
from tests.domain.telling import NOON

TWO = Charge(2, 200_000)
THREE = Charge(3, 300_000)
NOTHING = Charge(0, 0)
LATER = NOON + timedelta(hours=1)
FAILED, PENDING = EventState.FAILED, EventState.PENDING


@pytest.mark.parametrize(
    ("posted", "source", "breaks"),
    [
        ({}, {}, []),
        ({"a": TWO}, {"a": TWO}, []),
        ({}, {"a": TWO}, [Break(Cause.LATE_CALL, -2, -200_000, ("a",))]),
        ({"a": TWO}, {}, [Break(Cause.MISSING_AT_SOURCE, 2, 200_000, ("a",))]),
        ({"a": TWO}, {"a": THREE}, [Break(Cause.CHANGED_CALL, -1, -100_000, ("a",))]),
        ({"a": THREE}, {"a": TWO}, [Break(Cause.CHANGED_CALL, 1, 100_000, ("a",))]),
        ({"a": NOTHING}, {"a": TWO}, [Break(Cause.CHANGED_CALL, -2, -200_000, ("a",))]),
        (
            {"a": TWO},
            {"a": Charge(2, 250_000)},
            [Break(Cause.CHANGED_CALL, 0, -50_000, ("a",))],
        ),
        ({"a": NOTHING}, {}, []),
        ({}, {"a": NOTHING}, []),
        (
            {"b": TWO, "c": TWO},
            {"a": THREE, "c": TWO},
            [
                Break(Cause.LATE_CALL, -3, -300_000, ("a",)),
                Break(Cause.MISSING_AT_SOURCE, 2, 200_000, ("b",)),
            ],
        ),
    ],
)
def test_the_ledger_is_compared_with_the_source_call_by_call(
    posted: dict[str, Charge], source: dict[str, Charge], breaks: list[Break]
) -> None:
    assert find_source_breaks(posted, source) == breaks


@pytest.mark.parametrize(
    ("state", "reason", "cause"),
    [
        (None, None, Cause.NOT_STAGED),
        (PENDING, None, Cause.IN_FLIGHT),
        (FAILED, FailReason.UNANSWERED, Cause.UNANSWERED),
        (FAILED, FailReason.REJECTED, Cause.REJECTED),
        (FAILED, FailReason.UNCERTAIN, Cause.UNCERTAIN),
        (FAILED, FailReason.EXPIRED, Cause.EXPIRED),
    ],
)
@pytest.mark.parametrize("settled", [True, False])
def test_minutes_on_their_way_are_missing_with_the_state_they_are_in(
    state: EventState | None, reason: FailReason | None, cause: Cause, settled: bool
) -> None:
    book = MeterBook({}, {}, (UnsyncedCall("a", NOON, TWO, state, reason),))
    expected = [Break(cause, -2, -200_000, ("a",), NOON)]
    assert find_meter_breaks(book, settled=settled) == expected


def test_every_reason_of_a_failure_is_a_cause() -> None:
    # An event that was replaced has no call left.
    reasons = {reason.value for reason in FailReason} - {FailReason.REPLACED.value}
    assert reasons <= {cause.value for cause in Cause}


@pytest.mark.parametrize(
    ("synced", "counted", "settled", "breaks"),
    [
        ({}, {}, True, []),
        ({NOON: TWO}, {NOON: 2}, True, []),
        ({NOON: TWO}, {NOON: 2}, False, []),
        ({NOON: NOTHING}, {}, True, []),
        ({NOON: TWO}, {}, True, [(Cause.NOT_COUNTED, -2, -200_000)]),
        ({NOON: TWO}, {}, False, [(Cause.NOT_SETTLED, -2, -200_000)]),
        ({NOON: THREE}, {NOON: 2}, True, [(Cause.NOT_COUNTED, -1, -100_000)]),
        ({NOON: TWO}, {NOON: 3}, True, [(Cause.FOREIGN_EVENT, 1, 100_000)]),
        ({NOON: TWO}, {NOON: 3}, False, [(Cause.NOT_SETTLED, 1, 100_000)]),
        ({}, {NOON: 5}, True, [(Cause.FOREIGN_EVENT, 5, 0)]),
    ],
)
def test_the_ledger_is_compared_with_the_meter_hour_by_hour(
    synced: dict[datetime, Charge],
    counted: dict[datetime, int],
    settled: bool,
    breaks: list[tuple[Cause, int, int]],
) -> None:
    found = find_meter_breaks(MeterBook(synced, counted), settled=settled)
    assert found == [Break(*item, hour=NOON) for item in breaks]


def test_hours_that_cancel_out_are_both_shown() -> None:
    book = MeterBook({NOON: TWO, LATER: TWO}, {NOON: 0, LATER: 4})
    found = find_meter_breaks(book, settled=True)
    assert [(item.cause, item.minutes, item.hour) for item in found] == [
        (Cause.NOT_COUNTED, -2, NOON),
        (Cause.FOREIGN_EVENT, 2, LATER),
    ]


@pytest.mark.parametrize(
    ("minutes", "counted", "cause"),
    [
        (2, 2, Cause.COUNTED_UNRECORDED),
        (2, 1, Cause.COUNTED_UNRECORDED),
        (2, 3, Cause.FOREIGN_EVENT),
        (2, -1, Cause.NOT_COUNTED),
        (-2, -2, Cause.COUNTED_UNRECORDED),
        (-2, -3, Cause.NOT_COUNTED),
        (-2, 1, Cause.FOREIGN_EVENT),
    ],
)
def test_what_was_sent_and_never_answered_may_be_what_was_counted(
    minutes: int, counted: int, cause: Cause
) -> None:
    lost = UnsyncedCall(
        "a", NOON, Charge(minutes, minutes * 100_000), PENDING, attempted=True
    )
    on_its_way, residue = find_meter_breaks(
        MeterBook({}, {NOON: counted}, (lost,)), settled=True
    )
    assert on_its_way.cause is Cause.IN_FLIGHT
    assert (residue.cause, residue.minutes) == (cause, counted)
    assert residue.amount_micro == counted * 100_000


def test_what_was_never_sent_explains_nothing_on_the_meter() -> None:
    waiting = UnsyncedCall("a", NOON, TWO, PENDING, attempted=False)
    elsewhere = UnsyncedCall("b", LATER, TWO, PENDING, attempted=True)
    book = MeterBook({}, {NOON: 2}, (waiting, elsewhere))
    causes = [item.cause for item in find_meter_breaks(book, settled=True)]
    assert causes == [Cause.IN_FLIGHT, Cause.IN_FLIGHT, Cause.FOREIGN_EVENT]


def test_a_meter_that_was_not_read_hour_by_hour_shows_only_what_is_on_its_way() -> None:
    waiting = UnsyncedCall("a", NOON, TWO, None)
    book = MeterBook({LATER: THREE}, None, (waiting,))
    causes = [item.cause for item in find_meter_breaks(book, settled=True)]
    assert causes == [Cause.NOT_STAGED]


def test_a_customer_that_stripe_does_not_know_is_missing_every_minute() -> None:
    waiting = UnsyncedCall("a", NOON, TWO, PENDING)
    found = find_unknown_customer_breaks({LATER: TWO, NOON: THREE}, [waiting])
    assert found == [
        Break(Cause.IN_FLIGHT, -2, -200_000, ("a",), NOON),
        Break(Cause.UNKNOWN_CUSTOMER, -3, -300_000, (), NOON),
        Break(Cause.UNKNOWN_CUSTOMER, -2, -200_000, (), LATER),
    ]


def test_a_finding_knows_what_its_breaks_leave_unexplained() -> None:
    breaks = (Break(Cause.LATE_CALL, -2, -200_000), Break(Cause.FOREIGN_EVENT, 1, 0))
    finding = CustomerFinding("acme", "cus_acme", 10, 8, 7, settled=True, breaks=breaks)
    assert finding.difference_minutes == -3
    assert finding.unexplained_minutes == -2


def hours_ago(hours: int, minutes: int = 0) -> datetime:
    return datetime(2026, 4, 1, tzinfo=UTC) - timedelta(hours=hours, minutes=minutes)


NOW = hours_ago(0)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("matches", "last_sent_at", "earlier_reads", "settled"),
    [
        (True, NOW, [], True),
        (True, None, [], True),
        (False, None, [], False),
        (False, None, [(hours_ago(0, 30), 7)], True),
        (False, None, [(hours_ago(0, 30) + TICK, 7)], False),
        (False, None, [(hours_ago(0, 30), 6)], False),
        (False, None, [(hours_ago(0, 40), 7), (hours_ago(0, 35), 6)], True),
        (False, hours_ago(1), [(hours_ago(0, 30), 7)], False),
        (False, hours_ago(2) + TICK, [(hours_ago(0, 30), 7)], False),
        (False, hours_ago(2), [(hours_ago(0, 30), 7)], False),
        (False, hours_ago(2, 30), [(hours_ago(0, 30), 7)], True),
        (False, hours_ago(2, 30) + TICK, [(hours_ago(0, 30), 7)], False),
        (False, hours_ago(9), [(hours_ago(8), 7)], False),
        (False, hours_ago(9), [(hours_ago(7), 7)], True),
        (False, hours_ago(9), [(hours_ago(10), 7), (hours_ago(0, 10), 7)], False),
        (False, hours_ago(9), [(hours_ago(3), 6), (hours_ago(1), 7)], True),
    ],
)
def test_a_read_that_differs_is_believed_after_two_quiet_hours_and_twice(
    matches: bool,
    last_sent_at: datetime | None,
    earlier_reads: list[tuple[datetime, int]],
    settled: bool,
) -> None:
    found = is_settled(
        matches=matches,
        read=7,
        earlier_reads=earlier_reads,
        last_sent_at=last_sent_at,
        now=NOW,
    )
    assert found is settled
