"""All customers of a sync: in which order they are worked on, and which again."""

from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zlib import crc32

from billing.domain.staging import MeterDestination
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Hold, Ledger
from billing.ledger.due_customers import (
    SendMonth,
    StagedCustomer,
    clear_months,
    stage_plain,
)
from billing.ledger.locking.locks import try_lock
from billing.ledger.sync import staging
from billing.ledger.sync.contact_context import ContactContext
from billing.pipeline.concurrency import ProgressCounter, run_each
from billing.pipeline.existence import Existence
from billing.pipeline.sync.context import CustomerNames, PreparedCustomer
from billing.pipeline.sync.customer import (
    CustomerReport,
    CustomerSync,
)
from billing.pipeline.sync.first_contact import meter_month
from billing.pipeline.sync.options import SyncOptions
from billing.pipeline.sync.send import Sender
from billing.pipeline.sync.sending_stops import SendingStops

# So many customers are staged together.
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
            # Closed at once, it frees the locks of those that are not begun.
            with closing(self._work(in_order, is_first=not tries)) as work:
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
    ) -> Generator[Callable[[], CustomerReport]]:
        """Give the work on each customer that still has some."""
        with self.sender.breaker.stopped_by_faults():
            start = 0
            while start < len(customers):
                names: Collection[str] = customers[start : start + self._slice]
                # What was just read is new enough; on SQLite nobody else works.
                is_new = is_first and not start
                start += len(names)
                if not (self.ledger.on_sqlite or is_new):
                    names = self._still_due(names)
                yield from self._work_on(names)

    @property
    def _slice(self) -> int:
        """How many are taken at a time: no more than are soon worked on.

        What one process has taken no other can work on.
        """
        soon = max(self.sender.senders.count // 2, 1)
        return SLICE if self.ledger.on_sqlite else min(SLICE, soon)

    def _work_on(
        self, names: Collection[str]
    ) -> Iterator[Callable[[], CustomerReport]]:
        """Give the work on some, of whom those who allow it are staged together."""
        syncs = {name: self._sync_of(name) for name in names}
        unbegun: dict[str, ExitStack] = {}
        try:
            prepared = self._prepared(syncs.values(), unbegun)
            for name, sync in syncs.items():
                if name not in prepared:
                    yield sync.run
                    continue
                customer = prepared[name]
                if customer is None:
                    yield partial(CustomerReport, name=name, locked_by_another=True)
                elif customer.events:
                    del unbegun[name]  # whoever begins frees its own
                    yield partial(sync.send_prepared, customer)
        finally:
            for lock in unbegun.values():
                lock.close()

    def _prepared(
        self, syncs: Iterable[CustomerSync], locks: dict[str, ExitStack]
    ) -> dict[str, PreparedCustomer | None]:
        """Stage those of whom nothing particular is to be seen, under their locks.

        None stands for one that another process works on.
        """
        prepared: dict[str, PreparedCustomer | None] = {}
        holds: dict[str, Hold] = {}
        destinations = []
        for sync in syncs:
            if sync.to is None or not self._may_be_prepared(sync):
                continue
            name = sync.customer
            locks[name] = ExitStack()
            hold = locks[name].enter_context(try_lock(self.ledger, f"customer:{name}"))
            if hold is None:
                prepared[name] = None
                continue
            holds[name] = hold
            destinations.append(sync.to)
        actor = Actor(self.sender.owner, self.sender.time.now())
        staged = self._stage(destinations, actor)
        clear = self._clear_months(staged, actor.at)
        for name in holds.keys() - staged.keys():
            locks.pop(name).close()
        for name, of_customer in staged.items():
            months = (each.month for each in clear if each.customer == name)
            prepared[name] = PreparedCustomer(
                hold=holds[name],
                lock=locks[name],
                staged=of_customer.staged,
                events=of_customer.events,
                clear=frozenset(months),
            )
        return prepared

    def _may_be_prepared(self, sync: CustomerSync) -> bool:
        """Say whether a customer may be staged with others."""
        has_one_name = self.names.all_of(sync.customer) == {sync.customer}
        is_left_alone = sync.settle_only or self.stops.holds({sync.customer})
        return has_one_name and not (sync.is_reported or is_left_alone)

    def _stage(
        self, destinations: Sequence[MeterDestination], actor: Actor
    ) -> dict[str, StagedCustomer]:
        if not destinations:
            return {}
        at_once = self.options.at_once
        return self.sender.writer.write(
            lambda ledger: stage_plain(ledger, destinations, actor, at_once=at_once)
        )

    def _clear_months(
        self, staged: Mapping[str, StagedCustomer], now: datetime
    ) -> set[SendMonth]:
        wanted = {
            SendMonth(name, meter_month(event))
            for name, of_customer in staged.items()
            for event in of_customer.events
        }
        if not wanted:
            return set()
        with self.ledger.reading() as connection:
            return clear_months(connection, wanted, self.contacts, now)

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
