"""Settling: when reads of an event's own minute prove something, and what."""

from datetime import timedelta

import pytest

from billing.domain.settlement import (
    QUIET_TO_REPLACE,
    MinuteReading,
    SettleVerdict,
    may_requeue,
    settle,
    settle_cancel,
)
from tests.domain.telling import NOON

H, M, TICK = timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)
SENT = NOON
QUIET = SENT + 2 * H


def read(after: timedelta, minutes: int) -> MinuteReading:
    return MinuteReading(SENT + after, minutes)


@pytest.mark.parametrize(
    ("readings", "verdict"),
    [
        ([], SettleVerdict.OPEN),
        ([read(M, 5)], SettleVerdict.COUNTED),
        ([read(M, 0), read(2 * M, 5)], SettleVerdict.COUNTED),
        ([read(2 * H, 0)], SettleVerdict.OPEN),
        ([read(2 * H, 0), read(2 * H + 30 * M - TICK, 0)], SettleVerdict.OPEN),
        ([read(2 * H, 0), read(2 * H + 30 * M, 0)], SettleVerdict.ABSENT),
        ([read(2 * H - TICK, 0), read(2 * H + 30 * M - TICK, 0)], SettleVerdict.OPEN),
        ([read(H, 0), read(2 * H, 0), read(2 * H + 30 * M, 0)], SettleVerdict.ABSENT),
        ([read(2 * H, 5), read(2 * H + 30 * M, 0)], SettleVerdict.OPEN),
        ([read(2 * H, 0), read(3 * H, 5), read(3 * H + 30 * M, 0)], SettleVerdict.OPEN),
        ([read(2 * H, 0), read(3 * H, 2)], SettleVerdict.CONTRADICTS),
        ([read(2 * H, 10), read(3 * H, 10)], SettleVerdict.CONTRADICTS),
    ],
)
def test_a_value_is_proof_at_once_and_nothing_only_when_it_lasts(
    readings: list[MinuteReading], verdict: SettleVerdict
) -> None:
    assert settle(5, readings, SENT) is verdict
    negative = [reading._replace(minutes=-reading.minutes) for reading in readings]
    assert settle(-5, negative, SENT) is verdict


@pytest.mark.parametrize(
    ("readings", "verdict"),
    [
        ([], SettleVerdict.OPEN),
        ([read(3 * H, 5)], SettleVerdict.OPEN),
        ([read(3 * H, 0)], SettleVerdict.OPEN),
        ([read(24 * H, 5), read(25 * H, 5)], SettleVerdict.COUNTED),
        ([read(24 * H, 0), read(25 * H, 0)], SettleVerdict.ABSENT),
        ([read(24 * H, 5), read(25 * H, 0)], SettleVerdict.OPEN),
        ([read(23 * H, 0), read(24 * H - M, 0)], SettleVerdict.OPEN),
        ([read(2 * H, 0), read(3 * H, 0)], SettleVerdict.OPEN),
    ],
)
def test_whether_a_cancelled_event_still_counts_has_to_last_either_way(
    readings: list[MinuteReading], verdict: SettleVerdict
) -> None:
    assert settle_cancel(5, readings, SENT) is verdict


def test_what_would_go_out_under_another_name_has_to_be_gone_for_a_day() -> None:
    pairs = [[read(h * H, 0), read(h * H + 30 * M, 0)] for h in (2, 23, 24)]
    verdicts = [settle(5, pair, SENT, quiet=QUIET_TO_REPLACE) for pair in pairs]
    assert verdicts == [SettleVerdict.OPEN, SettleVerdict.OPEN, SettleVerdict.ABSENT]


def test_what_was_never_sent_needs_no_quiet() -> None:
    assert settle(5, [read(M, 0), read(31 * M, 0)], None) is SettleVerdict.ABSENT


@pytest.mark.parametrize(
    ("age", "may"),
    [(33 * 24 * H, True), (34 * 24 * H - TICK, True), (34 * 24 * H, False)],
)
def test_an_event_is_requeued_for_34_days(age: timedelta, may: bool) -> None:
    assert may_requeue(NOON, NOON + age) is may
