"""Settling: when reads of an event's own minute prove something, and what."""

from datetime import datetime, timedelta

import pytest

from billing.domain.settlement import (
    WHILE_REMEMBERED,
    MinuteReading,
    SettleVerdict,
    SilenceRule,
    is_multiple,
    may_requeue,
    proof_is_stale,
    proof_of_absence,
    provable_at,
    rule_before_resend,
    settle,
    settle_cancel,
)
from billing.domain.summary_lag import NEVER_MEASURED, LagsMeasured
from tests.domain.telling import NOON

H, M, TICK = timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)
SENT = NOON
PROOF = proof_of_absence(NEVER_MEASURED, NOON)


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
    assert settle(5, readings, SENT, WHILE_REMEMBERED) is verdict
    negative = [reading._replace(minutes=-reading.minutes) for reading in readings]
    assert settle(-5, negative, SENT, WHILE_REMEMBERED) is verdict


@pytest.mark.parametrize(
    ("readings", "verdict"),
    [
        ([], SettleVerdict.OPEN),
        ([read(3 * H, 5)], SettleVerdict.OPEN),
        ([read(72 * H, 0)], SettleVerdict.OPEN),
        ([read(72 * H, 5), read(96 * H, 5)], SettleVerdict.COUNTED),
        ([read(72 * H, 0), read(96 * H, 0)], SettleVerdict.ABSENT),
        ([read(72 * H, 0), read(96 * H - TICK, 0)], SettleVerdict.OPEN),
        ([read(72 * H - TICK, 0), read(96 * H, 0)], SettleVerdict.OPEN),
        ([read(72 * H, 5), read(96 * H, 0)], SettleVerdict.OPEN),
        ([read(24 * H, 0), read(48 * H, 0)], SettleVerdict.OPEN),
    ],
)
def test_whether_a_cancelled_event_still_counts_has_to_last_either_way(
    readings: list[MinuteReading], verdict: SettleVerdict
) -> None:
    rule = proof_of_absence(NEVER_MEASURED, NOON)
    assert settle_cancel(5, readings, SENT, rule) is verdict


@pytest.mark.parametrize(
    ("first_unknown", "at", "rule"),
    [
        (SENT, 22 * H, WHILE_REMEMBERED),
        (SENT, 23 * H - TICK, WHILE_REMEMBERED),
        (SENT, 23 * H, PROOF),
        (SENT, 40 * 24 * H, PROOF),
        # Its proof has become too old, and nothing of Stripe's guards it any more.
        (None, H, PROOF),
    ],
)
def test_only_stripes_memory_of_the_identifier_makes_a_short_silence_enough(
    first_unknown: datetime | None, at: timedelta, rule: SilenceRule
) -> None:
    assert rule_before_resend(first_unknown, NEVER_MEASURED, SENT + at) == rule


DAYS = 24 * H


@pytest.mark.parametrize(
    ("longest", "measured_for", "after_send"),
    [
        # As it is at first, and in a ledger of before lags were measured.
        (None, None, 72 * H),
        (M, 34 * DAYS, 72 * H),
        (M, 35 * DAYS - TICK, 72 * H),
        # A longer lag counts at once.
        (25 * H, H, 75 * H),
        (25 * H, 35 * DAYS, 75 * H),
        # What was measured for so long is believed, but never less than two hours.
        (2 * H, 35 * DAYS, 6 * H),
        (M, 35 * DAYS, 2 * H),
        # Nobody looked for 35 days: there is nothing to believe.
        (None, 90 * DAYS, 72 * H),
    ],
)
def test_silence_is_proof_a_day_apart_and_after_three_times_the_longest_lag(
    longest: timedelta | None, measured_for: timedelta | None, after_send: timedelta
) -> None:
    since = None if measured_for is None else NOON - measured_for
    rule = proof_of_absence(LagsMeasured(longest, since), NOON)
    assert rule == SilenceRule(after_send, timedelta(hours=24))


