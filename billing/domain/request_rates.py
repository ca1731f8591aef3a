"""Request rates: how many requests a second Stripe allows, and how many it is sent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rates:
    """How many requests a second Stripe is asked for at most."""

    events: int
    endpoint: int  # of each other endpoint
    account: int  # of all endpoints together
    events_apart: bool  # whether meter events stand beside the account's rate

    @classmethod
    def alike(cls, per_second: int) -> "Rates":
        """Return one rate for everything."""
        return cls(per_second, per_second, per_second, events_apart=False)


# What Stripe documents, and the same less a margin for what bunches up on its way. In
# test mode 25 requests of whatever kind are allowed.
LIMITS = Rates(events=1_000, endpoint=25, account=100, events_apart=True)
LIVE = Rates(events=900, endpoint=20, account=80, events_apart=True)
TEST = Rates.alike(20)
