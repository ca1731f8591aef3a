"""Heal: do of a month's breaks what is provably safe, say what, and look again."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from billing.domain.break_causes import Cause
from billing.domain.break_groups import EXPLAINED
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.reconcile.runs import Reconciliation
from billing.pipeline.cycle import CycleOptions, Watcher, pull_month
from billing.pipeline.integrity import require_invariants
from billing.pipeline.reconcile.reconcile import BY_TOTALS, Depth, reconcile_period
from billing.pipeline.sync.sync import sync_meter
from billing.ports import Meter


class Healing(NamedTuple):
    """What was done about one cause (or is left to do), and of how many minutes."""

    cause: Cause
    did: str
    minutes: int


@dataclass(frozen=True, slots=True)
class HealReport:
    """What was found, what was done about it, and what is left."""

    before: Reconciliation
    done: tuple[Healing, ...]
    left: tuple[Healing, ...]
    after: Reconciliation


@dataclass(frozen=True, slots=True)
class HealContext:
    """The month that is healed, with what it takes."""

    ledger: Ledger
    meter: Meter
    options: CycleOptions
    period: BillingPeriod
    watch: Watcher


def _pull(context: HealContext) -> str:
    """Read the month whole: what the source says now is posted as a difference."""
    pulled: list[str] = []
    failed: list[str] = []
    for source, rules in context.options.sources:
        result = pull_month(
            context.ledger,
            source,
            rules,
            context.options,
            context.period,
            watch=context.watch,
        )
        (failed if result.error else pulled).append(source.label)
    sentences = [f"pulled {context.period} of {name} again" for name in pulled]
    sentences += [f"{name} could not be pulled" for name in failed]
    return "; ".join(sentences)


def _sync(context: HealContext) -> str:
    """Send what is due, settle what is uncertain, and take in late rejections."""
    require_invariants(context.ledger, context.options.clock.now())
    progress = context.watch("sync")
    report = sync_meter(
        context.ledger, context.meter, context.options.sync, progress=progress
    )
    counts = [f"{count} {outcome.value}" for outcome, count in report.outcomes.items()]
    return ", ".join(["synced", *counts]) if counts else "synced: nothing was due"


class _Treatment(NamedTuple):
    act: Callable[[HealContext], str]
    heals: frozenset[Cause]


# Each of them may be done at any time, and as often as one likes.
_TREATMENTS = (
    _Treatment(
        _pull,
        frozenset(
            {
                Cause.LATE_CALL,
                Cause.CHANGED_CALL,
                Cause.MONTH_EDGE,
                Cause.QUARANTINED,
                Cause.CALL_UNDERWAY,
                Cause.SOURCE_TOTAL_DIFFERS,
            }
        ),
    ),
    _Treatment(
        _sync,
        frozenset(
            {
                # The minutes that a pull brings are sent at once.
                Cause.LATE_CALL,
                Cause.CHANGED_CALL,
                Cause.NOT_STAGED,
                Cause.IN_FLIGHT,
                Cause.UNANSWERED,
                Cause.UNCERTAIN,
                Cause.CANCELLING,
                Cause.COUNTED_UNRECORDED,
                Cause.NOT_COUNTED,
            }
        ),
    ),
)


def heal_period(
    ledger: Ledger,
    meter: Meter,
    options: CycleOptions,
    period: BillingPeriod,
    watch: Watcher,
    *,
    depth: Depth = BY_TOTALS,
) -> HealReport:
    """Reconcile, heal what is provably safe to heal, and reconcile again.

    What a person has to decide (a deleted call, an event that is not ours, minutes
    that are held) is reported, and never touched. Raises SourceFault or MeterFault.
    """
    context = HealContext(
        ledger=ledger, meter=meter, options=options, period=period, watch=watch
    )
    before = _reconcile(context, depth)
    minutes = _minutes(before)
    did: dict[Cause, list[str]] = {}
    for treatment in _TREATMENTS:
        causes = treatment.heals & minutes.keys()
        if causes:
            sentence = treatment.act(context)
            for cause in causes:
                did.setdefault(cause, []).append(sentence)
    after = _reconcile(context, depth) if did else before
    left = _minutes(after)
    done = [
        Healing(cause, "; ".join(did[cause]), minutes[cause] - left[cause])
        for cause in Cause
        if cause in did
    ]
    remaining = [
        Healing(cause, cause.remedy, total)
        for cause, total in left.items()
        if cause not in EXPLAINED
    ]
    return HealReport(before, tuple(done), tuple(remaining), after)


def _reconcile(context: HealContext, depth: Depth) -> Reconciliation:
    return reconcile_period(
        context.ledger,
        context.meter,
        context.options.reconcile,
        context.period,
        depth=depth,
        progress=context.watch(f"reconcile {context.period}"),
    )


def _minutes(reconciliation: Reconciliation) -> Counter[Cause]:
    """Add up the minutes of each cause; one may be there with none."""
    minutes: Counter[Cause] = Counter()
    for _, _, item in reconciliation.breaks:
        minutes[item.cause] += item.minutes
    return minutes
