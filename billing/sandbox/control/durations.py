"""Durations of the control surface: seconds, read and shown."""

from datetime import timedelta

from billing.sandbox.control.calls import ControlError

LONGEST_SECONDS = 10**9


def seconds(value: object, name: str, most: int = LONGEST_SECONDS) -> timedelta:
    """Read a duration in seconds, or say what is wrong with it."""
    number = value if isinstance(value, int | float) else -1
    # A truth value is no number, and what is not a number (NaN) lies nowhere.
    if not isinstance(value, bool) and 0 <= number <= most:
        return timedelta(seconds=number)
    raise ControlError(f"{name} is 0 to {most} seconds, got {value!r}")


def plain_duration(value: timedelta) -> int | float:
    """Show a duration in seconds, whole ones as whole numbers."""
    whole = not value % timedelta(seconds=1)
    return value // timedelta(seconds=1) if whole else value.total_seconds()
