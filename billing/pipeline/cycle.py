"""One whole cycle: pull what is new, sync, reconcile; what cron and daemon run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from billing.domain.call import READ_AGAIN
from billing.domain.cycle_schedule import Trigger
from billing.domain.period import BillingPeriod
from billing.domain.retry_schedule import MOST_TRIES, delay_before_retry
from billing.errors import BillingError, InvariantViolated
from billing.ledger.database import Ledger
from billing.ledger.locking.locks import try_lock
from billing.ledger.pull import pulls
from billing.ledger.pull.pulls import Certificate
from billing.pipeline.adopt.shadow import all_in_shadow, try_in_shadow
from billing.pipeline.circuit_breaker import never
from billing.pipeline.concurrency import THREADS, Concurrency, Progress
from billing.pipeline.cycle_report import CycleReport, PullResult, Step, on_step_ignored
from billing.pipeline.earlier_months import EarlierMonths
from billing.pipeline.integrity import require_invariants
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.identity import Sources, identify_sources
from billing.pipeline.pull.pull import PullOptions, pull_usage
from billing.pipeline.reconcile.divided import reconcile_divided
from billing.pipeline.reconcile.reconcile import (
    ReconcileOptions,
)
from billing.pipeline.sync.options import SyncOptions
from billing.pipeline.sync.sync import SyncReport, sync_meter
from billing.ports import Clock, Meter, UsageSource

# A whole month is read anew once a day, whatever the hourly readings say.
SWEEP_EVERY = timedelta(hours=24)
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
    for period in periods:
        for source, rules in options.sources:
            if options.stopping():
                return report
            report.add(_pull(ledger, source, rules, options, period, watch=watch))
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
    whole: bool = False,
) -> PullResult:
    account, asked_at = source.account, options.clock.now()
    label = source.label
    try:
        for tries in range(1, MOST_TRIES + 1):
            with try_lock(ledger, f"pull:{account}") as hold:
                if not whole and _pulled_since(ledger, account, period, asked_at):
                    break
                if hold is not None:
                    progress = watch(f"pull {period} {account}")
                    certificate = _pull_as_needed(
                        ledger,
                        source,
                        rules,
                        options,
                        period,
                        progress=progress,
                        whole=whole,
                    )
                    return PullResult(
                        account=label, period=period, certificate=certificate
                    )
            if tries == MOST_TRIES or options.stopping():
                break
            # Whoever is at it may die: then the month is still to be read.
            options.clock.sleep(delay_before_retry(tries).total_seconds())
    except BillingError as fault:
        refused = isinstance(fault, InvariantViolated)
        return PullResult(
            account=label, period=period, error=str(fault), refused=refused
        )
    return PullResult(account=label, period=period)


def _pulled_since(
    ledger: Ledger, account: str, period: BillingPeriod, moment: datetime
) -> bool:
    """Say whether another process has read a month while we waited for it."""
    with ledger.reading() as connection:
        newest = pulls.state_of(connection, account, period)
    if newest is None or newest.finished_at is None:
        return False
    return newest.state == "complete" and newest.finished_at > moment


def _pull_as_needed(
    ledger: Ledger,
    source: UsageSource,
    rules: AccountRules,
    options: CycleOptions,
    period: BillingPeriod,
    *,
    progress: Progress,
    whole: bool,
) -> Certificate:
    """Read what is recent; read the whole month daily, and when its total is off."""
    now = options.clock.now()
    since = None if whole else _recent_since(ledger, source.account, period, now)

    def pull(start: datetime | None, *, search: bool = True) -> Certificate:
        return pull_usage(
            ledger,
            source,
            rules,
            period,
            options=PullOptions(options.clock, options.actor, options.concurrency),
            since=start,
            search=search,
            progress=progress,
        )

    certificate = pull(since)
    if since is None or certificate.source_minutes is None:
        return certificate
    off = certificate.source_minutes - certificate.ledger_minutes
    with ledger.reading() as connection:
        was_off = pulls.last_sweep_difference(connection, source.account, period)
        searched = pulls.last_search(connection, source.account, period)
    if off in {0, was_off}:
        return certificate
    # What a search to the end has not found is not searched for again within a day.
    is_new = (
        searched is None
        or now - searched.started_at >= SWEEP_EVERY
        or off > searched.missing_minutes
    )
    return pull(None, search=is_new)


def _recent_since(
    ledger: Ledger, account: str, period: BillingPeriod, now: datetime
) -> datetime | None:
    with ledger.reading() as connection:
        sweep = pulls.last_complete(connection, account, period, pulls.MONTH)
        newest = pulls.last_complete(connection, account, period, None)
    if sweep is None or newest is None or now - sweep >= SWEEP_EVERY:
        return None
    return newest - READ_AGAIN
