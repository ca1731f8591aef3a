"""One whole cycle: pull what is new, sync, reconcile; what cron and daemon run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.cycle_schedule import Trigger
from billing.domain.period import BillingPeriod
from billing.domain.retry_schedule import MOST_TRIES, delay_before_retry
from billing.errors import BillingError, InvariantViolated
from billing.ledger.database import Ledger
from billing.ledger.locking.locks import try_lock
from billing.pipeline.adopt.shadow import all_in_shadow, try_in_shadow
from billing.pipeline.circuit_breaker import never
from billing.pipeline.concurrency import (
    ACCOUNTS_AT_ONCE,
    THREADS,
    Concurrency,
    Progress,
    Readers,
    Turn,
    readers,
)
from billing.pipeline.cycle_report import (
    CycleReport,
    PullResult,
    Step,
    on_step_ignored,
)
from billing.pipeline.earlier_months import EarlierMonths
from billing.pipeline.integrity import require_invariants
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.as_needed import pull_as_needed, pulled_since
from billing.pipeline.pull.identity import Sources, identify_sources
from billing.pipeline.pull.pull import PullOptions
from billing.pipeline.reconcile.divided import reconcile_divided
from billing.pipeline.reconcile.reconcile import (
    ReconcileOptions,
)
from billing.pipeline.sync.options import SyncOptions
from billing.pipeline.sync.sync import SyncReport, sync_meter
from billing.ports import Clock, Meter, UsageSource

Watcher = Callable[[str], Progress]


@dataclass(frozen=True, slots=True)
class CycleOptions:
    """What a cycle is handed."""

    sources: Sources
    sync: SyncOptions
    reconcile: ReconcileOptions
    clock: Clock
    first_period: BillingPeriod
    actor: str
    stopping: Callable[[], bool] = never
    concurrency: Concurrency = THREADS
    trigger: Trigger = Trigger.MANUAL
    untold: Sequence[str] = ()  # what could not be told since the last cycle

    def pulling(
        self, those: Readers | None = None, turn: Turn | None = None
    ) -> PullOptions:
        """Return what a pull is handed, which may share its readers."""
        return PullOptions(
            clock=self.clock,
            actor=self.actor,
            concurrency=self.concurrency,
            readers=those,
            turn=turn or Turn(),
        )

    def only(self, sources: Sources) -> "CycleOptions":
        """Return the same with these sources alone."""
        return replace(
            self, sources=sources, reconcile=replace(self.reconcile, sources=sources)
        )


@dataclass(frozen=True, slots=True)
class IdentifiedOptions:
    """The options with the accounts that may be pulled, and why others may not."""

    options: CycleOptions
    faults: Mapping[str, BillingError]  # by the account's name in the settings


def identified(ledger: Ledger, options: CycleOptions) -> IdentifiedOptions:
    """Ask every account who it is, and leave those out that must not be pulled."""
    identities = identify_sources(
        ledger, options.sources, options.clock, options.actor, options.concurrency
    )
    return IdentifiedOptions(options.only(identities.sources), identities.faults)


def run_cycle(
    ledger: Ledger,
    meter: Meter,
    options: CycleOptions,
    periods: Sequence[BillingPeriod],
    watch: Watcher,
    *,
    on_step: Callable[[Step], None] = on_step_ignored,
) -> CycleReport:
    """Pull, sync and reconcile; a part that fails does not stop the others.

    `on_step` hears of each step as soon as it is done.
    """
    report, began = CycleReport(on_step=on_step), options.clock.now()
    try:
        accounts = identified(ledger, options)
    except BillingError as fault:
        accounts = IdentifiedOptions(options.only([]), {"": fault})
    options = accounts.options
    for refused in accounts.faults.values():
        report.add(refused)
    with readers(options.concurrency) as those:
        for period in periods:
            for result in _pulled(ledger, options, period, watch, those):
                report.add(result)
            if options.stopping():
                return report
    if not report.refused:
        report.add(_synced(ledger, meter, options, watch))
    compared = try_in_shadow(
        ledger, meter, options.sync, periods, progress=watch("shadow")
    )
    if compared is not None:
        report.add(compared)
    for step in _reconciled(ledger, meter, options, periods, watch, began=began):
        report.add(step)
    return report


def _pulled(
    ledger: Ledger,
    options: CycleOptions,
    period: BillingPeriod,
    watch: Watcher,
    those: Readers,
) -> Iterator[PullResult]:
    """Pull a month of some accounts side by side; their parts share the readers."""

    def pull(place: int) -> PullResult | None:
        (source, rules), turn = options.sources[place], turns[place]
        try:
            if options.stopping():
                return None
            pulling = options.pulling(those, turn)
            return _pull(
                ledger, source, rules, options, period, watch=watch, pulling=pulling
            )
        finally:
            turn.pass_on()

    turns = [Turn()]
    while len(turns) < len(options.sources):
        turns.append(turns[-1].next())
    places = range(len(options.sources))
    at_once = min(len(options.sources), ACCOUNTS_AT_ONCE)
    if at_once <= 1:
        yield from filter(None, map(pull, places))
        return
    with options.concurrency.pool(at_once, "account") as pool, those.not_abandoned():
        yield from filter(None, pool.map(pull, places))


def _synced(
    ledger: Ledger, meter: Meter, options: CycleOptions, watch: Watcher
) -> SyncReport | BillingError:
    try:
        require_invariants(ledger, options.clock.now())
        return sync_meter(ledger, meter, options.sync, progress=watch("sync"))
    except BillingError as fault:
        return fault


def _reconciled(
    ledger: Ledger,
    meter: Meter,
    options: CycleOptions,
    periods: Sequence[BillingPeriod],
    watch: Watcher,
    *,
    began: datetime,
) -> Iterator[Step]:
    """Reconcile the months, and read an earlier one again when one is due."""
    if all_in_shadow(ledger, options.sync):
        return
    for period in periods:
        if options.stopping():
            return
        yield reconcile_divided(
            ledger,
            meter,
            options.reconcile,
            period,
            began=began,
            progress=watch(f"reconcile {period}"),
        )
    earlier = EarlierMonths(
        ledger=ledger,
        meter=meter,
        options=options.reconcile,
        first_period=options.first_period,
        besides=periods,
        watch=watch,
    )
    yield from [] if options.stopping() else earlier.read_due()


def pull_month(
    ledger: Ledger,
    source: UsageSource,
    rules: AccountRules,
    options: CycleOptions,
    period: BillingPeriod,
    *,
    watch: Watcher,
) -> PullResult:
    """Pull an account's whole month, whatever was read before."""
    return _pull(ledger, source, rules, options, period, watch=watch, whole=True)


