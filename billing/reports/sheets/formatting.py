"""Formatting: how times, spans and counts stand in every document."""

from datetime import UTC, datetime, timedelta

Document = dict[str, object]


def spell(moment: datetime | None) -> str | None:
    """Format a moment in UTC to the second, as 2026-03-01T14:00:00Z."""
    if moment is None:
        return None
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%SZ}"


def counted(number: int, noun: str, plural: str = "", *, sign: str = "") -> str:
    """Count things: 1 call, 2 calls, 1,000 calls."""
    many = plural or f"{noun}s"
    return f"{number:{sign},d} {noun if abs(number) == 1 else many}"


def format_span(span: timedelta) -> str:
    """Format how long something takes, in its two largest units, as 3 d 04 h."""
    hours, seconds = divmod(span.seconds, 3_600)
    if span.days:
        return f"{span.days} d {hours:02d} h"
    minutes, seconds = divmod(seconds, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"
