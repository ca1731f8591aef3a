"""The sender count: as many in the air as rate x latency asks, fewer in trouble."""

from datetime import timedelta

import pytest

from billing.domain.sender_count import (
    LEAST,
    Answers,
    SenderCount,
    SenderLimits,
    next_sender_count,
)

LIVE, TEST = SenderLimits(rate=900, most=128), SenderLimits(rate=20, most=128)


def milliseconds(number: int) -> timedelta:
    """Return a latency."""
    return timedelta(milliseconds=number)


@pytest.mark.parametrize(
    ("present", "best", "latency", "refused", "limits", "expected"),
    [
        # While answers are quick there are more, at most twice as many at once.
        (16, None, 150, 0, LIVE, 32),
        (64, 150, 160, 0, LIVE, 128),
        (128, 150, 150, 0, LIVE, 128),
        # Rate x latency and half as many beside them: no more are of any use.
        (16, 50, 50, 0, LIVE, 32),
        (64, 50, 50, 0, LIVE, 70),
        (16, None, 1, 0, LIVE, 4),
        (16, 150, 150, 0, TEST, 7),
        (2, 150, 150, 0, TEST, 4),
        # The limit of the settings holds whatever is wanted.
        (8, 150, 150, 0, SenderLimits(rate=900, most=10), 10),
        (16, 150, 150, 0, SenderLimits(rate=900, most=10), 10),
        # A refusal halves them at once, down to a few.
        (128, 150, 150, 1, LIVE, 64),
        (128, 150, 150, 40, LIVE, 64),
        (3, 150, 150, 1, LIVE, LEAST),
        # A server that slows down has fewer to deal with.
        (128, 150, 301, 0, LIVE, 128),  # its best is forgotten a little each time
        (128, 150, 320, 0, LIVE, 96),
        (128, 150, 3_000, 0, LIVE, 96),
        (2, 150, 3_000, 0, LIVE, LEAST),
    ],
)
def test_the_count_follows_the_answers(  # a row of the table
    present: int,
    best: int | None,
    latency: int,
    refused: int,
    limits: SenderLimits,
    expected: int,
) -> None:
    count = SenderCount(present, None if best is None else milliseconds(best))
    answers = Answers(32, refused, milliseconds(latency))
    assert next_sender_count(count, answers, limits).senders == expected


def test_without_an_answer_nothing_is_decided() -> None:
    count = SenderCount(40, milliseconds(150))
    assert next_sender_count(count, Answers(0, 0, None), LIVE) == count


def test_what_stays_slow_becomes_what_is_usual() -> None:
    count = SenderCount(128, milliseconds(150))
    counts = []
    for _ in range(80):
        count = next_sender_count(count, Answers(32, 0, milliseconds(900)), LIVE)
        counts.append(count.senders)
    assert min(counts) <= 16
    assert counts[-1] == 128
