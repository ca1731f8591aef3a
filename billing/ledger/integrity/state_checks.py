"""States checked in the ledger: what was counted, registered and voided stays so."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import Select, func, select

from billing.domain.event_invariants import Try, judge_counted
from billing.domain.invariants import Invariant, Violation
from billing.ledger.audit.events import notes_of_action
from billing.ledger.integrity.scope import Scope
from billing.ledger.registry import REGISTERED
from billing.ledger.schema.tables import account, customer, meter_attempt, meter_event

_event, _attempt = meter_event.c, meter_attempt.c
_VOIDED = "event.voided"


def counted(scope: Scope) -> Iterator[Violation]:
    """Look at what waits to be sent: its last attempt must not have been counted."""
    for row in scope.connection.execute(_pending()):
        last = Try(row.number, row.started_at, row.verdict)
        yield from judge_counted(row.identifier, last, row.rearmed_at)


@cache
def _pending() -> Select[Any]:
    other = meter_attempt.alias("other").c
    newest = select(func.max(other.number)).where(
        other.event_id == _event.id, other.kind == "event"
    )
    last = (_attempt.event_id == _event.id) & (
        _attempt.number == newest.scalar_subquery()
    )
    columns = _event.identifier, _event.rearmed_at
    tried = _attempt.number, _attempt.started_at, _attempt.verdict
    return (
        select(*columns, *tried)
        .select_from(meter_event.join(meter_attempt, last))
        .where(_event.state != "synced", _event.state == "pending")
    )


def registered(scope: Scope) -> Iterator[Violation]:
    """Follow what the trail says of customers, accounts and events given up."""
    connection = scope.connection
    for table in (customer, account):
        newest: dict[str, dict[str, Any]] = {}
        for notes in notes_of_action(connection, REGISTERED.format(table.name), _is):
            newest.update(notes)
        # When a row came is not said, and costs more than all else to read.
        columns = [column for column in table.c if column.name != "registered_at"]
        fields = [column.name for column in columns]
        for values in connection.execute(select(*columns)):
            row = dict(zip(fields, values, strict=True))
            said = newest.get(row["name"], {})
            if not said.items() <= row.items():
                words = f"{table.name} {row['name']} is not as it was registered last"
                yield Violation(Invariant.REGISTERED, words)
    voided = {
        event
        for notes in notes_of_action(connection, _VOIDED, _event_of)
        for _, event in notes
    }
    # The first condition is what the index of open events has.
    query = select(_event.identifier).where(
        _event.state != "synced", _event.state == "failed", _event.reason == "voided"
    )
    for name in sorted(voided.symmetric_difference(connection.scalars(query))):
        words = f"event {name} is voided in its row or in the trail, and not in both"
        yield Violation(Invariant.REGISTERED, words)


def _is(detail: Any) -> dict[str, Any]:
    return dict(detail["is"])


def _event_of(detail: Any) -> str:
    return str(detail["event"])
