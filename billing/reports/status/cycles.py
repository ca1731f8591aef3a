"""Cycles: when the last one ended well, and that it is too long ago."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.cycle_schedule import HOUR
from billing.ledger import cycle_runs
from billing.ledger.cycle_runs import CycleRun, LastCycles
from billing.ledger.database import Ledger
from billing.reports.sheets.formatting import (
    Document,
    counted,
    format_span,
    format_time,
)

# One cycle an hour: two that are missing are no accident.
GOOD_CYCLE_EVERY = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class CycleStatus:
    """The cycle that began last and the one that ended well last, at a moment."""

    cycles: LastCycles
    now: datetime

    def document(self) -> Document:
        """Return it under stable names."""
        return {
            "last": _document(self.cycles.last),
            "last_good": _document(self.cycles.good),
            "overdue": self.overdue() is not None,
        }

    def sentence(self) -> str:
        """Say when the last cycle ended well."""
        good = self.cycles.good
        if good is None or good.finished_at is None:
            return "No cycle has ended well on this ledger yet."
        ended = format_time(good.finished_at)
        return f"The last good cycle ended {ended}, by {good.owner}."

    def overdue(self) -> str | None:
        """Say that no cycle ended well for too long, and why; None when one did."""
        last, good = self.cycles.last, self.cycles.good
        if last is None:
            return None
        since = good.finished_at if good and good.finished_at else last.started_at
        if since - self.now > HOUR:
            return (
                f"The last cycle is dated {format_time(since)}: the clock was set back"
            )
        if self.now - since <= GOOD_CYCLE_EVERY:
            return None
        ago = f"No cycle has ended well for {format_span(self.now - since)}"
        return f"{ago}; {_how_it_ended(last)}; see that the daemon or cron runs"


def read_cycles(ledger: Ledger, now: datetime) -> CycleStatus:
    """Read which cycles ran last."""
    with ledger.reading() as connection:
        return CycleStatus(cycle_runs.last_cycles(connection), now)


def _how_it_ended(cycle: CycleRun) -> str:
    began = f"the last one began {format_time(cycle.started_at)}"
    if cycle.outcome is None:
        return f"{began} and has not ended (it is at work, or it was killed)"
    if cycle.errors:
        errors = counted(len(cycle.errors), "error")
        return f"{began} and ended {cycle.outcome} with {errors}: {cycle.errors[0]}"
    return f"{began} and ended {cycle.outcome}"


def _document(cycle: CycleRun | None) -> Document | None:
    if cycle is None:
        return None
    return {
        "trigger": cycle.trigger,
        "owner": cycle.owner,
        "started_at": format_time(cycle.started_at),
        "finished_at": cycle.finished_at and format_time(cycle.finished_at),
        "outcome": cycle.outcome,
        "errors": list(cycle.errors),
        "seconds": cycle.seconds,
    }
