"""Acknowledge: a person knows of breaks, and says why they are left as they are."""

from collections.abc import Sequence
from datetime import datetime

from billing.errors import BadInput
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.reconcile import case_list
from billing.ledger.reconcile.case_list import Case


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
