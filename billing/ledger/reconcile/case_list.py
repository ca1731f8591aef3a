"""The list of breaks: those that one looks for, with their lives, and who knows."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from billing.domain.adoption import Adoption, AdoptionKind, OpeningDifference
from billing.domain.break_causes import Cause
from billing.domain.break_groups import known_amount
from billing.domain.break_kinds import Resolution
from billing.domain.period import BillingPeriod
from billing.errors import BadInput, NoOpenBreak
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.findings import CASES_AS_FOUND
from billing.ledger.schema.tables import break_case, reconciliation_break
from billing.ledger.stored_json import stored_names

case, break_ = break_case.c, reconciliation_break.c
AS_FOUND = select(
    break_case,
    break_.minutes,
    break_.amount_micro,
    break_.evidence,
    break_.calls.label("last_calls"),
).select_from(CASES_AS_FOUND)
# What resolves itself does so within a day, or somebody has to look.
OVERDUE = timedelta(hours=24)
_NUMBERS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Case:
    """A break with its life: found, acknowledged by whom and why, resolved by what."""

    number: int
    period: BillingPeriod
    customer: str | None
    account: str | None
    cause: Cause
    hour: datetime | None
    event: str | None
    evidence: str | None
    calls: tuple[str, ...]
    minutes: int
    amount_micro: int
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    reason: str | None
    resolved_at: datetime | None
    resolved_by: str | None

    @property
    def known_amount_micro(self) -> int | None:
        """The amount; None when nobody can price the minutes."""
        return known_amount(self.cause, self.minutes, self.amount_micro)

    def state_at(self, now: datetime) -> str:
        """Say in a word where it stands."""
        if self.resolved_at is not None:
            return "resolved"
        if self.acknowledged_at is not None:
            return "acknowledged"
        waits = self.cause.resolution is Resolution.WAITS
        if waits and now - self.opened_at < OVERDUE:
            return "waiting"
        return "overdue" if waits else "open"

    def age_at(self, now: datetime) -> timedelta:
        """Return how long it was, or has been, open."""
        return (self.resolved_at or now) - self.opened_at


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which breaks are looked for: all that are open, unless it says more."""

    period: BillingPeriod | None = None
    cause: Cause | None = None
    customer: str | None = None
    run: int | None = None  # found by this reconciliation
    numbers: Collection[int] = ()  # none: of any number
    resolved: bool = False  # those too

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions that a case meets."""
        conditions = []
        if self.period is not None:
            conditions.append(case.period == str(self.period))
        if self.cause is not None:
            conditions.append(case.cause == self.cause.value)
        if self.customer is not None:
            conditions.append(case.customer == self.customer)
        if self.run is not None:
            found = select(break_.case_id).where(break_.run_id == self.run)
            conditions.append(case.id.in_(found))
        if self.numbers:
            conditions.append(case.id.in_(self.numbers))
        if not self.resolved:
            conditions.append(case.resolved_at.is_(None))
        return conditions


def list_cases(connection: Connection, wanted: CaseFilter) -> list[Case]:
    """Return the breaks that are looked for, by number.

    Minutes, amount and calls are those of the last run that found the break.
    """
    query = AS_FOUND.where(*wanted.conditions).order_by(case.id)
    return [_case(row) for row in connection.execute(query)]


def acknowledge(
    connection: Connection, actor: Actor, numbers: Sequence[int], reason: str
) -> list[Case]:
    """Record who knows of breaks and why they are left; raises NoOpenBreak."""
    found = {each.number: each for each in _numbered(connection, numbers)}
    for number in numbers:
        _refuse_unless_open(number, found.get(number))
    values = {
        "acknowledged_at": actor.at,
        "acknowledged_by": actor.name,
        "reason": reason,
    }
    audit_log.touch(connection, break_case, numbers)
    for part in _parts(numbers):
        connection.execute(update(break_case).where(case.id.in_(part)).values(values))
    for number, known in found.items():
        detail = {"cause": known.cause.value, "minutes": known.minutes}
        audit_log.record(
            connection, actor, "break.acknowledged", str(number), detail, reason=reason
        )
    return _numbered(connection, numbers)


def _numbered(connection: Connection, numbers: Sequence[int]) -> list[Case]:
    return [
        each
        for part in _parts(numbers)
        for each in list_cases(connection, CaseFilter(numbers=part, resolved=True))
    ]


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut numbers into parts that fit into a statement."""
    for first in range(0, len(numbers), _NUMBERS_AT_ONCE):
        yield numbers[first : first + _NUMBERS_AT_ONCE]


def _refuse_unless_open(number: int, known: Case | None) -> None:
    if known is None:
        raise NoOpenBreak(number, "there is none of that number")
    if known.resolved_at is not None:
        raise NoOpenBreak(number, f"it was resolved by {known.resolved_by}")
    if known.acknowledged_at is not None:
        raise NoOpenBreak(number, f"{known.acknowledged_by} acknowledged it already")


def _case(row: Any) -> Case:
    return Case(
        number=row.id,
        period=BillingPeriod.parse(row.period),
        customer=row.customer,
        account=row.account,
        cause=Cause(row.cause),
        hour=row.hour,
        event=row.event,
        evidence=row.evidence,
        calls=stored_names(row.last_calls),
        minutes=row.minutes,
        amount_micro=row.amount_micro,
        opened_at=row.opened_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        reason=row.reason,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
    )


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
    # Lists of breaks are read by many who never decide.
    from billing.ledger.adopt.decisions import (  # noqa: PLC0415
        AdoptionDecision,
        record_decision,
    )

    decision = AdoptionDecision.of(adopted, AdoptionKind.LEAVE_DIFFERENCE, reason)
    decision = replace(decision, period=difference.period, minutes=difference.minutes)
    record_decision(connection, actor, decision)
    acknowledge(connection, actor, [case.number], reason)
    return True
