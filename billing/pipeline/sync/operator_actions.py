"""Operator actions: a person gives up an event, or has refused ones sent anew."""

from collections.abc import Sequence
from datetime import datetime

from billing.errors import AnotherProcess, BadInput, UnknownName
from billing.ledger import registry
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.locks import try_lock
from billing.ledger.reconcile import case_list
from billing.ledger.reconcile.case_list import Case
from billing.ledger.sync import operator_actions, send_holds


def void_event(
    ledger: Ledger, who: str, now: datetime, identifier: str, why: str
) -> None:
    """Give up an event for good, with a reason; raises BadInput or AnotherProcess."""
    if not why.strip():
        raise BadInput("say why the event is given up: --reason TEXT")
    with ledger.reading() as connection:
        event = operator_actions.find_event(connection, identifier)
    subject = f"customer:{event.event.customer}"
    with try_lock(ledger, subject) as hold:
        if hold is None:
            raise AnotherProcess(subject)
        with ledger.writing() as connection:
            event = operator_actions.find_event(connection, identifier)
            operator_actions.void(connection, Actor(who, now), event, why)


def retry_rejected(ledger: Ledger, who: str, now: datetime) -> int:
    """Free what Stripe refused, to be sent anew; returns how many events that were.

    Whoever calls this has fixed the cause, such as a customer that was not there.
    """
    freed, actor = 0, Actor(who, now)
    with ledger.reading() as connection:
        customers = operator_actions.rejected_customers(connection)
    for customer in customers:
        with try_lock(ledger, f"customer:{customer}") as hold:
            if hold is not None:
                with ledger.writing() as connection:
                    freed += operator_actions.retry_rejected(
                        connection, actor, customer
                    )
    return freed


def hold_sending(
    ledger: Ledger, who: str, now: datetime, customer: str | None, reason: str
) -> None:
    """Stop the sending of a customer, or of all; raises BadInput or UnknownName."""
    if not reason.strip():
        raise BadInput("say why nothing is to be sent: --reason TEXT")
    with ledger.writing() as connection:
        if customer is not None:
            names = registry.known_customers(connection)
            if customer not in names:
                raise UnknownName("customer", customer, names, "the ledger knows")
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


def acknowledge_breaks(
    ledger: Ledger, who: str, now: datetime, numbers: Sequence[int], why: str
) -> list[Case]:
    """Record that somebody knows of breaks, and why they are left; raises BadInput.

    All of them, or none.
    """
    if not why.strip():
        raise BadInput("say why it is left as it is: --reason TEXT")
    with ledger.writing() as connection:
        return case_list.acknowledge(connection, Actor(who, now), numbers, why.strip())
