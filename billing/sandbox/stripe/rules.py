"""The rules of the Stripe stand-in that a person may want to change."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32


@dataclass
class StripeRules:
    """How long things are remembered, how late and how fast they go."""

    identifier_memory: timedelta = timedelta(hours=24)
    identifier_spread: timedelta = timedelta(0)  # forgotten up to this much later
    key_memory: timedelta = timedelta(hours=24)
    cancel_window: timedelta = timedelta(hours=24)
    summary_lag: timedelta = timedelta(seconds=60)
    summary_spread: timedelta = timedelta(0)  # an event shows up to this much later
    dip_per_thousand: int = 0  # so many events vanish from summaries once more
    dip_after: timedelta = timedelta(minutes=10)  # counted from when they showed
    dip_lasts: timedelta = timedelta(minutes=10)
    oldest_event: timedelta = timedelta(days=35)
    newest_event: timedelta = timedelta(minutes=5)
    refuses_at_once: bool = True  # no meter or an archived one; else only later
    rejection_delay: timedelta = timedelta(0)
    report_delay: timedelta = timedelta(0)  # after the end of a validation window
    report_samples: int = 3  # errors that a report names, of each code
    reports_name_keys: bool = False  # by idempotency key instead of identifier
    listed_events_have_data: bool = False
    event_memory: timedelta = timedelta(days=30)
    invoice_grace: timedelta = timedelta(hours=1)  # an invoice is a draft so long
    payment_delay: timedelta = timedelta(hours=1)  # a final one is open so long
    processing: timedelta = timedelta(0)  # real time that a meter event takes
    round_trip: timedelta = timedelta(0)  # real time that each answer is under way
    round_trip_spread: timedelta = timedelta(0)  # up to so much longer, by chance
    rate_limited: bool = True
    test_keys_as_live: bool = False  # live mode's limits hold for test keys, too
    live_events_per_second: int = 1_000
    live_requests_per_second: int = 100
    live_endpoint_per_second: int = 25
    test_requests_per_second: int = 25

    def remembers(self, identifier: str, received_at: datetime, now: datetime) -> bool:
        """Say whether an identifier received then is still refused now."""
        memory = self.identifier_memory + spread(identifier, self.identifier_spread)
        return now - received_at < memory

    def shows(self, identifier: str, happened_at: datetime, now: datetime) -> bool:
        """Say whether summaries know by now what happened to an event then."""
        lag = self.summary_lag + spread(identifier, self.summary_spread)
        return now - happened_at >= lag

    def hides(self, identifier: str, received_at: datetime, now: datetime) -> bool:
        """Say whether summaries have for a while lost an event that they showed."""
        if crc32(f"dip:{identifier}".encode()) % 1_000 >= self.dip_per_thousand:
            return False
        lag = self.summary_lag + spread(identifier, self.summary_spread)
        return timedelta(0) <= now - received_at - lag - self.dip_after < self.dip_lasts


def spread(name: str, width: timedelta) -> timedelta:
    """Return a share of the width that depends on the name alone."""
    return width * (crc32(name.encode()) % 1_000) // 1_000
