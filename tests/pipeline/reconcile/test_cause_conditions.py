"""No cause is a catch-all: each needs its condition, and beside it has another name."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.call_times import TimeTolerance
from billing.domain.period import BillingPeriod
from tests.pipeline.bench import MARCH, NOON, Bench, call
from tests.pipeline.reconcile.conditions.meter_conditions import (
    INVOICE_CONDITIONS,
    METER_CONDITIONS,
)
from tests.pipeline.reconcile.conditions.sending_conditions import SENDING_CONDITIONS
from tests.pipeline.reconcile.conditions.source_conditions import SOURCE_CONDITIONS

CONDITIONS = {
    **SOURCE_CONDITIONS,
    **SENDING_CONDITIONS,
    **METER_CONDITIONS,
    **INVOICE_CONDITIONS,
}
IN_A_LEDGER = {Cause.BEFORE_FIRST_PERIOD, Cause.TIMES_CONTRADICT}
MINUTE = timedelta(minutes=1)


def test_every_cause_has_its_condition_and_a_case_beside_it() -> None:
    assert {*CONDITIONS, *IN_A_LEDGER} == set(Cause)
    assert all(condition.beside for condition in CONDITIONS.values())


@pytest.mark.parametrize("cause", CONDITIONS)
def test_a_cause_is_named_where_its_condition_holds_and_not_beside_it(
    cause: Cause,
) -> None:
    condition = CONDITIONS[cause]
    assert condition.causes() == {cause}
    for other, named in condition.beside:
        assert condition.causes(**other) == named, other
        assert cause not in named


@pytest.mark.parametrize(
    ("began", "first_period", "named"),
    [
        (MARCH.start - MINUTE, MARCH, {Cause.BEFORE_FIRST_PERIOD}),
        (MARCH.start - MINUTE, MARCH.previous, set()),  # it is billed in that month
        (MARCH.start + MINUTE, MARCH, set()),
        (None, MARCH, set()),  # it never began after all
    ],
)
def test_a_call_is_before_the_first_month_only_where_its_own_is_not_billed(
    bench: Bench,
    began: datetime | None,
    first_period: BillingPeriod,
    named: set[Cause],
) -> None:
    bench.bill_from(first_period)
    bench.take(call("c", MARCH.start + 2 * MINUTE, 300))
    bench.source.change("c", started_at=began and began.isoformat())
    bench.pull()
    bench.pull(MARCH.previous)
    bench.sync()
    assert named_causes(bench) == named


ANYTHING = TimeTolerance(86_400, 86_400, 100)


@pytest.mark.parametrize(
    ("read_before_with", "seconds_between", "named"),
    [
        (ANYTHING, 3_600, {Cause.TIMES_CONTRADICT}),
        (ANYTHING, 330, set()),  # within the tolerance
        (TimeTolerance(), 3_600, set()),  # never billed: it is in quarantine
    ],
)
def test_times_contradict_only_of_a_call_that_is_billed_and_far_off(
    bench: Bench,
    read_before_with: TimeTolerance,
    seconds_between: int,
    named: set[Cause],
) -> None:
    strict = bench.rules
    bench.rules = replace(strict, times=read_before_with)
    ended = NOON + timedelta(seconds=seconds_between)
    bench.take(call("c", seconds=300, ended_at=ended.isoformat()))
    bench.sync()
    bench.rules = strict
    bench.pull()
    assert named_causes(bench) == named


def named_causes(bench: Bench) -> set[Cause]:
    """Reconcile, and return the causes that customers' breaks have."""
    report = bench.reconcile()
    return {item.cause for one in report.customers for item in one.breaks}
