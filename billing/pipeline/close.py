"""Close: read a month whole once more, reconcile it, and freeze it if all is done."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from billing.domain.close_obstacles import (
    Obstacle,
    ObstacleKind,
    find_obstacles,
    shadow_obstacle,
)
from billing.domain.period import BillingPeriod
from billing.errors import BillingError
from billing.ledger.adopt.shadow import NO_SHADOW, ShadowRule, read_shadow
from billing.ledger.audit.audit_log import Actor
from billing.ledger.close.period_close import ClosedMonth, closed_month, freeze
from billing.ledger.close.readiness import read_month_end
from billing.ledger.database import Ledger
from billing.pipeline.cycle import CycleOptions, Watcher, identified, pull_month
from billing.pipeline.reconcile.reconcile import AFTER_PULL, reconcile_period
from billing.ports import Meter


@dataclass(frozen=True, slots=True)
class CloseReport:
    """Whether a month is closed, and if not, what stands in the way."""

    period: BillingPeriod
    closed: ClosedMonth | None = None
    already: bool = False
    obstacles: tuple[Obstacle, ...] = ()


def check_close(
    ledger: Ledger,
    period: BillingPeriod,
    accounts: Collection[str],
    now: datetime,
    *,
    first_period: BillingPeriod,
    shadow: ShadowRule = NO_SHADOW,
) -> CloseReport:
    """Say what stands in the way of a close, as far as the ledger knows by itself."""
    with ledger.reading() as connection:
        closed = closed_month(connection, period)
        if closed is not None:
            return CloseReport(period, closed, already=True)
        month = read_month_end(
            connection, period, accounts, now, first_period=first_period
        )
        in_shadow = read_shadow(connection, shadow).among(shadow.stripe_customers)
    obstacles = [shadow_obstacle(in_shadow)] if in_shadow else []
    return CloseReport(period, obstacles=(*obstacles, *find_obstacles(month, now)))


def close_period(
    ledger: Ledger,
    meter: Meter,
    options: CycleOptions,
    period: BillingPeriod,
    watch: Watcher,
    *,
    reason: str | None = None,
) -> CloseReport:
    """Close a month for ever, or say what stands in the way and change nothing of it.

    A month that is closed already stays as it is. Raises LedgerFault.
    """
    now = options.clock.now()
    first = options.first_period
    labels = [source.label for source, _ in options.sources]
    report = check_close(
        ledger,
        period,
        labels,
        now,
        first_period=first,
        shadow=options.sync.shadow,
    )
    kinds = {obstacle.kind for obstacle in report.obstacles}
    if report.already or now < period.end or ObstacleKind.IN_SHADOW in kinds:
        return report
    identities = identified(ledger, options)
    options = identities.options
    accounts = [source.account for source, _ in options.sources]
    accounts += identities.faults
    unreadable = (
        *(_refused(*item) for item in identities.faults.items()),
        *_read_anew(ledger, meter, options, period, watch),
    )
    with ledger.writing() as connection:
        closed = closed_month(connection, period)
        if closed is not None:
            return CloseReport(period, closed, already=True)
        now = options.clock.now()
        month = read_month_end(connection, period, accounts, now, first_period=first)
        obstacles = (*unreadable, *find_obstacles(month, now))
        if obstacles or month.last_run is None:
            return CloseReport(period, obstacles=obstacles)
        who = Actor(options.actor, now)
        run = month.last_run.number
        closed = freeze(connection, period, who, run=run, reason=reason)
    return CloseReport(period, closed)


def _refused(label: str, fault: BillingError) -> Obstacle:
    remedy = "see to that, then close again"
    return Obstacle(
        kind=ObstacleKind.UNREADABLE, found=str(fault), remedy=remedy, names=(label,)
    )


def _read_anew(
    ledger: Ledger,
    meter: Meter,
    options: CycleOptions,
    period: BillingPeriod,
    watch: Watcher,
) -> Iterator[Obstacle]:
    """Pull and reconcile the month; what cannot be read stands in the way."""
    again = "see to that, then close again"
    for source, rules in options.sources:
        pulled = pull_month(ledger, source, rules, options, period, watch=watch)
        if pulled.certificate is None:
            reason = pulled.error or f"another process is pulling {pulled.account}"
            names = (pulled.account,)
            yield Obstacle(
                kind=ObstacleKind.UNREADABLE, found=reason, remedy=again, names=names
            )
    progress = watch(f"reconcile {period}")
    try:
        run = reconcile_period(
            ledger,
            meter,
            options.reconcile,
            period,
            depth=AFTER_PULL,
            progress=progress,
        )
    except BillingError as fault:
        yield Obstacle(kind=ObstacleKind.UNREADABLE, found=str(fault), remedy=again)
        return
    for name, found in {**run.unread, **run.accounts_unread}.items():
        yield Obstacle(
            kind=ObstacleKind.UNREADABLE, found=found, remedy=again, names=(name,)
        )
