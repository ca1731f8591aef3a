"""Work that another process holds, or has taken over from one that stood still."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from billing.domain.error_report import RejectionReport
from billing.domain.period import Window
from billing.errors import Overtaken
from billing.ledger.database import Hold, Ledger
from billing.ledger.group_commit import DirectCommit, Writer
from billing.ledger.locking.locks import try_lock
from billing.pipeline.concurrency import SerialExecutor
from billing.pipeline.sync.all_customers import (
    ASKED_AGAIN_AFTER_SECONDS,
    MOST_TIMES_ASKED,
)
from billing.pipeline.sync.send import Outcome
from billing.pipeline.sync.sync import sync_meter
from tests.ledger.another_process import PATIENCE, another_process
from tests.ledger.bookkeeping import close_period
from tests.pipeline.bench import MARCH, NOON, Bench, call, of
from tests.pipeline.fakes import VirtualClock, lose_answer, lose_request

T = TypeVar("T")
NEVER = 99
NOTICED_SECONDS = 0.05
SECOND_AFTER_SECOND = [1, 2, 4, 8, 16]


@dataclass
class Elsewhere:
    """Locks of which some are held by another process, for so many questions."""

    held_for: dict[str, int]
    asked: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def hold(self, subject: str) -> Iterator[Hold | None]:
        """Give what the other process does not hold, or holds no longer."""
        self.asked[subject] += 1
        free = self.asked[subject] > self.held_for.get(subject, 0)
        yield self if free else None

    def still_held(self) -> bool:
        """Say yes: what was given is not taken back."""
        return True


def waits_of(bench: Bench, act: Callable[[float], None] = lambda _: None) -> list[int]:
    """Return a list that each wait from now on is added to; `act` happens in it."""
    waits: list[int] = []

    def wait(seconds: float) -> None:
        waits.append(int(seconds))
        act(seconds)

    bench.clock.on_sleep = wait
    return waits


def kill(process: "subprocess.Popen[str]") -> None:
    """Kill a process, and give the server time to notice."""
    process.kill()
    process.wait(PATIENCE)
    time.sleep(NOTICED_SECONDS)


def two_customers(ledger: Ledger) -> Bench:
    """Return a bench with something to send for each of two customers."""
    bench = Bench(ledger=ledger)
    bench.take(call("a", NOON, **of("acme")), call("g", NOON, **of("globex")))
    return bench


@pytest.mark.parametrize("questions", [0, 1, 3, 5, MOST_TIMES_ASKED])
def test_a_customer_that_is_let_go_is_taken_over_by_the_next_retry(
    sqlite_ledger: Ledger, questions: int
) -> None:
    bench = two_customers(sqlite_ledger)
    sqlite_ledger.locks = Elsewhere({"customer:acme": questions})
    waits = waits_of(bench)
    report = bench.sync()
    assert report.clean
    assert report.outcomes == {Outcome.SYNCED: 2}
    assert report.locked_by_another == []
    assert waits == [ASKED_AGAIN_AFTER_SECONDS] * questions
    assert bench.counted() == {"acme": 1, "globex": 1}


def test_a_customer_that_is_never_let_go_is_left_to_who_holds_it(
    sqlite_ledger: Ledger,
) -> None:
    bench = two_customers(sqlite_ledger)
    sqlite_ledger.locks = Elsewhere({"customer:acme": NEVER})
    waits = waits_of(bench)
    report = bench.sync()
    assert report.locked_by_another == ["acme"]
    assert waits == [ASKED_AGAIN_AFTER_SECONDS] * MOST_TIMES_ASKED
    assert bench.counted() == {"globex": 1}


def test_who_is_to_stop_waits_for_no_other_process(sqlite_ledger: Ledger) -> None:
    bench = two_customers(sqlite_ledger)
    sqlite_ledger.locks = Elsewhere({"customer:acme": NEVER})
    bench.stopping = lambda: bool(bench.meter.counted)
    waits = waits_of(bench)
    assert bench.sync().locked_by_another == ["acme"]
    assert waits == []


def test_a_reading_that_is_let_go_half_done_is_made(sqlite_ledger: Ledger) -> None:
    bench = Bench(ledger=sqlite_ledger)
    bench.source.calls += [call("a", NOON, **of("acme"))]
    sqlite_ledger.locks = Elsewhere({"pull:main": 2})
    waits = waits_of(bench)
    pulled = bench.cycle().pulls
    assert [one.certificate and one.certificate.fetched for one in pulled] == [1]
    assert waits == SECOND_AFTER_SECOND[:2]
    assert bench.counted() == {"acme": 1}


def test_a_reading_that_another_process_has_made_meanwhile_is_not_made_again(
    postgres_ledger: Ledger,
) -> None:
    bench = Bench(ledger=postgres_ledger)
    bench.source.calls += [call("a", NOON, **of("acme"))]
    with try_lock(postgres_ledger, "pull:main") as held:
        assert held
        waits = waits_of(bench, lambda _: _pull_as_another(bench))
        pulled = bench.cycle().pulls
    assert [(one.certificate, one.error) for one in pulled] == [(None, None)]
    assert waits == SECOND_AFTER_SECOND[:1]
    assert bench.counted() == {"acme": 1}


def _pull_as_another(bench: Bench) -> None:
    """Let the process that holds the reading finish it, as late as we wait for it."""
    another = Bench(ledger=bench.ledger, clock=VirtualClock(bench.clock.now()))
    another.source = bench.source
    another.pull()


def test_what_a_process_held_that_is_killed_is_sent_by_who_asks_again(
    migrated_postgres_url: str, postgres_ledger: Ledger
) -> None:
    bench = two_customers(postgres_ledger)
    with another_process(migrated_postgres_url, "customer:acme") as process:
        waits = waits_of(bench, lambda _: kill(process))
        assert bench.sync().outcomes == {Outcome.SYNCED: 2}
    assert waits
    assert set(waits) == {ASKED_AGAIN_AFTER_SECONDS}
    assert bench.counted() == {"acme": 1, "globex": 1}


@dataclass
class StandingStill(SerialExecutor):
    """A process that stands still before what it writes once `is_due`; others go on."""

    is_due: Callable[[], bool]
    meanwhile: Callable[[], None]
    stood: bool = False

    def writer(self, ledger: Ledger) -> AbstractContextManager[Writer]:
        """Return a writer that writes late."""
        return LateWriter(ledger, self)

    def stand_still(self) -> None:
        """Let others go on, once."""
        if not self.stood and self.is_due():
            self.stood = True
            self.meanwhile()


class LateWriter(DirectCommit):
    """A writer of a process that stands still."""

    def __init__(self, ledger: Ledger, process: StandingStill) -> None:
        super().__init__(ledger)
        self._process = process

    def write(self, write: Callable[[Connection], T]) -> T:
        """Write, later than was meant."""
        self._process.stand_still()
        return super().write(write)


def name_of(bench: Bench, number: int = 0) -> str:
    return bench.meter.requests[number].event.identifier


def find_absent_in_a_closed_month(bench: Bench) -> None:
    """Let an event be uncertain whose summary is late, and its month be closed."""
    bench.meter.script.append(lose_answer)
    bench.meter.script += [lose_request] * 5
    bench.take(call("c", seconds=300))
    bench.sync()
    bench.meter.hidden = {name_of(bench)}
    close_period(bench.ledger, MARCH)
    bench.clock.advance(hours=72)
    bench.sync()
    bench.clock.advance(hours=24)


def it_is_shown(bench: Bench) -> None:
    """Let the summary show everything, and another process see it."""
    bench.meter.hidden.clear()
    bench.sync()


def find_cancelled(bench: Bench) -> None:
    """Let a cancellation get lost on its way, and the summary be late."""
    bench.take(call("c", seconds=600), call("d", seconds=60))
    bench.sync()
    bench.source.change("c", duration_seconds=240)
    bench.pull()
    bench.meter.always_cancel = lose_request
    bench.sync()
    bench.meter.hidden = {name_of(bench)}
    bench.clock.advance(hours=72)
    bench.sync()
    bench.clock.advance(hours=24)


def it_is_shown_for_a_day(bench: Bench) -> None:
    """Let another process find what it asked back still there, a day apart."""
    it_is_shown(bench)
    bench.clock.advance(hours=24)
    bench.sync()


def find_reported(bench: Bench) -> None:
    """Let Stripe report an error of an event, and show that it does not count."""
    bench.take(call("c", seconds=300))
    bench.sync()
    bench.meter.counted.clear()
    at = bench.clock.true()
    report = RejectionReport(
        name="evt_1",
        created_at=at,
        window=Window(at - timedelta(seconds=10), at),
        error_count=1,
        codes=("meter_event_invalid_value",),
        identifiers=(name_of(bench),),
    )
    bench.meter.reports.append(report)


def it_is_sent_anew(bench: Bench) -> None:
    """Let another process reject it, and a person have it sent anew."""
    bench.sync()
    assert bench.retry() == 1
    bench.sync()


@pytest.mark.parametrize(
    ("begin", "readings", "meanwhile", "states"),
    [
        (find_absent_in_a_closed_month, 2, it_is_shown, ["synced"]),
        (find_cancelled, 2, it_is_shown_for_a_day, ["synced", "synced"]),
        (find_reported, 1, it_is_sent_anew, ["replaced", "synced"]),
    ],
)
def test_who_stood_still_before_it_concludes_leaves_what_another_has_settled(
    bench: Bench,
    begin: Callable[[Bench], None],
    readings: int,
    meanwhile: Callable[[Bench], None],
    states: list[str],
) -> None:
    # Both are given what is locked: the sleeper does not know that it lost its own.
    bench.ledger.locks = Elsewhere({})
    begin(bench)
    known = "SELECT count(*) FROM meter_reading"
    sleeper = StandingStill(
        is_due=lambda: bench.rows(known) == [(readings,)],
        meanwhile=lambda: meanwhile(bench),
    )
    options = replace(bench.sync_options(), actor="sleeper", concurrency=sleeper)
    with pytest.raises(Overtaken):
        sync_meter(bench.ledger, bench.meter, options)
    assert sleeper.stood
    for _ in range(3):
        assert [reason or state for state, reason, _ in bench.events()] == states
        assert bench.counted() == {"acme": 5}
        bench.clock.advance(hours=24)
        bench.sync()
