"""Calls: every row of usage is rated again from what was known of its call."""

from collections.abc import Collection, Sequence
from operator import itemgetter
from typing import Any

from billing.verifier.call_history import Decisions, Revision, Usage
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
_status, _number = itemgetter(4), itemgetter(5)

Due = tuple[str, str, int, int, int]
Record = tuple[Any, ...]


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
        if self._decisions or DECIDED in map(_status, revisions):
            self._check_decisions(revisions)
        posted: dict[tuple[str, str], list[int]] = {}
        remaining = iter(rows)
        row = next(remaining, None)
        for number, revision in enumerate(revisions, start=1):
            if revision.revision != number:
                raise BadRecord(
                    revision.where, f"it is revision {revision.revision}, not {number}"
                )
            if revision.not_billable == BEFORE_FIRST:
                _check_dated_back(revision, revisions[: number - 1])
            due = self._due(revision)
            while row is not None and row.call_revision == number:
                self._check_row(row, due)
                sums = posted.setdefault((row.customer, row.call_hour), [0, 0])
                sums[0] += row.minutes
                sums[1] += row.amount_micro
                row = next(remaining, None)
            _compare(revision, due, posted)
        if row is not None:
            raise BadRecord(
                row.where, f"it bills revision {row.call_revision}, not there"
            )

    def is_plain_pair(self, revision: Record, row: Record) -> bool:
        """Say whether a row is just what a call comes to that was said once.

        It is a short way to what `check` finds; where it is not so, that says more.
        """
        (_, _, number, period, status, at, seconds, customer, free, *_) = revision
        if (
            number != 1
            or at is None
            or seconds is None
            or customer is None
            or free is not None
            or seconds < 0
            or status not in TERMINAL
            or status == DECIDED
            or period != at[:7]
            or not MOMENT.fullmatch(at)
        ):
            return False
        price = self._prices.at(at)
        if price is None:
            return False
        minutes = max(-(-seconds // _SECONDS_PER_MINUTE), 1)
        hour = f"{at[:13]}:00:00+00:00"
        amount = price.amount_micro(minutes)
        is_due = (minutes, amount, price.currency, price.id, None)
        return (
            row[2:5] == (1, hour, customer)
            and row[6:9] == ("api_usage", period, hour)
            and row[9:14] == is_due
        )

    def _check_decisions(self, revisions: Sequence[Revision]) -> None:
        """Check that what a person decided is what a decision says, and no more."""
        decided = {each.revision: each for each in revisions if each.status == DECIDED}
        stated = self._decisions.get(revisions[0][:2], {}) if revisions else {}
        for number, revision in decided.items():
            where = revision.where
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
        if started_at is None or revision.status not in TERMINAL:
            return None
        if not MOMENT.fullmatch(started_at):
            raise BadRecord(revision.where, "its started_at is no moment in UTC")
        if revision.period != started_at[:7]:
            raise BadRecord(
                revision.where, "it stands in another month than it began in"
            )
        if revision.not_billable == BEFORE_FIRST:
            return None
        price = self._prices.at(started_at)
        if seconds is None or seconds < 0 or revision.customer is None or not price:
            raise BadRecord(
                revision.where, "it is billable, and has no length, customer or price"
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
        raise BadRecord(
            revision.where, "it is said to be before the first month, and is not"
        )


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
