"""Stripe's rate limits: token buckets on the sandbox's time."""

from dataclasses import dataclass
from datetime import datetime

from billing.sandbox.stripe.http.errors import rate_limited
from billing.sandbox.stripe.rules import StripeRules

METER_EVENTS = "stripe.meter_events.create"
MICROSECONDS = 1_000_000


@dataclass
class Bucket:
    """A second's worth of requests that fills up as time passes."""

    per_second: int
    filled_at: datetime
    level: int  # in millionths of a request

    @classmethod
    def full(cls, per_second: int, now: datetime) -> "Bucket":
        """Return a bucket that nobody has drawn from."""
        return cls(per_second, now, per_second * MICROSECONDS)

    def refill(self, now: datetime) -> None:
        """Add what has come in since the last time; a clock set back adds nothing."""
        passed = now - self.filled_at
        microseconds = (
            passed.days * 86_400 + passed.seconds
        ) * MICROSECONDS + passed.microseconds
        full = self.per_second * MICROSECONDS
        self.level = min(full, self.level + max(0, microseconds) * self.per_second)
        self.filled_at = now


class RateLimits:
    """The buckets of one mode of an account."""

    def __init__(self, rules: StripeRules, *, livemode: bool) -> None:
        self._rules = rules
        self._livemode = livemode
        self._buckets: dict[str, Bucket] = {}

    def take(self, endpoint: str, now: datetime) -> None:
        """Count a request, or raise the 429 that says which limit it met."""
        if not self._rules.rate_limited:
            return
        drawn = []
        for reason, name, per_second in self._limits(endpoint):
            bucket = self._buckets.get(name)
            if bucket is None or bucket.per_second != per_second:
                bucket = self._buckets[name] = Bucket.full(per_second, now)
            bucket.refill(now)
            if bucket.level < MICROSECONDS:
                raise rate_limited(reason)
            drawn.append(bucket)
        for bucket in drawn:
            bucket.level -= MICROSECONDS

    def _limits(self, endpoint: str) -> list[tuple[str, str, int]]:
        rules = self._rules
        if not (self._livemode or rules.test_keys_as_live):
            return [("global-rate", "", rules.test_requests_per_second)]
        if endpoint == METER_EVENTS:
            return [("endpoint-rate", endpoint, rules.live_events_per_second)]
        return [
            ("endpoint-rate", endpoint, rules.live_endpoint_per_second),
            ("global-rate", "", rules.live_requests_per_second),
        ]
