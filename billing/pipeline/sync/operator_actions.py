"""Operator actions: a person gives up an event, or has refused ones sent anew."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, NamedTuple

from billing.errors import AnotherProcess, BadInput, UnknownName
from billing.ledger import registry
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.locking.locks import try_lock
from billing.ledger.sync import operator_actions, send_holds
from billing.pipeline.sync.counted_after_all import shown_of_refused
from billing.ports import Meter


class RetryOrder(NamedTuple):
    """What was fixed, and of which refused events: all, a customer's, or named ones."""

    why: str
    customer: str | None = None
    events: Sequence[str] = ()


def voidable_events(ledger: Ledger, customer: str) -> Sequence[str]:
    """Return a customer's events that can be given up; raises BadInput without one."""
    with ledger.reading() as connection:
        _require_known(connection, customer)
        names = operator_actions.voidable_events(connection, customer)
    if not names:
        raise BadInput(f"{customer} has no failed event that could be given up")
    return names


def void_events(
    ledger: Ledger, who: str, now: datetime, identifiers: Sequence[str], why: str
) -> None:
    """Give up events for good, all or none; raises BadInput or AnotherProcess."""
    if not why.strip():
        raise BadInput("say why the event is given up: --reason TEXT")
    with ledger.reading() as connection:
        found = [operator_actions.find_event(connection, name) for name in identifiers]
    with ExitStack() as locks:
        for customer in sorted({each.event.customer for each in found}):
            subject = f"customer:{customer}"
            if locks.enter_context(try_lock(ledger, subject)) is None:
                raise AnotherProcess(subject)
        with ledger.writing() as connection:
            for name in dict.fromkeys(identifiers):
                event = operator_actions.find_event(connection, name)
                operator_actions.void(connection, Actor(who, now), event, why.strip())


class Retried(NamedTuple):
    """How many refused events are freed, and which the meter shows after all."""

    freed: int = 0
    shown: tuple[str, ...] = ()


def retry_rejected(
    ledger: Ledger, meter: Meter, who: str, now: datetime, order: RetryOrder
) -> Retried:
    """Free what Stripe refused, to be sent anew, unless its own minute shows it.

    Whoever calls this has fixed the cause, such as a customer that was not there.
    Raises MeterFault, and BadInput for an event that Stripe did not refuse, and without
    a reason.
    """
    why, actor = order.why.strip(), Actor(who, now)
    if not why:
        raise BadInput("say what was fixed: --reason TEXT")
    freed, shown = 0, list[str]()
    with ledger.reading() as connection:
        if order.customer is not None:
            _require_known(connection, order.customer)
        customers = operator_actions.rejected_customers(connection, order.events)
    for customer in customers:
        if order.customer not in {None, customer}:
            continue
        with try_lock(ledger, f"customer:{customer}") as hold:
            if hold is None:
                continue
            with ledger.reading() as connection:
                refused = operator_actions.refused_events(
                    connection, customer, order.events
                )
            counted = shown_of_refused(ledger, meter, refused, now)
            shown += [each.event.identifier for each in counted]
            absent = [each for each in refused if each not in counted]
            with ledger.writing() as connection:
                freed += operator_actions.retry_rejected(
                    connection, actor, customer, absent, reason=why
                )
    return Retried(freed, tuple(shown))


def hold_sending(
    ledger: Ledger, who: str, now: datetime, customer: str | None, reason: str
) -> None:
    """Stop the sending of a customer, or of all; raises BadInput or UnknownName."""
    if not reason.strip():
        raise BadInput("say why nothing is to be sent: --reason TEXT")
    with ledger.writing() as connection:
        if customer is not None:
            _require_known(connection, customer)
        actor = Actor(who, now)
        send_holds.record_hold(connection, actor, customer, reason.strip(), held=True)


def release_sending(
    ledger: Ledger, who: str, now: datetime, customer: str | None, reason: str
) -> None:
    """Let what is held be sent again; raises BadInput where nothing is held."""
    with ledger.writing() as connection:
        holds = send_holds.holds_in_force(connection)
        if customer not in {hold.customer for hold in holds}:
            of = f"of {customer}" if customer else "of all customers"
            raise BadInput(f"the sending {of} is not held; `status` lists what is")
        actor, why = Actor(who, now), reason.strip() or None
        send_holds.record_hold(connection, actor, customer, why, held=False)


def _require_known(connection: Any, customer: str) -> None:
    names = registry.known_customers(connection)
    if customer not in names:
        raise UnknownName("customer", customer, names, "the ledger knows")
