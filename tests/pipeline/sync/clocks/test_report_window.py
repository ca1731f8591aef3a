"""From when on Stripe is asked for its reports: nothing that it keeps is missed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from billing.domain.error_report import RejectionReport
from billing.domain.period import Window
from billing.pipeline.monotonic_time import MonotonicClock
from billing.pipeline.sync.error_reports import note_error_reports
from tests.pipeline.bench import START, Bench
from tests.pipeline.fakes import StrictMeter

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@dataclass
class AskedMeter(StrictMeter):
    """A meter that remembers from when on its reports were asked for."""

    asked: list[datetime] = field(default_factory=list)

    def error_reports(self, since: datetime) -> Sequence[RejectionReport]:
        """Return the reports since a moment."""
        self.asked.append(since)
        return super().error_reports(since)


def report(at: datetime, name: str) -> RejectionReport:
    return RejectionReport(
        name=name,
        created_at=at,
        window=Window(at - 10 * SECOND, at),
        error_count=1,
        codes=("meter_event_customer_not_found",),
        identifiers=(),
    )


@pytest.mark.parametrize(
    ("ages", "asked_before"),
    [
        # (how old the reports are that are known, how far back Stripe is asked then)
        ([], timedelta(days=29)),
        ([timedelta(days=3)], timedelta(days=3) + HOUR),
        ([timedelta(days=3), 2 * HOUR], 3 * HOUR),
        # One that was made while the last were read comes with the next.
        ([timedelta()], HOUR),
    ],
)
def test_reports_are_read_again_from_an_hour_before_the_newest(
    bench: Bench, ages: list[timedelta], asked_before: timedelta
) -> None:
    meter = AskedMeter(clock=bench.clock)
    time = MonotonicClock(bench.clock)
    meter.reports = [report(START - age, f"evt_{age}") for age in ages]
    note_error_reports(bench.ledger, meter, time)
    known = bench.rows("SELECT name FROM error_report ORDER BY name")
    assert known == sorted((each.name,) for each in meter.reports)
    assert meter.asked == [START - timedelta(days=29)]
    note_error_reports(bench.ledger, meter, time)
    assert meter.asked[-1] == START - asked_before
    assert bench.rows("SELECT name FROM error_report ORDER BY name") == known


def test_what_is_known_already_is_no_second_report(bench: Bench) -> None:
    meter = AskedMeter(clock=bench.clock)
    time = MonotonicClock(bench.clock)
    meter.reports = [report(START - 2 * HOUR, "evt_1")]
    note_error_reports(bench.ledger, meter, time)
    meter.reports.append(report(START - 3 * HOUR, "evt_2"))
    meter.reports.append(report(START - 3 * HOUR - SECOND, "evt_3"))
    note_error_reports(bench.ledger, meter, time)
    known = bench.rows("SELECT name FROM error_report ORDER BY name")
    assert known == [("evt_1",), ("evt_2",)]
