"""What stands in a closed month stays, and nothing is added: plain SQL is refused."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest
from sqlalchemy import text

from billing.errors import LedgerFault
from billing.ledger.audit.audit_log import Actor
from billing.ledger.close.period_close import freeze, period_digest
from billing.ledger.database import Ledger
from tests.ledger.bookkeeping import (
    ACTOR,
    APRIL,
    MARCH,
    reading,
    record,
    register,
    rows,
    stage,
)

REFUSED = "append-only: correct by adding|the period is closed"
CLOSED, OPEN = f"'{MARCH}'", f"'{APRIL}'"
USAGE = (
    "type, account, customer, call_id, call_revision, hour, call_hour, "
    "billed_minutes, amount_micro, currency, price_id, pull_id, posted_at"
)
EVENT = (
    "customer, stripe_customer, meter, livemode, hour, timestamp, minutes, "
    "amount_micro, usage_rows, staged_at, state, tries"
)
CLOSE = "closed_at, closed_by, digest, totals"
ADD_USAGE = (
    f"INTO b2b_usage (period, {USAGE}) SELECT {CLOSED}, "
    f"{USAGE.replace('call_revision', 'call_revision + 1')} FROM b2b_usage"
)
ADD_EVENT = (
    f"INTO meter_event (period, identifier, sequence, {EVENT}) "
    f"SELECT {CLOSED}, identifier || '-9', 9, {EVENT} FROM meter_event"
)
ADD_CLOSE = (
    f"INTO period_close (period, {CLOSE}) SELECT period, {CLOSE} FROM period_close"
)
ON_BOTH = (
    f"INSERT {ADD_USAGE}",
    f"INSERT {ADD_USAGE} WHERE period = {OPEN}",
    f"UPDATE b2b_usage SET period = {CLOSED} WHERE period = {OPEN}",
    f"UPDATE b2b_usage SET period = {OPEN} WHERE period = {CLOSED}",
    f"UPDATE b2b_usage SET billed_minutes = 0 WHERE period = {CLOSED}",
    f"UPDATE b2b_usage SET meter_event_id = NULL WHERE period = {CLOSED}",
    f"DELETE FROM b2b_usage WHERE period = {CLOSED}",
    f"INSERT {ADD_EVENT}",
    f"UPDATE meter_event SET period = {CLOSED} WHERE period = {OPEN}",
    f"UPDATE meter_event SET minutes = 0 WHERE period = {CLOSED}",
    f"DELETE FROM meter_event WHERE period = {CLOSED}",
    "UPDATE period_close SET digest = 'other'",
    f"UPDATE period_close SET period = {OPEN}",
    "UPDATE period_close SET totals = NULL",
    "DELETE FROM period_close",
)
ON_SQLITE = (
    f"INSERT OR REPLACE {ADD_USAGE}",
    f"REPLACE {ADD_USAGE}",
    f"INSERT OR IGNORE {ADD_EVENT}",
    f"REPLACE {ADD_EVENT}",
    f"REPLACE {ADD_CLOSE}",
    f"UPDATE OR REPLACE b2b_usage SET period = {CLOSED} WHERE period = {OPEN}",
)
ON_POSTGRESQL = ("TRUNCATE period_close", "TRUNCATE b2b_usage, meter_event CASCADE")


def fill(ledger: Ledger) -> str:
    """Bill a call in March and one in April, and close March; give its digest."""
    register(ledger)
    record(ledger, reading("march"), reading("april", started_at=APRIL.start))
    later = Actor("tests", APRIL.next.start)
    assert stage(ledger, now=later.at) == 2
    with ledger.writing() as connection:
        return freeze(connection, MARCH, later, run=1, reason=None).digest


def refuse(ledger: Ledger, statement: str) -> None:
    digest = fill(ledger)
    before = rows(ledger, "SELECT * FROM b2b_usage ORDER BY id")
    with (
        pytest.raises(LedgerFault, match=REFUSED),
        ledger.writing() as connection,
    ):
        connection.execute(text(statement))
    assert rows(ledger, "SELECT * FROM b2b_usage ORDER BY id") == before
    assert rows(ledger, "SELECT period, digest FROM period_close") == [
        (str(MARCH), digest)
    ]
    with ledger.reading() as connection:
        assert period_digest(connection, MARCH) == digest


@pytest.mark.parametrize("statement", ON_BOTH)
def test_a_closed_month_takes_nothing_and_gives_nothing(
    ledger: Ledger, statement: str
) -> None:
    refuse(ledger, statement)


@pytest.mark.parametrize("statement", ON_SQLITE)
def test_sqlite_replaces_nothing_either(sqlite_ledger: Ledger, statement: str) -> None:
    refuse(sqlite_ledger, statement)


@pytest.mark.parametrize("statement", ON_POSTGRESQL)
def test_postgresql_truncates_nothing_either(
    postgres_ledger: Ledger, statement: str
) -> None:
    refuse(postgres_ledger, statement)


def test_a_month_is_closed_once(ledger: Ledger) -> None:
    fill(ledger)
    with pytest.raises(LedgerFault), ledger.writing() as connection:
        freeze(connection, MARCH, ACTOR, run=1, reason=None)


def test_whoever_writes_during_a_close_waits_and_then_posts_past_it(
    postgres_ledger: Ledger,
) -> None:
    register(postgres_ledger)
    record(postgres_ledger, reading("before"))
    with ThreadPoolExecutor(1) as writer:
        with postgres_ledger.writing() as connection:
            late = writer.submit(record, postgres_ledger, reading("late"))
            sleep(0.3)
            assert not late.done()
            freeze(connection, MARCH, ACTOR, run=1, reason=None)
        late.result(timeout=30)
    posted = rows(postgres_ledger, "SELECT call_id, period FROM b2b_usage ORDER BY id")
    assert posted == [("before", "2026-03"), ("late", "2026-04")]
