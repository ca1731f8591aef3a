"""Invariants at run time: checked before each sync, and no violation is sent over."""

from datetime import datetime

from billing.errors import InvariantViolated
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.events import chain_tip
from billing.ledger.audit.recorded import rebuilt_index
from billing.ledger.audit.recorded.own_rows import uncovered
from billing.ledger.database import Ledger
from billing.ledger.integrity import checks
from billing.ledger.integrity.checks import IntegrityReport
from billing.ledger.integrity.find_faults import Marks, find_faults


def check_invariants(
    ledger: Ledger, now: datetime, *, whole: bool = False
) -> IntegrityReport:
    """Check what is new since the last checks, or all, and keep what was found.

    Once a day, and as long as one is violated, all rows are checked anyway.
    Raises LedgerFault.
    """
    with ledger.reading() as connection:
        ends = Marks.of(connection)
        since = None if whole else checks.marks_to_start_from(connection, now)
        report = IntegrityReport(now, since is None, find_faults(connection, since))
    with ledger.writing() as connection:
        checks.save(connection, report, ends)
    return report


def require_invariants(ledger: Ledger, now: datetime) -> None:
    """Refuse to go on while one fails; raises InvariantViolated or LedgerFault."""
    broken = check_invariants(ledger, now).broken
    if broken:
        raise InvariantViolated(broken)


def require_covered(ledger: Ledger, now: datetime) -> None:
    """Refuse to begin where rows came or went past the trail; as the above."""
    with ledger.reading() as connection:
        is_covered = not any(uncovered(connection, chain_tip(connection).state))
    if not is_covered:
        require_invariants(ledger, now)


def rebuild_index(ledger: Ledger, who: str, now: datetime) -> dict[str, int]:
    """Make the index of a trail that was verified anew; returns how much it holds."""
    with ledger.writing() as connection:
        return rebuilt_index.rebuild_index(connection, Actor(who, now))
