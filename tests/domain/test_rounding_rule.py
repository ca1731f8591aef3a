"""Rounding rules: what another program makes of the same calls."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.rounding_rule import (
    OTHER_RULES,
    Direction,
    RoundingRule,
    Span,
    TimedCall,
)

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def calls(*seconds: int, at: datetime = NOON) -> list[TimedCall]:
    return [
        TimedCall(f"c{n}", at, each, -(-each // 60)) for n, each in enumerate(seconds)
    ]


@pytest.mark.parametrize(
    ("rule", "minutes"),
    [
        (RoundingRule(Span.CALL, Direction.DOWN), 0 + 1 + 1),
        (RoundingRule(Span.CALL, Direction.NEAREST), 1 + 1 + 2),
        (RoundingRule(Span.CALL, Direction.UP), 1 + 2 + 2),
        (RoundingRule(Span.HOUR, Direction.DOWN), 195 // 60),
        (RoundingRule(Span.HOUR, Direction.UP), 4),
        (RoundingRule(Span.HOUR, Direction.NEAREST, 6), 3),  # 36 + 66 + 96 = 198
    ],
)
def test_three_calls_by_every_kind_of_rule(rule: RoundingRule, minutes: int) -> None:
    assert rule.by_hour(calls(35, 65, 95)) == {NOON: minutes}


def test_a_call_of_no_seconds_costs_nothing_by_any_other_rule() -> None:
    for rule in OTHER_RULES:
        assert sum(rule.by_hour(calls(0)).values()) == 0


def test_a_sum_by_the_day_grows_by_the_hour_to_the_days_minutes() -> None:
    rule = RoundingRule(Span.DAY, Direction.UP)
    two_hours = [*calls(30), *calls(30, at=NOON + HOUR)]
    next_day = calls(61, at=NOON + 24 * HOUR)
    assert rule.by_hour(two_hours + next_day) == {
        NOON: 1,
        NOON + HOUR: 0,
        NOON + 24 * HOUR: 2,
    }


def test_every_rule_has_words_of_its_own() -> None:
    assert len({str(rule) for rule in OTHER_RULES}) == len(OTHER_RULES)
