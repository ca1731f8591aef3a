"""Right before the first byte: the lock, the age and the clock are asked once more."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from billing.domain.meter_event import MeterEvent, SendAnswer, SendVerdict
from billing.errors import MeterUnfit, Overtaken
from billing.ledger.audit import audit_log
from billing.ledger.database import Hold, Ledger
from billing.ledger.schema.tables import meter_event
from billing.ledger.sync import outbox
from billing.ledger.sync.attempts import Attempt, add_attempts
from billing.pipeline.sync.send import Outcome, after_answer, why_unsendable
from tests.pipeline.bench import NOON, Bench, call
from tests.pipeline.fakes import be_busy, lose_answer, lose_request


class Snatched:
    """Locks that are taken away as soon as they are held."""

    def __init__(self) -> None:
        self.lost = False

    @contextmanager
    def hold(self, subject: str) -> Iterator[Hold | None]:
        yield self

    def still_held(self) -> bool:
        return not self.lost


def attempts(bench: Bench) -> list[tuple[str, str]]:
    return bench.rows("SELECT kind, verdict FROM meter_attempt ORDER BY id")


def test_whoever_lost_the_lock_sends_nothing_and_spends_no_try(
    sqlite_ledger: Ledger,
) -> None:
    locks = Snatched()
    bench = Bench(ledger=Ledger(sqlite_ledger.engine, locks))
    bench.take(call("c"), call("d", NOON + timedelta(hours=1)))

    def lose_it(_event: MeterEvent) -> None:
        locks.lost = True

    bench.meter.watch = lose_it
    report = bench.sync()
    assert report.outcomes == {Outcome.WAITING: 2}
    assert (bench.meter.requests, attempts(bench)) == ([], [("event", "unsent")])
    assert bench.events() == [("pending", "", 0), ("pending", "", 0)]
    locks.lost, bench.meter.watch = False, lambda _event: None
    bench.sync()
    assert bench.counted() == {"acme": 2}


def test_an_event_that_another_process_moved_is_left_alone(bench: Bench) -> None:
    bench.take(call("c"))
    bench.meter.script = [lose_answer]

    def overtake(_event: MeterEvent) -> None:
        bench.meter.watch = lambda _event: None
        with bench.ledger.writing() as connection:
            event = outbox.event_numbered(connection, 1)
            attempt = Attempt(
                event=event,
                owner="another",
                idempotency_key="another",
                started_at=bench.clock.now(),
            )
            add_attempts(connection, [attempt])

    bench.meter.watch = overtake
    with pytest.raises(Overtaken, match="another process works on the event"):
        bench.sync()
    assert bench.counted() == {"acme": 1}
    bench.clock.advance(minutes=1)
    bench.sync()
    assert bench.events()[0][0] == "synced"
    assert bench.counted() == {"acme": 1}


def test_an_attempt_that_did_not_leave_for_a_day_is_held_back(bench: Bench) -> None:
    bench.take(call("c"))

    def oversleep(_event: MeterEvent) -> None:
        bench.meter.watch = lambda _event: None
        bench.clock.advance(hours=24)

    bench.meter.watch = oversleep
    assert bench.sync().outcomes == {Outcome.WAITING: 1}
    assert (bench.meter.requests, attempts(bench)) == ([], [("event", "unsent")])
    bench.sync()
    assert bench.counted() == {"acme": 1}


def test_a_clock_that_is_set_while_events_are_sent_stops_the_sync(bench: Bench) -> None:
    bench.take(call("c"), call("d", NOON + timedelta(hours=1)))
    bench.meter.script = [lose_request]
    bench.clock.on_sleep = lambda _seconds: bench.clock.jump(hours=-30)
    report = bench.sync()
    assert "clock was set" in (report.stopped_because or "")
    assert len(bench.meter.requests) == 1
    assert bench.events()[0][0] == "pending"


@pytest.mark.parametrize("off", [timedelta(minutes=6), -timedelta(hours=30)])
def test_a_clock_that_is_not_stripes_sends_nothing(
    bench: Bench, off: timedelta
) -> None:
    bench.take(call("c"))
    bench.clock.jump(seconds=off // timedelta(seconds=1))
    bench.clock.advance(hours=40)
    with pytest.raises(MeterUnfit, match=r"clock is \d+ s off Stripe's: set it"):
        bench.sync()
    assert bench.meter.requests == []


def test_an_unknown_outcome_of_the_future_has_no_age(bench: Bench) -> None:
    bench.meter.script = [be_busy, lose_answer, *[lose_request] * 5]
    bench.take(call("c"))
    bench.sync()
    later = datetime(2026, 12, 1, tzinfo=UTC)
    with bench.ledger.writing() as connection:
        audit_log.touch(connection, meter_event, [1])
        connection.execute(update(meter_event).values(first_unknown_at=later))
    sent = len(bench.meter.requests)
    bench.sync()
    assert len(bench.meter.requests) == sent
    assert bench.events()[0][0] == "synced"
    assert bench.counted() == {"acme": 1}


@pytest.mark.parametrize(
    ("wait", "changed", "becomes"),
    [
        (timedelta(), {}, None),
        (-timedelta(hours=2), {}, Outcome.WAITING),
        (timedelta(days=36), {}, Outcome.EXPIRED),
        (timedelta(days=36), {"first_unknown_at": NOON}, Outcome.UNCERTAIN),
        (timedelta(hours=24), {"first_unknown_at": NOON}, Outcome.UNCERTAIN),
        (timedelta(hours=1), {"first_unknown_at": NOON}, None),
        (timedelta(), {"tries": 5}, None),
        (timedelta(), {"tries": 6}, Outcome.UNANSWERED),
    ],
)
def test_what_may_not_be_sent_now_says_why(
    bench: Bench, wait: timedelta, changed: dict[str, object], becomes: Outcome | None
) -> None:
    bench.take(call("c", NOON, 60))
    bench.meter.always = lose_request
    bench.sync()
    with bench.ledger.reading() as connection:
        [event] = outbox.unsynced_events(connection, "acme")
    fresh = replace(
        event, tries=0, first_unknown_at=None, last_sent_at=None, last_answered_at=None
    )
    asked = replace(fresh, **changed)  # type: ignore[arg-type]
    assert why_unsendable(asked, NOON + wait) is becomes


@pytest.mark.parametrize(
    ("verdict", "tries", "is_unknown", "is_sent"),
    [
        (SendVerdict.COUNTED, 1, False, True),
        (SendVerdict.DUPLICATE, 1, False, True),
        (SendVerdict.REFUSED, 1, False, True),
        (SendVerdict.BUSY, 1, False, True),
        (SendVerdict.UNKNOWN, 1, True, True),
        (SendVerdict.LOCKED_OUT, 0, False, True),
        (SendVerdict.UNSENT, 0, False, False),
    ],
)
def test_what_an_answer_leaves_of_an_event(
    bench: Bench, verdict: SendVerdict, tries: int, is_unknown: bool, is_sent: bool
) -> None:
    bench.take(call("c", NOON, 60))
    bench.meter.missing = {"cus_acme"}
    bench.sync()
    with bench.ledger.reading() as connection:
        [event] = outbox.unsynced_events(connection, "acme")
    left = after_answer(event, SendAnswer(verdict), NOON)
    assert (left.attempts, left.tries) == (event.attempts + 1, event.tries + tries)
    assert left.first_unknown_at == (NOON if is_unknown else None)
    assert left.last_sent_at == (NOON if is_sent else None)
