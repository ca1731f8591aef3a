"""A ledger with at least two rows in every table whose rows are only ever added."""

from sqlalchemy import Connection, insert

from billing.domain.account_identity import SourceIdentity
from billing.domain.break_causes import Cause
from billing.domain.breaks import Break, CustomerFinding
from billing.domain.customer_existence import Look
from billing.domain.cycle_schedule import CycleOutcome, Trigger
from billing.domain.meter_contact import ContactReading, MeterMonth
from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.ledger import cycle_runs, existence
from billing.ledger.adopt.shadow_readings import ShadowReading, record_shadow_reading
from billing.ledger.audit import signed_heads
from billing.ledger.audit.events import chain_tip
from billing.ledger.audit.signed_heads import SignedHead
from billing.ledger.cycle_runs import CycleEnd
from billing.ledger.database import Ledger
from billing.ledger.existence import Seen
from billing.ledger.move.marks import MoveState, set_mark
from billing.ledger.pull import quarantine
from billing.ledger.pull.accounts import AccountNews, record_news
from billing.ledger.pull.quarantine import SetAside
from billing.ledger.reconcile import runs
from billing.ledger.reconcile.account_finding import AccountFinding
from billing.ledger.reconcile.runs import Reconciliation
from billing.ledger.registry import register as register_more
from billing.ledger.schema.tables import (
    adoption,
    break_case,
    contradicting_call,
    error_report,
    law_check,
    law_check_end,
    meter_opening,
    meter_reading,
    pull_scope,
    summary_lag,
)
from billing.ledger.sync import send_holds
from billing.ledger.sync.attempts import (
    Answered,
    Attempt,
    record_answers,
    record_attempts,
)
from billing.ledger.sync.contact_context import state_sole_reporter
from billing.ledger.sync.first_contact import Contact, record_contacts
from billing.ledger.sync.outbox import OpenEvent
from tests.ledger.bookkeeping import (
    ACTOR,
    HOUR,
    MARCH,
    NOON,
    PRICE,
    close_period,
    reading,
    record,
    register,
    stage,
    start_pull,
    unsynced,
)
from tests.ledger.deciding import decide

MAIN = AccountFinding(account="main", usage_minutes=4, calls_minutes=4, complete=True)


def fill(ledger: Ledger) -> None:
    """Fill every table, two rows or more in each."""
    register(ledger)
    later = type(PRICE)(MARCH.next.start, PRICE.per_minute)
    with ledger.writing() as connection:
        register_more(connection, ACTOR, customers=[], accounts=[], prices=[later])
    record(ledger, *(reading(f"call_{n}", started_at=NOON + n * HOUR) for n in (1, 2)))
    assert stage(ledger) == 2
    answer = SendAnswer(SendVerdict.COUNTED, 200, "req_1")
    for event in unsynced(ledger):
        with ledger.writing() as connection:
            attempt_of(connection, event)
            record_answers(connection, [Answered(event, answer, ACTOR.at)])
    record(ledger, reading("call_3"))
    assert stage(ledger) == 1
    with ledger.writing() as connection:
        attempt_of(connection, unsynced(ledger)[0])
    record(ledger, reading("call_4"))
    set_aside_and_reconcile(ledger)
    add_settlement_rows(ledger)
    add_contacts(ledger)
    add_adoptions(ledger)
    add_heads(ledger)
    add_identities(ledger)
    add_moves(ledger)
    for period in (MARCH.previous, MARCH.previous.previous):
        close_period(ledger, period)


def add_heads(ledger: Ledger) -> None:
    """Sign the trail twice, and publish it."""
    for number in (1, 2):
        with ledger.writing() as connection:
            event = chain_tip(connection)
            signed_heads.add_head(
                connection,
                SignedHead(
                    signed_heads.next_head(
                        connection, event.sequence, event.hash, "key", ACTOR.at
                    ),
                    "signature",
                ),
            )
            signed_heads.record_anchor(connection, number, "folder", ACTOR.at, None)


def add_moves(ledger: Ledger) -> None:
    """Let the ledger have come from elsewhere."""
    with ledger.writing() as connection:
        tip = chain_tip(connection)
        for state in (MoveState.ARRIVING, MoveState.ARRIVED):
            set_mark(connection, state, "sqlite:///elsewhere.db", tip, ACTOR)


def add_identities(ledger: Ledger) -> None:
    """Let an account have two keys and two names."""
    with ledger.writing() as connection:
        for number in (1, 2):
            who = SourceIdentity("partner_1", None)
            news = AccountNews("main", who, f"digest {number}", f"label_{number}")
            record_news(connection, ACTOR, [news])


