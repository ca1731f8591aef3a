"""What an examination finds, and what it tells a person to do about it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.errors import (
    MeterRefused,
    SourceRefused,
    SourceUnavailable,
)
from billing.pipeline.doctor.checks import (
    Check,
    check_clock_skew,
    check_customers,
    check_meter_setup,
    check_source,
)
from billing.ports import MeterState
from tests.pipeline.fakes import StrictMeter, VirtualClock, fit_meter

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
FIT = fit_meter()


class LockedMeter(StrictMeter):
    """A meter whose key is refused."""

    def describe(self) -> MeterState | None:
        raise MeterRefused("the API key is refused")

    def has_customer(self, stripe_customer: str) -> bool:
        raise MeterRefused("the API key is refused")


@pytest.mark.parametrize(
    ("seconds", "passed", "advised"),
    [
        (0, True, False),
        (60, True, False),
        (61, True, True),
        (-61, True, True),
        (300, True, True),
        (301, False, True),
        (-301, False, True),
    ],
)
def test_a_clock_that_is_off_is_worth_a_word_and_then_a_fault(
    seconds: int, passed: bool, advised: bool
) -> None:
    check = check_clock_skew("main", NOON + timedelta(seconds=seconds), NOON)
    assert (check.passed, bool(check.remedy)) == (passed, advised)


def test_a_server_that_does_not_say_the_time_is_no_fault() -> None:
    assert check_clock_skew("main", None, NOON).passed


def examined(server_time: Callable[[], datetime | None]) -> list[Check]:
    return list(check_source("main", server_time, VirtualClock(NOON)))


def test_a_key_that_opens_is_followed_by_the_clock() -> None:
    checks = examined(lambda: NOON)
    assert [check.passed for check in checks] == [True, True]


@pytest.mark.parametrize("fault", [SourceRefused, SourceUnavailable])
def test_an_account_that_cannot_be_read_says_what_to_check(
    fault: type[SourceRefused] | type[SourceUnavailable],
) -> None:
    def refuse() -> datetime | None:
        raise fault("main", "no")

    [check] = examined(refuse)
    assert not check.passed
    assert "account main" in check.found
    assert "api_key" in check.remedy


def meter_in(state: MeterState | None) -> StrictMeter:
    return StrictMeter(clock=VirtualClock(NOON), state=state)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "there is no meter"),
        (replace(FIT, status="inactive"), "status is 'inactive'"),
        (replace(FIT, formula="count"), "aggregation is 'count'"),
        (replace(FIT, event_time_window="hour"), "event_time_window is 'hour'"),
        (replace(FIT, customer_key="id"), "customer key is 'id'"),
        (replace(FIT, value_key="minutes"), "value key is 'minutes'"),
        (replace(FIT, livemode=True), "livemode is True"),
    ],
)
def test_each_flaw_of_a_meter_is_named_with_its_remedy(
    state: MeterState | None, words: str
) -> None:
    _, flaw = check_meter_setup(meter_in(state), livemode=False)
    assert not flaw.passed
    assert words in flaw.found
    assert flaw.remedy


def test_a_fit_meter_passes() -> None:
    checks = list(check_meter_setup(meter_in(FIT), livemode=False))
    assert [check.passed for check in checks] == [True, True]
    assert "test mode" in checks[0].found


def test_a_refused_key_ends_the_checks_of_the_meter_and_its_customers() -> None:
    locked = LockedMeter(VirtualClock(NOON))
    [check] = check_meter_setup(locked, livemode=False)
    assert not check.passed
    [check] = check_customers(locked, {"acme": "cus_1", "globex": "cus_2"})
    assert not check.passed
