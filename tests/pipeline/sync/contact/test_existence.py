"""Existence: a customer is seen before its first event, by as few reads as it takes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.customer_existence import FEW
from billing.ledger.database import Ledger
from billing.pipeline.sync.send import Outcome
from tests.pipeline.bench import Bench, call, of

MANY = tuple(f"c{number:03}" for number in range(FEW + 1))


def with_events(ledger: Ledger, customers: tuple[str, ...]) -> Bench:
    """Return a bench with an event due for each customer."""
    bench = Bench(ledger=ledger, customers=customers)
    bench.meter.account_customers = set(bench.stripe_customers.values())
    next_hour(bench)
    return bench


def next_hour(bench: Bench) -> None:
    """Let an hour pass in which each customer has a call."""
    bench.clock.advance(hours=1)
    now = bench.clock.now()
    started = now.replace(minute=0) - timedelta(minutes=30)
    for name in bench.customers:
        bench.take(call(f"{name}{now:%d%H}", started, **of(name)))


def test_few_are_asked_for_one_by_one_and_are_known_for_a_day(
    sqlite_ledger: Ledger,
) -> None:
    bench = with_events(sqlite_ledger, ("acme", "globex"))
    bench.sync()
    assert (sorted(bench.meter.looked_for), bench.meter.listed) == (
        ["cus_acme", "cus_globex"],
        0,
    )
    for _ in range(3):
        next_hour(bench)
        assert bench.sync().clean
    assert len(bench.meter.looked_for) == 2
    bench.clock.advance(hours=26)
    next_hour(bench)
    assert bench.sync().clean
    assert len(bench.meter.looked_for) == 4


def test_many_are_seen_by_a_list_of_all(sqlite_ledger: Ledger) -> None:
    bench = with_events(sqlite_ledger, MANY)
    assert bench.sync().clean
    assert (bench.meter.looked_for, bench.meter.listed) == ([], 2)
    next_hour(bench)
    assert bench.sync().clean
    assert (bench.meter.looked_for, bench.meter.listed) == ([], 2)


def test_who_is_on_no_list_is_asked_for_and_gets_no_event(
    sqlite_ledger: Ledger,
) -> None:
    bench = with_events(sqlite_ledger, MANY)
    bench.meter.missing = {"cus_c007"}
    report = bench.sync()
    assert bench.meter.looked_for == ["cus_c007"]
    assert report.no_such_customer == ["c007"]
    assert "c007" not in bench.counted()


def test_who_was_deleted_since_gets_no_event(sqlite_ledger: Ledger) -> None:
    bench = with_events(sqlite_ledger, ("acme", "globex"))
    bench.sync()
    next_hour(bench)
    bench.meter.missing = {"cus_acme"}
    bench.meter.deleted = {"cus_acme": bench.clock.now()}
    report = bench.sync()
    assert report.no_such_customer == ["acme"]
    assert bench.counted() == {"acme": 1, "globex": 2}


@pytest.mark.parametrize("named", ["cus_acme", "cus_new"])
def test_after_a_change_of_the_settings_the_new_name_is_asked_for(
    sqlite_ledger: Ledger, named: str
) -> None:
    bench = with_events(sqlite_ledger, ("acme",))
    bench.sync()
    next_hour(bench)
    bench.stripe_customers["acme"] = named
    bench.sync()
    assert bench.meter.looked_for == list(dict.fromkeys(["cus_acme", named]))


def test_where_events_cannot_be_read_each_is_asked_for_every_time(
    sqlite_ledger: Ledger,
) -> None:
    bench = with_events(sqlite_ledger, ("acme",))
    bench.meter.hides_events = True
    for times in (1, 2):
        report = bench.sync()
        assert report.outcomes[Outcome.SYNCED] == 1
        assert bench.meter.looked_for == ["cus_acme"] * times
        next_hour(bench)


def test_another_account_s_customers_are_asked_for_anew(sqlite_ledger: Ledger) -> None:
    bench = with_events(sqlite_ledger, ("acme",))
    bench.sync()
    next_hour(bench)
    assert bench.meter.state is not None
    # The key of the settings is another account's, whose meter has the same name.
    bench.meter.state = replace(bench.meter.state, meter_id="mtr_other")
    bench.meter.missing = {"cus_acme"}
    assert bench.sync().no_such_customer == ["acme"]
    assert bench.counted() == {"acme": 1}
