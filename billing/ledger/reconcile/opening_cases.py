"""Opening cases: a person leaves what another program reported as it is."""

from dataclasses import replace

from sqlalchemy import Connection

from billing.domain.adoption import Adoption, AdoptionKind, OpeningDifference
from billing.domain.break_causes import Cause
from billing.errors import BadInput
from billing.ledger.adopt.decisions import AdoptionDecision, record_decision
from billing.ledger.audit.audit_log import Actor
from billing.ledger.reconcile.case_list import CaseFilter, acknowledge, list_cases


def leave_difference(
    connection: Connection,
    actor: Actor,
    adopted: Adoption,
    difference: OpeningDifference,
    reason: str,
) -> bool:
    """Acknowledge a month's difference for good; says whether it was not yet.

    Raises BadInput where no reconciliation has found it as it is.
    """
    for case in list_cases(connection, CaseFilter(period=difference.period)):
        is_meant = (case.customer, case.cause) == (
            adopted.customer,
            Cause.OPENING_DIFFERS,
        )
        if is_meant and case.minutes == difference.minutes:
            break
    else:
        raise BadInput(
            f"no reconciliation has found the {difference.minutes:+} minutes of "
            f"{adopted.customer} in {difference.period} yet; run `pamela-billing "
            f"reconcile {difference.period}`, then leave them"
        )
    if case.acknowledged_at is not None:
        return False
    decision = AdoptionDecision.of(adopted, AdoptionKind.LEAVE_DIFFERENCE, reason)
    decision = replace(decision, period=difference.period, minutes=difference.minutes)
    record_decision(connection, actor, decision)
    acknowledge(connection, actor, [case.number], reason)
    return True
