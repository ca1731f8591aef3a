"""A ledger from a backup: it is noticed, and nothing is sent twice when it goes on."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from billing.domain.break_causes import Cause
from billing.errors import TrailRewound
from billing.gateways.rollback_marker import FileMemory
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.pipeline.signing import accept_restore, refuse_rewound, remember_end
from tests.pipeline.bench import NOON, Bench, call

HOUR = timedelta(hours=1)
PENDING = "SELECT count(*) FROM meter_event WHERE state <> 'synced'"


@pytest.fixture
def memory(tmp_path: Path) -> FileMemory:
    return FileMemory(tmp_path / "billing.trail")


@pytest.fixture
def bench(sqlite_ledger: Ledger) -> Bench:
    return Bench(ledger=sqlite_ledger)


def back_up(bench: Bench, to: Path) -> None:
    """Copy a ledger that nobody writes to, its log folded in."""
    with bench.ledger.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert bench.ledger.file is not None
    shutil.copy(bench.ledger.file, to)


def restore(bench: Bench, backup: Path) -> None:
    assert bench.ledger.file is not None
    bench.ledger.close()
    for ending in ("-wal", "-shm"):
        Path(f"{bench.ledger.file}{ending}").unlink(missing_ok=True)
    shutil.copy(backup, bench.ledger.file)


def lose_a_day(bench: Bench, memory: FileMemory, backup: Path) -> None:
    """Send an hour, save the ledger, send another, and put the saved one back."""
    bench.take(call("call_1", NOON, 61))
    bench.sync()
    back_up(bench, backup)
    bench.clock.advance(hours=1)
    bench.take(call("call_2", NOON + HOUR, 121))
    bench.sync()
    remember_end(bench.ledger, memory)
    restore(bench, backup)


def test_a_ledger_that_goes_on_is_the_one_that_was_seen(
    bench: Bench, memory: FileMemory
) -> None:
    refuse_rewound(bench.ledger, memory)
    bench.take(call("call_1"))
    remember_end(bench.ledger, memory)
    bench.sync()
    refuse_rewound(bench.ledger, memory)


def test_a_ledger_that_was_restored_is_refused(
    bench: Bench, memory: FileMemory, tmp_path: Path
) -> None:
    """Faults 24, 28: nothing is written or sent until somebody accepts it."""
    lose_a_day(bench, memory, tmp_path / "saved.db")
    with pytest.raises(TrailRewound, match="accept-restore"):
        refuse_rewound(bench.ledger, memory)


def test_another_ledger_of_the_same_length_is_refused(
    bench: Bench, memory: FileMemory, tmp_path: Path
) -> None:
    lose_a_day(bench, memory, tmp_path / "saved.db")
    bench.clock.advance(minutes=1)
    for number in range(20):
        bench.take(call(f"other_{number}"))
    with pytest.raises(TrailRewound, match="another event"):
        refuse_rewound(bench.ledger, memory)


def test_what_was_sent_since_the_backup_is_read_and_not_sent_again(
    bench: Bench, memory: FileMemory, tmp_path: Path
) -> None:
    lose_a_day(bench, memory, tmp_path / "saved.db")
    before = dict(bench.counted())
    bench.clock.advance(hours=30)  # so that Stripe has forgotten the identifier
    accept_restore(
        bench.ledger, memory, Actor("alice", bench.clock.now()), "the disk died"
    )
    refuse_rewound(bench.ledger, memory)
    bench.pull()
    for _ in range(4):
        bench.clock.advance(hours=3)
        bench.sync()
    assert bench.counted() == before == bench.minutes()
    assert bench.rows(PENDING) == [(0,)]


def test_what_was_not_sent_since_the_backup_is_sent_once_it_is_known_absent(
    bench: Bench, memory: FileMemory, tmp_path: Path
) -> None:
    lose_a_day(bench, memory, tmp_path / "saved.db")
    accept_restore(bench.ledger, memory, Actor("alice", bench.clock.now()), "a test")
    bench.take(call("call_3", NOON + HOUR / 2, 30))
    for _ in range(10):
        bench.clock.advance(hours=12)
        bench.pull()
        bench.sync()
    assert bench.counted() == bench.minutes() == {"acme": 6}


def test_what_was_sent_since_the_backup_with_fewer_minutes_stops_nothing_else(
    bench: Bench, memory: FileMemory, tmp_path: Path
) -> None:
    lose_a_day(bench, memory, tmp_path / "saved.db")
    accept_restore(bench.ledger, memory, Actor("alice", bench.clock.now()), "a test")
    bench.source.change("call_2", duration_seconds=301)
    bench.pull()
    for _ in range(10):
        bench.clock.advance(hours=12)
        bench.sync()
        found = bench.reconcile()
    causes = {item.cause for each in found.customers for item in each.breaks}
    assert causes == {Cause.UNCERTAIN, Cause.COUNTED_UNRECORDED}
    bench.take(call("call_3", bench.clock.now() - 2 * HOUR, 60))
    bench.sync()
    # Three of six minutes stay as they are, till a person decides.
    assert bench.minutes() == {"acme": 2 + 6 + 1}
    assert bench.counted() == {"acme": 2 + 3 + 1}


def test_a_restore_says_who_accepted_it_and_why(
    bench: Bench, memory: FileMemory, tmp_path: Path
) -> None:
    lose_a_day(bench, memory, tmp_path / "saved.db")
    accept_restore(
        bench.ledger, memory, Actor("alice", bench.clock.now()), "the disk died"
    )
    query = "SELECT actor, reason FROM audit_event WHERE action = 'ledger.restored'"
    assert bench.rows(query) == [("alice", "the disk died")]
