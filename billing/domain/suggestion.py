"""Suggestions: which of the names that there are somebody may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_SUGGESTED = 3


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a question to end a sentence with; nothing when no name is like it."""
    near = get_close_matches(name, list(names), MOST_SUGGESTED)
    return f"; did you mean {' or '.join(near)}?" if near else ""
