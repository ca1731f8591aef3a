"""Invariants of one event: its name, its resends, and what was counted."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from billing.domain.event_invariants import (
    StoredEvent,
    Try,
    judge_counted,
    judge_identifier,
    judge_resends,
)
from billing.domain.invariants import Invariant
from tests.domain.telling import NOON

H, TICK = timedelta(hours=1), timedelta(microseconds=1)
NAME = "test-stripe_minutes-cus_acme-20260310T12-3"
SOUND = StoredEvent(
    customer="acme",
    stripe_customer="cus_acme",
    meter="stripe_minutes",
    livemode=False,
    hour=NOON,
    sequence=3,
    minutes=7,
    identifier=NAME,
    timestamp=NOON + timedelta(minutes=3),
    period="2026-03",
)


@dataclass(frozen=True)
class Resends:
    """Attempts by their hours, empty reads by theirs, and which attempt is wrong."""

    tries: list[tuple[timedelta, str | None]]
    absent: tuple[timedelta, ...] = ()
    wrong: int | None = None


@pytest.mark.parametrize(
    "case",
    [
        Resends([(0 * H, "unknown"), (23 * H - TICK, "counted")]),
        Resends([(0 * H, "unknown"), (23 * H, "counted")], wrong=2),
        # Killed before its answer was written down: nobody knows either.
        Resends([(0 * H, None), (23 * H, "counted")], wrong=2),
        Resends([(0 * H, "busy"), (40 * H, "counted")]),
        # What never left is neither uncertain nor sent again.
        Resends([(0 * H, "unsent"), (23 * H, "counted")]),
        Resends([(0 * H, "unknown"), (40 * H, "unsent")]),
        Resends([(0 * H, "unknown"), (H, "unsent"), (23 * H, "counted")], wrong=3),
        # The first unknown outcome counts, not the last.
        Resends([(0 * H, "unknown"), (5 * H, "unknown"), (27 * H, "busy")], wrong=3),
        Resends([(0 * H, "busy"), (5 * H, "unknown"), (27 * H, "busy")]),
        # Two empty reads between two attempts settle what was before them.
        Resends([(0 * H, "unknown"), (40 * H, "counted")], (30 * H, 31 * H)),
        Resends([(0 * H, "unknown"), (40 * H, "counted")], (30 * H, 40 * H)),
        Resends([(0 * H, "unknown"), (40 * H, "counted")], (30 * H,), wrong=2),
        Resends([(0 * H, "unknown"), (40 * H, "counted")], (0 * H, 30 * H), wrong=2),
        Resends([(0 * H, "unknown"), (40 * H, "busy")], (30 * H, 41 * H), wrong=2),
        Resends(
            [(0 * H, "unknown"), (10 * H, "unknown"), (40 * H, "counted")],
            (5 * H, 20 * H),
            wrong=3,
        ),
        # From there on the next unknown outcome is the first.
        Resends(
            [(0 * H, "unknown"), (40 * H, "unknown"), (63 * H - TICK, "counted")],
            (30 * H, 31 * H),
        ),
        Resends(
            [(0 * H, "unknown"), (40 * H, "unknown"), (63 * H, "counted")],
            (30 * H, 31 * H),
            wrong=3,
        ),
    ],
)
def test_the_unknown_is_resent_for_23_hours_or_after_two_empty_reads(
    case: Resends,
) -> None:
    tries = [
        Try(number, NOON + at, verdict)
        for number, (at, verdict) in enumerate(case.tries, 1)
    ]
    found = list(judge_resends(NAME, tries, [NOON + at for at in case.absent]))
    assert [violation.invariant for violation in found] == [Invariant.RESENDS][
        : case.wrong is not None
    ]
    assert all(f"attempt {case.wrong} of event {NAME}" in each.words for each in found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"identifier": "x"}, f"event x is not {NAME}, in its minute and month"),
        ({"timestamp": NOON}, f"event {NAME} is not {NAME}, in its minute and month"),
        ({"period": "2026-04"}, f"event {NAME} is not {NAME}, in its minute and month"),
        ({"sequence": 60}, f"event {NAME}: an hour holds sixty events"),
        ({"livemode": True}, f"event {NAME} is not live-"),
    ],
)
def test_an_event_is_called_what_its_parts_say(
    changes: dict[str, object], words: str | None
) -> None:
    found = list(judge_identifier(SOUND._replace(**changes)))  # type: ignore[arg-type]
    assert len(found) == (words is not None)
    for violation in found:
        assert violation.invariant is Invariant.IDENTIFIERS
        assert words is not None
        assert violation.words.startswith(words)


@pytest.mark.parametrize(
    ("verdict", "rearmed", "is_wrong"),
    [
        ("counted", None, True),
        ("duplicate", None, True),
        ("unknown", None, False),
        (None, None, False),
        ("refused", None, False),
        # It was re-queued since, for a reason that is audited.
        ("counted", TICK, False),
        ("counted", 0 * H, True),
        ("counted", -H, True),
    ],
)
def test_what_was_counted_waits_for_no_other_attempt(
    verdict: str | None, rearmed: timedelta | None, is_wrong: bool
) -> None:
    at: datetime | None = None if rearmed is None else NOON + rearmed
    found = list(judge_counted(NAME, Try(4, NOON, verdict), at))
    assert [each.invariant for each in found] == [Invariant.COUNTED] * is_wrong
    assert all(f"{NAME} was counted by attempt 4" in each.words for each in found)
