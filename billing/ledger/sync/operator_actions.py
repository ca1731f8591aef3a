"""Operator actions: what people decide of events, each with its audit event."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select

from billing.domain.meter_event import EventState, FailReason
from billing.errors import BadInput
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.tables import meter_event
from billing.ledger.sync import event_rows, outbox
from billing.ledger.sync.outbox import OpenEvent

# What a person may give up on; anything else is on its way, or done.
VOIDABLE = frozenset(
    {
        FailReason.REJECTED,
        FailReason.UNCERTAIN,
        FailReason.EXPIRED,
        FailReason.UNANSWERED,
    }
)
event = meter_event.c


def find_event(connection: Connection, identifier: str) -> OpenEvent:
    """Return an event by its identifier; raises BadInput."""
    open_event = outbox.event_named(connection, identifier)
    if open_event is None:
        raise BadInput(
            f"there is no event {identifier}; `pamela-billing breaks` and `explain` "
            "name events"
        )
    return open_event


def void(connection: Connection, actor: Actor, failed: OpenEvent, why: str) -> None:
    """Give up an event for good; raises BadInput unless it failed, or may be held."""
    name = failed.event.identifier
    has_failed = failed.state is EventState.FAILED and failed.reason in VOIDABLE
    if not (has_failed or _may_be_held(failed)):
        raise BadInput(
            f"the event {name} is {_status(failed)}; only what failed can be voided, "
            "or what waits to take minutes back"
        )
    outbox.move_to_failed(connection, failed, FailReason.VOIDED)
    detail = {"event": name, "minutes": failed.event.minutes}
    customer = failed.event.customer
    audit_log.record(connection, actor, "event.voided", customer, detail, reason=why)


def voidable_events(connection: Connection, customer: str) -> list[str]:
    """Return a customer's events that a person may give up."""
    reasons = [reason.value for reason in VOIDABLE]
    query = select(event.identifier).where(
        event.customer == customer,
        event.state == EventState.FAILED.value,
        event.reason.in_(reasons),
    )
    return list(connection.scalars(query.order_by(event.id)))


def rejected_customers(
    connection: Connection, identifiers: Sequence[str] = ()
) -> list[str]:
    """Return the customers with events that Stripe refused, or of those that are named.

    Raises BadInput for an event that it did not refuse.
    """
    for name in identifiers:
        named = find_event(connection, name)
        if named.reason is not FailReason.REJECTED:
            raise BadInput(
                f"the event {name} is {_status(named)}; only what Stripe refused is "
                "sent anew"
            )
    query = select(event.customer).where(_refused(identifiers)).distinct()
    return sorted(connection.scalars(query))


def refused_events(
    connection: Connection, customer: str, identifiers: Sequence[str] = ()
) -> list[OpenEvent]:
    """Return what Stripe refused of a customer, or of it what is named."""
    return outbox.events_that(
        connection, _refused(identifiers), event.customer == customer
    )


def retry_rejected(
    connection: Connection,
    actor: Actor,
    customer: str,
    refused: Sequence[OpenEvent],
    *,
    reason: str | None = None,
) -> int:
    """Free the rows of events that Stripe refused, to be staged and sent anew.

    They go under new identifiers: Stripe remembers the ones that it took and refused.
    """
    for each in refused:
        event_rows.release(connection, each)
    if refused:
        detail = {"events": [each.event.identifier for each in refused]}
        audit_log.record(
            connection, actor, "events.retried", customer, detail, reason=reason
        )
    return len(refused)


def _refused(identifiers: Sequence[str]) -> ColumnElement[bool]:
    refused = (event.state == EventState.FAILED.value) & (
        event.reason == FailReason.REJECTED.value
    )
    return refused & event.identifier.in_(identifiers) if identifiers else refused


def _may_be_held(waiting: OpenEvent) -> bool:
    """Say of an event whether it takes minutes back, and surely was not counted.

    Such an event may never be sent, so it never fails: only a person ends its waiting.
    """
    return (
        waiting.state is EventState.PENDING
        and waiting.event.minutes < 0
        and waiting.first_unknown_at is None
    )


def _status(known: OpenEvent) -> str:
    return known.reason.value if known.reason else known.state.value
