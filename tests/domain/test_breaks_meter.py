"""Breaks between what is synced and what the meter shows, hour by hour."""

from datetime import datetime, timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.breaks_event import SentEvent
from billing.domain.breaks_meter import (
    MeterTotals,
    Unsynced,
    asks_for_own_minutes,
    find_meter_breaks,
    find_unknown_customer_breaks,
)
from billing.domain.meter_event import EventState
from billing.domain.period import Window
from billing.domain.posting import Charge
from tests.domain.telling import NOON

TWO = Charge(2, 200_000)
THREE = Charge(3, 300_000)
NOTHING = Charge(0, 0)
LATER = NOON + timedelta(hours=1)
PENDING = EventState.PENDING


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
        ({NOON: TWO}, {NOON: 3}, False, [(Cause.ABOVE_LEDGER, 1, 100_000)]),
        ({}, {NOON: 5}, False, [(Cause.ABOVE_LEDGER, 5, 0)]),
        ({}, {NOON: 5}, True, [(Cause.FOREIGN_EVENT, 5, 0)]),
    ],
)
def test_the_ledger_is_compared_with_the_meter_hour_by_hour(
    synced: dict[datetime, Charge],
    counted: dict[datetime, int],
    settled: bool,
    breaks: list[tuple[Cause, int, int]],
) -> None:
    found = find_meter_breaks(
        MeterTotals(synced=synced, counted=counted), settled=settled
    )
    assert found == [
        Break(cause=cause, minutes=minutes, amount_micro=amount, hour=NOON)
        for cause, minutes, amount in breaks
    ]


def test_hours_that_cancel_out_are_both_shown() -> None:
    meter_totals = MeterTotals(
        synced={NOON: TWO, LATER: TWO}, counted={NOON: 0, LATER: 4}
    )
    found = find_meter_breaks(meter_totals, settled=True)
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
        (2, -1, Cause.FOREIGN_EVENT),
        (-2, -2, Cause.COUNTED_UNRECORDED),
        (-2, -3, Cause.FOREIGN_EVENT),
        (-2, 1, Cause.FOREIGN_EVENT),
    ],
)
def test_what_was_sent_and_never_answered_may_be_what_was_counted(
    minutes: int, counted: int, cause: Cause
) -> None:
    charge = Charge(minutes, minutes * 100_000)
    lost = Unsynced(
        hour=NOON,
        charge=charge,
        calls=("a",),
        event="event",
        state=PENDING,
        uncertain=True,
    )
    (residue,) = find_meter_breaks(
        MeterTotals(synced={}, counted={NOON: counted}, unsynced=(lost,)), settled=True
    )
    assert (residue.cause, residue.minutes) == (cause, counted)
    assert residue.amount_micro == counted * 100_000


def test_what_was_never_sent_explains_nothing_on_the_meter() -> None:
    waiting = Unsynced(
        hour=NOON, charge=TWO, calls=("a",), event="event", state=PENDING
    )
    of_another_hour = Unsynced(
        hour=LATER,
        charge=TWO,
        calls=("b",),
        event="other",
        state=PENDING,
        uncertain=True,
    )
    meter_totals = MeterTotals(
        synced={}, counted={NOON: 2}, unsynced=(waiting, of_another_hour)
    )
    causes = [item.cause for item in find_meter_breaks(meter_totals, settled=True)]
    assert causes == [Cause.FOREIGN_EVENT]


@pytest.mark.parametrize(
    ("counted", "uncertain", "most", "cause"),
    [
        (4, 2, {}, Cause.COUNTED_UNRECORDED),
        (5, 2, {}, Cause.ABOVE_LEDGER),
        (4, None, {NOON: 5}, Cause.NOT_SETTLED),  # what takes away may be shown late
        (5, None, {NOON: 5}, Cause.NOT_SETTLED),
        (6, None, {NOON: 5}, Cause.ABOVE_LEDGER),
        (3, None, {LATER: 5}, Cause.ABOVE_LEDGER),
        (1, None, {NOON: 5}, Cause.NOT_SETTLED),
    ],
)
def test_more_than_can_be_ours_is_known_at_once_and_less_is_waited_for(
    counted: int, uncertain: int | None, most: dict[datetime, int], cause: Cause
) -> None:
    lost = [
        Unsynced(
            hour=NOON,
            charge=Charge(minutes, minutes * 100_000),
            calls=("a",),
            event="event",
            state=PENDING,
            uncertain=True,
        )
        for minutes in ([] if uncertain is None else [uncertain])
    ]
    meter_totals = MeterTotals(
        synced={NOON: TWO}, counted={NOON: counted}, unsynced=tuple(lost), most=most
    )
    (item,) = find_meter_breaks(meter_totals, settled=False)
    assert (item.cause, item.minutes) == (cause, counted - 2)


def test_a_customer_that_stripe_does_not_know_is_missing_every_minute() -> None:
    found = find_unknown_customer_breaks({LATER: TWO, NOON: THREE})
    assert found == [
        Break(
            cause=Cause.UNKNOWN_CUSTOMER,
            minutes=-3,
            amount_micro=-300_000,
            calls=(),
            hour=NOON,
        ),
        Break(
            cause=Cause.UNKNOWN_CUSTOMER,
            minutes=-2,
            amount_micro=-200_000,
            calls=(),
            hour=LATER,
        ),
    ]


