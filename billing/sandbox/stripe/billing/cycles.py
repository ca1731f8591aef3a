"""Billing cycles: the months that begin at an anchor, to the second."""

from calendar import monthrange
from datetime import UTC, datetime

END_OF_TIME = 253_402_300_800  # the year 10000, which has no dates


def cycle_edge(anchor: int, months: int) -> int:
    """Return the unix second so many months after (or before) an anchor.

    A month that is too short for the anchor's day ends its cycle on its last day.
    """
    first = datetime.fromtimestamp(anchor, UTC)
    years, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    if years > 9_999:
        return END_OF_TIME
    day = min(first.day, monthrange(years, month + 1)[1])
    return int(first.replace(year=years, month=month + 1, day=day).timestamp())


def next_edge(anchor: int, second: int) -> int:
    """Return the first edge of the anchor's cycles after a unix second."""
    first = datetime.fromtimestamp(anchor, UTC)
    moment = datetime.fromtimestamp(second, UTC)
    months = (moment.year - first.year) * 12 + moment.month - first.month
    edges = (cycle_edge(anchor, months + more) for more in range(-1, 3))
    return next(edge for edge in edges if edge > second)
