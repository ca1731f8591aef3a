"""Cut over: read what stands at a meter, wait for what is in flight, and decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from billing.domain.adoption import (
    LONGEST_BACK,
    Adoption,
    readable_at,
    why_not_from,
)
from billing.domain.meter_contact import MeterMonth
from billing.domain.period import BillingPeriod, Window
from billing.domain.staging import MeterDestination
from billing.errors import (
    WHOLE_METER,
    AnotherProcess,
    BadInput,
    MeterFault,
    NoSuchCustomer,
)
from billing.ledger.adopt.cut_over import (
    CutOverPlan,
    MonthPlan,
    open_months,
    plan_cut_over,
    record_cut_over,
)
from billing.ledger.adopt.shadow_readings import (
    ShadowReading,
    record_shadow_reading,
)
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.locking.locks import try_lock
from billing.ledger.registry import customers_renamed
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.sync.adoptions import adoption_of
from billing.ledger.sync.contact_context import state_sole_reporter
from billing.pipeline.sync.preflight import require_usable_meter
from billing.ports import Clock, Meter

_MOST_HOURS = 5


class AdoptionState(StrEnum):
    """What came of a customer in a cut-over."""

    ADOPTED = "adopted"
    ALREADY = "already_adopted"
    POSSIBLE = "possible"  # a dry run: it could be done now
    WAITS = "waits"  # for a second reading
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CutOverOptions:
    """What a cut-over is handed: from when, why, and what a person states."""

    from_hour: datetime
    first_period: BillingPeriod
    livemode: bool
    clock: Clock
    actor: str
    reason: str | None  # None: a dry run, which keeps nothing
    stopped_at: datetime | None = None
    sole_reporter: bool = False


@dataclass(frozen=True, slots=True)
class CustomerCutOver:
    """What came of one customer: its months, and why or until when it waits."""

    customer: str
    state: AdoptionState
    months: tuple[MonthPlan, ...] = ()
    until: datetime | None = None
    why: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be done, or, in a dry run, stands in the way."""
        return self.state not in {AdoptionState.WAITS, AdoptionState.REFUSED}

    @property
    def differs(self) -> bool:
        """Whether the other's minutes are not those of the rated calls."""
        return any(
            month.opening_minutes != month.rated_minutes for month in self.months
        )


def adopt_meter(
    ledger: Ledger,
    meter: Meter,
    options: CutOverOptions,
    stripe_customers: Mapping[str, str],
) -> list[CustomerCutOver]:
    """Take the customers' meter over; raises BadInput, MeterFault or LedgerFault.

    Of one customer a refusal is raised; of several, it is what came of that one.
    """
    now = options.clock.now()
    _check_hour(ledger, options, now)
    if meter.describe() is None:
        raise BadInput(
            f"Stripe has no meter with the event name {meter.event_name}: nothing can "
            "be taken over; create it, or set [stripe] meter to the right name"
        )
    require_usable_meter(meter, livemode=options.livemode, now=now)
    with ledger.reading() as connection:
        renamed = customers_renamed(connection)
    results = []
    for customer, stripe_customer in stripe_customers.items():
        to = MeterDestination(
            customer=customer,
            stripe_customer=stripe_customer,
            meter=meter.event_name,
            livemode=options.livemode,
            other_names=renamed.get(customer, frozenset()) - {customer},
        )
        try:
            results.append(_CustomerCutOver(ledger, meter, options, to).run())
        except WHOLE_METER:
            raise
        except (BadInput, MeterFault) as fault:
            why = _why_refused(fault, to)
            if len(stripe_customers) == 1:
                raise BadInput(why) from None
            refused = AdoptionState.REFUSED
            results.append(CustomerCutOver(customer=customer, state=refused, why=why))
    return results


def _why_refused(fault: BadInput | MeterFault, to: MeterDestination) -> str:
    if not isinstance(fault, NoSuchCustomer):
        return str(fault)
    return (
        f"Stripe has no customer {to.stripe_customer}: set the stripe_customer of "
        f"{to.customer} in the settings right"
    )


def _check_hour(ledger: Ledger, options: CutOverOptions, now: datetime) -> None:
    hour, stopped_at = options.from_hour, options.stopped_at
    if why := why_not_from(hour, now):
        raise BadInput(f"--from {hour:%Y-%m-%dT%H:%M:%SZ} {why}")
    period = BillingPeriod.of(hour)
    with ledger.reading() as connection:
        if period in closed_months(connection):
            raise BadInput(
                f"{period} is closed, so nothing of it can be taken over; give an "
                "hour of a month that is open"
            )
    if period < options.first_period:
        raise BadInput(
            f"{period} is before first_period ({options.first_period}), so nothing of "
            "it is billed here; give an hour of a month that is"
        )
    if options.reason is not None and not options.reason.strip():
        raise BadInput("say why the meter is taken over: --reason TEXT")
    if stopped_at is not None and now < readable_at(stopped_at):
        raise BadInput(
            f"what was sent until {stopped_at:%Y-%m-%dT%H:%MZ} may not be summed up "
            f"yet; try again from {readable_at(stopped_at):%Y-%m-%dT%H:%MZ}"
        )