def sent(
    name: str,
    charge: Charge = TWO,
    *,
    counted: bool = True,
    shown: int | None = None,
    again: bool = False,
    uncertain: bool = False,
    forgotten: bool = False,
) -> SentEvent:
    window = Window(NOON, NOON + timedelta(minutes=1))
    return SentEvent(
        identifier=name,
        own_minute=window,
        charge=charge,
        calls=(f"of {name}",),
        counted=counted,
        uncertain=uncertain,
        was_sent_again=again,
        was_forgotten=forgotten,
        shown=shown,
    )


def named(
    synced: Charge, shown: int, *events: SentEvent, settled: bool = True
) -> list[tuple[Cause, int, str | None]]:
    """Find an hour's breaks; each must bring its event's calls along."""
    meter_totals = MeterTotals(
        synced={NOON: synced}, counted={NOON: shown}, events={NOON: events}
    )
    breaks = find_meter_breaks(meter_totals, settled=settled)
    for item in breaks:
        assert item.calls == ((f"of {item.event}",) if item.event else ())
    return [(item.cause, item.minutes, item.event) for item in breaks]


FIVE = Charge(5, 500_000)


@pytest.mark.parametrize(
    ("shown", "events", "breaks"),
    [
        (0, [sent("x", FIVE)], [(Cause.NOT_COUNTED, -5, "x")]),
        (1, [sent("x", FIVE)], [(Cause.NOT_COUNTED, -4, None)]),
        (1, [sent("x", FIVE, shown=1)], [(Cause.NOT_COUNTED, -4, "x")]),
        (8, [sent("x", FIVE, shown=5)], [(Cause.FOREIGN_EVENT, 3, None)]),
        (8, [sent("x", FIVE, shown=8)], [(Cause.FOREIGN_EVENT, 3, "x")]),
        (2, [sent("x", FIVE, shown=5)], [(Cause.FOREIGN_EVENT, -3, None)]),
        # An event that was not read and is not known as counted may be what is more.
        (7, [sent("y", TWO, counted=False)], [(Cause.ABOVE_LEDGER, 2, None)]),
        (8, [sent("y", TWO, counted=False)], [(Cause.FOREIGN_EVENT, 3, None)]),
        (7, [sent("x", FIVE)], [(Cause.FOREIGN_EVENT, 2, None)]),
        (
            3,
            [sent("x", THREE, shown=3), sent("y", shown=0)],
            [(Cause.NOT_COUNTED, -2, "y")],
        ),
        (
            7,
            [sent("x", FIVE, shown=5), sent("y", TWO, counted=False, shown=2)],
            [(Cause.COUNTED_AFTER_ALL, 2, "y")],
        ),
        (
            4,
            [sent("x", THREE, shown=0), sent("y", shown=2)],
            [(Cause.NOT_COUNTED, -3, "x"), (Cause.FOREIGN_EVENT, 2, None)],
        ),
    ],
)
def test_an_hour_is_followed_down_to_the_event_and_its_calls(
    shown: int, events: list[SentEvent], breaks: list[tuple[Cause, int, str | None]]
) -> None:
    assert named(FIVE, shown, *events) == breaks


def test_the_evidence_says_what_the_events_own_minute_shows() -> None:
    events = {NOON: [sent("x", FIVE, shown=0), sent("y", TWO, shown=2)]}
    meter_totals = MeterTotals(
        synced={NOON: Charge(7, 700_000)}, counted={NOON: 2}, events=events
    )
    (found,) = find_meter_breaks(meter_totals, settled=True)
    assert found.evidence == "event x: its minute shows 0 of 5"
    assert found.amount_micro == -500_000


def test_an_only_event_is_named_while_the_summary_may_still_catch_up() -> None:
    only = sent("x", FIVE)
    assert named(FIVE, 0, only, settled=False) == [(Cause.NOT_SETTLED, -5, "x")]


@pytest.mark.parametrize(
    ("residue", "events", "asked"),
    [
        (-5, [], False),
        (-5, [sent("x", FIVE)], False),
        (-4, [sent("x", FIVE)], True),
        (3, [sent("x", FIVE)], True),
        (5, [sent("x", FIVE, counted=False)], True),
        (-5, [sent("x", FIVE), sent("y")], True),
    ],
)
def test_own_minutes_are_read_only_when_the_hour_does_not_name_the_event(
    residue: int, events: list[SentEvent], asked: bool
) -> None:
    assert asks_for_own_minutes(residue, events, settled=True) is asked


@pytest.mark.parametrize(
    ("residue", "again", "asked"),
    [(5, True, True), (5, False, False), (-5, True, False)],
)
def test_what_may_be_counted_twice_is_read_though_summaries_may_still_catch_up(
    residue: int, again: bool, asked: bool
) -> None:
    events = [sent("x", FIVE, again=again)]
    assert asks_for_own_minutes(residue, events, settled=False) is asked


def test_what_counts_twice_is_named_at_once_and_what_is_late_is_not() -> None:
    doubled = sent("x", FIVE, shown=15, again=True)
    late = sent("y", FIVE, shown=0)
    assert named(Charge(10, 1_000_000), 15, doubled, late, settled=False) == [
        (Cause.COUNTED_TWICE, 10, "x"),
        (Cause.NOT_SETTLED, -5, None),
    ]
