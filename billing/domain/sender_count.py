"""The sender count: how many requests are to be in the air at once."""

from dataclasses import dataclass
from datetime import timedelta

AT_FIRST, LEAST, MOST = 16, 2, 128
_GROWS_BY = 2
# A server is slow when it takes so many times as long as it did at its best.
_SLOW = 2
# Its best is forgotten by and by: one that stays slow is not slow, it is so.
_FORGETS = 20  # by one part of so many at each decision
# Beside those that wait for an answer some wait for a commit or for their turn.
_BESIDE_NUMERATOR, _BESIDE_DENOMINATOR = 3, 2


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back since the last decision."""

    count: int
    refused: int  # of these: too many requests (HTTP 429)
    latency: timedelta | None  # the median of one answer; None without any


@dataclass(frozen=True, slots=True)
class SenderCount:
    """How many there are, and how quick the server was at its best."""

    senders: int = AT_FIRST
    best: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SenderLimits:
    """The rate that is wanted, in requests a second, and how many senders may be."""

    rate: int
    most: int = MOST


def next_sender_count(
    present: SenderCount, answers: Answers, limits: SenderLimits
) -> SenderCount:
    """Decide how many there are next: rate x latency, while answers are quick."""
    if answers.latency is None:
        return present
    best = _best(present.best, answers.latency)
    if answers.refused:
        senders = present.senders // 2
    elif answers.latency > _SLOW * best:
        senders = present.senders * 3 // 4
    else:
        wanted = _in_the_air(limits.rate, answers.latency)
        senders = min(wanted, present.senders * _GROWS_BY)
    return SenderCount(max(LEAST, min(senders, limits.most)), best)


def _in_the_air(rate: int, latency: timedelta) -> int:
    """Return how many are under way at a rate, and about to be."""
    microseconds = rate * (latency // timedelta(microseconds=1))
    in_the_air = -(-microseconds // 1_000_000)
    return LEAST + -(-in_the_air * _BESIDE_NUMERATOR // _BESIDE_DENOMINATOR)


def _best(best: timedelta | None, latency: timedelta) -> timedelta:
    if best is None:
        return latency
    return min(latency, best + best // _FORGETS)
