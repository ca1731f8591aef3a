"""Sending stops: what a person holds is not sent, also by a sync that is at work."""

import threading
from collections.abc import Collection
from datetime import datetime, timedelta

from billing.ledger.database import Hold, Ledger
from billing.ledger.sync.send_holds import SendHold, holds_in_force
from billing.pipeline.monotonic_time import MonotonicClock

# How soon a sync that is at work stops; each look costs a read.
LOOK_EVERY = timedelta(seconds=1)


class SendingStops:
    """The holds in force, read anew every second; the threads of a sync share them."""

    def __init__(self, ledger: Ledger, time: MonotonicClock) -> None:
        self._ledger, self._time = ledger, time
        self._lock = threading.Lock()
        self._read_at: datetime | None = None
        self._holds: list[SendHold] = []

    def in_force(self) -> list[SendHold]:
        """Return every hold; raises LedgerFault."""
        now = self._time.now()
        with self._lock:
            if self._read_at is None or now - self._read_at >= LOOK_EVERY:
                with self._ledger.reading() as connection:
                    self._holds = holds_in_force(connection)
                self._read_at = now
            return self._holds

    def holds(self, names: Collection[str]) -> bool:
        """Say whether nothing may be sent for a customer of these names."""
        held = {hold.customer for hold in self.in_force()}
        return None in held or not held.isdisjoint(names)


class StoppableHold:
    """A customer's lock that counts as lost while its sending is stopped."""

    def __init__(self, hold: Hold, stops: SendingStops, names: Collection[str]) -> None:
        self._hold, self._stops, self._names = hold, stops, names

    def still_held(self) -> bool:
        """Ask whether the lock is ours and its customer may be sent, at this moment."""
        return not self._stops.holds(self._names) and self._hold.still_held()
