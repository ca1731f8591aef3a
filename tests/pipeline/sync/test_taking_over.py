"""Work that another process holds: it is asked for again, in case that process dies."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from billing.ledger.database import Hold, Ledger
from billing.ledger.locks import try_lock
from billing.pipeline.sync.send import Outcome
from tests.ledger.another_process import PATIENCE, another_process
from tests.pipeline.bench import NOON, Bench, call, of
from tests.pipeline.fakes import VirtualClock

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


@pytest.mark.parametrize("questions", [0, 1, 3, 5])
def test_a_customer_that_is_let_go_is_taken_over_by_the_retry_law(
    sqlite_ledger: Ledger, questions: int
) -> None:
    bench = two_customers(sqlite_ledger)
    sqlite_ledger.locks = Elsewhere({"customer:acme": questions})
    waits = waits_of(bench)
    report = bench.sync()
    assert report.clean
    assert report.outcomes == {Outcome.SYNCED: 2}
    assert report.locked_by_another == []
    assert waits == SECOND_AFTER_SECOND[:questions]
    assert bench.counted() == {"acme": 1, "globex": 1}


def test_a_customer_that_is_never_let_go_is_left_to_who_holds_it(
    sqlite_ledger: Ledger,
) -> None:
    bench = two_customers(sqlite_ledger)
    sqlite_ledger.locks = Elsewhere({"customer:acme": NEVER})
    waits = waits_of(bench)
    report = bench.sync()
    assert report.locked_by_another == ["acme"]
    assert waits == SECOND_AFTER_SECOND
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
    assert set(waits) <= set(SECOND_AFTER_SECOND)
    assert bench.counted() == {"acme": 1, "globex": 1}
