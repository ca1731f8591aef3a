"""Meter events: names, minutes of their own, and until when they may be sent."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.meter_event import (
    MeterEvent,
    SendAnswer,
    SendVerdict,
    SendWindow,
    is_over,
    may_resend,
    send_window,
)
from tests.domain.telling import NOON

TICK = timedelta(microseconds=1)
NAMES = st.text("abcXYZ019_-", min_size=1, max_size=12)
HOURS = st.integers(0, 24 * 366).map(lambda n: NOON + timedelta(hours=n))
Content = tuple[bool, str, str, datetime, int]
CONTENTS: st.SearchStrategy[Content] = st.tuples(
    st.booleans(), NAMES, NAMES, HOURS, st.integers(0, 59)
)


def make(
    *,
    livemode: bool = False,
    meter: str = "stripe_minutes",
    stripe_customer: str = "cus_acme",
    hour: datetime = NOON,
    sequence: int = 0,
    minutes: int = 7,
) -> MeterEvent:
    return MeterEvent(
        customer="acme",
        stripe_customer=stripe_customer,
        meter=meter,
        livemode=livemode,
        hour=hour,
        sequence=sequence,
        minutes=minutes,
    )


def identifier_of(content: Content) -> str | None:
    """Name a content; None when such a content is refused at birth."""
    livemode, meter, customer, hour, sequence = content
    try:
        event = make(
            livemode=livemode,
            meter=meter,
            stripe_customer=customer,
            hour=hour,
            sequence=sequence,
        )
    except ValueError:
        return None
    return event.identifier


@given(CONTENTS, CONTENTS)
def test_two_contents_never_share_an_identifier(one: Content, other: Content) -> None:
    names = identifier_of(one), identifier_of(other)
    assert None in names or (names[0] == names[1]) == (one == other)


@given(NAMES, NAMES, NAMES)
def test_a_dash_never_moves_between_the_meter_and_the_customer(
    left: str, middle: str, right: str
) -> None:
    one = identifier_of((False, f"{left}-{middle}", right, NOON, 0))
    other = identifier_of((False, left, f"{middle}-{right}", NOON, 0))
    assert one is None or one != other


def test_an_identifier_depends_on_nothing_else() -> None:
    assert make(minutes=1).identifier == make(minutes=2).identifier
    assert make().identifier == "test-stripe_minutes-cus_acme-20260310T12-0"
    assert make(livemode=True).identifier.startswith("live-")


def test_an_identifier_has_at_most_a_hundred_characters() -> None:
    room = 100 - len(make(meter="").identifier)
    assert len(make(meter="m" * room).identifier) == 100
    with pytest.raises(ValueError, match="too long"):
        make(meter="m" * (room + 1))
    with pytest.raises(ValueError, match="too long"):
        make(meter="m" * room, sequence=10)


@pytest.mark.parametrize("sequence", [0, 1, 30, 59])
def test_each_event_of_an_hour_has_a_minute_of_its_own(sequence: int) -> None:
    event = make(sequence=sequence)
    assert event.timestamp == NOON + timedelta(minutes=sequence)
    assert event.timestamp.replace(minute=0) == event.hour


@pytest.mark.parametrize("beside", [TICK, timedelta(minutes=30), -TICK])
def test_an_event_belongs_to_a_whole_hour(beside: timedelta) -> None:
    with pytest.raises(ValueError, match="whole UTC hour"):
        make(hour=NOON + beside)


@pytest.mark.parametrize("sequence", [-1, 60, 61, 1000])
def test_an_hour_holds_sixty_events(sequence: int) -> None:
    with pytest.raises(ValueError, match="an hour holds sixty events"):
        make(sequence=sequence)


@pytest.mark.parametrize(
    ("timestamp_from_now", "window"),
    [
        (timedelta(minutes=4) + TICK, SendWindow.TOO_EARLY),
        (timedelta(minutes=4), SendWindow.OPEN),
        (timedelta(), SendWindow.OPEN),
        (timedelta(days=-34), SendWindow.OPEN),
        (timedelta(days=-34, hours=-12), SendWindow.OPEN),
        (timedelta(days=-34, hours=-12) - TICK, SendWindow.TOO_LATE),
        (timedelta(days=-400), SendWindow.TOO_LATE),
        (timedelta(days=1), SendWindow.TOO_EARLY),
    ],
)
def test_an_event_is_sent_only_while_the_meter_surely_takes_it(
    timestamp_from_now: timedelta, window: SendWindow
) -> None:
    assert send_window(NOON + timestamp_from_now, NOON) is window


@pytest.mark.parametrize(
    ("age", "may"),
    [
        (timedelta(), True),
        (timedelta(hours=23) - TICK, True),
        (timedelta(hours=23), False),
        (timedelta(hours=24), False),
        (timedelta(days=400), False),
        (-timedelta(minutes=5), True),
        (-timedelta(minutes=5) - TICK, False),
        (-timedelta(hours=30), False),
    ],
)
def test_the_unknown_is_resent_for_less_than_23_hours(
    age: timedelta, may: bool
) -> None:
    assert may_resend(NOON - age, NOON) is may


def test_what_was_never_unknown_may_always_be_sent() -> None:
    assert may_resend(None, NOON)


@pytest.mark.parametrize(
    ("now", "over"),
    [
        (NOON, False),
        (NOON + timedelta(hours=1) - TICK, False),
        (NOON + timedelta(hours=1), True),
    ],
)
def test_an_hour_is_over_when_the_next_begins(now: datetime, over: bool) -> None:
    assert is_over(NOON, now) is over


@pytest.mark.parametrize(
    ("verdict", "counted", "transient"),
    [
        (SendVerdict.COUNTED, True, False),
        (SendVerdict.DUPLICATE, True, False),
        (SendVerdict.REFUSED, False, False),
        (SendVerdict.BUSY, False, True),
        (SendVerdict.UNKNOWN, False, True),
        (SendVerdict.LOCKED_OUT, False, False),
        (SendVerdict.UNSENT, False, False),
        (SendVerdict.CANCELLED, False, False),
    ],
)
def test_an_answer_says_whether_it_counted_and_may_change(
    verdict: SendVerdict, counted: bool, transient: bool
) -> None:
    answer = SendAnswer(verdict)
    assert (answer.counted, answer.transient) == (counted, transient)
    assert (answer.http_status, answer.request_id, answer.detail) == (None, None, "")


@pytest.mark.parametrize(
    ("verdict", "status", "troubled"),
    [
        (SendVerdict.BUSY, None, True),
        (SendVerdict.BUSY, 429, False),
        (SendVerdict.UNKNOWN, None, True),
        (SendVerdict.UNKNOWN, 500, True),
        (SendVerdict.COUNTED, 200, False),
        (SendVerdict.REFUSED, 400, False),
        (SendVerdict.UNSENT, None, False),
    ],
)
def test_silence_is_trouble_and_a_word_of_the_meter_is_none(
    verdict: SendVerdict, status: int | None, troubled: bool
) -> None:
    assert SendAnswer(verdict, status).troubled is troubled


def test_events_of_the_year_9998_have_names_too() -> None:
    last = make(hour=datetime(9998, 12, 31, 23, tzinfo=UTC), sequence=59)
    assert last.identifier.endswith("-99981231T23-59")


def test_an_event_has_a_minute_to_itself() -> None:
    events = [make(sequence=sequence) for sequence in range(60)]
    for one, after in pairwise(events):
        assert one.own_minute.start == one.timestamp
        assert one.own_minute.end == after.own_minute.start
    assert events[-1].own_minute.end == events[0].hour + timedelta(hours=1)
