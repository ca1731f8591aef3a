"""Cases: a break is open from the run that finds it to the first without it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break, CustomerFinding
from billing.errors import NoOpenBreak
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.reconcile import runs
from billing.ledger.reconcile.account_finding import AccountFinding
from billing.ledger.reconcile.case_list import Case, CaseFilter, list_cases
from billing.ledger.reconcile.case_list import acknowledge as acknowledge_all
from billing.ledger.reconcile.runs import Reconciliation
from tests.ledger.bookkeeping import ACTOR, APRIL, HOUR, MARCH, NOON, rows

LOST = Break(
    cause=Cause.NOT_COUNTED,
    minutes=-2,
    amount_micro=-200_000,
    calls=("a", "b"),
    hour=NOON,
    event="event-1",
    evidence="0 of 2",
)
LATER = replace(LOST, hour=NOON + HOUR, event="event-2")
GONE = Break(
    cause=Cause.MISSING_AT_SOURCE, minutes=3, amount_micro=300_000, calls=("c",)
)
WAITS = Break(
    cause=Cause.NOT_STAGED, minutes=-1, amount_micro=-100_000, calls=("d",), hour=NOON
)
CARRIED = Break(
    cause=Cause.BILLED_IN_LATER_MONTH, minutes=-1, amount_micro=-100_000, calls=("e",)
)
INVOICED = Break(
    cause=Cause.INVOICE_DIFFERS, minutes=-4, amount_micro=0, evidence="in_1"
)
WHOLE = AccountFinding(account="main", usage_minutes=7, calls_minutes=7, complete=True)


def find(
    ledger: Ledger,
    *breaks: Break,
    hours: int = 0,
    account: AccountFinding = WHOLE,
    invoices: bool = True,
) -> None:
    """Keep a run of March that found these breaks of acme."""
    customer = CustomerFinding(
        customer="acme",
        stripe_customer="cus_acme",
        pamela_minutes=7,
        ledger_minutes=7,
        stripe_minutes=7,
        settled=True,
        breaks=breaks,
    )
    reconciliation = Reconciliation(
        period=MARCH,
        started_at=ACTOR.at,
        customers=(customer,),
        accounts=(account,),
        quarantined=0,
        invoices_read=invoices,
    )
    with ledger.writing() as connection:
        runs.save(connection, reconciliation, Actor("tests", ACTOR.at + hours * HOUR))


def listed(ledger: Ledger, *, resolved: bool = True) -> list[Case]:
    with ledger.reading() as connection:
        return list_cases(connection, CaseFilter(period=MARCH, resolved=resolved))


def lives(ledger: Ledger) -> list[tuple[Cause, str | None]]:
    """Return each case's cause, and what resolved it."""
    return [(case.cause, case.resolved_by) for case in listed(ledger)]


def acknowledge(ledger: Ledger, number: int, reason: str = "we know") -> Case:
    with ledger.writing() as connection:
        [case] = acknowledge_all(connection, ACTOR, [number], reason)
    return case


def test_a_break_that_stays_is_one_case(ledger: Ledger) -> None:
    for hours in range(3):
        find(ledger, LOST, LATER, hours=hours)
    assert lives(ledger) == [(Cause.NOT_COUNTED, None)] * 2
    case = listed(ledger)[0]
    assert (case.event, case.calls, case.minutes) == ("event-1", ("a", "b"), -2)
    assert (case.evidence, case.opened_at) == ("0 of 2", ACTOR.at)
    query = "SELECT case_id FROM reconciliation_break ORDER BY id"
    assert rows(ledger, query) == [(1,), (2,)] * 3


def test_a_break_that_is_gone_is_resolved_by_the_run_without_it(
    ledger: Ledger,
) -> None:
    find(ledger, LOST, GONE)
    find(ledger, GONE, hours=5)
    assert lives(ledger) == [
        (Cause.NOT_COUNTED, "run 2: no longer there"),
        (Cause.MISSING_AT_SOURCE, None),
    ]
    assert listed(ledger)[0].age_at(ACTOR.at + 99 * HOUR) == 5 * HOUR
    assert [case.number for case in listed(ledger, resolved=False)] == [2]
    with ledger.reading() as connection:
        assert list_cases(connection, CaseFilter(period=APRIL, resolved=True)) == []
        assert len(list_cases(connection, CaseFilter())) == 1


def test_another_cause_at_the_same_place_is_another_case_that_is_named(
    ledger: Ledger,
) -> None:
    find(ledger, replace(LOST, cause=Cause.UNANSWERED))
    find(ledger, LOST)
    assert lives(ledger) == [
        (Cause.UNANSWERED, "run 2: now not_counted, -2"),
        (Cause.NOT_COUNTED, None),
    ]


