"""A sound ledger, with every kind of row that an invariant is about."""

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import insert, text, update

from billing.domain.invariants import Invariant
from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.domain.period import Window
from billing.ledger import registry
from billing.ledger.audit import audit_log
from billing.ledger.close.period_close import period_digest
from billing.ledger.database import Ledger
from billing.ledger.pull import pulls
from billing.ledger.pull.pulls import Certificate
from billing.ledger.schema.tables import (
    metadata,
    meter_event,
    meter_reading,
    period_close,
)
from billing.ledger.sync.attempts import (
    Answered,
    Attempt,
    record_answers,
    record_attempts,
)
from billing.ledger.sync.outbox import OpenEvent
from tests.ledger.bookkeeping import (
    ACTOR,
    HOUR,
    MARCH,
    NOON,
    PRICE,
    reading,
    record,
    register,
    rows,
    stage,
    unsynced,
)

FEBRUARY = MARCH.previous
IN_FEBRUARY = NOON - timedelta(days=20)
COUNTED = SendAnswer(SendVerdict.COUNTED, 200, "req_1")
DUPLICATE = SendAnswer(SendVerdict.DUPLICATE, 400, "req_2")
UNKNOWN = SendAnswer(SendVerdict.UNKNOWN, detail="no answer")


class Damage(NamedTuple):
    """What is done to a ledger by hand, and which invariants that violates."""

    statements: str
    invariants: set[Invariant]
    words: str


def fill_soundly(ledger: Ledger) -> None:
    """Fill a ledger with calls, corrections, a closed month, events and pulls."""
    register(ledger)
    record(ledger, reading("february", started_at=IN_FEBRUARY))
    assert stage(ledger) == 1
    [billed] = unsynced(ledger)
    send(ledger, billed, COUNTED)
    close(ledger)
    record(ledger, reading("plain"), reading("never", started_at=None, seconds=None))
    record(ledger, reading("less", started_at=NOON + HOUR, seconds=300))
    assert stage(ledger) == 2
    for event in unsynced(ledger):
        send(ledger, event, COUNTED)
    record(ledger, reading("less", started_at=NOON + HOUR, seconds=61))
    record(ledger, reading("moved", started_at=NOON + 2 * HOUR))
    assert stage(ledger) == 2
    less, moved = unsynced(ledger)
    send(ledger, less, UNKNOWN, DUPLICATE)
    send_after_settling(ledger, moved)
    moved_on = reading("moved", started_at=NOON + 2 * HOUR, customer="globex")
    record(ledger, moved_on, reading("unstaged", started_at=NOON + 3 * HOUR))
    carry(ledger)
    pull_twice(ledger)
    later = type(PRICE)(MARCH.next.start, PRICE.per_minute)
    with ledger.writing() as connection:
        registry.register(connection, ACTOR, customers=[], accounts=[], prices=[later])


def close(ledger: Ledger) -> None:
    """Close February with its own digest."""
    with ledger.writing() as connection:
        digest = period_digest(connection, FEBRUARY)
        values = {"period": str(FEBRUARY), "closed_at": ACTOR.at, "digest": digest}
        audit_log.touch(connection, period_close, [str(FEBRUARY)])
        connection.execute(insert(period_close).values(closed_by="tests", **values))


def send(
    ledger: Ledger, event: OpenEvent, *answers: SendAnswer, after: timedelta = HOUR
) -> None:
    """Send an event, an hour or so between its attempts."""
    for answer in answers:
        [event] = [again for again in unsynced(ledger) if again.id == event.id]
        now = ACTOR.at + event.attempts * after
        with ledger.writing() as connection:
            record_attempts(
                connection,
                [
                    Attempt(
                        event=event, owner="me", idempotency_key="key", started_at=now
                    )
                ],
            )
            record_answers(connection, [Answered(event, answer, now)])


def send_after_settling(ledger: Ledger, event: OpenEvent) -> None:
    """Let an attempt have no answer, read its minute twice as empty, send it anew."""
    send(ledger, event, UNKNOWN)
    later = timedelta(hours=30)
    values = {"rearmed_at": ACTOR.at + later, "tries": 0, "first_unknown_at": None}
    with ledger.writing() as connection:
        for before in (HOUR, timedelta()):
            read = {"event_id": event.id, "read_at": ACTOR.at + later - before}
            connection.execute(insert(meter_reading).values(minutes=0, **read))
        audit_log.touch(connection, meter_event, [event.id])
        query = update(meter_event).where(meter_event.c.id == event.id)
        connection.execute(query.values(values))
    send(ledger, event, COUNTED, after=later)


def carry(ledger: Ledger) -> None:
    """Take in a late call of February, and correct one, in the month that is open."""
    longer = reading("february", started_at=IN_FEBRUARY, seconds=200)
    assert record(ledger, reading("late", started_at=IN_FEBRUARY), longer) == 2


def pull_twice(ledger: Ledger) -> None:
    """Pull the month whole, and then what is recent."""
    certificate = Certificate(
        pages=1, billed=1, not_billable={"underway": 2}, quarantined={"no_id": 1}
    )
    for scope, day in ((pulls.MONTH, 0), (pulls.RECENT, 1)):
        now = ACTOR.at + timedelta(days=day)
        window = Window(now - timedelta(days=3), now)
        with ledger.writing() as connection:
            number = pulls.start_pull(
                connection, "main", MARCH, scope=scope, window=window, now=now
            )
            pulls.complete_pull(connection, number, certificate, now)


def disarm(ledger: Ledger) -> None:
    """Switch every guard off, as whoever edits a ledger by hand may do."""
    names = [table.name for table in metadata.tables.values()]
    if ledger.on_sqlite:
        guards = rows(ledger, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
        statements = [f"DROP TRIGGER {name}" for (name,) in guards]
    else:
        statements = [f"ALTER TABLE {name} DISABLE TRIGGER ALL" for name in names]
    with ledger.writing() as connection:
        for statement in statements:
            connection.execute(text(statement))


def damage(ledger: Ledger, *statements: str) -> None:
    """Edit a disarmed ledger past its door; foreign keys count at the end."""
    with ledger.engine.begin() as connection:
        if ledger.on_sqlite:
            connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        for statement in statements:
            connection.execute(text(statement))
