"""All customers of a sync: in which order they are worked on, and which again."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from zlib import crc32

from billing.ledger.database import Ledger
from billing.ledger.sync import staging
from billing.ledger.sync.contact_context import ContactContext
from billing.pipeline.concurrency import run_each
from billing.pipeline.existence import Existence
from billing.pipeline.sync.context import CustomerNames
from billing.pipeline.sync.customer import CustomerReport, CustomerSync, ProgressCounter
from billing.pipeline.sync.options import SyncOptions
from billing.pipeline.sync.send import Sender
from billing.pipeline.sync.sending_stops import SendingStops

# Customers that are looked at together for whether they still have work.
SLICE = 64
# Who works on a customer may die: others ask for it again, for as long as its retries
# take and some more.
ASKED_AGAIN_AFTER_SECONDS, MOST_TIMES_ASKED = 2, 30


@dataclass(frozen=True, slots=True)
class AllCustomers:
    """The work on all customers: what each one's is handed, and in which order."""

    ledger: Ledger
    sender: Sender
    options: SyncOptions
    names: CustomerNames
    contacts: ContactContext
    existence: Existence
    reported: Collection[str]
    sent: ProgressCounter
    stops: SendingStops

    def run(
        self, customers: Collection[str], pool: Executor
    ) -> Iterator[CustomerReport]:
        """Sync every customer; ask again for those that another process works on.

        A process that dies in mid-sync frees what it held: nothing waits for the next
        hour. What another has done meanwhile is not visited.
        """
        in_order = sorted(customers, key=self._place)
        for tries in range(MOST_TIMES_ASKED + 1):
            if tries:
                self.sender.time.sleep(ASKED_AGAIN_AFTER_SECONDS)
            is_last = tries == MOST_TIMES_ASKED
            locked = []
            work = self._work(in_order, is_first=not tries)
            for report in run_each(pool, work, lambda: self.sender.senders.count):
                if report.locked_by_another:
                    locked.append(report)
                else:
                    yield report
            if is_last or self.sender.breaker.stopped:
                yield from locked
                return
            if not locked:
                return
            in_order = [report.name for report in locked]

    def _place(self, customer: str) -> tuple[int, str]:
        """Return where a customer's turn is: processes begin at different ones."""
        spread = self.options.spread
        return crc32(f"{spread}:{customer}".encode()) if spread else 0, customer

    def _work(
        self, customers: Sequence[str], *, is_first: bool
    ) -> Iterator[Callable[[], CustomerReport]]:
        """Give the work on each customer that still has some."""
        for start in range(0, len(customers), SLICE):
            names: Collection[str] = customers[start : start + SLICE]
            # What was just read is new enough; on SQLite nobody else works.
            if not self.ledger.on_sqlite and (start or not is_first):
                names = self._still_due(names)
            for name in names:
                yield self._sync_of(name).run

    def _still_due(self, names: Collection[str]) -> list[str]:
        stripe_customers = self.options.stripe_customers
        with self.ledger.reading() as connection:
            due = staging.still_with_work(connection, names, stripe_customers)
        return [name for name in names if name in due or name in self.reported]

    def _sync_of(self, name: str) -> CustomerSync:
        options = self.options
        return CustomerSync(
            ledger=self.ledger,
            sender=self.sender,
            policy=options.policy,
            sent=self.sent,
            stops=self.stops,
            to=options.destination(name, self.names, self.sender.meter),
            customer=name,
            names=self.names,
            contacts=self.contacts,
            existence=self.existence,
            is_reported=name in self.reported,
            at_once=options.at_once,
            settle_only=options.settle_only,
        )
