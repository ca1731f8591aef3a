"""Until when what is open can be cancelled, reach its invoice, or be billed at all."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.deadlines import Deadlines, Limit, OpenItem, deadlines_of
from billing.domain.meter_event import SendWindow, send_window
from billing.domain.period import BillingPeriod
from billing.domain.settlement import MinuteReading
from billing.domain.summary_lag import NEVER_MEASURED

MARCH = BillingPeriod(2026, 3)
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
LAST_HOUR = MARCH.end - HOUR
EVENT = OpenItem(
    identifier="name",
    customer="acme",
    hour=NOON,
    timestamp=NOON + SECOND * 60,
    minutes=7,
    rows=3,
    state="pending",
)


def found(item: OpenItem = EVENT, grace: timedelta = HOUR) -> Deadlines:
    return deadlines_of(item, grace, NEVER_MEASURED, NOON + 2 * HOUR)


@pytest.mark.parametrize(
    ("hour", "grace", "until"),
    [
        (NOON, HOUR, MARCH.end + HOUR),
        (MARCH.start, 72 * HOUR, MARCH.end + 3 * DAY),
        (LAST_HOUR, HOUR, MARCH.end + HOUR),
        (MARCH.end, HOUR, MARCH.next.end + HOUR),
    ],
)
def test_an_invoice_is_open_for_the_grace_period_after_its_month(
    hour: datetime, grace: timedelta, until: datetime
) -> None:
    item = EVENT._replace(hour=hour)
    assert found(item, grace).invoice_until == until
    assert found(item, grace).period == BillingPeriod.of(hour)


def test_an_item_is_billed_until_its_timestamp_is_34_and_a_half_days_old() -> None:
    until = found().bill_until
    assert until == EVENT.timestamp + 34 * DAY + 12 * HOUR
    assert send_window(EVENT.timestamp, until) is SendWindow.OPEN
    assert send_window(EVENT.timestamp, until + SECOND) is SendWindow.TOO_LATE


def test_what_was_perhaps_counted_is_cancelled_within_a_day_of_its_last_send() -> None:
    assert found().cancel_until is None
    uncertain = EVENT._replace(in_doubt_since=NOON + 5 * HOUR)
    assert found(uncertain).cancel_until == NOON + 29 * HOUR


@pytest.mark.parametrize(
    ("now", "limit"),
    [
        (NOON, Limit.CANCEL),
        (NOON + DAY, Limit.CANCEL),
        (NOON + DAY + SECOND, Limit.INVOICE),
        (MARCH.end + HOUR, Limit.INVOICE),
        (MARCH.end + HOUR + SECOND, Limit.BILL),
        (EVENT.timestamp + 34 * DAY + 12 * HOUR, Limit.BILL),
        (EVENT.timestamp + 34 * DAY + 12 * HOUR + SECOND, None),
    ],
)
def test_the_nearest_deadline_is_the_next_one_ahead(
    now: datetime, limit: Limit | None
) -> None:
    ahead = found(EVENT._replace(in_doubt_since=NOON)).next_at(now)
    assert (ahead and ahead[0]) == limit
    assert ahead is None or ahead[1] >= now


def test_early_in_a_long_month_billing_ends_before_the_invoice_does() -> None:
    early = EVENT._replace(hour=MARCH.start, timestamp=MARCH.start)
    ahead = found(early, 72 * HOUR * 2).next_at(MARCH.start)
    assert ahead == (Limit.BILL, MARCH.start + 34 * DAY + 12 * HOUR)
    too_late = MARCH.start + 34 * DAY + 12 * HOUR + SECOND
    # The invoice is open still, but nothing reaches it any more.
    assert found(early, 72 * HOUR * 2).invoice_until > too_late
    assert found(early, 72 * HOUR * 2).next_at(too_late) is None


def uncertain(sent: datetime, *reads: datetime) -> OpenItem:
    """Return an event that was sent then, with an outcome that nobody knows."""
    return EVENT._replace(
        state="uncertain",
        in_doubt_since=sent,
        first_unknown_at=sent,
        readings=tuple(MinuteReading(at, 0) for at in reads),
    )


SENT = NOON + 29 * DAY


@pytest.mark.parametrize(
    ("item", "now", "provable", "limit"),
    [
        (EVENT, NOON, None, Limit.BILL),
        # Stripe knows the identifier: half an hour of silence is soon enough.
        (uncertain(SENT), SENT, SENT + 2 * HOUR + 30 * 60 * SECOND, Limit.BILL),
        # It does not any more: it takes three days, and one from the first read.
        (uncertain(SENT), SENT + DAY, SENT + 4 * DAY, Limit.BILL),
        (uncertain(SENT + 2 * DAY), SENT + 3 * DAY, SENT + 6 * DAY, Limit.DECIDE),
        (
            uncertain(SENT, SENT + 3 * DAY + HOUR),
            SENT + 3 * DAY + HOUR,
            SENT + 4 * DAY + HOUR,
            Limit.BILL,
        ),
        (uncertain(SENT), SENT + 4 * DAY + HOUR, SENT + 5 * DAY + HOUR, Limit.DECIDE),
    ],
)
def test_what_is_too_old_to_wait_for_proof_is_for_a_person(
    item: OpenItem, now: datetime, provable: datetime | None, limit: Limit
) -> None:
    deadlines = deadlines_of(item, HOUR, NEVER_MEASURED, now)
    assert deadlines.provable_at == provable
    assert deadlines.outlasts_proof is (limit is Limit.DECIDE)
    later = MARCH.end + 2 * HOUR if now < MARCH.end else now
    until = EVENT.timestamp + 34 * DAY + 12 * HOUR
    assert deadlines.next_at(max(later, SENT + 4 * DAY)) == (limit, until)
