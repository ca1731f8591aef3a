"""Existence: when a Stripe customer was last seen, and when they were looked for."""

from datetime import timedelta

import pytest

from billing.domain.customer_existence import Look
from billing.ledger import existence
from billing.ledger.database import Ledger
from billing.ledger.existence import NEVER, Seen, read_customers_seen
from tests.ledger.bookkeeping import ACTOR

NOW, HOUR = ACTOR.at, timedelta(hours=1)


@pytest.fixture(params=["sqlite_ledger", "postgres_ledger"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    """Return a ledger of either kind."""
    either: Ledger = request.getfixturevalue(request.param)
    return either


def seen(ledger: Ledger, meter_id: str = "mtr_1") -> dict[str, object]:
    """Return who was seen in an account, and when."""
    with ledger.reading() as connection:
        return dict(read_customers_seen(connection, meter_id).seen)


def test_a_customer_is_seen_in_one_account_and_the_later_time_holds(
    ledger: Ledger,
) -> None:
    with ledger.writing() as connection:
        first = [Seen("cus_a", "mtr_1", NOW), Seen("cus_b", "mtr_2", NOW)]
        existence.record_seen(connection, first)
    with ledger.writing() as connection:
        later = [Seen("cus_a", "mtr_1", NOW + HOUR), Seen("cus_c", "mtr_1", NOW)]
        existence.record_seen(connection, [*later, *later])
    assert seen(ledger) == {"cus_a": NOW + HOUR, "cus_c": NOW}
    assert seen(ledger, "mtr_2") == {"cus_b": NOW}


def test_who_was_deleted_was_never_seen(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        existence.record_seen(connection, [Seen("cus_a", "mtr_1", NOW)])
        existence.forget(connection, ["cus_a", "cus_nobody"], "mtr_1")
    assert seen(ledger) == {"cus_a": NEVER}


def test_many_are_noted_by_some_at_a_time(ledger: Ledger) -> None:
    names = [f"cus_{number}" for number in range(1_234)]
    with ledger.writing() as connection:
        for at in (NOW, NOW + HOUR):
            everybody = [Seen(name, "mtr_1", at) for name in names]
            existence.record_seen(connection, everybody)
    assert seen(ledger) == dict.fromkeys(names, NOW + HOUR)


def test_the_newest_look_of_each_kind_and_account_is_kept(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        for number, kind in enumerate([existence.LISTED, existence.DELETED] * 2):
            look = Look(NOW + number * HOUR, number)
            existence.record_look(connection, kind, look, "mtr_1")
    with ledger.reading() as connection:
        ours = read_customers_seen(connection, "mtr_1")
        other = read_customers_seen(connection, "mtr_2")
    assert ours.listed == Look(NOW + 2 * HOUR, 2)
    assert ours.deletions == Look(NOW + 3 * HOUR, 3)
    assert (other.listed, other.deletions) == (None, None)
