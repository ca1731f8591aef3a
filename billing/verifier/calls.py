"""Calls: every row of usage is rated again from what was known of its call."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from billing.verifier.covers import Months
from billing.verifier.findings import BadRecord
from billing.verifier.prices import MOMENT, PriceList
from billing.verifier.shapes import TABLE_FILES

# Of this status is what a person decided; no source says so.
DECIDED = "decided"
TERMINAL = frozenset({"completed", "failed", "cancelled", DECIDED})
# Dated by the source into a month that was not billed here: what was billed is undone.
BEFORE_FIRST = "before_first_period"
_SECONDS_PER_MINUTE = 60
_CALLS = """
SELECT account, call_id, revision, period, status, started_at, duration_seconds,
  customer, not_billable, extract_sha256, id, pull_id
FROM call ORDER BY account, call_id, revision, id
"""
_USAGE = """
SELECT account, call_id, call_revision, call_hour, customer, id, type, period, hour,
  billed_minutes, amount_micro, currency, price_id, corrects, pull_id, posted_at
FROM b2b_usage ORDER BY account, call_id, call_revision, call_hour, customer, id
"""
_DECISIONS = """
SELECT account, call_id, revision, seconds FROM call_decision ORDER BY id
"""
_name = itemgetter(0, 1)
_number = itemgetter(5)

Due = tuple[str, str, int, int, int]


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


CallHistory = tuple[Sequence[Revision], Sequence[Usage]]
Name = tuple[str, str]


def read_calls(work: sqlite3.Connection) -> Iterator[CallHistory]:
    """Yield each call's revisions and rows, in the order of account and call."""
    revised = groupby(map(Revision._make, work.execute(_CALLS)), _name)
    billed = groupby(map(Usage._make, work.execute(_USAGE)), _name)
    end: tuple[Any, Any] = (None, ())
    call, usage = next(revised, end), next(billed, end)
    while call[0] or usage[0]:
        revisions: Sequence[Revision] = ()
        rows: Sequence[Usage] = ()
        revision_first, usage_first = _which_first(call[0], usage[0])
        if revision_first:
            revisions, call = list(call[1]), next(revised, end)
        if usage_first:
            rows, usage = list(usage[1]), next(billed, end)
        yield revisions, rows


def _which_first(call: Name | None, usage: Name | None) -> tuple[bool, bool]:
    """Say whether the call, the rows or both come next."""
    if call == usage or call is None or usage is None:
        return call is not None, usage is not None
    # Texts are compared by their bytes, as the database orders them.
    revision_first = [p.encode() for p in call] < [p.encode() for p in usage]
    return revision_first, not revision_first


def read_one_call(
    work: sqlite3.Connection, call_id: str
) -> tuple[list[Revision], list[Usage]]:
    """Return a call's revisions and rows, of every account that has such a call."""
    calls = work.execute(_CALLS.replace("ORDER", "WHERE call_id = ? ORDER"), (call_id,))
    rows = work.execute(_USAGE.replace("ORDER", "WHERE call_id = ? ORDER"), (call_id,))
    return list(map(Revision._make, calls)), list(map(Usage._make, rows))


Decisions = dict[Name, dict[int, int | None]]


def read_decisions(work: sqlite3.Connection) -> Decisions:
    """Return what people decided of calls: by call and revision, its seconds."""
    decisions: Decisions = defaultdict(dict)
    for account, call_id, revision, seconds in work.execute(_DECISIONS):
        decisions[account, call_id][revision] = seconds
    return decisions


