"""Appending: a transaction ends with the audit events that cover all it changed.

The rows are read back from the database, so what is covered is what is there. Only own
rows are covered: those that came since the transaction began, and those that it named
before it changed them. Transactions that write take turns, each from its beginning: so
the numbers of the rows that one adds are neighbours, and the chain has no gap.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from billing.ledger.audit.canonical_json import (
    digest,
    format_document,
    format_row,
)
from billing.ledger.audit.covered_tables import BINDING, TABLES, Covered
from billing.ledger.audit.events import (
    ChainTip,
    EventDraft,
    State,
    add_events,
    chain_tip,
)
from billing.ledger.audit.pending import Note, Pending, pending
from billing.ledger.audit.recorded.newest_digests import has_index, remember
from billing.ledger.audit.recorded.own_rows import only_own, own_mark
from billing.ledger.audit.row_digests import RowRange
from billing.ledger.audit.row_lines import bindings, by_event
from billing.ledger.audit.row_reader import (
    Condition,
    Rows,
    Selection,
    among,
    among_earlier,
    ask,
    gather,
    gather_new,
    number_is,
)

UNNAMED = "rows.changed"
NOBODY = "unnamed"
_month = itemgetter(-1)
_EVERY = Condition("1 = 1")

Coverage = Mapping[str, Any]


def append_events(connection: Connection, changes: Pending) -> ChainTip | None:
    """Append the audit events of a transaction, and return the end of the chain.

    A transaction that changed nothing has none: None.
    """
    if not (changes.inserted or changes.updated or changes.notes):
        return None
    # Nobody else can append until this transaction ends, so the tip stays the tip.
    tip = changes.tip or chain_tip(connection)
    coverage, state = _coverage(connection, changes, tip.state)
    # An UPDATE that met no row changed nothing, and needs no event.
    if not coverage and not changes.notes:
        return None
    covers = format_document(coverage).decode()
    end = add_events(connection, tip, _drafts(changes, tip), covers, state)
    if coverage and (not changes.migrates or has_index(connection)):
        rows = any("each" in cover for cover in coverage)
        ranges = any("first" in cover for cover in coverage)
        remember(connection, end.sequence, covers, rows=rows, ranges=ranges)
    return end


def append_now(connection: Connection) -> None:
    """Append what a transaction has changed and noted so far, before it ends."""
    changes = pending(connection)
    if changes is not None:
        changes.covered_by(append_events(connection, changes))


def _drafts(changes: Pending, tip: ChainTip) -> list[EventDraft]:
    """Draft one event of all notes that say the same of several subjects."""
    notes = changes.notes or [
        Note(action=UNNAMED, subject="", detail={}, reason=None, actor=None)
    ]
    moments = [note.actor.at for note in notes if note.actor]
    moments += [changes.actor.at] if changes.actor else []
    # Without an actor there is no clock: the event is as late as the one before.
    at = max(moments, default=tip.at)
    alike: dict[tuple[str, str, str | None], list[Note]] = {}
    for note in notes:
        actor = note.actor or changes.actor
        name = actor.name if actor else NOBODY
        alike.setdefault((name, note.action, note.reason), []).append(note)
    return [
        EventDraft(
            at=at,
            actor=name,
            action=action,
            subject=_subject(group),
            reason=reason,
            detail=_detail(group),
        )
        for (name, action, reason), group in alike.items()
    ]


def _subject(notes: list[Note]) -> str:
    subjects = {note.subject for note in notes}
    return subjects.pop() if len(subjects) == 1 else f"{len(subjects)} subjects"


def _detail(notes: list[Note]) -> Mapping[str, object]:
    if len(notes) == 1:
        return notes[0].detail
    return {"each": [[note.subject, note.detail] for note in notes]}


def _coverage(
    connection: Connection, changes: Pending, before: State
) -> tuple[list[Coverage], State]:
    """Return what covers all changes, and how far the trail has come with it."""
    coverage: list[Coverage] = []
    state = before._replace(last=dict(before.last))
    changed = changes.inserted | changes.updated
    row_by_row = [
        covered for name, covered in TABLES.items() if name in changed and covered.each
    ]
    coverage += _row_coverage(connection, row_by_row, changes, state)
    for name, covered in TABLES.items():
        if name in changes.inserted and not covered.each:
            ranges, state = _range_coverage(connection, covered, state)
            coverage += ranges
    if BINDING in changes.touched or "b2b_usage" in changes.updated:
        coverage += _binding_coverage(connection, changes)
    return coverage, state


def _range_coverage(
    connection: Connection, covered: Covered, state: State
) -> tuple[list[Coverage], State]:
    """Cover the rows that are new with one digest a month."""
    name, last = covered.name, state.last.get(covered.name, 0)
    ranges: dict[str, RowRange] = {}
    sums = _Sums(covered)
    # What has a higher number than the trail's last row is this transaction's own.
    mark = own_mark(connection)
    for part in gather_new(connection, covered, last, mark):
        for month, rows_and_month in groupby(only_own(name, part, mark), _month):
            rows = [row[:-1] for row in rows_and_month]
            ranges.setdefault(month, RowRange(name, month)).add(rows)
            sums.add(rows)
        last = part[-1][0]
    state.last[name] = last
    coverage = [row_range.coverage() for _, row_range in sorted(ranges.items())]
    return coverage, sums.onto(state)


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


def _row_coverage(
    connection: Connection, tables: list[Covered], changes: Pending, state: State
) -> Iterator[Coverage]:
    """Cover each row that is new or was changed, with what it was before."""
    selections = [
        selection
        for covered in tables
        for selection in _selections(connection, covered, changes, state)
    ]
    entries: dict[tuple[str, str], list[list[Any]]] = {}
    parts = gather(connection, selections)
    for (covered, _, mark), part in zip(selections, parts, strict=True):
        place, name = covered.key_place, covered.name
        rows = only_own(name, part, mark)
        for *row, month in rows:
            entry = _entry(changes, name, row[place], digest(format_row(row)))
            if entry:
                entries.setdefault((name, month), []).append(entry)
        if covered.numbered and rows:
            newest = max(row[place] for row in rows)
            state.last[name] = max(state.last.get(name, 0), newest)
    for (name, month), of_month in sorted(entries.items()):
        yield {"table": name, "period": month, "each": sorted(of_month)}


def _entry(
    changes: Pending, name: str, key: int | str, present: str
) -> list[int | str] | None:
    """Say what a row is, and what it was where it was there; None when that is so."""
    before = changes.before[name].get(key)
    if before is None:
        return [key, present]
    return None if before == present else [key, present, before]


def _selections(
    connection: Connection, covered: Covered, changes: Pending, state: State
) -> Iterator[Selection]:
    """Yield the new and the changed rows of a table, the new ones with their marks."""
    name = covered.name
    is_new = covered.numbered and name in changes.inserted
    if name not in changes.touched and (name in changes.updated or not is_new):
        if not changes.migrates:
            raise RuntimeError(f"{name}: rows are named before they are changed")
        yield Selection(covered, _EVERY)
        return
    last = state.last.get(name, 0)
    touched = changes.touched.get(name, ())
    for earlier in among_earlier(connection, covered, touched, last):
        yield Selection(covered, earlier)
    if is_new:
        new = number_is(connection, ">", last)
        yield Selection(covered, new, own_mark(connection))


def _binding_coverage(connection: Connection, changes: Pending) -> Iterator[Coverage]:
    """Cover which rows each meter event carries that was named, in a migration all."""
    events = changes.touched.get(BINDING)
    if events is None and not changes.migrates:
        raise RuntimeError("b2b_usage: meter events are named before rows are bound")
    by_month: dict[str, list[list[Any]]] = {}
    named = among(connection, "e.id", events) if events is not None else [_EVERY]
    for condition in named:
        pairs = ask(connection, bindings(condition.sql), condition.values or None)
        for number, month, line in by_event(pairs):
            entry = _entry(changes, BINDING, number, digest(line))
            if entry:
                by_month.setdefault(month, []).append(entry)
    for month, entries in sorted(by_month.items()):
        yield {"table": BINDING, "period": month, "each": entries}
