"""Call histories: what was said of each call, and what was billed for it, in order."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from billing.verifier.shapes import TABLE_FILES

_CALLS = """
SELECT account, call_id, revision, period, status, started_at, duration_seconds,
  customer, not_billable, extract_sha256, id, pull_id
FROM call {where} ORDER BY account, call_id, revision, id
"""
_USAGE = """
SELECT account, call_id, call_revision, call_hour, customer, id, type, period, hour,
  billed_minutes, amount_micro, currency, price_id, corrects, pull_id, posted_at
FROM b2b_usage {where} ORDER BY account, call_id, call_revision, call_hour,
  customer, id
"""
# Of a row that is rated already, the call is not kept.
_WHOLE = "WHERE account IS NOT NULL"
_DECISIONS = """
SELECT account, call_id, revision, seconds FROM call_decision ORDER BY id
"""
_name = itemgetter(0, 1)


class Revision(NamedTuple):
    """What the source once said of a call."""

    account: str
    call_id: str
    revision: int
    period: str
    status: str
    started_at: str | None
    duration_seconds: int | None
    customer: str | None
    not_billable: str | None
    extract_sha256: str
    id: int
    pull_id: int

    @property
    def where(self) -> str:
        """Where the row is, for whoever looks for it."""
        return f"{TABLE_FILES['call']}, row {self.id}"


class Usage(NamedTuple):
    """A row of usage."""

    account: str
    call_id: str
    call_revision: int
    call_hour: str
    customer: str
    id: int
    type: str
    period: str
    hour: str
    minutes: int
    amount_micro: int
    currency: str
    price_id: int | None
    corrects: int | None
    pull_id: int
    posted_at: str

    @property
    def where(self) -> str:
        """Where the row is, for whoever looks for it."""
        return f"{TABLE_FILES['b2b_usage']}, row {self.id}"


Row = TypeVar("Row", Revision, Usage)
CallHistory = tuple[Sequence[Revision], Sequence[Usage]]
Name = tuple[str, str]


def read_calls(work: sqlite3.Connection) -> Iterator[CallHistory]:
    """Yield each call's revisions and rows, in the order of account and call."""
    revised = _of_each_call(Revision, work.execute(_CALLS.format(where="")))
    billed = _of_each_call(Usage, work.execute(_USAGE.format(where=_WHOLE)))
    revisions, rows = next(revised, ()), next(billed, ())
    while revisions or rows:
        revision_first, usage_first = _which_first(revisions, rows)
        yield revisions if revision_first else (), rows if usage_first else ()
        if revision_first:
            revisions = next(revised, ())
        if usage_first:
            rows = next(billed, ())


def _of_each_call(
    kind: type[Row], rows: Iterable[tuple[Any, ...]]
) -> Iterator[Sequence[Row]]:
    """Yield the rows of each call, which follow one another."""
    make = partial(tuple.__new__, kind)
    account = call_id = None
    same: list[Row] = []
    for values in rows:
        if values[1] != call_id or values[0] != account:
            if same:
                yield same
            account, call_id = values[:2]
            same = []
        same.append(make(values))
    if same:
        yield same


def _which_first(
    revisions: Sequence[Revision], rows: Sequence[Usage]
) -> tuple[bool, bool]:
    """Say whether the call, the rows or both come next."""
    if not revisions or not rows:
        return bool(revisions), bool(rows)
    call, usage = revisions[0], rows[0]
    if call.call_id == usage.call_id and call.account == usage.account:
        return True, True
    # Texts are compared by their bytes, as the database orders them.
    names = (_name(call), _name(usage))
    of_call, of_usage = ([part.encode() for part in name] for name in names)
    return of_call < of_usage, of_usage < of_call


def read_one_call(
    work: sqlite3.Connection, call_id: str
) -> tuple[list[Revision], list[Usage]]:
    """Return a call's revisions and rows, of every account that has such a call."""
    calls = work.execute(_CALLS.format(where="WHERE call_id = ?"), (call_id,))
    rows = work.execute(_USAGE.format(where=f"{_WHOLE} AND call_id = ?"), (call_id,))
    return list(map(Revision._make, calls)), list(map(Usage._make, rows))


Decisions = dict[Name, dict[int, int | None]]


def read_decisions(work: sqlite3.Connection) -> Decisions:
    """Return what people decided of calls: by call and revision, its seconds."""
    decisions: Decisions = defaultdict(dict)
    for account, call_id, revision, seconds in work.execute(_DECISIONS):
        decisions[account, call_id][revision] = seconds
    return decisions
