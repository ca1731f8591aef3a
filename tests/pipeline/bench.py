"""A workbench: one ledger between a listed source and a strict meter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from billing.domain.period import BillingPeriod, cycle_months
from billing.domain.rating import Price, PriceList
from billing.gateways.retries import send_with_retries
from billing.ledger import registry
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull import pulls
from billing.ledger.pull.pulls import Certificate, PullState
from billing.ledger.reconcile.runs import Reconciliation
from billing.ledger.registry import Account, Customer
from billing.ledger.sync.contact_context import state_sole_reporter
from billing.pipeline.circuit_breaker import never
from billing.pipeline.concurrency import no_progress
from billing.pipeline.cycle import CycleOptions, run_cycle
from billing.pipeline.cycle_report import CycleReport
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.pull import PullOptions, pull_usage
from billing.pipeline.reconcile.reconcile import (
    BY_TOTALS,
    Depth,
    ReconcileOptions,
    reconcile_period,
)
from billing.pipeline.sync.context import USUAL, Negative, Policy
from billing.pipeline.sync.operator_actions import RetryOrder, retry_rejected
from billing.pipeline.sync.options import SyncOptions
from billing.pipeline.sync.sync import SyncReport, sync_meter
from tests.pipeline.fakes import ListedSource, Record, StrictMeter, VirtualClock

MARCH, APRIL = BillingPeriod(2026, 3), BillingPeriod(2026, 4)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
START = NOON + timedelta(days=1)
PRICE = Price(datetime(2020, 1, 1, tzinfo=UTC), Decimal("0.10"))


def call(
    call_id: str, at: datetime = NOON, seconds: object = 60, **more: Any
) -> Record:
    """Return the record of a completed call that was answered at once."""
    record: Record = {
        "id": call_id,
        "status": "completed",
        "created_at": at.isoformat(),
        "started_at": at.isoformat(),
        "ended_at": None,
        "duration_seconds": seconds,
    }
    return record | more


def of(customer: str) -> dict[str, Any]:
    """Return the field that names a call's customer."""
    return {"metadata": {"customer": customer}}


