"""The laws, asked of the ledger's own tables: of all rows, or of what is new."""

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, text

from billing.domain.invariants import Invariant, Violation
from billing.ledger.integrity import (
    call_checks,
    event_checks,
    month_checks,
    pull_checks,
    trail_checks,
)
from billing.ledger.integrity.scope import Marks, Scope

__all__ = ["MOST_WORDS", "Marks", "find_faults"]

# How many places of one broken law are named.
MOST_WORDS = 5


def find_faults(
    connection: Connection, since: Marks | None = None
) -> dict[Invariant, list[str]]:
    """Return where each law is broken, in all rows or in those that are new.

    A law without words holds. The database's own file and the closed months are
    looked at only as a whole.
    """
    scope = Scope(connection, since)
    found: dict[Invariant, list[str]] = {law: [] for law in Invariant}
    for examine in WHOLE_ONLY if since is None else ():
        _add(found, examine(connection))
    for examine_new in ALWAYS:
        _add(found, examine_new(scope))
    return found


def _add(found: dict[Invariant, list[str]], faults: Iterator[Violation]) -> None:
    for law, words in faults:
        if len(found[law]) < MOST_WORDS and words not in found[law]:
            found[law].append(words)


def _file(connection: Connection) -> Iterator[Violation]:
    """Look into a SQLite file: it is whole, and points nowhere into the void."""
    if connection.dialect.name != "sqlite":
        return
    said = connection.execute(text("PRAGMA integrity_check(10)")).scalars()
    yield from (Violation(Invariant.FILE, str(line)) for line in said if line != "ok")
    for row in connection.execute(text("PRAGMA foreign_key_check")).fetchmany(10):
        words = f"a row of {row[0]} points to a row of {row[2]} that is not there"
        yield Violation(Invariant.FILE, words)


WHOLE_ONLY: tuple[Callable[[Connection], Iterator[Violation]], ...] = (
    _file,
    month_checks.closed,
)
ALWAYS: tuple[Callable[[Scope], Iterator[Violation]], ...] = (
    call_checks.broken,
    event_checks.sums,
    event_checks.identifiers,
    event_checks.resends,
    event_checks.evidence,
    event_checks.totals,
    pull_checks.broken,
    trail_checks.kept,
)
