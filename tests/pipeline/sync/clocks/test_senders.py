"""Senders: what the answers took decides how many customers are worked on at once."""

from datetime import UTC, datetime

import pytest

from billing.domain.sender_count import AT_FIRST, SenderLimits
from billing.pipeline.senders import TOO_MANY, Senders
from tests.pipeline.virtual_clock import VirtualClock

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


def answered(
    senders: Senders, clock: VirtualClock, times: int, seconds: float, status: int = 200
) -> int:
    """Let so many requests be answered in turn; return how many there are then."""
    for _ in range(times):
        ended = senders.timed()
        clock.advance(seconds=seconds)
        ended(status)
    return senders.count


@pytest.mark.parametrize("most", [1, 8, AT_FIRST, 100])
def test_at_first_there_are_some_and_never_more_than_the_settings_allow(
    most: int,
) -> None:
    senders = Senders(VirtualClock(START), SenderLimits(rate=900, most=most))
    assert senders.count == min(AT_FIRST, most)


def test_a_second_of_quick_answers_brings_more() -> None:
    clock = VirtualClock(START)
    senders = Senders(clock, SenderLimits(rate=900))
    assert answered(senders, clock, 6, 0.15) == AT_FIRST
    assert answered(senders, clock, 1, 0.15) == 2 * AT_FIRST
    assert answered(senders, clock, 7, 0.15) == 4 * AT_FIRST
    assert senders.most == 4 * AT_FIRST


def test_many_answers_are_enough_before_the_second_is_over() -> None:
    clock = VirtualClock(START)
    senders = Senders(clock, SenderLimits(rate=900))
    assert answered(senders, clock, 32, 0.001) < AT_FIRST


def test_a_refusal_is_acted_upon_at_once() -> None:
    clock = VirtualClock(START)
    senders = Senders(clock, SenderLimits(rate=900))
    assert answered(senders, clock, 1, 0.15, TOO_MANY) == AT_FIRST // 2
    assert answered(senders, clock, 1, 0.15, TOO_MANY) == AT_FIRST // 4
