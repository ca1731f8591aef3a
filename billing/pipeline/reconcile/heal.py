"""Heal: do of a month's breaks what is provably safe, say what, and look again."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from billing.domain.break_causes import CARRIED, Cause
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.reconcile.runs import Reconciliation
from billing.pipeline.cycle import CycleOptions, Watcher, pull_month
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
    terms: CycleOptions
    period: BillingPeriod
    watch: Watcher


def _pull(patient: HealContext) -> str:
    """Read the month whole: what the source says now is posted as a difference."""
    pulled: list[str] = []
    failed: list[str] = []
    for source, book in patient.terms.sources:
        what = patient.period, patient.watch
        found = pull_month(patient.ledger, source, book, patient.terms, what)
        (failed if found.error else pulled).append(source.account)
    said = [f"pulled {patient.period} of {name} again" for name in pulled]
    said += [f"{name} could not be pulled" for name in failed]
    return "; ".join(said)


def _sync(patient: HealContext) -> str:
    """Send what is due, settle what is in doubt, and take in late rejections."""
    terms = patient.terms.sync
    watch = patient.watch("sync")
    report = sync_meter(patient.ledger, patient.meter, terms, progress=watch)
    counts = [f"{count} {outcome.value}" for outcome, count in report.outcomes.items()]
    return ", ".join(["synced", *counts]) if counts else "synced: nothing was due"


class _Step(NamedTuple):
    act: Callable[[HealContext], str]
    mends: frozenset[Cause]


# Each of them may be done at any time, and as often as one likes.
_STEPS = (
    _Step(
        _pull,
        frozenset(
            {
                Cause.LATE_CALL,
                Cause.CHANGED_CALL,
                Cause.MONTH_EDGE,
                Cause.SOURCE_TOTAL_DIFFERS,
            }
        ),
    ),
    _Step(
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
    terms: CycleOptions,
    period: BillingPeriod,
    watch: Watcher,
    *,
    depth: Depth = BY_TOTALS,
) -> HealReport:
    """Reconcile, mend what is provably safe to mend, and reconcile again.

    What a person has to decide (a deleted call, an event that is not ours, minutes
    that are held) is told, and never touched. Raises SourceFault or MeterFault.
    """
    patient = HealContext(
        ledger=ledger, meter=meter, terms=terms, period=period, watch=watch
    )
    before = _look(patient, depth)
    minutes = _minutes(before)
    did: dict[Cause, list[str]] = {}
    for step in _STEPS:
        mended = step.mends & minutes.keys()
        if mended:
            said = step.act(patient)
            for cause in mended:
                did.setdefault(cause, []).append(said)
    after = _look(patient, depth) if did else before
    left = _minutes(after)
    done = [
        Healing(cause, "; ".join(did[cause]), minutes[cause] - left[cause])
        for cause in Cause
        if cause in did
    ]
    remaining = [
        Healing(cause, cause.remedy, total)
        for cause, total in left.items()
        if cause not in CARRIED
    ]
    return HealReport(before, tuple(done), tuple(remaining), after)


def _look(patient: HealContext, depth: Depth) -> Reconciliation:
    return reconcile_period(
        patient.ledger,
        patient.meter,
        patient.terms.reconcile,
        patient.period,
        depth=depth,
        progress=patient.watch(f"reconcile {patient.period}"),
    )


def _minutes(found: Reconciliation) -> Counter[Cause]:
    """Add up the minutes of each cause; one may be there with none."""
    minutes: Counter[Cause] = Counter()
    for _, _, item in found.breaks:
        minutes[item.cause] += item.minutes
    return minutes
