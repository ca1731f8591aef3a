"""Customer existence: how long it is believed, and when customers are looked for."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.customer_existence import FEW, CustomersSeen, Look

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def ago(hours: float) -> datetime:
    """Return a moment so many hours before."""
    return NOW - timedelta(minutes=round(60 * hours))


@pytest.mark.parametrize(
    ("seen", "deletions", "known"),
    [
        (0, 0, True),
        (25, 1.5, True),
        (26, 0, False),  # seen too long ago
        (0, 2, False),  # who was deleted since nobody knows
        (0, None, False),
        (None, 0, False),
        (-1, 0, False),  # seen ahead of the clock, which was set back
        (0, -1, False),
    ],
)
def test_a_customer_is_known_while_both_looks_are_fresh(
    seen: float | None, deletions: float | None, known: bool
) -> None:
    customers = CustomersSeen(
        meter_id="mtr_1",
        seen={} if seen is None else {"cus_a": ago(seen)},
        deletions=None if deletions is None else Look(ago(deletions), 1),
    )
    assert customers.is_known("cus_a", NOW) is known


@pytest.mark.parametrize(
    ("last", "asks", "since"),
    [
        (None, True, ago(26) - timedelta(minutes=10)),
        (0.5, False, ago(0.5) - timedelta(minutes=10)),
        (1, True, ago(1) - timedelta(minutes=10)),
        (100, True, ago(26) - timedelta(minutes=10)),
        (-5, True, ago(26) - timedelta(minutes=10)),
    ],
)
def test_deletions_are_asked_for_once_an_hour_since_the_look_before(
    last: float | None, asks: bool, since: datetime
) -> None:
    look = None if last is None else Look(ago(last), 1)
    customers = CustomersSeen(meter_id="mtr_1", deletions=look)
    assert customers.asks_for_deletions(NOW) is asks
    assert customers.deletions_since(NOW) == since


@pytest.mark.parametrize(
    ("needed", "pages", "lists"),
    [
        (FEW, None, False),
        (FEW + 1, None, True),
        (5_000, 6_000, False),  # one by one is fewer requests
        (6_001, 6_000, True),
    ],
)
def test_all_are_listed_where_that_takes_fewer_requests(
    needed: int, pages: int | None, lists: bool
) -> None:
    listed = None if pages is None else Look(ago(24), pages)
    customers = CustomersSeen(meter_id="mtr_1", listed=listed)
    assert customers.asks_for_list(needed) is lists
