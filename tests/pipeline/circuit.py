"""The whole path over real HTTP: both gateways, a ledger, and a sandbox's clock."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from billing.domain.period import BillingPeriod, cycle_months
from billing.domain.rating import Price, PriceList
from billing.domain.request_rates import Rates
from billing.gateways.pamela import PamelaUsage, connect_usage
from billing.gateways.rate_limit import Pace
from billing.gateways.retries import send_with_retries
from billing.gateways.stripe.meter import StripeMeter
from billing.ledger import registry
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.registry import Account, Customer
from billing.ledger.sync.contact_context import state_sole_reporter
from billing.pipeline.concurrency import no_progress
from billing.pipeline.cycle import CycleOptions, run_cycle
from billing.pipeline.cycle_report import CycleReport
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.reconcile.reconcile import ReconcileOptions
from billing.pipeline.sync.operator_actions import RetryOrder, retry_rejected
from billing.pipeline.sync.options import SyncOptions
from billing.sandbox.clock import SandboxClock
from billing.sandbox.seeds.worlds import realistic
from billing.sandbox.server import running
from billing.sandbox.world import METER, STRIPE_KEY, Sandbox, new_sandbox

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
FIRST = BillingPeriod(2026, 10)
FAST = 10_000
PRICE = Price(datetime(2020, 1, 1, tzinfo=UTC), Decimal("0.10"))
Minutes = dict[tuple[str, datetime], int]


class HastyClock:
    """A sandbox's clock on which a wait is over as soon as it began."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """Return the sandbox's present moment."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Move the sandbox's clock."""
        self._clock.set(self._clock.now() + timedelta(seconds=seconds))

    def elapsed(self) -> timedelta:
        """Count by the sandbox's moment."""
        return self.now() - datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Circuit:
    """Everything connected to a sandbox that runs in this process."""

    sandbox: Sandbox
    url: str
    ledger: Ledger
    meter: StripeMeter
    sources: list[tuple[PamelaUsage, AccountRules]]

    def cycle(self) -> CycleReport:
        """Run one whole cycle."""
        clock = HastyClock(self.sandbox.clock)
        names = {one.name: one.id for one in self.sandbox.customers()}
        terms = CycleOptions(
            sources=self.sources,
            sync=SyncOptions(
                livemode=False,
                stripe_customers=names,
                clock=clock,
                retries=send_with_retries,
                actor="tests",
            ),
            reconcile=ReconcileOptions(
                sources=self.sources, stripe_customers=names, clock=clock, actor="tests"
            ),
            clock=clock,
            first_period=FIRST,
            actor="tests",
        )
        periods = cycle_months(clock.now(), FIRST)
        return run_cycle(self.ledger, self.meter, terms, periods, lambda _: no_progress)

    def retry(self) -> int:
        """Let a person send anew what Stripe refused."""
        now, order = self.sandbox.clock.now(), RetryOrder("fixed")
        return retry_rejected(self.ledger, self.meter, "tests", now, order).freed

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Read rows by plain SQL."""
        with self.ledger.reading() as connection:
            found = connection.execute(text(query), values)
            return [tuple(row) for row in found]

    def advance(self, **step: int) -> None:
        """Move the sandbox's clock."""
        clock = self.sandbox.clock
        clock.set(clock.now() + timedelta(**step))


@contextmanager
def circuit(url: str, sandbox: Sandbox, ledger_url: str) -> Iterator[Circuit]:
    """Connect to a running sandbox, with a ledger that is migrated."""
    with ExitStack() as stack:
        ledger = open_ledger(ledger_url)
        stack.callback(ledger.close)
        meter = StripeMeter(
            STRIPE_KEY,
            METER,
            base_url=url,
            pace=Pace(Rates.alike(FAST)),
            sleep=HastyClock(sandbox.clock).sleep,
        )
        stack.callback(meter.close)
        sources = _sources(url, sandbox, ledger)
        for source, _ in sources:
            stack.callback(source.close)
        yield Circuit(
            sandbox=sandbox, url=url, ledger=ledger, meter=meter, sources=sources
        )


def _sources(
    url: str, sandbox: Sandbox, ledger: Ledger
) -> list[tuple[PamelaUsage, AccountRules]]:
    customers = sandbox.customers()
    accounts = [
        Account(one.name, one.default_customer, one.customer_key)
        for one in sandbox.pamela.accounts
    ]
    with ledger.writing() as connection:
        registry.register(
            connection,
            Actor("tests", sandbox.clock.now()),
            customers=[Customer(one.name, one.id) for one in customers],
            accounts=accounts,
            prices=[PRICE],
        )
        numbers = registry.price_ids(connection)
        actor = Actor("tests", sandbox.clock.now())
        state_sole_reporter(connection, actor, "the sandbox is new")
    names, prices = frozenset(one.name for one in customers), PriceList([PRICE])
    sleep = HastyClock(sandbox.clock).sleep
    return [
        (
            connect_usage(one.name, given.api_key, url, sleep=sleep),
            AccountRules(
                account=one, customers=names, prices=prices, price_ids=numbers
            ),
        )
        for one, given in zip(accounts, sandbox.pamela.accounts, strict=True)
    ]


@contextmanager
def seeded_sandbox(
    seed: int, calls: int, now: datetime = NOW
) -> Iterator[tuple[str, Sandbox]]:
    """Serve a sandbox of two months; its clock moves only when told to."""
    seeded = realistic(seed, now, calls=calls)
    sandbox = new_sandbox(seeded.pamela, seeded.customers, now, rate_limits="off")
    sandbox.clock = SandboxClock(now, ticks=lambda: 0.0)
    with running(sandbox) as url:
        yield url, sandbox


def ledger_minutes(ledger: Ledger) -> Minutes:
    """Return what the ledger holds, by customer and hour; nothing where it is zero."""
    query = (
        "SELECT customer, hour, sum(billed_minutes) FROM b2b_usage "
        "GROUP BY customer, hour HAVING sum(billed_minutes) <> 0"
    )
    with ledger.reading() as connection:
        rows = connection.execute(text(query)).all()
    return {(name, moment(hour)): int(minutes) for name, hour, minutes in rows}


def stripe_minutes(truth: Any) -> Minutes:
    """Return what Stripe really counted, by customer name and hour."""
    found: Minutes = {}
    for customer, counted in truth["stripe"]["test"].items():
        for hour, entry in counted["hours"].items():
            if minutes := entry["counted"].get(METER, 0):
                found[customer, datetime.fromisoformat(hour)] = minutes
    return found


def counted_twice(truth: Any) -> list[str]:
    """Return the identifiers that Stripe counted more than once."""
    seen = Counter(
        event["identifier"]
        for counted in truth["stripe"]["test"].values()
        for entry in counted["hours"].values()
        for event in entry["events"]
        if event["counted"]
    )
    return [identifier for identifier, times in seen.items() if times > 1]


def pamela_minutes(truth: Any, first: BillingPeriod = FIRST) -> dict[str, int]:
    """Return the minutes that Pamela's calls are owed from a month on, by customer."""
    found: Counter[str] = Counter()
    for account in truth["pamela"].values():
        for month, sums in account["months"].items():
            if month >= str(first):
                found.update(sums["customers"])
    return dict(found)


def by_name(minutes: Minutes) -> dict[str, int]:
    """Add hours up."""
    found: Counter[str] = Counter()
    for (name, _), held in minutes.items():
        found[name] += held
    return dict(found)


def moment(value: object) -> datetime:
    """Read a time as either database gives it."""
    if not isinstance(value, datetime):
        value = datetime.fromisoformat(str(value))
    return value.astimezone(UTC)
