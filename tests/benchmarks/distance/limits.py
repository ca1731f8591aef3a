"""The judge of the limits: what the server saw, counted second by second."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

SECOND = timedelta(seconds=1)
EVENTS = "stripe.meter_events.create"
# As Stripe documents them for live mode.
MOST_EVENTS, MOST_OF_AN_ENDPOINT, MOST_IN_ALL = 1_000, 25, 100
TOO_MANY = 429


@dataclass(frozen=True)
class Seen:
    """What a server saw at its busiest, and how often it refused."""

    events: int
    endpoint: int
    in_all: int
    refused: int

    @property
    def over(self) -> float:
        """By how much the nearest limit was used up; over 1 it was broken."""
        return max(
            self.events / MOST_EVENTS,
            self.endpoint / MOST_OF_AN_ENDPOINT,
            self.in_all / MOST_IN_ALL,
        )

    def __str__(self) -> str:
        return (
            f"{self.events} events, {self.endpoint} of an endpoint, {self.in_all} "
            f"in all; {self.refused} x 429"
        )


def busiest(log: Iterable[Mapping[str, object]]) -> Seen:
    """Return the most requests in any second of a log."""
    by_endpoint: dict[str, list[datetime]] = defaultdict(list)
    refused = 0
    for record in log:
        at = datetime.fromisoformat(str(record["at"]))
        by_endpoint[str(record["endpoint"])].append(at)
        refused += record["status"] == TOO_MANY
    events = by_endpoint.pop(EVENTS, [])
    others = [at for times in by_endpoint.values() for at in times]
    return Seen(
        events=_most_in_a_second(events),
        endpoint=max(map(_most_in_a_second, by_endpoint.values()), default=0),
        in_all=_most_in_a_second(others),
        refused=refused,
    )


def _most_in_a_second(times: list[datetime]) -> int:
    times = sorted(times)
    return max(
        (bisect_left(times, at + SECOND) - i for i, at in enumerate(times)), default=0
    )
