"""Month rows: all rows of some months, compared with what the trail recorded."""

from collections.abc import Iterator

from sqlalchemy import Connection

from billing.domain.period import BillingPeriod
from billing.ledger.audit.covered_tables import BINDING, TABLES, Covered
from billing.ledger.audit.recorded.comparison import (
    MOST_NAMED,
    altered,
    refuse_faults,
)
from billing.ledger.audit.recorded.ranges import RecordedRange, range_faults
from billing.ledger.audit.row_reader import Condition, ask

OPEN_MONTHS = "NOT IN (SELECT period FROM period_close)"
OF_ANY_MONTH = "IS NOT NULL"
_ROWS_AT_ONCE = 5_000


def month_faults(connection: Connection, months: str) -> Iterator[str]:
    """Say which rows of months are not as recorded; the months are SQL for one."""
    for covered in TABLES.values():
        if covered.each:
            yield from _each(connection, covered, months)
        else:
            yield from rows_together(connection, covered.name, months)
    yield from _bindings(connection, months)


def refuse_altered_month(connection: Connection, period: BillingPeriod) -> None:
    """Refuse to freeze a month that is not as it was recorded; raises AlteredRows."""
    refuse_faults(month_faults(connection, f"IN ('', '{period}')"))


def gone(connection: Connection) -> Iterator[str]:
    """Say which rows that the trail covers are not there."""
    for covered in TABLES.values():
        if covered.each:
            yield from _gone(connection, covered)


def counted_gone(connection: Connection, name: str) -> Iterator[str]:
    """Say it of one table with numbers, and look only where their sum is another."""
    held = f"SELECT count(*), sum(id) FROM {name}"  # noqa: S608 # names are ours
    said = (
        "SELECT count(*), sum(CAST(key AS bigint)) FROM row_digest "  # noqa: S608 # names are ours
        f"WHERE name = '{name}'"
    )
    if ask(connection, held) != ask(connection, said):
        yield from _gone(connection, TABLES[name])


def _gone(connection: Connection, covered: Covered) -> Iterator[str]:
    name = covered.name
    key = "CAST(d.key AS bigint)" if covered.numbered else "d.key"
    query = (
        f"SELECT d.key FROM row_digest d WHERE d.name = '{name}' AND NOT EXISTS "  # noqa: S608 # names are ours
        f"(SELECT 1 FROM {name} t WHERE t.{covered.key} = {key}) "
        f"LIMIT {MOST_NAMED}"
    )
    for (number,) in ask(connection, query):
        yield f"row {number} of {name} is missing; the audit trail covers it"


def _each(connection: Connection, covered: Covered, months: str) -> Iterator[str]:
    of_months = f"{covered.period} {months}"
    if not covered.numbered:
        # They are few; and what says which months are closed must be right itself.
        yield from _compared(connection, covered.name, "1 = 1")
        return
    for window in _windows(connection, covered.name, "t"):
        yield from _compared(connection, covered.name, f"{window} AND {of_months}")


def _bindings(connection: Connection, months: str) -> Iterator[str]:
    for window in _windows(connection, "meter_event", "e"):
        yield from _compared(connection, BINDING, f"{window} AND e.period {months}")


def _compared(connection: Connection, name: str, condition: str) -> Iterator[str]:
    return altered(connection, name, Condition(condition))


def _windows(connection: Connection, table: str, alias: str) -> Iterator[str]:
    """Yield conditions that part a table by its numbers, whatever they are."""
    ((first,),) = ask(connection, f"SELECT min(id) FROM {table}")  # noqa: S608 # names are ours
    while first is not None:
        following = f"SELECT id FROM {table} WHERE id >= {first} ORDER BY id"  # noqa: S608 # names are ours
        query = f"SELECT max(id) FROM ({following} LIMIT {_ROWS_AT_ONCE}) part"  # noqa: S608 # names are ours
        ((last,),) = ask(connection, query)
        yield f"{alias}.id BETWEEN {first} AND {last}"
        ((first,),) = ask(connection, f"SELECT min(id) FROM {table} WHERE id > {last}")  # noqa: S608 # names are ours


def rows_together(connection: Connection, name: str, months: str) -> Iterator[str]:
    """Say which rows of a table that only grows are not as recorded, of some months."""
    covered = TABLES[name]
    query = (
        "SELECT period, first, last, rows, sha256 FROM row_range "  # noqa: S608 # names are ours
        f"WHERE name = '{name}' AND period {months}"
    )
    ranges = [RecordedRange(*row) for row in ask(connection, query)]
    yield from range_faults(connection, name, ranges)
    held = (
        f"SELECT {covered.period}, count(*) FROM {name} t {covered.joined} "  # noqa: S608 # names are ours
        f"WHERE {covered.period} {months} GROUP BY 1"
    )
    recorded = dict.fromkeys((each.period for each in ranges), 0)
    for each in ranges:
        recorded[each.period] += each.rows
    for period, rows in ask(connection, held):
        if rows != recorded.get(period, 0):
            for (number,) in ask(connection, _outside(covered, period)):
                yield f"no audit event covers row {number} of {name}"


def _outside(covered: Covered, period: str) -> str:
    """Return the query of a month's rows that no recorded range holds."""
    before = (
        f"SELECT r.last FROM row_range r WHERE r.name = '{covered.name}' "  # noqa: S608 # names are ours
        f"AND r.period = '{period}' AND r.first <= t.id ORDER BY r.first DESC LIMIT 1"
    )
    return (
        f"SELECT t.id FROM {covered.name} t {covered.joined} "  # noqa: S608 # names are ours
        f"WHERE {covered.period} = '{period}' AND (t.id < 1 OR "
        f"COALESCE(({before}), 0) < t.id) ORDER BY t.id LIMIT {MOST_NAMED}"
    )
