"""The composition root: settings in, a working service out."""

import gc
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from billing.adapters import (
    make_gate,
    make_meter,
    make_source,
    make_trail,
    rates_of,
)
from billing.domain.call_metadata import MetadataRule
from billing.domain.call_times import TimeTolerance
from billing.domain.cycle_schedule import Trigger
from billing.domain.period import BillingPeriod, Month, period_at
from billing.domain.rating import PriceList
from billing.domain.request_rates import Rates
from billing.domain.sender_count import SenderLimits
from billing.errors import BadInput, InvariantViolated, SettingsFault, UnknownName
from billing.gateways.clocks import StoppableClock
from billing.gateways.gated import GatedMeter, GatedUsage
from billing.gateways.retries import send_with_retries
from billing.ledger import migration, registry
from billing.ledger.adopt.shadow import ShadowRule, refuse_shadow_of_senders
from billing.ledger.audit.audit_log import Actor, AuditSession
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.locking.locks import exclusive_process
from billing.ledger.locking.pace_share import pace_share
from billing.ledger.registry import Account, Customer
from billing.ledger.rights import refuse_reader
from billing.offline import guard_writes, ledger_url, make_clock, why_not_billed
from billing.pipeline.cycle import CycleOptions
from billing.pipeline.integrity import check_invariants
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.metadata_retention import expire_metadata
from billing.pipeline.reconcile.reconcile import ReconcileOptions
from billing.pipeline.signing import TrailOptions, refuse_rewound, remember_end
from billing.pipeline.sync.context import Negative, Policy
from billing.pipeline.sync.options import SyncOptions
from billing.settings import Settings, read_settings

_OBJECTS_BETWEEN_COLLECTIONS = 10_000


@dataclass(frozen=True, slots=True)
class App:
    """The service, put together; close it."""

    settings: Settings
    ledger: Ledger
    clock: StoppableClock
    meter: GatedMeter
    livemode: bool
    sources: tuple[tuple[GatedUsage, AccountRules], ...]
    stripe_customers: dict[str, str]
    actor: str
    trail: TrailOptions
    shadow: ShadowRule
    rates: Rates
    process: str  # tells it apart from others that work on the same ledger

    def sync_options(
        self, *, at_once: bool = False, settle_only: bool = False
    ) -> SyncOptions:
        """Return what a sync is handed."""
        stripe = self.settings.stripe
        return SyncOptions(
            livemode=self.livemode,
            stripe_customers=self.stripe_customers,
            clock=self.clock,
            retries=send_with_retries,
            actor=self.actor,
            at_once=at_once,
            stopping=self.clock.stop.is_set,
            policy=Policy(Negative(stripe.negative), stripe.rearm),
            settle_only=settle_only,
            shadow=self.shadow,
            senders=SenderLimits(self.rates.events, stripe.most_senders),
            # In a file nobody else works, and the order stays the names'.
            spread="" if self.ledger.on_sqlite else self.process,
        )

    def reconcile_options(self) -> ReconcileOptions:
        """Return what a reconciliation is handed."""
        return ReconcileOptions(
            sources=self.sources,
            stripe_customers=self.stripe_customers,
            clock=self.clock,
            actor=self.actor,
            never_negative=self.settings.stripe.negative == "hold",
            shadow=self.shadow,
        )

    def cycle_options(
        self, trigger: Trigger = Trigger.MANUAL, *, untold: Sequence[str] = ()
    ) -> CycleOptions:
        """Return what a whole cycle is handed; `untold` is what output lost before."""
        return CycleOptions(
            sources=self.sources,
            sync=self.sync_options(),
            reconcile=self.reconcile_options(),
            clock=self.clock,
            first_period=self.settings.first_period,
            actor=self.actor,
            stopping=self.clock.stop.is_set,
            trigger=trigger,
            untold=untold,
        )

    def source(self, account: str) -> tuple[GatedUsage, AccountRules]:
        """Return an account's source; raises UnknownName."""
        for source, rules in self.sources:
            if source.account == account:
                return source, rules
        names = [source.account for source, _ in self.sources]
        raise UnknownName("account", account, names, "the settings name")

    @property
    def currency(self) -> str:
        """The currency of every price."""
        return self.settings.prices[0].currency

    def billed_period(self, month: Month) -> BillingPeriod:
        """Return the period of a month; raises BadInput if it is not billed."""
        now = self.clock.now()
        period = period_at(month, now)
        if reason := why_not_billed(period, self.settings, now):
            raise BadInput(f"{period} {reason}")
        return period

    def expire_metadata(self, now: datetime) -> int:
        """Erase what calls said that is older than the settings allow."""
        days = self.settings.metadata_retention_days
        if days is None:
            return 0
        return expire_metadata(self.ledger, Actor(self.actor, now), days)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold a SQLite ledger for this process; raises AnotherProcess."""
        with exclusive_process(self.ledger):
            yield

    def close(self) -> None:
        """Close the connections to both APIs; ledger and clock are their opener's."""
        for source, _ in self.sources:
            source.close()
        self.meter.close()