def _pull(
    ledger: Ledger,
    source: UsageSource,
    rules: AccountRules,
    options: CycleOptions,
    period: BillingPeriod,
    *,
    watch: Watcher,
    pulling: PullOptions | None = None,
    whole: bool = False,
) -> PullResult:
    pulling = pulling or options.pulling()
    account, asked_at = source.account, options.clock.now()
    label = source.label
    try:
        for tries in range(1, MOST_TRIES + 1):
            with try_lock(ledger, f"pull:{account}") as hold:
                if not whole and pulled_since(ledger, account, period, asked_at):
                    break
                if hold is not None:
                    certificate = pull_as_needed(
                        ledger,
                        source,
                        rules,
                        period,
                        options=pulling,
                        progress=watch(f"pull {period} {account}"),
                        whole=whole,
                    )
                    return PullResult(
                        account=label, period=period, certificate=certificate
                    )
            if tries == MOST_TRIES or options.stopping():
                break
            pulling.turn.pass_on()  # nobody waits for another process's work
            # Whoever is at it may die: then the month is still to be read.
            options.clock.sleep(delay_before_retry(tries).total_seconds())
    except BillingError as fault:
        refused = isinstance(fault, InvariantViolated)
        return PullResult(
            account=label, period=period, error=str(fault), refused=refused
        )
    return PullResult(account=label, period=period)
