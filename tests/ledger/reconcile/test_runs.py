"""Findings: every reconciliation is kept whole, clean or not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break, CustomerFinding
from billing.ledger.database import Ledger
from billing.ledger.reconcile import runs
from billing.ledger.reconcile.account_finding import AccountFinding
from billing.ledger.reconcile.runs import Reconciliation
from tests.ledger.bookkeeping import ACTOR, APRIL, MARCH, NOON, rows

AGREED = CustomerFinding(
    customer="acme",
    stripe_customer="cus_acme",
    pamela_minutes=7,
    ledger_minutes=7,
    stripe_minutes=7,
    settled=True,
)
LOST = Break(
    cause=Cause.NOT_COUNTED,
    minutes=-2,
    amount_micro=-200_000,
    calls=("a", "b"),
    hour=NOON,
)
ON_ITS_WAY = Break(
    cause=Cause.IN_FLIGHT, minutes=-2, amount_micro=-200_000, calls=("a",), hour=NOON
)
BROKEN = CustomerFinding(
    customer="acme",
    stripe_customer="cus_acme",
    pamela_minutes=7,
    ledger_minutes=7,
    stripe_minutes=5,
    settled=True,
    breaks=(LOST,),
)
WHOLE = AccountFinding(account="main", usage_minutes=7, calls_minutes=7, complete=True)
CLEAN = Reconciliation(
    period=MARCH,
    started_at=ACTOR.at,
    customers=(AGREED,),
    accounts=(WHOLE,),
    quarantined=0,
)


def save(ledger: Ledger, reconciliation: Reconciliation) -> int:
    with ledger.writing() as connection:
        return runs.save(connection, reconciliation, ACTOR)


def test_a_clean_reconciliation_is_kept_too(ledger: Ledger) -> None:
    assert CLEAN.clean
    number = save(ledger, CLEAN)
    query = "SELECT id, period, settled, complete, difference_minutes, breaks "
    stored = rows(ledger, query + "FROM reconciliation_run")
    assert stored == [(number, "2026-03", 1, 1, 0, 0)]
    read = rows(ledger, "SELECT customer, stripe_minutes FROM reconciliation_reading")
    assert read == [("acme", 7)]
    audited = "SELECT subject FROM audit_event WHERE action = 'period.reconciled'"
    assert rows(ledger, audited) == [("2026-03",)]


def test_breaks_are_kept_with_their_calls(ledger: Ledger) -> None:
    short = AccountFinding(
        account="main", usage_minutes=9, calls_minutes=7, complete=True
    )
    save(ledger, replace(CLEAN, customers=(BROKEN,), accounts=(short,)))
    assert rows(
        ledger, "SELECT difference_minutes, breaks FROM reconciliation_run"
    ) == [(-2, 2)]
    query = (
        "SELECT customer, account, cause, minutes, amount_micro, calls "
        "FROM reconciliation_break ORDER BY id"
    )
    assert rows(ledger, query) == [
        ("acme", None, "not_counted", -2, -200_000, '["a", "b"]'),
        (None, "main", "source_total_differs", -2, 0, "[]"),
    ]


def test_nobody_to_compare_is_a_run_too(ledger: Ledger) -> None:
    save(
        ledger,
        Reconciliation(
            period=MARCH, started_at=ACTOR.at, customers=(), accounts=(), quarantined=0
        ),
    )
    assert rows(ledger, "SELECT count(*) FROM reconciliation_run") == [(1,)]


def test_earlier_readings_are_those_of_the_month_and_customer(ledger: Ledger) -> None:
    times = [ACTOR.at + hours * timedelta(hours=1) for hours in range(60)]
    for minutes, started_at in enumerate(times):
        read = replace(AGREED, stripe_minutes=minutes)
        save(ledger, replace(CLEAN, customers=(read,), started_at=started_at))
    with ledger.reading() as connection:
        readings = runs.earlier_readings(connection, MARCH, "acme")
        assert readings == [(times[n], n) for n in range(59, 11, -1)]
        assert runs.earlier_readings(connection, APRIL, "acme") == []
        assert runs.earlier_readings(connection, MARCH, "other") == []


@pytest.mark.parametrize(
    ("reconciliation", "needed"),
    [
        (CLEAN, False),
        (replace(CLEAN, customers=(BROKEN,)), True),
        (
            replace(CLEAN, customers=(replace(BROKEN, breaks=(ON_ITS_WAY,)),)),
            False,
        ),
        (replace(CLEAN, quarantined=1), True),
        (replace(CLEAN, accounts=(replace(WHOLE, usage_minutes=8),)), True),
        (replace(CLEAN, accounts=(replace(WHOLE, complete=False),)), False),
    ],
)
def test_a_person_is_needed_when_the_next_hours_fix_nothing(
    reconciliation: Reconciliation, needed: bool
) -> None:
    assert reconciliation.needs_a_person is needed


@pytest.mark.parametrize(
    "unclean",
    [
        replace(CLEAN, customers=(BROKEN,)),
        replace(CLEAN, customers=(replace(AGREED, stripe_minutes=8),)),
        replace(CLEAN, customers=(replace(AGREED, settled=False),)),
        replace(CLEAN, accounts=(replace(WHOLE, complete=False),)),
        replace(CLEAN, accounts=(replace(WHOLE, usage_minutes=8),)),
        replace(CLEAN, quarantined=1),
    ],
)
def test_a_month_is_clean_only_when_nothing_is_open(unclean: Reconciliation) -> None:
    assert not unclean.clean


def test_a_source_without_totals_differs_in_nothing() -> None:
    no_progress = AccountFinding(
        account="main", usage_minutes=None, calls_minutes=7, complete=True
    )
    assert no_progress.difference_minutes == 0


def test_compensating_differences_do_not_make_a_month_clean() -> None:
    more = replace(AGREED, customer="globex", stripe_minutes=9)
    less = replace(AGREED, stripe_minutes=5)
    reconciliation = replace(CLEAN, customers=(more, less))
    assert reconciliation.difference_minutes == 0
    assert not reconciliation.clean
