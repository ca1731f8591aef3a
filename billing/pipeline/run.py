"""A round: one whole cycle, on a ledger that is the one seen last, then signed."""

from collections.abc import Callable, Sequence

from billing.domain.period import BillingPeriod
from billing.errors import BillingError
from billing.ledger.database import Ledger
from billing.pipeline.cycle import CycleOptions, Watcher, run_cycle
from billing.pipeline.cycle_record import CycleRecord
from billing.pipeline.cycle_report import CycleReport, Step, on_step_ignored
from billing.pipeline.integrity import check_invariants, require_covered
from billing.pipeline.signing import (
    TrailOptions,
    refuse_rewound,
    remember_end,
    sign_news,
)
from billing.ports import Meter


def run_round(
    ledger: Ledger,
    meter: Meter,
    options: CycleOptions,
    trail: TrailOptions,
    periods: Sequence[BillingPeriod],
    *,
    watch: Watcher,
    on_step: Callable[[Step], None] = on_step_ignored,
) -> CycleReport:
    """Run a cycle, sign what is new and publish it, and remember how far it came.

    On a ledger that was rewound, or has rows that its trail does not cover, nothing is
    done at all. A head that could not be signed or published is an error of the round,
    and is tried again in the next.
    """
    try:
        refuse_rewound(ledger, trail.memory)
        require_covered(ledger, options.clock.now())
    except BillingError as fault:
        refusal = CycleReport(on_step=on_step)
        refusal.add(fault)
        return refusal
    record = CycleRecord(ledger, options)
    at_start = record.clock_fault(), record.start()
    report = run_cycle(ledger, meter, options, periods, watch, on_step=on_step)
    for told in filter(None, at_start):
        report.add(told)
    if (unchecked := _keep_why_refused(ledger, options, report)) is not None:
        report.add(unchecked)
    if (unended := record.end(report)) is not None:
        report.add(unended)
    try:
        for unpublished in sign_news(ledger, trail, options.actor, options.clock):
            report.add(unpublished)
    except BillingError as fault:
        report.add(fault)
    try:
        remember_end(ledger, trail.memory)
    except BillingError as fault:
        report.add(fault)
    return report


def _keep_why_refused(
    ledger: Ledger, options: CycleOptions, report: CycleReport
) -> BillingError | None:
    """Keep what is wrong where a pull was refused, so that `status` tells of it."""
    try:
        if any(pull.refused for pull in report.pulls):
            check_invariants(ledger, options.clock.now(), whole=True)
    except BillingError as fault:
        return fault
    return None