@dataclass
class Bench:
    """Everything a test of the pipeline needs, put together."""

    ledger: Ledger
    customers: tuple[str, ...] = ("acme", "globex")
    first_period: BillingPeriod = MARCH
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(START))
    source: ListedSource = field(default_factory=ListedSource)
    at_once: bool = False
    stopping: Callable[[], bool] = never
    policy: Policy = USUAL
    settle_only: bool = False
    sole_reporter: bool = True  # as a person states for a meter that is new

    def __post_init__(self) -> None:
        self.meter = StrictMeter(clock=self.clock)
        self.stripe_customers = {name: f"cus_{name}" for name in self.customers}
        self.rules = self._register()
        if self.sole_reporter:
            self.state_sole_reporter()

    def bill_from(self, first: BillingPeriod) -> None:
        """Let the settings name another first month."""
        self.first_period = first
        self.rules = self._register()

    def name_customers(self, **stripe_customers: str) -> None:
        """Let the settings name these customers; who else was named has left."""
        self.clock.advance(minutes=1)
        self.stripe_customers = stripe_customers
        self.customers = tuple(stripe_customers)
        self.rules = self._register()

    def _register(self) -> AccountRules:
        account = Account("main", self.customers[0], "customer")
        with self.ledger.writing() as connection:
            registry.register(
                connection,
                Actor("tests", self.clock.now()),
                customers=[Customer(*one) for one in self.stripe_customers.items()],
                accounts=[account],
                prices=[PRICE],
            )
            numbers = registry.price_ids(connection)
        return AccountRules(
            account=account,
            customers=frozenset(self.customers),
            prices=PriceList([PRICE]),
            price_ids=numbers,
            first_period=self.first_period,
        )

    def state_sole_reporter(self) -> None:
        """State that nothing else reports to the meter."""
        with self.ledger.writing() as connection:
            actor = Actor("tests", self.clock.now())
            state_sole_reporter(connection, actor, "the meter is new")

    def sync_options(self) -> SyncOptions:
        """Return what a sync is handed."""
        return SyncOptions(
            livemode=False,
            stripe_customers=self.stripe_customers,
            clock=self.clock,
            retries=send_with_retries,
            actor="tests",
            at_once=self.at_once,
            stopping=self.stopping,
            policy=self.policy,
            settle_only=self.settle_only,
        )

    def reconcile_options(self) -> ReconcileOptions:
        """Return what a reconciliation is handed."""
        pair = (self.source, self.rules)
        return ReconcileOptions(
            sources=[pair],
            stripe_customers=self.stripe_customers,
            clock=self.clock,
            actor="tests",
            never_negative=self.policy.negative is Negative.HOLD,
        )

    def pull(
        self, period: BillingPeriod = MARCH, since: datetime | None = None
    ) -> Certificate:
        """Pull a month of the source."""
        return pull_usage(
            self.ledger,
            self.source,
            self.rules,
            period,
            options=PullOptions(self.clock, "tests"),
            since=since,
        )

    def pull_state(self, period: BillingPeriod = MARCH) -> PullState:
        """Return how the newest pull ended."""
        with self.ledger.reading() as connection:
            state = pulls.state_of(connection, "main", period)
        assert state is not None
        return state

    def sync(self) -> SyncReport:
        """Bring the meter level with the ledger."""
        return sync_meter(self.ledger, self.meter, self.sync_options())

    def retry(self) -> int:
        """Let a person send anew what the meter refused."""
        now, order = self.clock.now(), RetryOrder("fixed")
        return retry_rejected(self.ledger, self.meter, "tests", now, order).freed

    def reconcile(
        self, period: BillingPeriod = MARCH, depth: Depth = BY_TOTALS
    ) -> Reconciliation:
        """Compare the three books."""
        terms = self.reconcile_options()
        return reconcile_period(self.ledger, self.meter, terms, period, depth=depth)

    def cycle_options(self) -> CycleOptions:
        """Return what a whole cycle is handed."""
        return CycleOptions(
            sources=[(self.source, self.rules)],
            sync=self.sync_options(),
            reconcile=self.reconcile_options(),
            clock=self.clock,
            first_period=self.first_period,
            actor="tests",
        )

    def cycle(self) -> CycleReport:
        """Run a whole cycle."""
        periods = cycle_months(self.clock.now(), self.first_period)
        terms = self.cycle_options()
        return run_cycle(self.ledger, self.meter, terms, periods, lambda _: no_progress)

    def take(self, *records: Record) -> None:
        """Add calls at the source, and pull them."""
        self.source.calls += records
        self.pull()

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Read rows by plain SQL."""
        with self.ledger.reading() as connection:
            found = connection.execute(text(query), values)
            return [tuple(row) for row in found]

    def execute(self, statement: str) -> None:
        """Change the ledger by plain SQL, past its door."""
        with self.ledger.engine.begin() as connection:
            connection.execute(text(statement))

    def minutes(self) -> dict[str, int]:
        """Return the minutes that the ledger holds, by customer."""
        query = "SELECT customer, sum(billed_minutes) FROM b2b_usage GROUP BY customer"
        return {name: int(held) for name, held in self.rows(query)}

    def counted(self) -> Mapping[str, int]:
        """Return the minutes that the meter really counted, by customer."""
        found: dict[str, int] = {}
        for request in self.meter.counted:
            event = request.event
            found[event.customer] = found.get(event.customer, 0) + event.minutes
        return found

    def events(self) -> list[tuple[str, str, int]]:
        """Return the events' states: (state, reason, tries), in the order staged."""
        query = "SELECT state, reason, tries FROM meter_event ORDER BY id"
        return [
            (state, reason or "", tries) for state, reason, tries in self.rows(query)
        ]