def test_what_nobody_can_know_yet_is_nobodys_case(ledger: Ledger) -> None:
    find(ledger, replace(LOST, cause=Cause.NOT_SETTLED))
    assert listed(ledger) == []


def test_calls_that_join_an_hour_are_no_new_case(ledger: Ledger) -> None:
    find(ledger, WAITS)
    find(ledger, replace(WAITS, calls=("d", "e"), minutes=-3))
    (case,) = listed(ledger)
    assert (case.calls, case.minutes, case.resolved_at) == (("d", "e"), -3, None)


def test_minutes_that_stand_in_another_month_for_good_are_nobodys_case(
    ledger: Ledger,
) -> None:
    find(ledger, CARRIED)
    assert listed(ledger) == []
    assert rows(ledger, "SELECT case_id FROM reconciliation_break") == [(None,)]


def test_a_run_resolves_only_what_it_looked_for(ledger: Ledger) -> None:
    find(ledger, INVOICED, GONE, LOST)
    find(ledger, account=replace(WHOLE, complete=False), invoices=False)
    assert [resolved is None for _, resolved in lives(ledger)] == [True, True, False]
    find(ledger)
    assert all(resolved for _, resolved in lives(ledger))


def test_a_total_that_differs_is_the_accounts_case(ledger: Ledger) -> None:
    find(ledger, account=replace(WHOLE, usage_minutes=9))
    (case,) = listed(ledger)
    assert (case.account, case.customer, case.minutes) == ("main", None, -2)
    assert case.cause is Cause.SOURCE_TOTAL_DIFFERS


def test_who_knows_of_a_break_says_why_and_is_audited(ledger: Ledger) -> None:
    find(ledger, GONE)
    case = acknowledge(ledger, 1)
    assert (case.acknowledged_by, case.reason) == ("tests", "we know")
    assert case.state_at(ACTOR.at) == "acknowledged"
    audited = "SELECT subject, reason FROM audit_event "
    audited += "WHERE action = 'break.acknowledged'"
    ((subject, reason),) = rows(ledger, audited)
    assert subject == "1"
    assert reason == "we know"
    find(ledger, GONE)
    assert listed(ledger)[0].acknowledged_by == "tests"


def test_an_acknowledged_break_that_grows_is_open_again(ledger: Ledger) -> None:
    find(ledger, GONE)
    acknowledge(ledger, 1)
    find(ledger, replace(GONE, minutes=500))
    assert lives(ledger) == [
        (Cause.MISSING_AT_SOURCE, "run 2: now missing_at_source, +500"),
        (Cause.MISSING_AT_SOURCE, None),
    ]
    assert listed(ledger)[1].acknowledged_at is None


def test_only_an_open_break_can_be_acknowledged_and_only_once(ledger: Ledger) -> None:
    with pytest.raises(NoOpenBreak, match="none of that number"):
        acknowledge(ledger, 1)
    find(ledger, GONE, LOST)
    acknowledge(ledger, 1)
    with pytest.raises(NoOpenBreak, match="tests acknowledged it already"):
        acknowledge(ledger, 1)
    find(ledger)
    with pytest.raises(NoOpenBreak, match="resolved by run 2"):
        acknowledge(ledger, 2)


@pytest.mark.parametrize(
    ("item", "hours", "state"),
    [
        (WAITS, 23, "waiting"),
        (WAITS, 24, "overdue"),
        (GONE, 0, "open"),
        (GONE, 99, "open"),
    ],
)
def test_what_waits_is_overdue_after_a_day(
    ledger: Ledger, item: Break, hours: int, state: str
) -> None:
    find(ledger, item)
    (case,) = listed(ledger)
    assert case.state_at(ACTOR.at + timedelta(hours=hours)) == state


STRANGER = Break(cause=Cause.ABOVE_LEDGER, minutes=3, amount_micro=0, hour=NOON)


@pytest.mark.parametrize(
    ("minutes", "acknowledged"), [(3, True), (4, False), (2, False)]
)
def test_minutes_of_somebody_else_stay_acknowledged_under_another_name(
    ledger: Ledger, minutes: int, acknowledged: bool
) -> None:
    find(ledger, STRANGER)
    acknowledge(ledger, 1)
    named = replace(STRANGER, cause=Cause.FOREIGN_EVENT, minutes=minutes, event="x")
    find(ledger, named, hours=3)
    first, second = listed(ledger)
    assert first.resolved_at is not None
    assert second.cause is Cause.FOREIGN_EVENT
    assert (second.reason == "we know") is acknowledged
    assert (second.acknowledged_by == "tests") is acknowledged
