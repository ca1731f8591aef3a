"""Readings: what a reconciliation believes of the meter, against what was true."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import product

from billing.domain.period import Window
from tests.simulation.judge.ledger_view import EventRow, LedgerView
from tests.simulation.trace import Trace, Violation
from tests.simulation.world.machine import Machine
from tests.simulation.world.stripe_side import SimStripe

LONGEST_LAG = timedelta(hours=6)
# What another process learned later, a ledger that was read before does not know.
JUST_NOW = timedelta(minutes=1)


class Readings:
    """What each process reads of months, and what its ledger makes of it."""

    def __init__(
        self,
        stripe: SimStripe,
        view: LedgerView,
        events: Mapping[int, EventRow],
        *,
        lags_long: bool,
    ) -> None:
        self._stripe = stripe
        self._view = view
        self._events = events
        self._lags_long = lags_long
        self._trace: Trace = stripe.schedule.trace
        self._synced: dict[int, tuple[EventRow, Machine, datetime]] = {}

    def changed(self, row: EventRow, by: Machine) -> None:
        """Take note of who learned first that an event counts."""
        if row.state == "synced":
            now = self._stripe.schedule.now
            self._synced.setdefault(row.id, (row, by, now))

    def read(
        self,
        machine: Machine,
        month: str,
        customer: str,
        window: Window,
        *,
        since: datetime,
    ) -> None:
        """Take note of what was true while a month was read, from the question on."""
        late = self._just_synced(machine, month, customer)
        totals = self._stripe.totals(customer, window, since)
        machine.reads[month, customer] = totals | {each - late for each in totals}

    def judge(self, machine: Machine, *, relaxed: bool) -> None:
        """Compare what a reconciliation believes with what truly counted meanwhile."""
        # A customer may have several addresses and names: each has a share.
        shown: dict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
        for period, customer, minutes, settled in self._view.readings():
            address = customer.split(",")[0]
            shown[period, address.rstrip("0")].append((minutes, settled))
        for (period, customer), shares in shown.items():
            minutes = sum(share for share, _ in shares)
            settled = all(believed for _, believed in shares)
            parts = [
                totals
                for (month, name), totals in machine.reads.items()
                if month == period and name.rstrip("0") == customer
            ]
            self._judge_asked(machine, period, customer)
            if not parts or not settled or self._lags_long:
                continue
            if self._is_deceived() or self._is_fed(customer, relaxed=relaxed):
                continue
            known = {sum(totals) for totals in product(*parts)}
            if minutes not in known:
                words = f"{customer} in {period} is said to hold {minutes}, not {known}"
                raise Violation("I35", words)
            self._trace.sometimes("a reading is settled")

    def _judge_asked(self, machine: Machine, period: str, customer: str) -> None:
        """Every address that events of the month carry has to be read."""
        for row in self._events.values():
            name = row.stripe_customer
            ours = row.period == period and name.rstrip("0") == customer
            counts = ours and row.state == "synced" and row.minutes
            if counts and (period, name) not in machine.reads:
                raise Violation("I35", f"{name} is not read, and holds {row}")

    def _is_fed(self, customer: str, *, relaxed: bool) -> bool:
        """Whether somebody else, or a ledger before, has just reported minutes.

        A summary may not show them yet, and this ledger cannot know of them.
        """
        since = self._stripe.schedule.now - LONGEST_LAG
        reported = list(self._stripe.foreign_at.items())
        if relaxed:
            reported += [(name, at) for name, _, at, _ in self._stripe.changes]
        return any(at > since and name.rstrip("0") == customer for name, at in reported)

    def _is_deceived(self) -> bool:
        """Whether Stripe took an event, threw it away, and has not said so yet."""
        return any(
            row.state == "synced" and row.minutes and self._uncounted(row)
            for row in self._events.values()
        )

    def _uncounted(self, row: EventRow) -> bool:
        return self._stripe.counted(row.identifier) is None

    def _just_synced(self, machine: Machine, month: str, customer: str) -> int:
        """Minutes of which only another process knows, and that may not be shown."""
        now = self._stripe.schedule.now
        return sum(
            row.minutes
            for row, by, at in self._synced.values()
            if by is not machine and now - at < JUST_NOW
            if (row.period, row.stripe_customer) == (month, customer)
        )
