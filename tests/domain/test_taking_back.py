"""What counted twice is taken back by an event that a person makes by these words."""

from datetime import UTC, datetime

import pytest

from billing.domain.taking_back import taking_back_sentence

HOUR = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("identifier", "minutes", "event", "moment"),
    [
        (
            "test-stripe_minutes-cus_acme-20260310T12-0",
            7,
            "event name stripe_minutes, customer cus_acme, value -7",
            "timestamp 2026-03-10T12:00:00Z (1773144000)",
        ),
        (
            "live-call-minutes-cus_bolt-20260310T12-3",
            -1_200,
            "event name call-minutes, customer cus_bolt, value 1200",
            "timestamp 2026-03-10T12:03:00Z (1773144180)",
        ),
    ],
)
def test_the_event_that_takes_back_is_named_with_all_that_stripe_asks_for(
    identifier: str, minutes: int, event: str, moment: str
) -> None:
    said = taking_back_sentence(identifier, HOUR, minutes)
    assert said.startswith(f"To take back {minutes:,} of {identifier}, make a meter")
    assert f": {event}, {moment}, and an identifier of its own; " in said
    assert said.endswith("once the invoice is final, credit the customer instead")
