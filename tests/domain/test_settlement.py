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


def reads(*told: tuple[timedelta, int]) -> list[MinuteReading]:
    return [MinuteReading(SENT + after, minutes) for after, minutes in told]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([], SettleVerdict.OPEN),
        ([(M, 5)], SettleVerdict.COUNTED),
        ([(M, 0), (2 * M, 5)], SettleVerdict.COUNTED),
        ([(2 * H, 0)], SettleVerdict.OPEN),
        ([(2 * H, 0), (2 * H + 30 * M - TICK, 0)], SettleVerdict.OPEN),
        ([(2 * H, 0), (2 * H + 30 * M, 0)], SettleVerdict.ABSENT),
        ([(2 * H - TICK, 0), (2 * H + 30 * M - TICK, 0)], SettleVerdict.OPEN),
        ([(H, 0), (2 * H, 0), (2 * H + 30 * M, 0)], SettleVerdict.ABSENT),
        ([(2 * H, 5), (2 * H + 30 * M, 0)], SettleVerdict.OPEN),
        ([(2 * H, 0), (3 * H, 5), (3 * H + 30 * M, 0)], SettleVerdict.OPEN),
        ([(2 * H, 0), (3 * H, 2)], SettleVerdict.CONTRADICTS),
        ([(2 * H, 10), (3 * H, 10)], SettleVerdict.CONTRADICTS),
    ],
)
def test_a_value_is_proof_at_once_and_nothing_only_when_it_lasts(
    told: list[tuple[timedelta, int]], found: SettleVerdict
) -> None:
    assert settle(5, reads(*told), SENT) is found
    negative = [(after, -minutes) for after, minutes in told]
    assert settle(-5, reads(*negative), SENT) is found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([], SettleVerdict.OPEN),
        ([(3 * H, 5)], SettleVerdict.OPEN),
        ([(3 * H, 0)], SettleVerdict.OPEN),
        ([(24 * H, 5), (25 * H, 5)], SettleVerdict.COUNTED),
        ([(24 * H, 0), (25 * H, 0)], SettleVerdict.ABSENT),
        ([(24 * H, 5), (25 * H, 0)], SettleVerdict.OPEN),
        ([(23 * H, 0), (24 * H - M, 0)], SettleVerdict.OPEN),
        ([(2 * H, 0), (3 * H, 0)], SettleVerdict.OPEN),
    ],
)
def test_whether_a_cancelled_event_still_counts_has_to_last_either_way(
    told: list[tuple[timedelta, int]], found: SettleVerdict
) -> None:
    assert settle_cancel(5, reads(*told), SENT) is found


def test_what_would_go_out_under_another_name_has_to_be_gone_for_a_day() -> None:
    after = [reads((h * H, 0), (h * H + 30 * M, 0)) for h in (2, 23, 24)]
    found = [settle(5, told, SENT, quiet=QUIET_TO_REPLACE) for told in after]
    assert found == [SettleVerdict.OPEN, SettleVerdict.OPEN, SettleVerdict.ABSENT]


def test_what_was_never_sent_needs_no_quiet() -> None:
    assert settle(5, reads((M, 0), (31 * M, 0)), None) is SettleVerdict.ABSENT


@pytest.mark.parametrize(
    ("age", "may"),
    [(33 * 24 * H, True), (34 * 24 * H - TICK, True), (34 * 24 * H, False)],
)
def test_an_event_is_armed_again_for_34_days(age: timedelta, may: bool) -> None:
    assert may_requeue(NOON, NOON + age) is may
