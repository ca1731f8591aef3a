"""What of a month is unfinished, in figures and with a few names, on both databases."""

import json

from sqlalchemy import insert, update

from billing.domain.break_causes import Cause
from billing.domain.close_obstacles import (
    MOST_NAMES,
    BreakShare,
    EventShare,
    LastRun,
    MonthEnd,
    Share,
)
from billing.domain.meter_event import EventState, SendAnswer, SendVerdict
from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.close.readiness import read_month_end
from billing.ledger.database import Ledger
from billing.ledger.schema.tables import (
    break_case,
    reconciliation_break,
    reconciliation_reading,
    reconciliation_run,
)
from billing.ledger.sync.attempts import Answered, record_answers
from tests.ledger.bookkeeping import (
    ACTOR,
    APRIL,
    HOUR,
    MARCH,
    NOON,
    reading,
    record,
    register,
    stage,
    unsynced,
)
from tests.ledger.filling import attempt_of

FIRST = BillingPeriod(2026, 1)


def month_end(ledger: Ledger, first_period: BillingPeriod = FIRST) -> MonthEnd:
    with ledger.reading() as connection:
        accounts = ["main", "other"]
        return read_month_end(
            connection, MARCH, accounts, APRIL.start, first_period=first_period
        )


def add_breaks(ledger: Ledger) -> None:
    """Keep a run with three breaks of one cause: in two cases, and in none."""
    run = {"period": str(MARCH), "started_at": NOON, "finished_at": NOON}
    figures = {"settled": 1, "complete": 1, "difference_minutes": -6, "breaks": 3}
    case = {"period": str(MARCH), "cause": "not_counted", "calls": "[]"}
    break_ = {"run_id": 1, "customer": "acme", "cause": "not_counted", "hour": NOON}
    with ledger.writing() as connection:
        connection.execute(insert(reconciliation_run).values(**run, **figures))
        for number, calls in ((1, ["call_1"]), (2, []), (None, ["call_3"])):
            if number:
                opened = {"opened_at": NOON, "opened_run": 1}
                connection.execute(insert(break_case).values(**case, **opened))
            connection.execute(
                insert(reconciliation_break).values(
                    **break_,
                    minutes=-2,
                    amount_micro=-200_000,
                    calls=json.dumps(calls),
                    case_id=number,
                )
            )


def test_breaks_are_told_apart_by_whether_somebody_acknowledged_them(
    ledger: Ledger,
) -> None:
    register(ledger)
    add_breaks(ledger)
    query = update(break_case).where(break_case.c.id == 1)
    acknowledgement = {
        "acknowledged_at": NOON,
        "acknowledged_by": "ann",
        "reason": "credited",
    }
    with ledger.writing() as connection:
        audit_log.touch(connection, break_case, [1])
        connection.execute(query.values(acknowledgement))
    open_names = ("case 2: acme 2026-03-10T12", "acme call_3")
    assert month_end(ledger).breaks == (
        BreakShare(Cause.NOT_COUNTED, False, Share(2, -4, open_names)),
        BreakShare(Cause.NOT_COUNTED, True, Share(1, -2, ("case 1: acme call_1",))),
    )


def test_events_are_counted_by_state_and_few_of_many_are_named(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, *(reading(f"call_{n}") for n in range(30)))
    waiting = month_end(ledger)
    assert (waiting.unstaged.count, waiting.unstaged.minutes) == (30, 60)
    assert len(waiting.unstaged.names) == MOST_NAMES
    stage(ledger)
    [event] = unsynced(ledger)
    with ledger.writing() as connection:
        attempt_of(connection, event)
        refusal = SendAnswer(SendVerdict.REFUSED, 400, "req_1", "no")
        record_answers(connection, [Answered(event, refusal, ACTOR.at)])
    staged = month_end(ledger)
    assert staged.unstaged == Share()
    [share] = staged.events
    assert (share.state, share.reason) == (EventState.FAILED, "rejected")
    assert (share.share.count, share.share.minutes) == (1, 60)
    assert staged.last_change == ACTOR.at


