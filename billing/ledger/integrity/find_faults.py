"""The invariants checked in the ledger's own tables: all rows, or what is new."""

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, text

from billing.domain.invariants import Invariant, Violation
from billing.ledger.integrity import (
    call_checks,
    event_checks,
    month_checks,
    pull_checks,
    row_checks,
    state_checks,
    trail_checks,
)
from billing.ledger.integrity.scope import Marks, Scope

__all__ = ["MOST_WORDS", "Marks", "find_faults"]

# How many places of one violated invariant are named.
MOST_WORDS = 5


def find_faults(
    connection: Connection, since: Marks | None = None
) -> dict[Invariant, list[str]]:
    """Return where each invariant is violated, in all rows or in those that are new.

    An invariant without words holds. The database's own file and the closed months are
    looked at only as a whole.
    """
    scope = Scope(connection, since)
    faults: dict[Invariant, list[str]] = {invariant: [] for invariant in Invariant}
    for check in WHOLE_ONLY if since is None else ():
        _add(faults, check(connection))
    for check_new in ALWAYS:
        _add(faults, check_new(scope))
    return faults


def _add(faults: dict[Invariant, list[str]], violations: Iterator[Violation]) -> None:
    for invariant, words in violations:
        if len(faults[invariant]) < MOST_WORDS and words not in faults[invariant]:
            faults[invariant].append(words)


def _file(connection: Connection) -> Iterator[Violation]:
    """Look into a SQLite file: it is whole, and points nowhere into the void."""
    if connection.dialect.name != "sqlite":
        return
    lines = connection.execute(text("PRAGMA integrity_check(10)")).scalars()
    yield from (Violation(Invariant.FILE, str(line)) for line in lines if line != "ok")
    for row in connection.execute(text("PRAGMA foreign_key_check")).fetchmany(10):
        words = f"a row of {row[0]} points to a row of {row[2]} that is not there"
        yield Violation(Invariant.FILE, words)


WHOLE_ONLY: tuple[Callable[[Connection], Iterator[Violation]], ...] = (
    _file,
    month_checks.violations,
)
ALWAYS: tuple[Callable[[Scope], Iterator[Violation]], ...] = (
    call_checks.violations,
    event_checks.sums,
    event_checks.identifiers,
    event_checks.resends,
    event_checks.evidence,
    event_checks.totals,
    pull_checks.violations,
    trail_checks.violations,
    row_checks.violations,
    state_checks.counted,
    state_checks.registered,
)
