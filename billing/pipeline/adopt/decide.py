"""Decide: a cut-over is undone, or the difference before it is sent, or left."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from billing.domain.adoption import Adoption
from billing.domain.period import BillingPeriod
from billing.errors import AnotherProcess, BadInput
from billing.ledger.adopt.decisions import require_adoption, undo_cut_over
from billing.ledger.adopt.opening_differences import differences_of, send_difference
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.locking.locks import try_lock
from billing.ledger.reconcile.case_list import leave_difference
from billing.pipeline.sync.context import Negative


class DifferenceChoice(StrEnum):
    """What becomes of a difference before a cut-over."""

    SEND = "send"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class DecidedDifference:
    """A month's difference, and the hour in which minutes of it are sent."""

    period: BillingPeriod
    minutes: int  # what the meter shows too much; negative: too little
    hour: datetime | None = None


def undo_adoption(
    ledger: Ledger, who: str, now: datetime, customer: str, reason: str
) -> Adoption:
    """Take a customer's newest cut-over back; raises BadInput once it was sent."""
    if not reason.strip():
        raise BadInput("say why the cut-over is undone: --reason TEXT")
    subject = f"customer:{customer}"
    with try_lock(ledger, subject) as hold:
        if hold is None:
            raise AnotherProcess(subject)
        with ledger.writing() as connection:
            adopted = require_adoption(connection, customer)
            undo_cut_over(connection, Actor(who, now), adopted, reason.strip())
    return adopted


def decide_difference(
    ledger: Ledger,
    who: str,
    now: datetime,
    customer: str,
    choice: DifferenceChoice,
    *,
    reason: str,
    negative: Negative = Negative.EVENT,
) -> list[DecidedDifference]:
    """Send what the opening lacks or has too much, or leave it; raises BadInput."""
    if not reason.strip():
        raise BadInput("say why the difference is sent, or left: --reason TEXT")
    subject, decided, actor = f"customer:{customer}", [], Actor(who, now)
    with try_lock(ledger, subject) as hold:
        if hold is None:
            raise AnotherProcess(subject)
        with ledger.writing() as connection:
            adopted = require_adoption(connection, customer)
            adopted = replace(adopted, customer=customer)  # by its name of today
            for difference in differences_of(connection, adopted):
                hour = None
                if choice is DifferenceChoice.LEAVE:
                    is_new = leave_difference(
                        connection, actor, adopted, difference, reason
                    )
                else:
                    hour = send_difference(
                        connection,
                        actor,
                        adopted,
                        difference,
                        reason=reason,
                        may_lessen=negative is Negative.EVENT,
                    )
                    is_new = hour is not None
                if is_new:
                    decided.append(
                        DecidedDifference(difference.period, difference.minutes, hour)
                    )
            if not decided:
                raise BadInput(
                    f"the opening of {customer} has no difference to decide in a month "
                    "that is open; `breaks` lists what differs"
                )
    return decided
