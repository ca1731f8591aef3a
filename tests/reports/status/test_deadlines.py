"""The nearest deadlines of all that is open, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from billing.domain.deadlines import Limit
from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.ledger.audit import audit_log
from billing.ledger.database import Ledger
from billing.ledger.schema.tables import meter_event
from billing.ledger.sync.attempts import Answered, record_answers
from billing.reports.sheets.formatting import format_span
from billing.reports.status.deadlines import MOST, DeadlineReport, read_deadlines
from tests.ledger.bookkeeping import (
    ACTOR,
    HOUR,
    MARCH,
    reading,
    record,
    register,
    stage,
    unsynced,
)
from tests.ledger.filling import attempt_of

NOW = ACTOR.at
DAY = timedelta(days=1)
IDENTIFIER = "test-stripe_minutes-cus_acme-20260310T12-0"


def read(ledger: Ledger, *, after: timedelta = timedelta()) -> DeadlineReport:
    return read_deadlines(ledger, NOW + after, HOUR)


def answer(ledger: Ledger, verdict: SendVerdict) -> None:
    [event] = unsynced(ledger)
    with ledger.writing() as connection:
        attempt_of(connection, event)
        said = SendAnswer(verdict, None, "req_1")
        record_answers(connection, [Answered(event, said, NOW)])


def test_nothing_open_has_no_deadline(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, reading())
    assert stage(ledger) == 1
    answer(ledger, SendVerdict.COUNTED)
    assert read(ledger).document() == {
        "open_items": 0,
        "open_minutes": 0,
        "missed_items": 0,
        "missed_minutes": 0,
        "undecided_items": 0,
        "undecided_minutes": 0,
        "decide_until": None,
        "nearest": [],
    }


def test_rows_of_an_hour_are_one_item_and_name_what_they_must_reach(
    ledger: Ledger,
) -> None:
    register(ledger)
    record(ledger, reading("1"), reading("2"), reading("3", customer="globex"))
    report = read(ledger)
    assert (report.items, report.minutes) == (2, 6)
    assert report.lines()[0] == [
        "reach the invoice of 2026-03: 2 rows of 2026-03-10T12, not sent",
        "acme",
        "4",
        "2026-04-01T01:00:00Z",
        "19 d 13 h",
    ]
    assert "1 row of 2026-03-10T12, not sent" in report.lines()[1][0]


def test_an_event_that_was_perhaps_counted_can_be_cancelled_for_a_day(
    ledger: Ledger,
) -> None:
    register(ledger)
    record(ledger, reading())
    stage(ledger)
    answer(ledger, SendVerdict.UNKNOWN)
    report = read(ledger)
    [near] = report.nearest
    assert (near.limit, near.until) == (Limit.CANCEL, NOW + DAY)
    assert near.deadlines.item.identifier == IDENTIFIER
    assert report.lines()[0][0] == f"cancel {IDENTIFIER}, pending"
    assert "'seconds_left': 86400" in str(report.document())
    [line] = read(ledger, after=DAY + HOUR).lines()
    assert line[0].startswith("reach the invoice of 2026-03: test-stripe_minutes")


def test_what_stripe_refused_has_nothing_left_to_be_cancelled(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, reading())
    stage(ledger)
    answer(ledger, SendVerdict.UNKNOWN)
    with ledger.writing() as connection:
        refused = {"state": "failed", "reason": "rejected"}  # by an error report
        audit_log.touch(connection, meter_event, [1])
        connection.execute(update(meter_event).values(refused))
    [near] = read(ledger).nearest
    assert near.deadlines.cancel_until is None
    assert near.limit is Limit.INVOICE


def test_what_stripe_takes_no_more_reaches_no_invoice(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, reading(started_at=MARCH.start))
    grace = timedelta(days=30)
    for after, limit in ((20 * DAY, Limit.BILL), (26 * DAY, None)):
        report = read_deadlines(ledger, NOW + after, grace)
        assert [near.limit for near in report.nearest] == ([limit] if limit else [])


def test_what_is_past_every_deadline_is_told_in_figures(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, reading())
    late = read(ledger, after=31 * DAY)
    assert "be billed at all" in late.lines()[0][0]
    missed = read(ledger, after=40 * DAY)
    assert (missed.missed_items, missed.missed_minutes, missed.nearest) == (1, 2, ())


def test_of_very_many_items_only_the_nearest_are_told(ledger: Ledger) -> None:
    register(ledger)
    hours = [MARCH.start + n * HOUR for n in range(200)]
    record(
        ledger,
        *(
            reading(f"{who}{n}", started_at=hour, customer=who)
            for n, hour in enumerate(hours)
            for who in ("acme", "globex")
        ),
    )
    report = read(ledger)
    assert report.items == 400
    assert len(report.nearest) == MOST
    shown = [near.deadlines.item for near in report.nearest]
    assert [item.hour for item in shown] == [hours[n // 2] for n in range(MOST)]
    assert {item.customer for item in shown[:2]} == {"acme", "globex"}


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(), "0 min 00 s"),
        (timedelta(seconds=61), "1 min 01 s"),
        (timedelta(minutes=59, seconds=59), "59 min 59 s"),
        (timedelta(hours=1), "1 h 00 min"),
        (timedelta(hours=23, minutes=59), "23 h 59 min"),
        (timedelta(days=1), "1 d 00 h"),
        (timedelta(days=26, hours=11, minutes=30), "26 d 11 h"),
    ],
)
def test_time_left_is_told_in_its_two_largest_units(
    span: timedelta, words: str
) -> None:
    assert format_span(span) == words
