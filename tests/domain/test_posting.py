"""Postings: whatever a call becomes, its postings sum to what is due."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.period import BillingPeriod
from billing.domain.posting import (
    Charge,
    Posting,
    Slot,
    UsageType,
    charge_call,
    plan_postings,
    posting_hour,
)
from billing.domain.rating import NoPrice, Price, PriceList
from tests.domain.telling import NOON, tell

Due = tuple[Slot, Charge] | None

PRICES = PriceList(
    [
        Price(datetime(2026, 1, 1, tzinfo=UTC), Decimal("0.10")),
        Price(datetime(2026, 4, 1, tzinfo=UTC), Decimal("0.125")),
    ]
)
SLOT = Slot("acme", NOON)
SLOTS = st.builds(
    Slot,
    st.sampled_from(["acme", "globex"]),
    st.sampled_from([NOON, NOON + timedelta(hours=1), NOON + timedelta(days=31)]),
)
CHARGES = st.builds(Charge, st.integers(1, 1440), st.integers(0, 10**9))
DUES: st.SearchStrategy[Due] = st.none() | st.tuples(SLOTS, CHARGES)


def sums_of(postings: Iterable[Posting]) -> dict[Slot, Charge]:
    """Sum postings by slot, as the ledger does; a slot that cancelled out stays."""
    sums: dict[Slot, Charge] = {}
    for posting in postings:
        minutes, amount = sums.get(posting.slot, Charge(0, 0))
        gained = posting.charge
        sums[posting.slot] = Charge(
            minutes + gained.minutes, amount + gained.amount_micro
        )
    return sums


def held(postings: Iterable[Posting]) -> dict[Slot, Charge]:
    """Give the sums that are not zero."""
    return {slot: sum_ for slot, sum_ in sums_of(postings).items() if any(sum_)}


def post_all(dues: Sequence[Due]) -> list[Posting]:
    """Post one revision after another."""
    posted: list[Posting] = []
    for due in dues:
        posted += plan_postings(due, sums_of(posted))
    return posted


@given(st.lists(DUES, min_size=1, max_size=8))
def test_after_any_revisions_the_postings_sum_to_what_is_due(dues: list[Due]) -> None:
    expected = dict([dues[-1]]) if dues[-1] else {}
    assert held(post_all(dues)) == expected


@given(st.lists(DUES, max_size=8), DUES)
def test_the_same_again_posts_nothing(dues: list[Due], last: Due) -> None:
    posted = post_all([*dues, last])
    assert plan_postings(last, sums_of(posted)) == []


@given(st.lists(DUES, min_size=1, max_size=8))
def test_the_first_posting_is_usage_and_all_later_ones_adjust(dues: list[Due]) -> None:
    kinds = [posting.type for posting in post_all(dues)]
    assert kinds[:1] in ([], [UsageType.API_USAGE])
    assert set(kinds[1:]) <= {UsageType.ADJUSTMENT}
    assert kinds or not any(dues)


@given(st.lists(DUES, max_size=8))
def test_no_posting_is_empty(dues: list[Due]) -> None:
    assert all(any(posting.charge) for posting in post_all(dues))


@given(st.lists(DUES, max_size=6), st.data())
def test_the_order_of_calls_does_not_matter(
    dues: list[Due], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(dues))

    def books(order: list[Due]) -> dict[Slot, Charge]:
        return sums_of(posting for due in order for posting in plan_postings(due, {}))

    assert books(dues) == books(shuffled)


def test_any_order_of_revisions_ends_where_its_last_one_says() -> None:
    revisions: list[Due] = [
        None,
        (SLOT, Charge(1, 100_000)),
        (SLOT, Charge(2, 200_000)),
        (Slot("globex", NOON), Charge(2, 200_000)),
    ]
    for order in permutations(revisions):
        assert held(post_all(order)) == (dict([order[-1]]) if order[-1] else {})


OTHER_HOUR = Slot("acme", NOON + timedelta(hours=1))
OTHER_MONTH = Slot("acme", NOON + timedelta(days=31))
OTHER_CUSTOMER = Slot("globex", NOON)
WAS = {SLOT: Charge(2, 200_000)}
ADJUST, USAGE = UsageType.ADJUSTMENT, UsageType.API_USAGE
TAKEN_BACK = Posting(ADJUST, SLOT, Charge(-2, -200_000))


@pytest.mark.parametrize(
    ("due", "posted", "planned"),
    [
        (None, {}, []),
        ((SLOT, Charge(2, 200_000)), {}, [Posting(USAGE, SLOT, Charge(2, 200_000))]),
        ((SLOT, Charge(2, 200_000)), WAS, []),
        ((SLOT, Charge(5, 500_000)), WAS, [Posting(ADJUST, SLOT, Charge(3, 300_000))]),
        (
            (SLOT, Charge(1, 100_000)),
            WAS,
            [Posting(ADJUST, SLOT, Charge(-1, -100_000))],
        ),
        ((SLOT, Charge(2, 250_000)), WAS, [Posting(ADJUST, SLOT, Charge(0, 50_000))]),
        (None, WAS, [TAKEN_BACK]),
        (None, {SLOT: Charge(0, 0)}, []),
        (
            (SLOT, Charge(2, 200_000)),
            {SLOT: Charge(0, 0)},
            [Posting(ADJUST, SLOT, Charge(2, 200_000))],
        ),
        *(
            (
                (slot, Charge(2, 200_000)),
                WAS,
                [TAKEN_BACK, Posting(ADJUST, slot, Charge(2, 200_000))],
            )
            for slot in (OTHER_HOUR, OTHER_MONTH, OTHER_CUSTOMER)
        ),
    ],
)
def test_only_the_difference_is_posted(
    due: Due, posted: dict[Slot, Charge], planned: list[Posting]
) -> None:
    assert plan_postings(due, posted) == planned


def test_a_posting_belongs_to_the_month_of_its_hour() -> None:
    assert Posting(USAGE, SLOT, Charge(1, 1)).period == BillingPeriod(2026, 3)
    assert Posting(USAGE, OTHER_MONTH, Charge(1, 1)).period == BillingPeriod(2026, 4)


def test_a_call_is_charged_to_the_hour_it_started_in_at_the_price_of_then() -> None:
    late = datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    before, after = (
        late.replace(minute=0, second=0, microsecond=0),
        late.replace(month=4, day=1, hour=0, minute=0, second=0, microsecond=0),
    )
    march = charge_call(tell(started_at=late, seconds=3600), "acme", PRICES)
    april = charge_call(tell(started_at=after, seconds=3600), "acme", PRICES)
    assert march == (Slot("acme", before), Charge(60, 6_000_000))
    assert april == (Slot("acme", after), Charge(60, 7_500_000))


@pytest.mark.parametrize(
    ("status", "started_at", "seconds"),
    [
        ("in_progress", NOON, 61),
        ("queued", None, None),
        ("completed", None, 61),
        ("failed", None, None),
        ("completed", NOON, None),
    ],
)
def test_what_is_not_billable_has_no_charge(
    status: str, started_at: datetime | None, seconds: int | None
) -> None:
    call = tell(status=status, started_at=started_at, seconds=seconds)
    assert charge_call(call, "acme", PRICES) is None


def test_a_call_before_all_prices_cannot_be_charged() -> None:
    with pytest.raises(NoPrice, match="add one with an earlier date"):
        charge_call(tell(started_at=NOON - timedelta(days=365)), "acme", PRICES)


FEBRUARY, MARCH_MONTH, APRIL_MONTH = (BillingPeriod(2026, month) for month in (2, 3, 4))
IN_FEBRUARY = datetime(2026, 2, 27, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("closed", "at", "hour"),
    [
        ((), datetime(2026, 3, 5, 12, 34, tzinfo=UTC), IN_FEBRUARY),
        ((MARCH_MONTH,), datetime(2026, 3, 5, 12, 34, tzinfo=UTC), IN_FEBRUARY),
        (
            (FEBRUARY,),
            datetime(2026, 3, 5, 12, 34, tzinfo=UTC),
            datetime(2026, 3, 5, 12, tzinfo=UTC),
        ),
        (
            (FEBRUARY, MARCH_MONTH),
            datetime(2026, 4, 2, 1, 59, tzinfo=UTC),
            datetime(2026, 4, 2, 1, tzinfo=UTC),
        ),
        (
            (FEBRUARY,),
            datetime(2026, 4, 2, 1, 59, tzinfo=UTC),
            datetime(2026, 3, 31, 23, tzinfo=UTC),
        ),
        (
            (FEBRUARY,),
            datetime(2026, 2, 28, 5, tzinfo=UTC),
            datetime(2026, 3, 1, tzinfo=UTC),
        ),
    ],
)
def test_usage_of_a_closed_month_is_posted_in_the_first_open_one(
    closed: tuple[BillingPeriod, ...], at: datetime, hour: datetime
) -> None:
    assert posting_hour(IN_FEBRUARY, closed, at) == hour
