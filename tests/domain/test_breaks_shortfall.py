"""What our calls have less than the source: which unbilled calls account for it."""

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.breaks_source import UnbilledCall, explain_shortfall

QUARANTINED, DECIDED, UNDERWAY = (
    Cause.QUARANTINED,
    Cause.DECIDED,
    Cause.CALL_UNDERWAY,
)
# No call is longer than a day.
DAY = 1_440


def calls(*minutes: int | None, most: int = 0) -> list[UnbilledCall]:
    """Return calls of so many minutes each; None: nobody knows."""
    return [
        UnbilledCall(f"call_{number}", each, f"why {number}", most)
        for number, each in enumerate(minutes)
    ]


NO_CALLS = calls()
UNKNOWN, BOTH_UNKNOWN = calls(None), calls(None, None)


@pytest.mark.parametrize(
    ("shortfall", "quarantined", "decided", "underway", "found"),
    [
        # Where nothing is missing, no call explains anything.
        (0, calls(5, None), calls(5, None), calls(5, None, most=9), []),
        (-5, calls(5, None), calls(5, None), calls(5, None, most=9), []),
        (5, NO_CALLS, NO_CALLS, NO_CALLS, []),
        # No call accounts for more than is missing, and none for nothing.
        (5, calls(5), NO_CALLS, NO_CALLS, [(QUARANTINED, -5, "0")]),
        (6, calls(5), NO_CALLS, NO_CALLS, [(QUARANTINED, -5, "0")]),
        (4, calls(5), NO_CALLS, NO_CALLS, []),
        (5, calls(0), NO_CALLS, NO_CALLS, []),
        (1, calls(1), NO_CALLS, NO_CALLS, [(QUARANTINED, -1, "0")]),
        (5, NO_CALLS, calls(5), NO_CALLS, [(DECIDED, -5, "0")]),
        (5, NO_CALLS, NO_CALLS, calls(5), [(UNDERWAY, -5, "0")]),
        # One call after another, while something is left.
        (
            8,
            calls(5, 4, 3),
            NO_CALLS,
            NO_CALLS,
            [(QUARANTINED, -5, "0"), (QUARANTINED, -3, "2")],
        ),
        (
            9,
            calls(2),
            calls(3),
            calls(4),
            [(QUARANTINED, -2, "0"), (DECIDED, -3, "0"), (UNDERWAY, -4, "0")],
        ),
        (5, calls(5), calls(5), calls(5), [(QUARANTINED, -5, "0")]),
        (5, NO_CALLS, calls(5), calls(5), [(DECIDED, -5, "0")]),
        # A broken record may come to anything that a call can come to.
        (1, UNKNOWN, NO_CALLS, NO_CALLS, [(QUARANTINED, -1, "0")]),
        (DAY, UNKNOWN, NO_CALLS, NO_CALLS, [(QUARANTINED, -DAY, "0")]),
        (DAY + 1, UNKNOWN, NO_CALLS, NO_CALLS, []),
        (2 * DAY, BOTH_UNKNOWN, NO_CALLS, NO_CALLS, [(QUARANTINED, -2 * DAY, "0 1")]),
        (2 * DAY + 1, BOTH_UNKNOWN, NO_CALLS, NO_CALLS, []),
        # So may one that a person decided on, where the broken ones do not suffice.
        (1, NO_CALLS, UNKNOWN, NO_CALLS, [(DECIDED, -1, "0")]),
        (DAY, NO_CALLS, UNKNOWN, NO_CALLS, [(DECIDED, -DAY, "0")]),
        (DAY + 1, NO_CALLS, UNKNOWN, NO_CALLS, []),
        (3, UNKNOWN, UNKNOWN, NO_CALLS, [(QUARANTINED, -3, "0")]),
        (DAY + 1, UNKNOWN, BOTH_UNKNOWN, NO_CALLS, [(DECIDED, -DAY - 1, "0 1")]),
        # One that is not over may have come to what time allows by now.
        (1, NO_CALLS, NO_CALLS, calls(None, most=9), [(UNDERWAY, -1, "0")]),
        (9, NO_CALLS, NO_CALLS, calls(None, most=9), [(UNDERWAY, -9, "0")]),
        (10, NO_CALLS, NO_CALLS, calls(None, most=9), []),
        (18, NO_CALLS, NO_CALLS, calls(None, None, most=9), [(UNDERWAY, -18, "0 1")]),
        (9, NO_CALLS, UNKNOWN, calls(None, most=9), [(DECIDED, -9, "0")]),
        # What is known comes first, and the rest is for what is not.
        (
            9,
            calls(5, None),
            NO_CALLS,
            calls(None, most=9),
            [(QUARANTINED, -5, "0"), (QUARANTINED, -4, "1")],
        ),
        (
            9,
            UNKNOWN,
            NO_CALLS,
            calls(5),
            [(UNDERWAY, -5, "0"), (QUARANTINED, -4, "0")],
        ),
        (5, calls(5, None), NO_CALLS, NO_CALLS, [(QUARANTINED, -5, "0")]),
    ],
)
def test_unbilled_calls_account_for_no_more_than_is_missing(
    shortfall: int,
    quarantined: list[UnbilledCall],
    decided: list[UnbilledCall],
    underway: list[UnbilledCall],
    found: list[tuple[Cause, int, str]],
) -> None:
    assert explain_shortfall(shortfall, quarantined, decided, underway) == [
        Break(
            cause=cause,
            minutes=minutes,
            amount_micro=0,
            calls=tuple(f"call_{number}" for number in numbers.split()),
            evidence="; ".join(f"why {number}" for number in numbers.split()),
        )
        for cause, minutes, numbers in found
    ]


def test_calls_are_taken_in_the_order_of_their_names() -> None:
    in_turn = explain_shortfall(7, calls(4, 3, 4)[::-1], [], [])
    assert [item.calls for item in in_turn] == [("call_0",), ("call_1",)]
    together = explain_shortfall(7, BOTH_UNKNOWN[::-1], [], [])
    assert [item.calls for item in together] == [("call_0", "call_1")]


def test_what_is_said_of_several_calls_is_said_once_and_is_bounded() -> None:
    alike = [UnbilledCall(f"call_{n}", None, "no_duration: x") for n in range(3)]
    (found,) = explain_shortfall(5, alike, [], [])
    assert found.evidence == "no_duration: x"
    many = [UnbilledCall(f"call_{n}", None, f"why {n}") for n in range(1_000)]
    (found,) = explain_shortfall(5, many, [], [])
    assert found.evidence is not None
    assert len(found.evidence) == 1_000
    assert len(found.calls) == 1_000