def test_events_that_take_minutes_back_stand_apart_from_all_others(
    ledger: Ledger,
) -> None:
    register(ledger)
    record(ledger, reading("shorter", seconds=300))
    stage(ledger)
    record(ledger, reading("shorter", seconds=60))
    record(ledger, reading("other", started_at=NOON + HOUR))
    # What came and went before it was reported makes an event that is never open.
    record(ledger, reading("gone", started_at=NOON + 2 * HOUR))
    record(ledger, reading("gone", started_at=NOON + 2 * HOUR, customer="globex"))
    stage(ledger)
    name = "test-stripe_minutes-cus_acme-20260310T"
    adding = (f"{name}12-0", f"{name}13-0")
    assert month_end(ledger).events == (
        EventShare(EventState.PENDING, None, Share(2, 7, adding), negative=False),
        EventShare(
            EventState.PENDING, None, Share(1, -4, (f"{name}12-1",)), negative=True
        ),
    )


def test_the_last_run_of_a_month_names_whose_summaries_may_still_change(
    ledger: Ledger,
) -> None:
    register(ledger)
    later = NOON + HOUR
    # Of each run: its month, when it was, and whose figures were settled in it.
    runs = [
        (MARCH, NOON, {"acme": 1, "initech": 0}),
        (MARCH, later, {"umbrella": 0, "globex": 0, "acme": 1}),
        (APRIL, later, {"hooli": 0}),
    ]
    none = {"pamela_minutes": 0, "ledger_minutes": 0, "stripe_minutes": 0}
    with ledger.writing() as connection:
        for number, (month, at, settled) in enumerate(runs, 1):
            made = {"period": str(month), "started_at": at, "finished_at": at}
            figures = {"settled": 0, "complete": 1, "difference_minutes": 0}
            connection.execute(
                insert(reconciliation_run).values(**made, **figures, breaks=0)
            )
            for customer, is_settled in settled.items():
                connection.execute(
                    insert(reconciliation_reading).values(
                        run_id=number,
                        period=str(month),
                        customer=customer,
                        stripe_customer=f"cus_{customer}",
                        settled=is_settled,
                        read_at=at,
                        **none,
                    )
                )
    assert month_end(ledger).last_run == LastRun(
        number=2, started_at=later, settled=False, unsettled=("globex", "umbrella")
    )


def test_accounts_that_were_never_pulled_are_named_too(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, reading())
    accounts = month_end(ledger).accounts
    states = {each.account: (each.state, each.whole_at) for each in accounts}
    assert states == {"main": ("running", None), "other": (None, None)}


def test_earlier_months_with_usage_are_named_newest_first(ledger: Ledger) -> None:
    register(ledger)
    months = (FIRST, MARCH.previous)
    record(ledger, *(reading(str(month), started_at=month.start) for month in months))
    assert month_end(ledger).earlier_open == Share(2, 0, ("2026-02", "2026-01"))
    # What is before all that is billed stands in nobody's way.
    billed = month_end(ledger, first_period=MARCH.previous)
    assert billed.earlier_open == Share(1, 0, ("2026-02",))


def test_of_many_breaks_all_are_counted_and_twenty_named_each_once(
    ledger: Ledger,
) -> None:
    register(ledger)
    run = {"period": str(MARCH), "started_at": NOON, "finished_at": NOON}
    figures = {"settled": 1, "complete": 1, "difference_minutes": -50, "breaks": 50}
    kept = {"run_id": 1, "customer": "acme", "cause": "not_counted", "hour": NOON}
    amounts = {"minutes": -1, "amount_micro": -100_000}
    with ledger.writing() as connection:
        connection.execute(insert(reconciliation_run).values(**run, **figures))
        for number in range(50):
            calls = json.dumps([f"call_{number // 2}"])
            row = {**kept, **amounts, "calls": calls}
            connection.execute(insert(reconciliation_break).values(row))
    [share] = month_end(ledger).breaks
    names = tuple(f"acme call_{number}" for number in range(20))
    assert share.share == Share(50, -50, names)
