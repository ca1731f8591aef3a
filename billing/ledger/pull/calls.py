"""Calls and their postings: new revisions, and the differences they make."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, select

from billing.domain.call import Call, NotBillable
from billing.domain.posting import (
    Charge,
    Slot,
    UsageType,
    plan_postings,
)
from billing.ledger.audit import audit_log
from billing.ledger.audit.recorded.ranges import Place, refuse_altered_places
from billing.ledger.pull import contradictions
from billing.ledger.pull.call_identity import (
    UNKNOWN,
    HeldCall,
    find_held,
    known_calls,
)
from billing.ledger.pull.call_rows import (
    CALL_COLUMNS,
    USAGE_COLUMNS,
    PullContext,
    call_row,
    usage_row,
)
from billing.ledger.pull.rated_call import RatedCall
from billing.ledger.schema.bulk_load import load_rows
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.schema.tables import b2b_usage, call

__all__ = [
    "HeldCall",
    "PullContext",
    "RatedCall",
    "RecordedCalls",
    "record_decided",
    "record_readings",
]
_BATCH = 5_000


class RecordedCalls(NamedTuple):
    """What became of calls that were read: new revisions, and those that are held.

    `overruled` are those of which a person had said what they come to.
    """

    changed: int = 0
    held: tuple[HeldCall, ...] = ()
    overruled: tuple[str, ...] = ()

    def with_more(self, other: "RecordedCalls") -> "RecordedCalls":
        """Add what became of others."""
        return RecordedCalls(
            self.changed + other.changed,
            self.held + other.held,
            self.overruled + other.overruled,
        )


def record_readings(
    connection: Connection,
    context: PullContext,
    rated_calls: Sequence[RatedCall],
) -> RecordedCalls:
    """Record what changed, with its postings, and hold what is another call.

    A call of a month before the first that is billed is passed over, unless it was in
    a later one till now, which loses it.
    """
    recorded = RecordedCalls()
    context = context._replace(closed=closed_months(connection))
    for first in range(0, len(rated_calls), _BATCH):
        batch = rated_calls[first : first + _BATCH]
        recorded = recorded.with_more(_record_batch(connection, context, batch))
    return recorded


def _record_batch(
    connection: Connection,
    context: PullContext,
    batch: Sequence[RatedCall],
) -> RecordedCalls:
    known = known_calls(connection, batch)
    billed_here = [
        rated
        for rated in batch
        if not rated.before_first_period
        or known.get(rated.call.call_id, UNKNOWN).is_billed_from(context.first_period)
    ]
    held = find_held(connection, billed_here, known)
    held_ids = {each.rated.call.call_id for each in held}
    contradictions.note(connection, billed_here, known, context.pull_id, context.at)
    calls: list[tuple[Any, ...]] = []
    usage: list[tuple[Any, ...]] = []
    revised: list[tuple[RatedCall, int]] = []
    overruled: list[str] = []
    for rated in billed_here:
        call_id = rated.call.call_id
        newest = known.get(call_id, UNKNOWN)
        revision = newest.revision
        if newest.digest == rated.extract_sha256 or call_id in held_ids:
            continue
        if newest.decided:
            if rated.not_billable is NotBillable.UNDERWAY:
                continue  # what is not over says nothing yet of what it comes to
            overruled.append(call_id)
        calls.append(call_row(context, rated, revision + 1))
        if revision:
            revised.append((rated, revision + 1))
        elif rated.due:
            slot, charge = rated.due
            usage.append(usage_row(context, rated, 1, slot, charge))
    if revised:
        usage.extend(_corrections(connection, context, revised))
    _load(connection, call, CALL_COLUMNS, calls)
    _load(connection, b2b_usage, USAGE_COLUMNS, usage)
    return RecordedCalls(len(calls), tuple(held), tuple(overruled))


def record_decided(
    connection: Connection, context: PullContext, rated: RatedCall
) -> int | None:
    """Record what a person says of a call, with its postings; returns the revision.

    None, and nothing is recorded, when the same was said last.
    """
    context = context._replace(closed=closed_months(connection))
    newest = known_calls(connection, [rated]).get(rated.call.call_id, UNKNOWN)
    if newest.digest == rated.extract_sha256:
        return None
    revision = newest.revision + 1
    usage = list(_corrections(connection, context, [(rated, revision)]))
    _load(connection, call, CALL_COLUMNS, [call_row(context, rated, revision)])
    _load(connection, b2b_usage, USAGE_COLUMNS, usage)
    return revision


def _load(
    connection: Connection, table: Table, columns: Sequence[str], rows: list[Any]
) -> None:
    if rows:
        # A COPY is no statement, so the trail would not hear of it.
        audit_log.loading(connection, table)
        load_rows(connection, table, columns, rows)


def _refuse_altered(connection: Connection, revised: Sequence[Call]) -> None:
    """Refuse to correct what is not as the trail recorded it; raises AlteredRows."""
    account, ids = revised[0].account, [one.call_id for one in revised]
    for table in (call, b2b_usage):
        of_calls = table.c.account == account, table.c.call_id.in_(ids)
        rows = connection.execute(select(table.c.id, table.c.period).where(*of_calls))
        places = [Place(*row) for row in rows]
        refuse_altered_places(connection, table.name, places)


def _corrections(
    connection: Connection, context: PullContext, revised: list[tuple[RatedCall, int]]
) -> Iterable[tuple[Any, ...]]:
    """Yield what corrects calls that are as recorded; raises AlteredRows."""
    _refuse_altered(connection, [rated.call for rated, _ in revised])
    posted, originals = _posted(connection, [rated for rated, _ in revised])
    for rated, revision in revised:
        call_id = rated.call.call_id
        for planned in plan_postings(rated.due, posted.get(call_id, {})):
            original = originals.get(call_id)
            corrects = original if planned.type is UsageType.ADJUSTMENT else None
            yield usage_row(
                context,
                rated,
                revision,
                planned.slot,
                planned.charge,
                corrects=corrects,
            )


def _posted(
    connection: Connection, rated_calls: Sequence[RatedCall]
) -> tuple[dict[str, dict[Slot, Charge]], dict[str, int]]:
    """Return what was posted for each call by slot, and its first row's number."""
    usage = b2b_usage.c
    query = (
        select(
            usage.call_id,
            usage.customer,
            usage.call_hour,
            func.sum(usage.billed_minutes),
            func.sum(usage.amount_micro),
            func.min(usage.id),
        )
        .where(
            usage.account == rated_calls[0].call.account,
            usage.call_id.in_([rated.call.call_id for rated in rated_calls]),
        )
        .group_by(usage.call_id, usage.customer, usage.call_hour)
    )
    posted: dict[str, dict[Slot, Charge]] = defaultdict(dict)
    originals: dict[str, int] = {}
    for call_id, customer, hour, minutes, amount, number in connection.execute(query):
        charge = Charge(int(minutes), int(amount))
        posted[call_id][Slot(customer, hour)] = charge
        originals[call_id] = min(number, originals.get(call_id, number))
    return posted, originals
