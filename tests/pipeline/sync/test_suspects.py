"""Suspects: each is judged once, by its own customer, by what was read last of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from billing.domain.period import Window
from billing.ledger.audit.audit_log import Actor
from billing.ledger.sync import outbox, settlement
from tests.pipeline.bench import Bench, call, of
from tests.pipeline.fakes import StrictMeter
from tests.pipeline.sync.test_error_reports import (
    lose,
    name_of,
    report,
    settled,
    states,
    three_events,
)


@dataclass
class WatchedMeter(StrictMeter):
    """A meter at whose first reading something else happens."""

    at_first: list[Callable[[], None]] = field(default_factory=list)

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Read the minutes counted by the hour."""
        while self.at_first:
            self.at_first.pop()()
        return super().read_hours(stripe_customer, window)


def readings(bench: Bench) -> list[tuple[int, int]]:
    return [
        (event, minutes)
        for event, minutes in bench.rows(
            "SELECT event_id, minutes FROM meter_reading ORDER BY id"
        )
    ]


def test_what_another_decided_while_the_others_were_read_is_left_to_it(
    bench: Bench,
) -> None:
    bench.meter = meter = WatchedMeter(clock=bench.clock)
    three_events(bench)
    lose(bench, 0, 1)
    report(bench, name_of(bench, 0), name_of(bench, 1), count=2)

    def reject_the_second() -> None:
        another = Actor("another", bench.clock.now())
        with bench.ledger.writing() as connection:
            event = outbox.event_numbered(connection, 2)
            settlement.reject(connection, another, event, "it read its minute")

    meter.at_first = [reject_the_second]
    assert bench.sync().rejected == 1
    assert states(bench) == ["rejected", "rejected", "synced"]
    assert [event for event, _ in readings(bench)] == [3, 1]


def test_each_customers_suspects_are_read_for_that_customer_alone(
    bench: Bench,
) -> None:
    bench.take(call("a"), call("g", **of("globex")))
    bench.sync()
    bench.meter.hidden = {name_of(bench, 0), name_of(bench, 1)}
    report(bench, count=2)
    bench.sync()
    assert sorted(readings(bench)) == [(1, 0), (2, 0)]


def test_of_two_reports_the_one_that_names_an_event_has_the_say(bench: Bench) -> None:
    three_events(bench)
    lose(bench, 1)
    report(bench, name_of(bench, 1), count=1, name="evt_1")
    report(bench, count=1, name="evt_2")
    assert bench.sync().rejected == 1
    query = "SELECT evidence FROM meter_event WHERE reason = 'rejected'"
    [(evidence,)] = bench.rows(query)
    assert evidence.startswith("rejected: evt_1 ")


def test_a_named_event_is_judged_by_what_its_minute_shows_now(bench: Bench) -> None:
    three_events(bench)
    bench.meter.hidden = {name_of(bench, 1)}
    report(bench, count=1, name="evt_1")
    assert bench.sync().rejected == 0
    bench.meter.hidden.clear()
    bench.clock.advance(minutes=10)
    report(bench, name_of(bench, 1), count=1, name="evt_2")
    assert bench.sync().rejected == 0
    assert [minutes for event, minutes in readings(bench) if event == 2] == [0, 2]
    assert states(bench) == ["synced"] * 3


@pytest.mark.parametrize("is_known", [True, False])
def test_a_suspect_whose_minute_cannot_be_read_is_not_rejected(
    bench: Bench, is_known: bool
) -> None:
    three_events(bench)
    lose(bench, 1)
    report(bench, name_of(bench, 1), count=1)
    bench.meter.missing = set() if is_known else {"cus_acme"}
    assert bench.sync().rejected == int(is_known)
    assert (settled(bench), len(readings(bench)) > 0) == (int(is_known), is_known)


def test_a_report_is_settled_once_as_many_were_rejected_as_it_counts(
    bench: Bench,
) -> None:
    three_events(bench)
    lose(bench, 1)
    bench.meter.hidden = {name_of(bench, 2)}
    report(bench, name_of(bench, 1), count=1)
    report(bench, name_of(bench, 1), count=2, name="evt_2")
    assert bench.sync().rejected == 1
    query = "SELECT name FROM error_report WHERE settled_at IS NULL"
    assert bench.rows(query) == [("evt_2",)]
    bench.meter.hidden.clear()
    bench.clock.advance(hours=1)
    bench.sync()
    assert bench.rows(query) == []