@contextmanager
def opened_app(
    settings_file: Path, *, actor: str, stop: threading.Event | None = None
) -> Iterator[App]:
    """Read the settings and put the service together; raises BillingError.

    Once `stop` is set nothing more is sent, and no wait goes on.
    """
    settings, folder = read_settings(settings_file), settings_file.parent
    with composed(settings, folder, actor=actor, stop=stop) as app:
        yield app


@contextmanager
def composed(
    settings: Settings,
    folder: Path,
    *,
    actor: str,
    stop: threading.Event | None = None,
) -> Iterator[App]:
    """Put the service together and take it apart; raises BillingError.

    Relative paths and secrets are looked for in `folder`, that of the settings file.
    """
    with (
        _fewer_collections(),
        closing(make_clock(settings)) as time,
        closing(open_ledger(ledger_url(settings, folder))) as ledger,
    ):
        migration.refuse_other_schema(ledger)
        refuse_reader(ledger)
        guard_writes(ledger, settings, folder)
        clock = StoppableClock(time, stop or threading.Event())
        ledger.audit_session = AuditSession(actor, clock.now)
        with closing(_compose(settings, folder, ledger, clock, actor)) as app:
            yield app
            remember_end(ledger, app.trail.memory)


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Let Python look for cycles of objects more seldom, which takes time to find few.

    Calls and rows are made by the million and refer to nothing that refers to them.
    """
    usual = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _register(settings: Settings, ledger: Ledger, actor: Actor) -> list[AccountRules]:
    accounts = [
        Account(account.name, account.customer, account.customer_metadata_key)
        for account in settings.accounts
    ]
    with ledger.writing() as connection:
        registry.register(
            connection,
            actor,
            customers=[Customer(c.name, c.stripe_customer) for c in settings.customers],
            accounts=accounts,
            prices=[price.price() for price in settings.prices],
        )
        try:
            prices = PriceList(registry.known_prices(connection))
        except ValueError as fault:
            raise SettingsFault("prices", str(fault)) from None
        numbers = registry.price_ids(connection)
    names = frozenset(customer.name for customer in settings.customers)
    days = settings.metadata_retention_days
    metadata = MetadataRule(
        settings.report_metadata, timedelta(days=days) if days else None
    )
    return [
        AccountRules(
            account=account,
            customers=names,
            prices=prices,
            price_ids=numbers,
            metadata=metadata,
            first_period=settings.first_period,
            times=TimeTolerance(**settings.calls.model_dump()),
        )
        for account in accounts
    ]


def _compose(
    settings: Settings,
    folder: Path,
    ledger: Ledger,
    clock: StoppableClock,
    actor: str,
) -> App:
    trail = make_trail(settings, folder)
    refuse_rewound(ledger, trail.memory)
    gate = make_gate(settings, folder)
    meter, livemode = make_meter(
        settings,
        folder,
        clock.sleep,
        gate,
        lambda mode: pace_share(
            ledger, f"pace:{mode}", ticks=time.monotonic, sleep=clock.sleep
        ),
    )
    sources = [
        make_source(settings, account, folder, clock.sleep, gate)
        for account in settings.accounts
    ]
    try:
        rules = _register(settings, ledger, Actor(actor, clock.now()))
    except InvariantViolated:
        check_invariants(ledger, clock.now())  # so that `status` tells of it, too
        raise
    stripe_customers = {c.name: c.stripe_customer for c in settings.customers}
    in_shadow = settings.stripe.send == "shadow"
    shadow = ShadowRule(in_shadow, stripe_customers, meter.event_name, livemode)
    with ledger.reading() as connection:
        refuse_shadow_of_senders(connection, shadow)
    return App(
        settings=settings,
        ledger=ledger,
        clock=clock,
        meter=meter,
        livemode=livemode,
        sources=tuple(zip(sources, rules, strict=True)),
        stripe_customers=stripe_customers,
        actor=actor,
        trail=trail,
        shadow=shadow,
        rates=rates_of(settings.stripe, livemode=livemode),
        process=f"{socket.gethostname()}:{os.getpid()}",
    )
