"""A ledger that keeps every law, with every kind of row that a law is about."""

from datetime import timedelta

from sqlalchemy import insert, select, text

from billing.domain.metering import Answer, Verdict
from billing.domain.period import Window
from billing.ledger import closing, outbox, pulls, registry
from billing.ledger.database import Ledger
from billing.ledger.outbox import Outgoing
from billing.ledger.pulls import Certificate
from billing.ledger.tables import b2b_usage, meter_reading, period_close
from tests.ledger.bookkeeping import (
    ACTOR,
    HOUR,
    MARCH,
    NOON,
    PRICES,
    Price,
    posting_of,
    reading,
    record,
    register,
    rows,
    stage,
    unsynced,
)
from billing.ledger.calls import record_readings

FEBRUARY = MARCH.previous
IN_FEBRUARY = NOON - timedelta(days=20)
SENT = ACTOR.at
COUNTED = Answer(Verdict.COUNTED, 200, "req_1")
UNKNOWN = Answer(Verdict.UNKNOWN, detail="no answer")


def fill_lawfully(ledger: Ledger) -> None:
    """Fill a ledger with calls, corrections, a closed month, events and pulls."""
    register(ledger)
    february = reading("february", started_at=IN_FEBRUARY)
    record(ledger, february)
    close_february(ledger)
    record(ledger, reading("plain"), reading("never", started_at=None, seconds=None))
    record(ledger, reading("down", started_at=NOON + HOUR, seconds=300))
    assert stage(ledger) == 3
    for event in unsynced(ledger):
        send(ledger, event, COUNTED)
    record(ledger, reading("down", started_at=NOON + HOUR, seconds=61))
    record(ledger, reading("moved", started_at=NOON + 2 * HOUR))
    assert stage(ledger) == 2
    down, moved = unsynced(ledger)
    send(ledger, down, UNKNOWN, Answer(Verdict.DUPLICATE, 400, "req_2"))
    settle_and_rearm(ledger, moved)
    record(ledger, reading("moved", started_at=NOON + 2 * HOUR, customer="globex"))
    record(ledger, reading("unstaged", started_at=NOON + 3 * HOUR))
    carry(ledger)
    pull_twice(ledger)
    register_a_later_price(ledger)


def close_february(ledger: Ledger) -> None:
    """Close February with its own digest."""
    with ledger.writing() as connection:
        digest = closing.period_digest(connection, FEBRUARY)
        values = {"period": str(FEBRUARY), "closed_at": ACTOR.at, "digest": digest}
        connection.execute(insert(period_close).values(closed_by="tests", **values))


def send(ledger: Ledger, event: Outgoing, *answers: Answer) -> None:
    """Send an event, an hour between attempts."""
    for number, answer in enumerate(answers):
        now = SENT + number * HOUR
        [event] = [one for one in unsynced(ledger) if one.id == event.id]
        with ledger.writing() as connection:
            attempt = outbox.record_attempt(
                connection, event, owner="me", idempotency_key=f"{number}", now=now
            )
            outbox.record_answer(connection, event, attempt, answer, now)


def settle_and_rearm(ledger: Ledger, event: Outgoing) -> None:
    """Let an attempt have no answer, read its minute twice as empty, send it anew."""
    send(ledger, event, UNKNOWN)
    later = SENT + timedelta(hours=30)
    with ledger.writing() as connection:
        for at in (later - HOUR, later):
            read = {"event_id": event.id, "read_at": at, "minutes": 0}
            connection.execute(insert(meter_reading).values(read))
        statement = text(
            "UPDATE meter_event SET rearmed_at = :at, tries = 0, "
            "first_unknown_at = NULL WHERE id = :id"
        )
        at = later.isoformat() if ledger.on_sqlite else later
        connection.execute(statement, {"at": at, "id": event.id})
    [event] = [one for one in unsynced(ledger) if one.id == event.id]
    with ledger.writing() as connection:
        attempt = outbox.record_attempt(
            connection, event, owner="me", idempotency_key="9", now=later
        )
        outbox.record_answer(connection, event, attempt, COUNTED, later)


def carry(ledger: Ledger) -> None:
    """Correct February's call, and take in a late one, in the month that is open."""
    with ledger.writing() as connection:
        original = select(b2b_usage.c.id).where(b2b_usage.c.call_id == "february")
        first = connection.execute(original).scalar_one()
        posting = posting_of(connection)
        # What planning gives for an open month is posted in the next one instead.
        for call, minutes, revision, corrects in (
            (reading("february", started_at=IN_FEBRUARY, seconds=200), 2, 2, first),
            (reading("late", started_at=IN_FEBRUARY), 2, 1, None),
        ):
            add_revision(ledger, connection, posting, call)
            connection.execute(
                insert(b2b_usage).values(
                    type="adjustment",
                    account="main",
                    customer="acme",
                    call_id=call.call.call_id,
                    call_revision=revision,
                    period=str(MARCH),
                    hour=ACTOR.at,
                    call_hour=IN_FEBRUARY,
                    billed_minutes=minutes,
                    amount_micro=minutes * 100_000,
                    currency="usd",
                    price_id=1,
                    corrects=corrects,
                    pull_id=posting.pull_id,
                    posted_at=ACTOR.at,
                )
            )
