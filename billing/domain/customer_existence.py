"""Customer existence: how long it is believed that a Stripe customer is there.

Stripe takes events of unknown customers and drops them, so none is sent without having
seen its customer. To ask for each before each send would be a read for each write.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# All customers are listed once a day, and who was deleted is asked for once an hour;
# both may come a little late.
LISTED_EVERY = timedelta(hours=24)
SEEN_IS_GOOD_FOR = timedelta(hours=26)
DELETIONS_EVERY = timedelta(minutes=50)
DELETIONS_ARE_GOOD_FOR = timedelta(hours=2)
# An event of Stripe's may be listed late: so far back each look goes once more.
OVERLAP = timedelta(minutes=10)
# Rather than so many are asked for one by one, all are listed, a hundred a page.
FEW = 100


@dataclass(frozen=True, slots=True)
class Look:
    """When customers were last looked for in one way, and what it cost."""

    at: datetime
    requests: int


@dataclass(frozen=True, slots=True)
class CustomersSeen:
    """What is known of the customers of an account, which its meter names."""

    meter_id: str
    seen: Mapping[str, datetime] = field(default_factory=dict)
    listed: Look | None = None
    deletions: Look | None = None

    def is_known(self, stripe_customer: str, now: datetime) -> bool:
        """Say whether a customer is believed to be there, without asking for it."""
        seen_at = self.seen.get(stripe_customer)
        return (
            seen_at is not None
            and _is_fresh(seen_at, SEEN_IS_GOOD_FOR, now)
            and self.deletions is not None
            and _is_fresh(self.deletions.at, DELETIONS_ARE_GOOD_FOR, now)
        )

    def asks_for_deletions(self, now: datetime) -> bool:
        """Say whether it is time to ask who was deleted."""
        return self.deletions is None or not _is_fresh(
            self.deletions.at, DELETIONS_EVERY, now
        )

    def deletions_since(self, now: datetime) -> datetime:
        """Return from when on deletions matter: what was seen before is not believed.

        Without an earlier look nothing that was seen is older than what is believed.
        """
        oldest = now - SEEN_IS_GOOD_FOR - OVERLAP
        if self.deletions is None or self.deletions.at > now:
            return oldest
        return max(self.deletions.at - OVERLAP, oldest)

    def asks_for_list(self, needed: int, few: int = FEW) -> bool:
        """Say whether all are listed, where `needed` would be asked for one by one.

        `few` are asked for so in any case.
        """
        pages = self.listed.requests if self.listed else 0
        return needed > max(few, pages)

    def stale_among(self, stripe_customers: Mapping[str, object], now: datetime) -> int:
        """Count those that were not seen within a day."""
        return sum(
            not (
                (seen_at := self.seen.get(name)) is not None
                and _is_fresh(seen_at, LISTED_EVERY, now)
            )
            for name in stripe_customers
        )


def _is_fresh(moment: datetime, age: timedelta, now: datetime) -> bool:
    """Say whether a moment is no older; what is ahead of the clock is not believed."""
    return timedelta() <= now - moment < age
