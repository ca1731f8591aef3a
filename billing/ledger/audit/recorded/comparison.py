"""Comparison: rows as they stand, and what the trail recorded of each last."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from sqlalchemy import Connection

from billing.errors import AlteredRows
from billing.ledger.audit.canonical_json import digest, format_row
from billing.ledger.audit.covered_tables import BINDING, TABLES
from billing.ledger.audit.recorded.newest_digests import (
    newest_digests,
    recorded_digest,
)
from billing.ledger.audit.row_lines import bindings, by_event
from billing.ledger.audit.row_reader import Condition, Selection, ask, gather

Digests = Mapping[int | str, str]
# So many are named: where all rows were changed, five say so as well.
MOST_NAMED = 5


def standing(connection: Connection, name: str, condition: Condition) -> Digests:
    """Return the digests of rows of a table as they stand, by their keys.

    For a binding the condition is SQL over `e`, the event.
    """
    if name == BINDING:
        pairs = ask(connection, bindings(condition.sql), condition.values or None)
        return {line.key: digest(line.line) for line in by_event(pairs)}
    return _with_recorded(connection, name, condition)[0]


def _with_recorded(
    connection: Connection, name: str, condition: Condition
) -> tuple[Digests, Mapping[str, str]]:
    """Return the digests of rows as they stand, and what the trail said of each."""
    if name == BINDING:
        found = standing(connection, name, condition)
        return found, newest_digests(connection, name, found) if found else {}
    covered = TABLES[name]
    place, present, recorded = covered.key_place, {}, {}
    more = recorded_digest(name, covered.key)
    (rows,) = gather(connection, [Selection(covered, condition, more)])
    for *row, _, said in rows:
        present[row[place]] = digest(format_row(row))
        if said is not None:
            recorded[str(row[place])] = said
    return present, recorded


def differences(
    name: str, found: Digests, recorded: Mapping[str, str]
) -> Iterator[str]:
    """Say which rows are not as they were recorded; keys are texts there."""
    for key, present in found.items():
        said = recorded.get(str(key))
        where = f"row {key} of {name}"
        if name == BINDING:
            where = f"what meter_event {key} carries"
        if said is None:
            yield f"no audit event covers {where}"
        elif said != present:
            yield f"{where} is not as the audit trail recorded it"


def altered(connection: Connection, name: str, condition: Condition) -> Iterator[str]:
    """Say which rows of a table are not as the trail recorded them last."""
    found, recorded = _with_recorded(connection, name, condition)
    yield from differences(name, found, recorded)


def refuse_altered(connection: Connection, name: str, condition: Condition) -> Digests:
    """Return the digests of rows that are to move; raises AlteredRows."""
    found, recorded = _with_recorded(connection, name, condition)
    refuse_faults(differences(name, found, recorded))
    return found


def refuse_faults(faults: Iterable[str]) -> None:
    """Refuse to go on from rows that are not as recorded; raises AlteredRows."""
    words = list(islice(faults, MOST_NAMED))
    if words:
        raise AlteredRows(words)
