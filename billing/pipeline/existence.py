"""Existence: which Stripe customers are there, by as few reads as that takes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.domain.customer_existence import FEW, CustomersSeen, Look
from billing.errors import MeterFault
from billing.ledger import existence
from billing.ledger.database import Ledger
from billing.ledger.existence import Seen, read_customers_seen
from billing.ledger.group_commit import BatchedWrite, Writer
from billing.ports import Clock, Meter

# So many that were seen are noted in one commit.
_NOTED_AT_ONCE = 2_000


@dataclass(slots=True)
class Existence:
    """What a sync believes of its customers, and how it finds out about the others."""

    meter: Meter
    writer: Writer
    clock: Clock
    customers: CustomersSeen

    def is_there(self, stripe_customer: str, *, doubted: bool) -> bool:
        """Say whether a customer is there, asking where it is not known or doubted.

        Raises MeterFault.
        """
        now = self.clock.now()
        if not doubted and self.customers.is_known(stripe_customer, now):
            return True
        if not self.meter.has_customer(stripe_customer):
            return False
        seen = Seen(stripe_customer, self.customers.meter_id, now)
        self.writer.hand_in(BatchedWrite(existence.record_seen, seen))
        return True


def refresh_customers_seen(
    ledger: Ledger,
    meter: Meter,
    clock: Clock,
    due: Collection[str],
    known: Mapping[str, str],
    *,
    meter_id: str,
    few: int = FEW,
) -> CustomersSeen:
    """Find out who was deleted, and list all customers where that takes fewer reads.

    `due` are Stripe's customers that events are due for, and `known` has all of the
    settings' as values. What cannot be read is asked for one by one: never a fault.
    """
    with ledger.reading() as connection:
        customers = read_customers_seen(connection, meter_id)
    look = _Look(ledger, meter, clock, meter_id)
    try:
        if due and customers.asks_for_deletions(clock.now()):
            look.for_deletions(customers)
        stale = customers.stale_among(dict.fromkeys(due), clock.now())
        if customers.asks_for_list(stale, few):
            look.for_all(frozenset(known.values()), most_pages=max(stale, few))
    except MeterFault:
        pass  # a key may read customers and no events: then each is asked for
    with ledger.reading() as connection:
        return read_customers_seen(connection, meter_id)


@dataclass(frozen=True, slots=True)
class _Look:
    ledger: Ledger
    meter: Meter
    clock: Clock
    meter_id: str

    def for_deletions(self, customers: CustomersSeen) -> None:
        """Forget who was deleted since the last look."""
        now = self.clock.now()
        gone = self.meter.deleted_customers(customers.deletions_since(now))
        with self.ledger.writing() as connection:
            existence.forget(connection, gone, self.meter_id)
            existence.record_look(
                connection, existence.DELETED, Look(now, 1), self.meter_id
            )

    def for_all(self, ours: frozenset[str], *, most_pages: int) -> None:
        """List the account's customers, until all of ours were seen.

        After so many pages it costs no less than to ask for each: a list may be of
        many that are not ours, or have no end.
        """
        began, pages, after = self.clock.now(), 0, None
        unseen, waiting = set(ours), list[Seen]()
        while unseen and pages < most_pages:
            page = self.meter.list_customers(after)
            pages += 1
            found = unseen.intersection(page.customers)
            unseen -= found
            waiting += [self._seen(name, began) for name in sorted(found)]
            if len(waiting) >= _NOTED_AT_ONCE:
                self._note(waiting)
                waiting = []
            if not page.more:
                break
            after = page.customers[-1]
        self._note(waiting)
        with self.ledger.writing() as connection:
            existence.record_look(
                connection, existence.LISTED, Look(began, pages), self.meter_id
            )

    def _seen(self, name: str, at: datetime) -> Seen:
        return Seen(name, self.meter_id, at)

    def _note(self, seen: list[Seen]) -> None:
        if seen:
            with self.ledger.writing() as connection:
                existence.record_seen(connection, seen)
