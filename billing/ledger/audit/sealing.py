"""Sealing: a transaction ends with audit events over all that it leaves behind.

The rows are read back from the database, so what is covered is what is there, and
nothing can be forgotten. Transactions that write take turns, each from its beginning:
so the numbers of the rows that one adds are neighbours, and the chain has no gap.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from billing.ledger.audit.canonical_json import digest, format_row
from billing.ledger.audit.covered_tables import BINDING, TABLES, Covered
from billing.ledger.audit.events import (
    ChainTip,
    EventDraft,
    State,
    add_events,
    chain_tip,
)
from billing.ledger.audit.pending import Note, Pending
from billing.ledger.audit.row_digests import RowRange
from billing.ledger.audit.row_lines import bindings, by_event
from billing.ledger.audit.row_reader import Rows, ask, gather, gather_new

UNNAMED = "rows.changed"
NOBODY = "unnamed"
_NUMBERS_AT_ONCE = 10_000
_of_month = itemgetter(-1)

Coverage = Mapping[str, Any]


def append_events(connection: Connection, left: Pending) -> None:
    """Add the audit events of a transaction; nothing for one that changed nothing."""
    if not (left.inserted or left.updated or left.notes):
        return
    before = chain_tip(connection)
    covers, state = _cover(connection, left, before.state)
    if not (covers or left.notes):
        return
    add_events(connection, before, _drafts(left, before), covers, state)


def _drafts(left: Pending, before: ChainTip) -> list[EventDraft]:
    """Make one deed of all notes that say the same of several subjects."""
    notes = left.notes or [
        Note(action=UNNAMED, subject="", detail={}, reason=None, actor=None)
    ]
    known = [note.actor.at for note in notes if note.actor]
    known += [left.actor.at] if left.actor else []
    at = max(known, default=before.at)
    alike: dict[tuple[str, str, str | None], list[Note]] = {}
    for note in notes:
        actor = note.actor or left.actor
        name = actor.name if actor else NOBODY
        alike.setdefault((name, note.action, note.reason), []).append(note)
    return [
        EventDraft(at, name, action, *_together(same, reason))
        for (name, action, reason), same in alike.items()
    ]


def _together(
    notes: list[Note], reason: str | None
) -> tuple[str, str | None, Mapping[str, object]]:
    if len(notes) == 1:
        return notes[0].subject, reason, notes[0].detail
    subjects = sorted({note.subject for note in notes})
    subject = subjects[0] if len(subjects) == 1 else f"{len(subjects)} subjects"
    each = [[note.subject, note.detail] for note in notes]
    return subject, reason, {"each": each}


def _cover(
    connection: Connection, left: Pending, before: State
) -> tuple[list[Coverage], State]:
    covers: list[Coverage] = []
    state = before._replace(last=dict(before.last))
    changed = left.inserted | left.updated
    each = [one for name, one in TABLES.items() if name in changed and one.each]
    covers += _cover_each(connection, each, left, state)
    for name, covered in TABLES.items():
        if name in left.inserted and not covered.each:
            found, state = _cover_together(connection, covered, state)
            covers += found
    if left.touched[BINDING] or "b2b_usage" in left.updated:
        covers += _cover_bindings(connection, left.touched[BINDING])
    return covers, state


def _cover_together(
    connection: Connection, covered: Covered, state: State
) -> tuple[list[Coverage], State]:
    """Cover the rows that are new with one digest a month."""
    name, last = covered.name, state.last.get(covered.name, 0)
    stretches: dict[str, RowRange] = {}
    sums = _Sums(covered)
    for part in gather_new(connection, covered, last):
        for month, rows in groupby(part, _of_month):
            own = [row[:-1] for row in rows]
            stretches.setdefault(month, RowRange(name, month)).add(own)
            sums.add(own)
        last = part[-1][0]
    state.last[name] = last
    return [each.cover() for _, each in sorted(stretches.items())], sums.onto(state)


class _Sums:
    """What the new usage rows add to the balance."""

    def __init__(self, covered: Covered) -> None:
        self._counts = covered.name == "b2b_usage"
        self.rows = self.minutes = self.amount = 0
        if self._counts:
            names = covered.columns
            self._minutes = itemgetter(names.index("billed_minutes"))
            self._amount = itemgetter(names.index("amount_micro"))

    def add(self, rows: Rows) -> None:
        if self._counts:
            self.rows += len(rows)
            self.minutes += sum(map(self._minutes, rows))
            self.amount += sum(map(self._amount, rows))

    def onto(self, state: State) -> State:
        return state._replace(
            rows=state.rows + self.rows,
            minutes=state.minutes + self.minutes,
            amount_micro=state.amount_micro + self.amount,
        )


def _cover_each(
    connection: Connection, tables: list[Covered], left: Pending, state: State
) -> Iterator[Coverage]:
    """Cover each row that is new or was changed; all, where it is not known which."""
    wanted = [
        (covered, condition)
        for covered in tables
        for condition in _conditions(covered, left, state)
    ]
    found: dict[tuple[str, str], list[list[Any]]] = {}
    for (covered, _), rows in zip(wanted, gather(connection, wanted), strict=True):
        place, name = covered.key_place, covered.name
        for *row, month in rows:
            entry = [row[place], digest(format_row(row))]
            found.setdefault((name, month), []).append(entry)
        if covered.numbered and rows:
            newest = max(row[place] for row in rows)
            state.last[name] = max(state.last.get(name, 0), newest)
    for (name, month), each in sorted(found.items()):
        yield {"table": name, "period": month, "each": sorted(each)}


def _conditions(covered: Covered, left: Pending, state: State) -> Iterator[str]:
    touched = left.touched[covered.name]
    unknown = covered.name in left.updated and not touched
    if not covered.numbered or unknown:
        yield "1 = 1"
        return
    last = state.last.get(covered.name, 0)
    for among in _among(f"t.{covered.found_by}", touched):
        yield f"{among} AND t.id <= {last}"
    if covered.name in left.inserted:
        yield f"t.id > {last}"


def _cover_bindings(
    connection: Connection, events: Collection[int]
) -> Iterator[Coverage]:
    """Cover which rows each of these events (or of all) carries."""
    by_month: dict[str, list[list[Any]]] = {}
    for condition in _among("e.id", events) if events else ("1 = 1",):
        for number, month, line in by_event(ask(connection, bindings(condition))):
            by_month.setdefault(month, []).append([number, digest(line)])
    for month, each in sorted(by_month.items()):
        yield {"table": BINDING, "period": month, "each": each}


def _among(column: str, numbers: Collection[int]) -> Iterator[str]:
    """Yield conditions that together name all of these numbers."""
    in_order = sorted(numbers)
    for first in range(0, len(in_order), _NUMBERS_AT_ONCE):
        part = in_order[first : first + _NUMBERS_AT_ONCE]
        yield f"{column} IN ({', '.join(map(str, part))})"
