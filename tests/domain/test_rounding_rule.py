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


def test_a_second_less_than_half_a_minute_is_rounded_down() -> None:
    rule = RoundingRule(Span.CALL, Direction.NEAREST)
    assert [rule.of_call(call) for call in calls(29, 30, 89, 90)] == [0, 1, 1, 2]


def test_a_second_less_than_a_minute_is_no_full_minute() -> None:
    rule = RoundingRule(Span.CALL, Direction.DOWN)
    assert [rule.of_call(call) for call in calls(59, 60, 119, 120)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("rule", "minutes"),
    [
        (RoundingRule(Span.CALL, Direction.DOWN), [0, 1, 2]),
        (RoundingRule(Span.CALL, Direction.UP), [0, 2, 2]),
        # In a sum a call alone has no minutes of its own: it counts as ours.
        (RoundingRule(Span.HOUR, Direction.DOWN), [0, 2, 2]),
        (RoundingRule(Span.DAY, Direction.DOWN), [0, 2, 2]),
    ],
)
def test_what_a_rule_makes_of_each_call_alone(
    rule: RoundingRule, minutes: list[int]
) -> None:
    assert [rule.of_call(call) for call in calls(0, 61, 120)] == minutes


def test_a_call_is_over_when_its_seconds_have_passed() -> None:
    (call,) = calls(95)
    assert call.ended_at == NOON + timedelta(seconds=95)


@pytest.mark.parametrize(("step", "minutes"), [(1, 1), (6, 2)])
def test_every_started_step_of_a_call_counts(step: int, minutes: int) -> None:
    rule = RoundingRule(Span.HOUR, Direction.UP, step)
    assert rule.by_hour(calls(1, 55)) == {NOON: minutes}  # 56 s, or 6 + 60


def test_the_rules_that_are_tried_sum_by_seconds_and_by_the_tenth_of_a_minute() -> None:
    sums = [rule for rule in OTHER_RULES if rule.span is not Span.CALL]
    assert [rule.step for rule in sums] == [1, 1, 1, 6, 6, 6] * 2
    assert RoundingRule(Span.HOUR, Direction.UP).step == 1


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


def test_each_day_begins_with_no_seconds_of_the_day_before() -> None:
    rule = RoundingRule(Span.DAY, Direction.UP)
    two_days = [*calls(1), *calls(1, at=NOON + 24 * HOUR)]
    assert rule.by_hour(two_days) == {NOON: 1, NOON + 24 * HOUR: 1}
    assert rule.by_hour(calls(60)) == {NOON: 1}


def test_a_rule_says_its_step() -> None:
    words = {step: str(RoundingRule(Span.DAY, Direction.UP, step)) for step in (1, 6)}
    assert words[1] == "per second, the sum of each day rounded up"
    assert words[6] == "per 6 seconds, the sum of each day rounded up"


def test_every_rule_has_words_of_its_own() -> None:
    assert len({str(rule) for rule in OTHER_RULES}) == len(OTHER_RULES)
