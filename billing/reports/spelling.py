"""Spelling: how times and amounts stand in every document."""

from datetime import UTC, datetime

Document = dict[str, object]


def spell(moment: datetime | None) -> str | None:
    """Spell a moment in UTC to the second, as 2026-03-01T14:00:00Z."""
    if moment is None:
        return None
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%SZ}"