class Rating:
    """Rates calls again, as the rules say, and compares their rows."""

    def __init__(
        self,
        prices: PriceList,
        months: Months,
        closed: Collection[str],
        decisions: Decisions,
    ) -> None:
        self._prices, self._months, self._closed = prices, months, closed
        self._decisions = decisions

    def concerns(self, revisions: Sequence[Revision], rows: Sequence[Usage]) -> bool:
        """Say whether anything of a call is of the months that are looked at."""
        months = self._months
        for revision in revisions:
            if revision.period in months:
                return True
        return any(row.period in months for row in rows)

    def check(self, revisions: Sequence[Revision], rows: Sequence[Usage]) -> None:
        """Rate every revision of a call; up to it, the rows are just that."""
        ordered = rows if len(rows) < 2 else sorted(rows, key=_number)
        self._check_corrections(ordered)
        self._check_decisions(revisions)
        posted: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        remaining = iter(rows)
        row = next(remaining, None)
        for number, revision in enumerate(revisions, start=1):
            if revision.revision != number:
                where = f"{TABLE_FILES['call']}, row {revision.id}"
                raise BadRecord(
                    where, f"it is revision {revision.revision}, not {number}"
                )
            if revision.not_billable == BEFORE_FIRST:
                _check_dated_back(revision, revisions[: number - 1])
            due = self._due(revision)
            while row is not None and row.call_revision == number:
                self._check_row(row, due)
                sums = posted[row.customer, row.call_hour]
                sums[0] += row.minutes
                sums[1] += row.amount_micro
                row = next(remaining, None)
            _compare(revision, due, posted)
        if row is not None:
            raise BadRecord(
                row.where, f"it bills revision {row.call_revision}, not there"
            )

    def _check_decisions(self, revisions: Sequence[Revision]) -> None:
        """Check that what a person decided is what a decision says, and no more."""
        decided = {each.revision: each for each in revisions if each.status == DECIDED}
        stated = self._decisions.get(_name(revisions[0]), {}) if revisions else {}
        for number, revision in decided.items():
            where = f"{TABLE_FILES['call']}, row {revision.id}"
            if number not in stated:
                raise BadRecord(
                    where, "it is said to be decided, and no decision is there"
                )
            if stated[number] != revision.duration_seconds:
                raise BadRecord(where, "it is of another length than was decided")
            if (stated[number] is None) is not (revision.started_at is None):
                raise BadRecord(where, "it is billed, or not, other than was decided")
        for number in stated.keys() - decided.keys():
            name = f"revision {number} of call {revisions[0].call_id!r:.80}"
            why = f"{name} is decided, and is none of a person's"
            raise BadRecord(TABLE_FILES["call_decision"], why)

    def _due(self, revision: Revision) -> Due | None:
        """Return (customer, hour, minutes, amount, price) of a call; None when free."""
        started_at, seconds = revision.started_at, revision.duration_seconds
        where = f"{TABLE_FILES['call']}, row {revision.id}"
        if started_at is None or revision.status not in TERMINAL:
            return None
        if not MOMENT.fullmatch(started_at):
            raise BadRecord(where, "its started_at is no moment in UTC")
        if revision.period != started_at[:7]:
            raise BadRecord(where, "it stands in another month than it began in")
        if revision.not_billable == BEFORE_FIRST:
            return None
        price = self._prices.at(started_at)
        if seconds is None or seconds < 0 or revision.customer is None or not price:
            raise BadRecord(
                where, "it is billable, and has no length, customer or price"
            )
        minutes = max(-(-seconds // _SECONDS_PER_MINUTE), 1)
        hour = f"{started_at[:13]}:00:00+00:00"
        amount = price.amount_micro(minutes)
        return revision.customer, hour, minutes, amount, price.id

    def _check_row(self, row: Usage, due: Due | None) -> None:
        if row.price_id != (due[4] if due else None):
            raise BadRecord(row.where, "its price is not the one of the call's date")
        if due and row.currency != self._prices.by_id[due[4]].currency:
            raise BadRecord(row.where, "its currency is not that of its price")
        if row.period != row.hour[:7] or row.hour[13:] != ":00:00+00:00":
            raise BadRecord(row.where, "it does not stand in the month of its hour")
        carried = row.hour != row.call_hour
        adjusts = row.corrects is not None or carried
        if row.type != ("adjustment" if adjusts else "api_usage"):
            raise BadRecord(row.where, f"it is no {row.type!r:.40}")
        own = row.call_hour[:7]
        if carried and (row.period <= own or not self._is_closed(own)):
            raise BadRecord(row.where, f"it stands in {row.period}, and {own} was open")

    def _is_closed(self, month: str) -> bool:
        """Say whether a month is closed, as far as can be known here."""
        return month in self._closed or month not in self._months

    def _check_corrections(self, rows: Sequence[Usage]) -> None:
        """Check that each row but the first corrects an earlier one."""
        earlier: set[int] = set()
        for row in rows:
            if (row.corrects in earlier) if earlier else (row.corrects is None):
                earlier.add(row.id)
                continue
            corrected = "nothing" if row.corrects is None else f"row {row.corrects}"
            raise BadRecord(
                row.where, f"it corrects {corrected}, no earlier row of its call"
            )


def _check_dated_back(revision: Revision, earlier: Sequence[Revision]) -> None:
    """Only a call that was in a later month till then is before the first one."""
    if not earlier or earlier[-1].period <= revision.period:
        where = f"{TABLE_FILES['call']}, row {revision.id}"
        raise BadRecord(where, "it is said to be before the first month, and is not")


def _compare(
    revision: Revision,
    due: Due | None,
    posted: dict[tuple[str, str], list[int]],
) -> None:
    """Compare what a revision is rated at with what its rows add up to by then."""
    slot = due[:2] if due else None
    if slot is not None and slot not in posted:
        posted[slot] = [0, 0]
    for place, (minutes, amount) in posted.items():
        wanted = due[2:4] if due and place == slot else (0, 0)
        if (minutes, amount) != wanted:
            name = f"revision {revision.revision} of call {revision.call_id!r:.80}"
            raise BadRecord(
                f"{TABLE_FILES['b2b_usage']}, {name}",
                f"it is rated at {wanted[0]} minutes and {wanted[1]} micro-units for "
                f"{place[0]!r:.80} in {place[1]:.25}, its rows hold {minutes} and "
                f"{amount}",
            )