@pytest.mark.parametrize(
    ("shown", "sent_again", "verdict"),
    [
        (10, True, SettleVerdict.COUNTED),
        (15, True, SettleVerdict.COUNTED),
        # Sent once, it cannot count twice: somebody else is there, too.
        (10, False, SettleVerdict.CONTRADICTS),
        (12, True, SettleVerdict.CONTRADICTS),
        (-5, True, SettleVerdict.CONTRADICTS),
    ],
)
def test_what_was_sent_again_counts_where_its_minute_holds_a_multiple_of_it(
    shown: int, sent_again: bool, verdict: SettleVerdict
) -> None:
    for sign in (1, -1):
        reads = [read(M, sign * shown)]
        found = settle(sign * 5, reads, SENT, PROOF, was_sent_again=sent_again)
        assert found is verdict


@pytest.mark.parametrize(
    ("readings", "at"),
    [
        ([], 72 * H + 24 * H),
        ([read(30 * H, 0)], 72 * H + 24 * H),
        ([read(80 * H, 0)], 80 * H + 24 * H),
        ([read(80 * H, 0), read(90 * H, 0)], 80 * H + 24 * H),
        ([read(72 * H, 0), read(90 * H, 0)], 72 * H + 24 * H),
        ([read(72 * H - TICK, 0), read(90 * H, 0)], 90 * H + 24 * H),
        # It was shown since, so silence begins anew.
        ([read(80 * H, 0), read(90 * H, 5)], 100 * H + 24 * H),
    ],
)
def test_the_earliest_proof_is_known_beforehand(
    readings: list[MinuteReading], at: timedelta
) -> None:
    now = SENT + max([reading.at - SENT for reading in readings], default=H)
    now = SENT + 100 * H if readings and readings[-1].minutes else now
    assert provable_at(readings, SENT, PROOF, now) == SENT + at


def test_what_was_never_sent_needs_no_quiet() -> None:
    reads = [read(M, 0), read(31 * M, 0)]
    assert settle(5, reads, None, WHILE_REMEMBERED) is SettleVerdict.ABSENT
    assert provable_at([], None, WHILE_REMEMBERED, NOON) == NOON + 30 * M
    assert provable_at(reads, None, WHILE_REMEMBERED, NOON) == SENT + 31 * M


@pytest.mark.parametrize(
    ("shown", "minutes", "is_one"),
    [
        (14, 7, True),
        (-14, -7, True),
        (2, 1, True),
        (7, 7, False),
        (0, 7, False),
        (15, 7, False),
        (-14, 7, False),
        # An event of no minutes shows nothing, however often it counts.
        (0, 0, False),
        (14, 0, False),
    ],
)
def test_only_twice_or_more_is_a_multiple(
    shown: int, minutes: int, is_one: bool
) -> None:
    assert is_multiple(shown, minutes) is is_one


@pytest.mark.parametrize(
    ("rearmed", "sent", "now", "is_stale"),
    [
        (None, None, 90 * H, False),
        (None, H, 90 * H, False),
        (80 * H, H, 81 * H, False),
        (80 * H, H, 81 * H + TICK, True),
        (80 * H, None, 81 * H + TICK, True),
        (80 * H, 80 * H, 81 * H + TICK, True),
        # It has left since, and what came of that is another matter.
        (80 * H, 80 * H + TICK, 90 * H, False),
    ],
)
def test_a_proof_of_absence_is_good_for_an_hour(
    rearmed: timedelta | None, sent: timedelta | None, now: timedelta, is_stale: bool
) -> None:
    rearmed_at, sent_at = (
        None if each is None else SENT + each for each in (rearmed, sent)
    )
    assert proof_is_stale(rearmed_at, sent_at, SENT + now) is is_stale


@pytest.mark.parametrize(
    ("age", "may"),
    [(33 * 24 * H, True), (34 * 24 * H - TICK, True), (34 * 24 * H, False)],
)
def test_an_event_is_requeued_for_34_days(age: timedelta, may: bool) -> None:
    assert may_requeue(NOON, NOON + age) is may
