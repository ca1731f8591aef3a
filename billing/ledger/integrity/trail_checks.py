"""The audit trail checked: it covers the ledger to the last row; its triggers stand."""

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from billing.domain.invariants import Invariant, Violation
from billing.ledger.audit import events, schema_history
from billing.ledger.audit.canonical_json import digest
from billing.ledger.audit.events import ChainTip
from billing.ledger.audit.recorded.own_rows import uncovered
from billing.ledger.audit.signed_heads import (
    key_in_force,
    lost_heads,
    newest_head,
)
from billing.ledger.integrity.scope import Scope
from billing.ledger.schema.tables import audit_event, audit_head, b2b_usage

_usage = b2b_usage.c
_BALANCE = select(
    func.count(),
    func.coalesce(func.sum(_usage.billed_minutes), 0),
    func.coalesce(func.sum(_usage.amount_micro), 0),
)
# A day looks at all events; an hour, as long as no head is signed, at so many.
_NEWEST = 200


def violations(scope: Scope) -> Iterator[Violation]:
    """Compare the ledger with what the trail says of it, without reading every row."""
    connection = scope.connection
    tip = events.chain_tip(connection)
    yield from _faults(_balance(connection, tip))
    yield from _faults(uncovered(connection, tip.state))
    yield from _faults(_chain(connection, tip, whole=scope.since is None))
    yield from _faults(_guards(connection))


def _faults(sentences: Iterator[str]) -> Iterator[Violation]:
    return (Violation(Invariant.TRAIL, words) for words in sentences)


def _balance(connection: Connection, tip: ChainTip) -> Iterator[str]:
    rows, minutes, amount = map(int, connection.execute(_BALANCE).one())
    state = tip.state
    for name, held, recorded in (
        ("rows of usage", rows, state.rows),
        ("minutes", minutes, state.minutes),
        ("micro-units", amount, state.amount_micro),
    ):
        if held != recorded:
            yield f"the ledger has {held} {name}, and its trail accounts for {recorded}"


def _chain(connection: Connection, tip: ChainTip, *, whole: bool) -> Iterator[str]:
    """Follow the chain, in an hour from the last signed head, which must be in it."""
    key_in_force(connection)  # it has to be readable before anything is done by it
    lost, newest = lost_heads(connection), newest_head(connection)
    if lost is not None:
        yield lost
    before, after = None, 0 if whole else max(tip.sequence - _NEWEST, 0)
    if newest is not None:
        signed = events.line_of(connection, newest.head.event)
        if signed is None or digest(signed[1]) != newest.head.hash:
            yield f"event {newest.head.event} is not the one that was signed"
            return
        if whole:
            yield from _heads(connection)
        else:
            before, after = newest.head.hash, newest.head.event
    for number, hashed, line in events.event_lines(connection, after=after):
        linked = before is None or b'"previous":"' + before.encode() + b'"' in line
        if number != after + 1 or not linked or digest(line) != hashed:
            yield f"event {number} does not follow from event {after}"
            return
        before, after = hashed, number


def _heads(connection: Connection) -> Iterator[str]:
    """Name the heads that are not of the events that they say, or sign less each."""
    head = audit_head.c
    query = (
        select(head.number, head.event, head.hash, audit_event.c.hash.label("held"))
        .outerjoin(audit_event, audit_event.c.id == head.event)
        .order_by(head.number)
    )
    last = 0
    for row in connection.execute(query):
        if row.hash != row.held or row.event <= last:
            yield f"head {row.number} does not sign event {row.event} as it is"
        last = row.event


def _guards(connection: Connection) -> Iterator[str]:
    recorded, present = (
        schema_history.recorded_guards(connection),
        schema_history.guards_digest(connection),
    )
    if recorded is not None and recorded != present:
        yield "the triggers that guard the rows are not those that the schema has"
