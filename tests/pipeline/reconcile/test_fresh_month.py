"""A month that is read again: what of it is not billed, and what it may come to."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.breaks_source import UnbilledCall
from billing.domain.call import LONGEST_CALL, Call, NotBillable, QuarantineReason
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge, Slot
from billing.ledger.pull.quarantine import SetAside
from billing.ledger.pull.rated_call import RatedCall
from billing.pipeline.reconcile.fresh_month import FreshMonth

FEBRUARY, MARCH = BillingPeriod(2026, 2), BillingPeriod(2026, 3)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SLOT = Slot("acme", NOON)


def rated(
    why: NotBillable | None = None,
    period: BillingPeriod = MARCH,
    started_at: datetime | None = NOON,
    due: tuple[Slot, Charge] | None = None,
    gap: int = 0,
) -> RatedCall:
    call = Call(
        account="main",
        call_id="c",
        status="in-progress",
        created_at=NOON,
        started_at=started_at,
        ended_at=None,
        duration_seconds=None,
        source_minutes=3,
        customer_key=None,
    )
    return RatedCall(
        call=call,
        period=period,
        extract_sha256="e",
        source_sha256="s",
        not_billable=why,
        due=due,
        price_date=None,
        minutes_gap=gap,
    )


def aside(period: BillingPeriod = MARCH) -> SetAside:
    return SetAside(
        account="main",
        call_id="c",
        reason=QuarantineReason.WRONG_TYPE,
        detail="no time",
        source_sha256="s",
        period=period,
        minutes=4,
    )


WHY = "wrong_type: no time (Pamela's to mend)"


def test_a_call_in_quarantine_may_be_in_the_total_of_its_own_month() -> None:
    fresh = FreshMonth()
    fresh.add_unbilled(aside(), MARCH, NOON)
    assert fresh.quarantined == [UnbilledCall("c", 4, WHY)]
    assert fresh.aside == {"c": WHY}
    other = FreshMonth()
    other.add_unbilled(aside(FEBRUARY), MARCH, NOON)
    assert (other.quarantined, other.aside) == ([], {"c": WHY})


def test_what_a_person_decided_goes_before_why_it_was_set_aside() -> None:
    fresh = FreshMonth(decisions={"c": "kim: it is short"})
    fresh.add_unbilled(aside(), MARCH, NOON)
    assert fresh.decided == [UnbilledCall("c", 4, "kim: it is short")]
    assert (fresh.quarantined, fresh.aside) == ([], {})


@pytest.mark.parametrize(
    ("talked", "minutes"),
    [
        (timedelta(0), 0),
        (timedelta(seconds=1), 1),
        (timedelta(seconds=60), 1),
        (timedelta(seconds=61), 2),
        (LONGEST_CALL - timedelta(seconds=1), LONGEST_CALL // timedelta(minutes=1)),
        # No call lasts so long: nobody knows what it came to.
        (LONGEST_CALL, 0),
        (timedelta(seconds=-90), 0),
    ],
)
def test_a_call_underway_may_have_come_to_what_it_talks(
    talked: timedelta, minutes: int
) -> None:
    fresh = FreshMonth()
    fresh.add_unbilled(rated(NotBillable.UNDERWAY), MARCH, NOON + talked)
    assert fresh.underway == [UnbilledCall("c", 3, "it is in-progress", minutes)]
    decided = FreshMonth(decisions={"c": "kim"})
    decided.add_unbilled(rated(NotBillable.UNDERWAY), MARCH, NOON + talked)
    assert decided.decided == [UnbilledCall("c", 3, "kim", minutes)]
    assert decided.underway == []


@pytest.mark.parametrize(
    "reading",
    [
        rated(NotBillable.UNDERWAY, FEBRUARY),
        rated(NotBillable.NEVER_CONNECTED),
        rated(None),
    ],
)
def test_what_is_over_or_of_another_month_is_not_unbilled(reading: RatedCall) -> None:
    fresh = FreshMonth()
    fresh.add_unbilled(reading, MARCH, NOON)
    assert fresh == FreshMonth()


def test_a_call_that_did_not_begin_has_come_to_nothing_yet() -> None:
    fresh = FreshMonth()
    waits = rated(NotBillable.UNDERWAY, started_at=None)
    fresh.add_unbilled(waits, MARCH, NOON + timedelta(hours=1))
    assert fresh.underway == [UnbilledCall("c", 3, "it is in-progress", 0)]


def test_a_call_is_charged_in_its_month_and_stands_outside_of_others() -> None:
    due = SLOT, Charge(2, 200_000)
    fresh, other = FreshMonth(), FreshMonth()
    fresh.add(rated(due=due, gap=-1), MARCH)
    assert dict(fresh.charges) == {"acme": {"c": due[1]}}
    assert fresh.started == {"c": NOON}
    [gap] = fresh.gaps
    assert (gap.account, gap.customer, gap.minutes) == ("main", "acme", -1)
    other.add(rated(due=due, period=FEBRUARY), MARCH)
    assert (other.outside, dict(other.charges)) == ({"c": NOON}, {})


def test_a_call_before_the_first_month_stands_outside_without_a_charge() -> None:
    fresh = FreshMonth()
    fresh.add(rated(NotBillable.BEFORE_FIRST_PERIOD), MARCH)
    assert (fresh.outside, dict(fresh.charges)) == ({"c": NOON}, {})
    nothing = FreshMonth()
    nothing.add(rated(NotBillable.NEVER_CONNECTED), MARCH)
    assert nothing == FreshMonth()
