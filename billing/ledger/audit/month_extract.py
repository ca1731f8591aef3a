"""The month extract: all its rows, and those of other months that they refer to.

Calls and usage are covered by digests over ranges of rows; so where a row of another
month is needed, its whole range comes with it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, text

from billing.domain.period import BillingPeriod
from billing.ledger.audit.canonical_json import format_document, quoted
from billing.ledger.audit.export_lines import (
    BINDING,
    binding_lines,
    event_lines,
    head_lines,
    line_parts,
    lines,
)
from billing.ledger.stored_json import read_stored, whole

EVENTS, HEADS = "audit_event", "audit_head"
_AT_ONCE = 2_000
_WHOLE = "1 = 1"
_OF_EVENT = "e.period = :month OR e.carries = :month"
_PULLS = (
    "t.period = :month OR t.id IN (SELECT pull_id FROM b2b_usage "
    "WHERE period = :month) OR t.id IN (SELECT pull_id FROM call WHERE period = :month)"
)
# In the order of their numbers, without the index of months: that would sort them all.
_USAGE = (
    "t.period || '' = :month AND t.id BETWEEN "
    "(SELECT min(id) FROM b2b_usage WHERE period = :month) AND "
    "(SELECT max(id) FROM b2b_usage WHERE period = :month)"
)
# What differs from `t.period = :month`.
_CONDITIONS = {
    **dict.fromkeys(
        ("account", "customer", "price", "error_report", "sole_reporter"), _WHOLE
    ),
    **dict.fromkeys(("send_hold", "adoption", "call_decision"), _WHOLE),
    **dict.fromkeys(("account_identity", "account_rename"), _WHOLE),
    **dict.fromkeys(("meter_attempt", "meter_reading", "meter_opening"), _OF_EVENT),
    "meter_event": "t.period = :month OR t.carries = :month",
    "pull": _PULLS,
    "b2b_usage": _USAGE,
    **dict.fromkeys(
        ("reconciliation_break", "reconciliation_source"), "r.period = :month"
    ),
}
# Calls with rows in several months are among those that were changed or carried.
_MOVED = """
WITH moved AS (
  SELECT account, call_id FROM call WHERE revision > 1
  UNION SELECT account, call_id FROM b2b_usage WHERE type = 'adjustment'
), here AS (
  SELECT m.account, m.call_id FROM moved m WHERE EXISTS (
    SELECT 1 FROM call c WHERE c.account = m.account AND c.call_id = m.call_id
    AND c.period = :month
  ) OR EXISTS (
    SELECT 1 FROM b2b_usage u WHERE u.account = m.account AND u.call_id = m.call_id
    AND u.period = :month
  )
)
"""
_OTHER_CALLS = f"""
{_MOVED} SELECT t.id, t.period FROM call t JOIN here
ON t.account = here.account AND t.call_id = here.call_id WHERE t.period <> :month
"""  # noqa: S608 # constants of this file
_OTHER_USAGE = f"""
{_MOVED} SELECT t.id, t.period FROM b2b_usage t JOIN here
ON t.account = here.account AND t.call_id = here.call_id WHERE t.period <> :month
UNION SELECT t.id, t.period FROM b2b_usage t JOIN meter_event e
ON e.id = t.meter_event_id
WHERE e.period = :month AND e.carries IS NOT NULL AND t.period <> :month
"""  # noqa: S608 # constants of this file
_OTHERS = {"call": _OTHER_CALLS, "b2b_usage": _OTHER_USAGE}
_NAMED = ("account", "customer")
T = TypeVar("T")


class Excerpt:
    """A month's rows, or those of the whole ledger, as lines in canonical form."""

    def __init__(self, connection: Connection, period: BillingPeriod | None) -> None:
        """Read in a transaction that shows one consistent state."""
        self._connection = connection
        self._month = None if period is None else str(period)
        self._streams: list[Generator[Any, None, None]] = []
        if connection.dialect.name != "sqlite":
            # Whoever reads may compute for minutes between two reads.
            connection.execute(
                text("SET LOCAL idle_in_transaction_session_timeout = 0")
            )

    def parts(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a table, the chain or its heads as parts with ends."""
        readers: dict[str, Callable[[], Iterator[bytes]]] = {
            EVENTS: self._events,
            HEADS: self._heads,
            BINDING: self._bindings,
        }
        if name in readers:
            return _at_once(self._opened(readers[name]()))
        return self._opened(self._rows(name))

    def close(self) -> None:
        """Stop reading what was not read to its end."""
        for stream in self._streams:
            stream.close()

    def _opened(self, stream: Iterator[T]) -> Iterator[T]:
        if isinstance(stream, Generator):
            self._streams.append(stream)
        return stream

    def _rows(self, name: str) -> Iterator[bytes]:
        condition = _CONDITIONS.get(name, "t.period = :month")
        if self._month is None:
            condition = _WHOLE
        values = {} if condition is _WHOLE else {"month": self._month}
        if name in _NAMED:
            yield from _at_once(self._in_bytes(name, condition, **values))
            return
        yield from self._opened(line_parts(self._connection, name, condition, **values))
        if name in _OTHERS and self._month is not None:
            within = "t.period = :month AND t.id BETWEEN :first AND :last"
            for period, first, last in self._other_ranges(name):
                ends = {"month": period, "first": first, "last": last}
                yield from line_parts(self._connection, name, within, **ends)

    def _in_bytes(self, name: str, condition: str, **values: Any) -> Iterator[bytes]:
        """Yield lines by the bytes of their names: PostgreSQL goes by its language."""
        rows = lines(self._connection, name, condition, **values)
        for row in sorted(rows, key=lambda line: str(line.key).encode()):
            yield row.line

    def events(self) -> Iterator[tuple[int, str, bytes]]:
        """Yield (sequence, recorded hash, line) of every event, oldest first."""
        return self._opened(event_lines(self._connection))

    def _events(self) -> Iterator[bytes]:
        return (line for _, _, line in self.events())

    def _heads(self) -> Iterator[bytes]:
        for signed in head_lines(self._connection):
            line = signed.head.line().decode()
            yield format_document({"line": line, "signature": signed.signature})

    def _bindings(self) -> Iterator[bytes]:
        whole = self._month is None
        condition = _WHOLE if whole else _OF_EVENT
        values = {} if whole else {"month": self._month}
        bindings = self._opened(binding_lines(self._connection, condition, **values))
        for event, _, rows in bindings:
            yield format_document([event, quoted(rows.decode())])

    def _other_ranges(self, name: str) -> list[tuple[str, int, int]]:
        """Return the row ranges of other months that are needed, in order."""
        rows = self._connection.execute(text(_OTHERS[name]), {"month": self._month})
        numbers_by_month: dict[str, list[int]] = defaultdict(list)
        for number, period in rows:
            numbers_by_month[period].append(number)
        if not numbers_by_month:
            return []
        ranges = self._ranges(name, set(numbers_by_month))
        chosen = {
            (period, *ends)
            for period, numbers in numbers_by_month.items()
            for ends in _around(ranges[period], numbers)
        }
        return sorted(chosen)

    def _ranges(self, name: str, periods: set[str]) -> dict[str, list[tuple[int, int]]]:
        """Return where the row ranges of a table begin and end, month by month."""
        ranges: dict[str, list[tuple[int, int]]] = defaultdict(list)
        mark = f'"table":"{name}"'.encode()
        for _, _, line in event_lines(self._connection):
            if mark not in line:
                continue
            for covered, period, first, last in read_stored(
                line.decode(), "an event", _ranges_of
            ):
                if covered == name and period in periods:
                    ranges[period].append((first, last))
        return ranges


def _ranges_of(event: Any) -> list[tuple[str, str, int, int]]:
    return [
        (cover["table"], cover["period"], whole(cover["first"]), whole(cover["last"]))
        for cover in event["covers"]
        if "first" in cover
    ]


def _around(
    ranges: list[tuple[int, int]], numbers: list[int]
) -> Iterator[tuple[int, int]]:
    """Yield the ranges that rows lie in; a row in none of them is left out."""
    begins = [first for first, _ in ranges]
    for number in numbers:
        following = bisect_right(begins, number)
        if following and number <= ranges[following - 1][1]:
            yield ranges[following - 1]


def _at_once(lines: Iterator[bytes]) -> Iterator[bytes]:
    while part := list(islice(lines, _AT_ONCE)):
        yield b"\n".join(part) + b"\n"
