"""Listed names: the first few in a sentence, and how many more there are."""

from collections.abc import Sequence

_MOST_NAMES = 5


def listed_names(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = len(names) - _MOST_NAMES
    listed = ", ".join(names[:_MOST_NAMES])
    return f"{listed} and {more:,} more" if more > 0 else listed
