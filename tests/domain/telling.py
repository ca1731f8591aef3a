"""What a source tells of one call, for the tests of the rules."""

from datetime import UTC, datetime, timedelta

from billing.domain.call import Call

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def tell(
    *,
    call_id: str = "call_1",
    status: str = "completed",
    started_at: datetime | None = NOON,
    seconds: int | None = 61,
) -> Call:
    """Tell of a call that is over after 61 seconds, or as the arguments say."""
    ended = started_at and started_at + timedelta(seconds=seconds or 0)
    created = started_at or NOON
    return Call(
        account="main",
        call_id=call_id,
        status=status,
        created_at=created,
        started_at=started_at,
        ended_at=ended,
        duration_seconds=seconds,
        source_minutes=None,
        customer_key=None,
    )
