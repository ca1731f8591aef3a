"""The world of one seed: Pamela, Stripe, one ledger, and the daemons between them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.domain.period import BillingPeriod
from billing.domain.rating import Price, PriceList
from billing.gateways.retries import send_with_retries
from billing.ledger import registry
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.registry import Account, Customer
from billing.ledger.sync.contact_context import state_sole_reporter
from billing.pipeline.concurrency import SERIAL
from billing.pipeline.cycle import CycleOptions
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.reconcile.reconcile import ReconcileOptions
from billing.pipeline.sync.options import SyncOptions
from tests.simulation.judge.certificates import Certificates
from tests.simulation.judge.judge import Judge
from tests.simulation.judge.ledger_view import LedgerView, Posted
from tests.simulation.trace import Trace
from tests.simulation.weather import Weather
from tests.simulation.world.borders.memory import SimMemory
from tests.simulation.world.borders.roles import Person, Watcher
from tests.simulation.world.borders.settings import SimSettings
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.chance import Chance
from tests.simulation.world.life import Life
from tests.simulation.world.machine import Host, LockTable, Machine
from tests.simulation.world.meter import SimMeter
from tests.simulation.world.pamela import SimCall, SimSource
from tests.simulation.world.schedule import Process, Schedule
from tests.simulation.world.storage import Storage, StoredLedger
from tests.simulation.world.stripe_side import HOUR, SimStripe

CUSTOMERS = ("acme", "globex", "initech")
PRICE = Price(datetime(2020, 1, 1, tzinfo=UTC), Decimal("0.10"))
MID_MONTH = datetime(2026, 3, 11, 5, 20, tzinfo=UTC)
MONTH_END = datetime(2026, 3, 31, 9, 40, tzinfo=UTC)
ZOMBIES = (Fault.ZOMBIE, Fault.FROZEN)


@dataclass(slots=True)
class Desk:
    """What one process works with; all of it dies with it."""

    machine: Machine
    ledger: Ledger
    meter: SimMeter
    terms: CycleOptions


class World:
    """Everything outside the product, and the way the product is put together."""

    decider: Person

    def __init__(
        self, seed: int, storage: Storage, *, keep_all: bool, borders: bool
    ) -> None:
        self.chance = Chance(seed)
        self.trace = Trace(keep_all=keep_all)
        apart = Chance(f"days {seed}")
        # In every other world customers are listed rather than asked for.
        self.few = seed % 2
        self.weather = Weather(self.chance, apart, self.trace, borders=borders)
        at_edge = self.weather.strikes(Fault.MONTH_EDGE)
        start = MONTH_END if at_edge else MID_MONTH
        start += self.chance.span(timedelta(), 12 * HOUR)
        self.schedule = Schedule(self.chance, self.trace, start)
        self.until = start + self.chance.between(*self.weather.hours_of_run) * HOUR
        self.storage = storage
        self.view = LedgerView(storage.renew(self.schedule))
        self.first_period = BillingPeriod.of(start - timedelta(hours=90))
        if at_edge and self.weather.strikes(Fault.FIRST_MONTH):
            self.first_period = BillingPeriod.of(start).next
        customers = CUSTOMERS[: self.chance.between(1, 3)]
        named = {name: f"cus_{name}" for name in customers}
        self.settings = SimSettings.of(self.weather, named)
        self.pamelas = self.settings.pamelas
        filtered_by_start = self.weather.strikes(Fault.FILTERED_BY_START)
        for pamela in self.pamelas:
            pamela.first_period = self.first_period
            pamela.filtered_by_start = filtered_by_start
        self.stripe = SimStripe(self.schedule, self.weather)
        self.locks = LockTable()
        self.page_size = self.chance.pick((2, 3, 4, 7, 100))
        self.life = Life(self.schedule, self.weather, self.pamelas, self.until)
        alone = not any(self.weather.may_have(fault) for fault in ZOMBIES)
        certificates = Certificates(
            self.view,
            self.settings.owners,
            self.trace,
            alone=alone,
        )
        self._remember_nothing()
        self.judge = Judge(
            self.stripe, self.view, self.weather, certificates, self.settings.owners
        )
        self.register()
        if not self.weather.strikes(Fault.NOT_STATED):
            self.state_sole_reporter()
        self.life.begin(20 * HOUR, self.chance.between(6, 22))

    def _remember_nothing(self) -> None:
        # Of the last cycle: partners that it did not read, and its complaints.
        self.unread: set[str] = set()
        self.complaints: list[str] = []
        self.waiting: set[str] = set()  # customers whose first send waits
        self.stopped: set[str] = set()  # those that wait for a person
        self.memory: SimMemory | None = None
        self.is_restored = self.was_accepted = self.keeps_addresses = False
        self.addresses_saved: dict[str, str] | None = None  # those of the backup
        self.restored_at: list[tuple[Any, ...]] = []  # the newest event of its trail
        self.daemons: list[Watcher] = []
        self.beside: list[World] = []  # the worlds of copies of the ledger

    def present_calls(self) -> list[SimCall]:
        """Return every call that some account lists, once."""
        calls = {
            call.truth: call for one in self.pamelas for call in one.calls.values()
        }
        return list(calls.values())

    def gone_calls(self) -> list[SimCall]:
        """Return the calls that no account lists any more."""
        present = {call.truth for call in self.present_calls()}
        gone = {call.truth: call for one in self.pamelas for call in one.gone}
        return [call for truth, call in gone.items() if truth not in present]

    def billed(self) -> dict[tuple[str, datetime], Posted]:
        """Return the minutes of each true call, as the ledger has them."""
        return self.view.billed(self.settings.owners, self.decider.meant)

    def is_certain(self, call: SimCall) -> bool:
        """Whether nothing that is named keeps a call from being billed as it is."""
        listed = any(one.calls.get(call.id) is call for one in self.pamelas)
        held = call.id in self.view.held("id_reused")
        return listed and not (call.malformed or held or self.is_unread(call))

    def is_unread(self, call: SimCall) -> bool:
        """Whether some account that lists it is refused, as the last cycle named."""
        return any(
            self.settings.partners[name].calls.get(call.id) is call
            for name in self.unread
        )

    def has_moved(self, customer: str) -> bool:
        """Whether a customer's name or address is new since the backup.

        A ledger that is put back knows of the step from what it holds to the present,
        and cannot know of one that lies between.
        """
        saved, now = self.addresses_saved, self.settings.customers[customer]
        return saved is not None and saved.get(customer) != now

    def remap(self, customer: str, stripe_customer: str) -> None:
        """Let the settings name another Stripe customer."""
        self.schedule.note(f"{customer} is {stripe_customer} from now on")
        self.settings.customers[customer] = stripe_customer
        self.register()

    def exchange(self, file: Path) -> None:
        """Put another file in the ledger's place; every process ends at once."""
        for process in self.schedule.processes:
            process.kill()
        self.locks.holders.clear()
        self.view.connection.close()
        self.view.connection = self.storage.put(file)
        self.judge.relax()
        self.judge.holds = dict.fromkeys(self.view.held_customers(), self.schedule.now)

    def restart(self) -> None:
        """Let every process end, and start anew with the settings of then."""
        for process in self.schedule.processes:
            process.stopping = True

    def register(self) -> list[AccountRules]:
        """Record what the settings say, as every start of a process does."""
        settings = self.settings
        accounts = [
            Account(label, settings.default, "customer") for label in settings.accounts
        ]
        if not self.is_restored:
            self._register(accounts)
        with self.ledger().reading() as connection:
            numbers = registry.price_ids(connection)
        return [
            AccountRules(
                account=account,
                customers=frozenset(settings.customers),
                prices=PriceList([PRICE]),
                price_ids=numbers,
                first_period=self.first_period,
                times=settings.times,
            )
            for account in accounts
        ]

    def ledger(self) -> Ledger:
        """Return the ledger as a person's command opens it: with its door."""
        ledger = Ledger(self.storage.engine)
        if self.memory is not None:
            ledger.door = self.memory.guard
            ledger.on_commit = self.memory.note
        return ledger

    def _register(self, accounts: list[Account]) -> None:
        settings = self.settings
        with self.ledger().writing() as connection:
            registry.register(
                connection,
                Actor("simulation", self.schedule.now),
                customers=[Customer(*one) for one in settings.customers.items()],
                accounts=accounts,
                prices=[PRICE],
            )

    def state_sole_reporter(self) -> None:
        """State that nothing else reports to the meter, as a person does at first."""
        with self.ledger().writing() as connection:
            actor = Actor("simulation", self.schedule.now)
            state_sole_reporter(connection, actor, "the meter is new")
        self.judge.contacts.is_sole = True

    def desk(self, process: Process, host: Host) -> Desk:
        """Put together what a new process works with."""
        machine = Machine(self.schedule, self.weather, host, self.locks, process)

        def committed() -> None:
            self.judge.committed(machine, self.storage.touched)

        ledger = StoredLedger(self.storage, machine, committed)
        if self.memory is not None:
            ledger.door = self.memory.guard
            ledger.on_commit = self.memory.note
        meter = SimMeter(self.stripe, machine, self.judge)
        sources = [
            (self._source(rules.account.name, machine), rules)
            for rules in self.register()
        ]

        def stopping() -> bool:
            return process.stopping

        sync = SyncOptions(
            livemode=False,
            stripe_customers=dict(self.settings.customers),
            clock=machine,
            retries=send_with_retries,
            actor=process.name,
            at_once=self.chance.happens(100),
            stopping=stopping,
            concurrency=SERIAL,
            few=self.few,
            spread=process.name,
        )
        terms = CycleOptions(
            sources=sources,
            sync=sync,
            reconcile=ReconcileOptions(
                sources=sources,
                stripe_customers=sync.stripe_customers,
                clock=machine,
                actor=process.name,
                concurrency=SERIAL,
            ),
            clock=machine,
            first_period=self.first_period,
            actor=process.name,
            stopping=stopping,
            concurrency=SERIAL,
        )
        machine.labels = dict(self.settings.accounts)
        return Desk(machine, ledger, meter, terms)

    def _source(self, label: str, machine: Machine) -> SimSource:
        return SimSource(
            label=label,
            account=label,
            key=self.settings.accounts[label],
            keys=self.settings.keys,
            machine=machine,
            page_size=self.page_size,
            between_pages=self.life.move_the_list,
        )

    def close(self) -> None:
        """Let go of everything."""
        self.schedule.end()
        for world in (self, *self.beside):
            world.view.connection.close()
