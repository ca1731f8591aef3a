"""Rows checked against the trail: those that moved or may move, once a day all.

All are those of months that are open; `db verify` compares the closed ones, too.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from billing.domain.invariants import Invariant, Violation
from billing.domain.meter_event import FailReason
from billing.ledger.audit.covered_tables import BINDING, TABLES
from billing.ledger.audit.recorded.comparison import (
    MOST_NAMED,
    altered,
    differences,
    standing,
)
from billing.ledger.audit.recorded.month_rows import (
    OF_ANY_MONTH,
    OPEN_MONTHS,
    counted_gone,
    gone,
    month_faults,
    rows_together,
)
from billing.ledger.audit.recorded.newest_digests import index_faults
from billing.ledger.audit.recorded.ranges import (
    Place,
    RecordedRange,
    place_faults,
    range_faults,
)
from billing.ledger.audit.row_reader import Condition, among
from billing.ledger.integrity.scope import Scope
from billing.ledger.schema.tables import audit_event, b2b_usage, call, meter_event
from billing.ledger.schema.usage_joins import RATED_FROM
from billing.ledger.stored_json import read_stored

_EVERY = "1 = 1"
# What decides who is billed, at which price, and who is sent: all of it, each hour.
_MAY_MOVE = {
    **dict.fromkeys(("account", "customer", "price", "period_close"), _EVERY),
    **dict.fromkeys(("account_identity", "account_rename"), _EVERY),
    **dict.fromkeys(("sole_reporter", "send_hold", "adoption"), _EVERY),
    "pull": "t.state = 'running'",
    "quarantine": "t.released_at IS NULL",
    "break_case": "t.resolved_at IS NULL",
    "error_report": "t.settled_at IS NULL",
    "meter_contact": f"t.period {OPEN_MONTHS}",
}
# Without one of these rows, what was sent would be sent anew.
_SENT = ("meter_event", "meter_attempt")
# By what the rows of an open event are found.
_OF_EVENTS = {
    "meter_event": "t.id",
    "meter_attempt": "t.event_id",
    "meter_reading": "t.event_id",
    BINDING: "e.id",
}
_event, _usage = meter_event.c, b2b_usage.c
_OPEN_EVENTS = select(_event.id).where(
    _event.state != "synced",
    _event.reason.is_(None) | _event.reason.not_in(("replaced", "voided")),
)
_UNCERTAIN = (
    select(_event.id)
    .where(_event.state != "synced", _event.reason == FailReason.UNCERTAIN.value)
    .limit(1)
)
_UNSTAGED = _usage.meter_event_id.is_(None)
# An event that lost a row: then that waits once more, in the event's own hour or month.
_LOSERS = (
    select(_event.id)
    .select_from(
        b2b_usage.join(
            meter_event,
            (_event.customer == _usage.customer)
            & (
                ((_event.period == _usage.period) & (_event.hour == _usage.hour))
                | (_event.carries == _usage.period)
            ),
        )
    )
    .where(_UNSTAGED)
    .distinct()
)
_WAITING = {
    "b2b_usage": select(_usage.id, _usage.period).where(_UNSTAGED),
    "call": select(call.c.id, call.c.period)
    .select_from(b2b_usage.join(call, RATED_FROM))
    .where(_UNSTAGED),
}


class _Said(NamedTuple):
    """What the trail said of rows since an event: digests by key, and ranges."""

    rows: dict[str, dict[int | str, str]]
    ranges: dict[str, list[RecordedRange]]


def violations(scope: Scope) -> Iterator[Violation]:
    """Compare rows with what the trail recorded of them last."""
    connection = scope.connection
    if scope.since is None:
        # Where the index is not the trail's, it is why rows seem to be altered.
        faults = (
            *index_faults(connection),
            *islice(month_faults(connection, OPEN_MONTHS), MOST_NAMED),
            *islice(gone(connection), MOST_NAMED),
        )
    else:
        faults = (
            *islice(_moved(connection, scope.since.trail), MOST_NAMED),
            *islice(_may_move(connection), MOST_NAMED),
            *(fault for name in _SENT for fault in counted_gone(connection, name)),
        )
    return (Violation(Invariant.TRAIL, words) for words in faults)


def _moved(connection: Connection, since: int) -> Iterator[str]:
    """Compare what the trail covered since an event."""
    said = _said_since(connection, since)
    for name, digests in said.rows.items():
        key = "e.id" if name == BINDING else f"t.{TABLES[name].key}"
        recorded = {str(row): digest for row, digest in digests.items()}
        found: dict[int | str, str] = {}
        for condition in among(connection, key, digests):
            found |= standing(connection, name, condition)
        yield from differences(name, found, recorded)
        for row in digests.keys() - found.keys():
            yield f"row {row} of {name} is missing; the audit trail covers it"
    for name, ranges in said.ranges.items():
        yield from range_faults(connection, name, ranges)


def _said_since(connection: Connection, event: int) -> _Said:
    said = _Said(defaultdict(dict), defaultdict(list))
    query = select(audit_event.c.covers).where(audit_event.c.id > event)
    for covers in connection.scalars(query.order_by(audit_event.c.id)):
        for name, cover in read_stored(covers, "a list of covers", _covers):
            if isinstance(cover, dict):
                said.rows[name].update(cover)
            else:
                said.ranges[name].append(cover)
    return said


def _covers(said: Any) -> list[tuple[str, dict[int | str, str] | RecordedRange]]:
    return [(cover["table"], _cover(cover)) for cover in said]


def _cover(said: Any) -> dict[int | str, str] | RecordedRange:
    if "each" in said:
        return {entry[0]: entry[1] for entry in said["each"]}
    return RecordedRange(**{field: said[field] for field in RecordedRange._fields})


def _may_move(connection: Connection) -> Iterator[str]:
    """Compare what is open, waits to be sent, or decides on what is sent."""
    for name, may_move in _MAY_MOVE.items():
        yield from altered(connection, name, Condition(may_move))
    events = connection.scalars(_OPEN_EVENTS).all()
    for name, column in _OF_EVENTS.items():
        for condition in among(connection, column, events):
            yield from altered(connection, name, condition)
    if connection.scalars(_UNCERTAIN).first() is not None:
        # How long an empty minute proves nothing rests on every lag.
        yield from rows_together(connection, "summary_lag", OF_ANY_MONTH)
    losers = connection.scalars(_LOSERS).all()
    for condition in among(connection, "e.id", losers):
        yield from altered(connection, BINDING, condition)
    for name, query in _WAITING.items():
        places = [Place(*row) for row in connection.execute(query)]
        yield from place_faults(connection, name, places)
