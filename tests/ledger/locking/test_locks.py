"""Locks: one process on a file, one daemon for each subject, and none for the dead."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from stat import S_IMODE

import pytest

from billing.errors import AnotherProcess, LedgerFault
from billing.ledger.database import Hold, Ledger, open_ledger
from billing.ledger.locking.locks import exclusive_process, try_lock
from tests.ledger.another_process import PATIENCE, another_process


def test_a_second_process_is_refused_the_file(
    sqlite_url: str, sqlite_ledger: Ledger
) -> None:
    with (
        another_process(sqlite_url, "acme"),
        pytest.raises(AnotherProcess, match=r"another pamela-billing process .*\.lock"),
        exclusive_process(sqlite_ledger),
    ):
        raise AssertionError("two processes hold one file")


def test_the_lock_s_file_is_its_owner_s_alone(sqlite_ledger: Ledger) -> None:
    with exclusive_process(sqlite_ledger):
        mode = Path(f"{sqlite_ledger.file}.lock").stat().st_mode
    assert S_IMODE(mode) == 0o600


def test_a_killed_process_holds_no_file(sqlite_url: str, sqlite_ledger: Ledger) -> None:
    with another_process(sqlite_url, "acme") as process:
        process.kill()
        process.wait(PATIENCE)
        with exclusive_process(sqlite_ledger), try_lock(sqlite_ledger, "acme") as hold:
            assert hold


def test_a_second_run_in_one_process_is_refused_too(sqlite_ledger: Ledger) -> None:
    with (
        exclusive_process(sqlite_ledger),
        pytest.raises(AnotherProcess),
        exclusive_process(sqlite_ledger),
    ):
        raise AssertionError("two runs hold one file")
    with exclusive_process(sqlite_ledger):
        pass


def test_on_postgresql_processes_share_the_ledger(
    migrated_postgres_url: str, postgres_ledger: Ledger
) -> None:
    with (
        another_process(migrated_postgres_url, "acme"),
        exclusive_process(postgres_ledger),
    ):
        with try_lock(postgres_ledger, "acme") as hold:
            assert not hold
        with try_lock(postgres_ledger, "globex") as hold:
            assert hold


def test_the_server_frees_what_a_killed_process_held(
    migrated_postgres_url: str, postgres_ledger: Ledger
) -> None:
    with another_process(migrated_postgres_url, "acme") as process:
        process.kill()
        process.wait(PATIENCE)
        with waits_for(postgres_ledger, "acme") as hold:
            assert hold


@contextmanager
def waits_for(ledger: Ledger, subject: str) -> Iterator[Hold | None]:
    """Try until the server has noticed that the holder is gone."""
    for _ in range(1_000):
        with try_lock(ledger, subject) as hold:
            if hold:
                yield hold
                return
    yield None


def test_a_subject_is_held_by_one_thread_at_a_time(ledger: Ledger) -> None:
    with try_lock(ledger, "acme") as first:
        with try_lock(ledger, "acme") as second:
            assert first is not None
            assert second is None
        with try_lock(ledger, "acme") as third:
            assert not third
    with try_lock(ledger, "acme") as fourth:
        assert fourth


def test_a_subject_is_let_go_when_the_work_fails(ledger: Ledger) -> None:
    def fail() -> None:
        with try_lock(ledger, "acme"):
            raise KeyError("work failed")

    with pytest.raises(KeyError):
        fail()
    with try_lock(ledger, "acme") as hold:
        assert hold


def test_all_locks_of_a_process_are_held_by_one_session(
    postgres_ledger: Ledger,
) -> None:
    sessions = "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory'"
    with ExitStack() as stack:
        holds = [
            stack.enter_context(try_lock(postgres_ledger, f"customer:{number}"))
            for number in range(50)
        ]
        assert all(hold is not None and hold.still_held() for hold in holds)
        with postgres_ledger.reading() as connection:
            assert connection.exec_driver_sql(sessions).scalar_one() == 1


def test_many_threads_ask_for_their_locks_at_once(postgres_ledger: Ledger) -> None:
    def work(number: int) -> bool:
        with try_lock(postgres_ledger, f"customer:{number}") as hold:
            return hold is not None and all(hold.still_held() for _ in range(20))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(64)))


def test_after_its_session_ended_a_process_locks_anew_and_holds_nothing_old(
    postgres_ledger: Ledger,
) -> None:
    with try_lock(postgres_ledger, "acme") as old:
        assert old
        end_lock_sessions(postgres_ledger)
        with try_lock(postgres_ledger, "globex") as new:
            assert new
            assert new.still_held()
            assert not old.still_held()
        with try_lock(postgres_ledger, "acme") as again:
            assert again is None, "the thread that had it is still at work"
    with try_lock(postgres_ledger, "acme") as again:
        assert again


def end_lock_sessions(ledger: Ledger) -> None:
    """Have the server end every session that holds a lock."""
    query = (
        "SELECT pg_terminate_backend(pid) FROM pg_locks "
        "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
    )
    with ledger.reading() as connection:
        connection.exec_driver_sql(query)


@pytest.fixture(params=["sqlite_ledger", "postgres_ledger"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    """Return a ledger of either kind."""
    either: Ledger = request.getfixturevalue(request.param)
    return either


def test_the_holder_of_a_lock_leaves_no_transaction_open(
    postgres_ledger: Ledger,
) -> None:
    idle = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND state = 'idle in transaction'"
    )
    with try_lock(postgres_ledger, "acme"), postgres_ledger.reading() as connection:
        assert connection.exec_driver_sql(idle).scalar_one() == 0


def test_a_server_that_is_gone_is_said_clearly(tmp_path: Path) -> None:
    gone = open_ledger(f"postgresql://billing@/none?host={tmp_path}")
    with pytest.raises(LedgerFault), try_lock(gone, "acme"):
        raise AssertionError("a lock without a server")
    gone.close()