@dataclass(frozen=True, slots=True)
class _CustomerCutOver:
    """One customer's cut-over at work, under its lock: nothing is sent meanwhile."""

    ledger: Ledger
    meter: Meter
    options: CutOverOptions
    to: MeterDestination

    def run(self) -> CustomerCutOver:
        """Read, and decide if that is enough; raises BadInput or MeterFault."""
        subject = f"customer:{self.to.customer}"
        with try_lock(self.ledger, subject) as hold:
            if hold is None:
                raise AnotherProcess(subject)
            with self.ledger.reading() as connection:
                adopted = adoption_of(connection, self.to.names)
            if adopted is not None and self._is_done(adopted):
                already = AdoptionState.ALREADY
                return CustomerCutOver(customer=self.to.customer, state=already)
            return self._cut_over(self._read())

    def _is_done(self, adopted: Adoption) -> bool:
        hour = self.options.from_hour
        if hour < adopted.from_hour:
            raise BadInput(
                f"{self.to.customer} was taken over from "
                f"{adopted.from_hour:%Y-%m-%dT%H:%MZ} already; only a later hour can "
                "take over what somebody has reported since"
            )
        return hour == adopted.from_hour

    def _read(self) -> list[ShadowReading]:
        """Read the open months, hour by hour, and keep what they show."""
        options, customer = self.options, self.to.customer
        now = options.clock.now()
        reached = BillingPeriod.of(options.from_hour - LONGEST_BACK)
        earliest = max(options.first_period, reached)
        with self.ledger.reading() as connection:
            months = open_months(connection, customer, earliest, now)
        readings = []
        for period in months:
            month = MeterMonth(
                stripe_customer=self.to.stripe_customer,
                meter=self.to.meter,
                livemode=self.to.livemode,
                period=period,
            )
            window = Window(period.start, period.end)
            hours = self.meter.read_hours(self.to.stripe_customer, window)
            readings.append(ShadowReading(customer, month, now, hours))
        if options.reason is not None:
            with self.ledger.writing() as connection:
                for reading in readings:
                    record_shadow_reading(connection, reading)
        return readings

    def _cut_over(self, readings: Sequence[ShadowReading]) -> CustomerCutOver:
        """Plan and decide in one transaction, of what the ledger is then."""
        options, customer, reason = self.options, self.to.customer, self.options.reason
        hour, now = options.from_hour, options.clock.now()
        if reason is None:
            with self.ledger.reading() as connection:
                plan = plan_cut_over(connection, self.to, hour, readings, now)
            _refuse_unfit(plan)
            until = self._waits_until(plan)
            state = AdoptionState.WAITS if until else AdoptionState.POSSIBLE
            return CustomerCutOver(
                customer=customer, state=state, months=plan.months, until=until
            )
        with self.ledger.writing() as connection:
            plan = plan_cut_over(connection, self.to, hour, readings, now)
            _refuse_unfit(plan)
            until = self._waits_until(plan)
            if until is not None:
                waits = AdoptionState.WAITS
                return CustomerCutOver(
                    customer=customer, state=waits, months=plan.months, until=until
                )
            actor = Actor(options.actor, now)
            if options.sole_reporter:
                state_sole_reporter(connection, actor, reason, customer)
            record_cut_over(connection, actor, plan, reason, options.stopped_at)
        adopted = AdoptionState.ADOPTED
        return CustomerCutOver(customer=customer, state=adopted, months=plan.months)

    def _waits_until(self, plan: CutOverPlan) -> datetime | None:
        """Return when a second reading proves the first; None when this one may."""
        options = self.options
        if options.sole_reporter or options.stopped_at is not None:
            return None
        read_at = min((month.reading.read_at for month in plan.months), default=None)
        if read_at is not None and read_at >= plan.proved_at:
            return None
        return plan.proved_at


def _refuse_unfit(plan: CutOverPlan) -> None:
    """Raise BadInput for what no cut-over from that hour can be right about."""
    customer, hour = plan.to.customer, f"{plan.from_hour:%Y-%m-%dT%H:%MZ}"
    if plan.undecided:
        names = ", ".join(plan.undecided[:_MOST_HOURS])
        raise BadInput(
            f"{customer} has {len(plan.undecided)} events before {hour} without a "
            f"final answer ({names}): run `sync`, or `sync --settle`, first"
        )
    later: dict[datetime, int] = {}
    unsettled: dict[datetime, int] = {}
    for month in plan.months:
        later |= month.split.later
        unsettled |= month.split.unsettled
    if later:
        raise BadInput(
            f"{customer} has {sum(later.values()):,} minutes at the meter from {hour} "
            f"on that are not ours ({_listed(later)}): stop the other program, and "
            "give an hour after them"
        )
    if unsettled:
        raise BadInput(
            f"{customer} has {sum(unsettled.values()):,} minutes of ours before {hour} "
            f"that the meter does not show for certain ({_listed(unsettled)}): "
            "reconcile, and try again when they are settled"
        )


def _listed(hours: Mapping[datetime, int]) -> str:
    first = sorted(hours)[:_MOST_HOURS]
    words = [f"{hour:%Y-%m-%dT%HZ}: {hours[hour]:,}" for hour in first]
    more = len(hours) - len(first)
    return ", ".join(words) + (f" and {more:,} more hours" if more else "")