def add_settlement_rows(ledger: Ledger) -> None:
    """Add what is read to settle outcomes, and what is kept of a break's life."""
    at = ACTOR.at
    window = {"created_at": at, "window_start": at, "window_end": at, "read_at": at}
    words = {"codes": "[]", "identifiers": "[]"}
    case = {"period": str(MARCH), "cause": "not_counted", "calls": "[]"}
    ends = ("call", "usage", "event", "attempt", "pull")
    checked = {"faults": "{}", **{f"last_{name}": 1 for name in ends}}
    with ledger.writing() as connection:
        for number in (1, 2):
            reading = {"event_id": 1, "read_at": at, "minutes": number}
            connection.execute(insert(meter_reading).values(reading))
            seen = {"event_id": number, "period": str(MARCH), "open_from": 1}
            moments = {"sent_at": at, "first_shown_at": at}
            connection.execute(insert(summary_lag).values(**seen, **moments))
            report = {"name": f"evt_{number}", "error_count": 1, **window, **words}
            connection.execute(insert(error_report).values(report))
            opened = {"opened_at": at, "opened_run": number}
            connection.execute(insert(break_case).values(**case, **opened))
            connection.execute(insert(law_check).values(at=at, whole=1, **checked))
            until = insert(law_check_end).values(check_id=number, event=number)
            connection.execute(until)
            months = {"period": str(MARCH), "month": "2026-02"}
            counts = {"calls": 1, "billed_here": 0, "looked_back_to": at}
            scope = insert(pull_scope).values(pull_id=number, **months, **counts)
            connection.execute(scope)
            listed = {"account": "main", "call_id": f"call_{number}", "revision": 1}
            listed |= {"period": str(MARCH), "detail": "-", "pull_id": 1, "seen_at": at}
            connection.execute(insert(contradicting_call).values(listed))
            cycle = cycle_runs.record_start(connection, ACTOR, Trigger.RUN)
            end = CycleEnd(CycleOutcome.CLEAN, (), HOUR)
            cycle_runs.record_end(connection, ACTOR, cycle, end)
            send_holds.record_hold(connection, ACTOR, None, "why", held=bool(number))


def add_contacts(ledger: Ledger) -> None:
    """Add what was read of a month before a send, and who stated to be alone."""
    month = MeterMonth(
        stripe_customer="cus_acme", meter="stripe_minutes", livemode=False, period=MARCH
    )
    with ledger.writing() as connection:
        for minutes in (0, 1):
            reading = ContactReading(ACTOR.at, minutes, 0)
            record_contacts(connection, [Contact("acme", month, reading, lower=0)])
        state_sole_reporter(connection, ACTOR, "it is new")
        state_sole_reporter(connection, ACTOR, "it was not", "acme", withdrawn=True)
        existence.record_seen(connection, [Seen("cus_acme", "mtr_1", ACTOR.at)])
        for kind in (existence.LISTED, existence.DELETED):
            existence.record_look(connection, kind, Look(ACTOR.at, 1), "mtr_1")


def add_adoptions(ledger: Ledger) -> None:
    """Add a meter that was taken over, what stood there, and two readings of it."""
    month = MeterMonth(
        stripe_customer="cus_acme", meter="stripe_minutes", livemode=False, period=MARCH
    )
    cut = {"customer": "acme", "stripe_customer": "cus_acme", "livemode": 0}
    who = {"at": ACTOR.at, "actor": ACTOR.name, "reason": "why"}
    with ledger.writing() as connection:
        for number in (1, 2):
            values = {"kind": "cut_over", "meter": "stripe_minutes", **cut, **who}
            connection.execute(insert(adoption).values(from_hour=NOON, **values))
            opening = {"adoption_id": number, "event_id": number, "minutes": 1}
            connection.execute(insert(meter_opening).values(opening))
            reading = ShadowReading("acme", month, ACTOR.at, {NOON: number})
            record_shadow_reading(connection, reading)


def attempt_of(connection: Connection, event: OpenEvent) -> None:
    """Write down an attempt that nothing is known of yet."""
    record_attempts(
        connection,
        [Attempt(event=event, owner="me", idempotency_key="key", started_at=ACTOR.at)],
    )


def set_aside_and_reconcile(ledger: Ledger) -> None:
    """Set two records aside and keep two reconciliations with a break each."""
    lost = Break(cause=Cause.NOT_COUNTED, minutes=-2, amount_micro=-200_000, hour=NOON)
    finding = CustomerFinding(
        customer="acme",
        stripe_customer="cus_acme",
        pamela_minutes=4,
        ledger_minutes=4,
        stripe_minutes=2,
        settled=True,
        breaks=(lost,),
    )
    reconciliation = Reconciliation(
        period=MARCH,
        started_at=ACTOR.at,
        customers=(finding,),
        accounts=(MAIN,),
        quarantined=2,
    )
    items = [
        SetAside(
            account="main",
            call_id=f"bad_{n}",
            reason="no_id",
            detail="-",
            source_sha256="0" * 64,
            period=MARCH,
            created_at=NOON,
        )
        for n in (1, 2)
    ]
    with ledger.writing() as connection:
        number = start_pull(connection)
        quarantine.set_aside(
            connection, items, period=MARCH, pull_id=number, now=ACTOR.at
        )
        runs.save(connection, reconciliation, ACTOR)
        runs.save(connection, reconciliation, ACTOR)
    for seconds in (61, None):
        decide(ledger, "bad_1", seconds)
